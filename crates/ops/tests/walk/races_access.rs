//! Permissions that end while many ask: whoever asks after the call returned that ended one is
//! refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use keystead_types::FaultKind;
use serde_json::{Value, json};

use crate::support::{OWN, World, allow, policy, user};

/// Answers that must be refusals.
const ATTEMPTS: usize = 100_000;
/// Of them in each phase in which a permission has ended.
const PER_PHASE: usize = 400;

/// The ways in which a permission begins and ends, each on a key of its own.
#[derive(Clone, Copy)]
enum Way {
    KeyPolicy,
    IdentityPolicy,
    Grant,
}

const WAYS: [Way; 3] = [Way::KeyPolicy, Way::IdentityPolicy, Way::Grant];

fn alice() -> String {
    format!("arn:aws:iam::{OWN}:user/alice")
}

fn key_policy(open: bool) -> Value {
    let root = allow(OWN, &["kms:*"]);
    match open {
        true => policy(&[root, allow(&alice(), &["kms:GetPublicKey"])]),
        false => policy(&[root]),
    }
}

struct Permission {
    way: Way,
    key: String,
    grant: Option<Value>,
}

impl Permission {
    async fn new(world: &World, way: Way) -> Self {
        let (key, grant) = (world.key().await, None);
        Self { way, key, grant }
    }

    /// Begins or ends; returns when the call has.
    async fn set(&mut self, world: &World, open: bool) {
        let key = &self.key;
        match self.way {
            Way::KeyPolicy => {
                let sent = json!({"KeyId": key, "Policy": key_policy(open).to_string()});
                world.call("PutKeyPolicy", sent).await.ok();
            }
            Way::IdentityPolicy => {
                let statement =
                    json!({"Effect": "Allow", "Action": "kms:GetPublicKey", "Resource": key});
                let statements: &[Value] = if open { &[statement] } else { &[] };
                world
                    .people
                    .allow(&user(OWN, "alice").principal, statements);
            }
            Way::Grant if open => {
                let sent = json!({"KeyId": key, "GranteePrincipal": alice(),
                    "Operations": ["DescribeKey", "Encrypt"]});
                self.grant = Some(world.call("CreateGrant", sent).await.ok());
            }
            Way::Grant => {
                let grant = self.grant.take().unwrap();
                let sent = json!({"KeyId": key, "GrantId": grant["GrantId"]});
                world.call("RevokeGrant", sent).await.ok();
            }
        }
    }
}

/// What alice asks for on a key: an operation that stops at admission, so that many can be asked.
fn question(way: Way, key: &str) -> (&'static str, Value) {
    match way {
        Way::Grant => ("DescribeKey", json!({"KeyId": key})),
        Way::KeyPolicy | Way::IdentityPolicy => ("GetPublicKey", json!({"KeyId": key})),
    }
}

/// Whether an answer says that alice may.
fn may(answer: &crate::support::Answer) -> bool {
    match &answer.outcome {
        Err((FaultKind::AccessDenied, _)) => false,
        // A symmetric key has no public key; that is told to whom the key is open only.
        Ok(_) | Err((FaultKind::UnsupportedOperation, _)) => true,
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_permission_that_ended_is_not_found_in_any_cache() {
    let world = World::new();
    let mut permissions = Vec::new();
    for way in WAYS {
        permissions.push(Permission::new(&world, way).await);
    }
    let keys: Arc<Vec<_>> = Arc::new(
        permissions
            .iter()
            .map(|one| (one.way, one.key.clone()))
            .collect(),
    );
    // Odd: the permission number `phase / 2` has ended, since before.
    let phase = Arc::new(AtomicUsize::new(0));
    let (stop, attempts) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let tasks = (0..4).map(|_| {
        let (world, keys) = (world.clone(), keys.clone());
        let (phase, stop, attempts) = (phase.clone(), stop.clone(), attempts.clone());
        tokio::spawn(async move {
            while !stop.load(Ordering::SeqCst) {
                let before = phase.load(Ordering::SeqCst);
                let (way, key) = &keys[before / 2 % keys.len()];
                let (operation, body) = question(*way, key);
                let answer = world.call_as(user(OWN, "alice"), operation, body).await;
                let after = phase.load(Ordering::SeqCst);
                if before == after && before % 2 == 1 {
                    assert!(!may(&answer), "phase {before}: a stale allow");
                    attempts.fetch_add(1, Ordering::SeqCst);
                }
                tokio::task::yield_now().await;
            }
        })
    });
    let tasks: Vec<_> = tasks.collect();
    let mut number = 0;
    while attempts.load(Ordering::SeqCst) < ATTEMPTS {
        let index = number % permissions.len();
        let permission = &mut permissions[index];
        permission.set(&world, true).await;
        let (operation, body) = question(permission.way, &permission.key);
        let answer = world.call_as(user(OWN, "alice"), operation, body).await;
        assert!(may(&answer), "{}", answer.text());
        permission.set(&world, false).await;
        phase.store(2 * number + 1, Ordering::SeqCst);
        let enough = attempts.load(Ordering::SeqCst) + PER_PHASE;
        while attempts.load(Ordering::SeqCst) < enough {
            assert!(
                !tasks.iter().any(|task| task.is_finished()),
                "a stale allow"
            );
            tokio::task::yield_now().await;
        }
        number += 1;
        phase.store(2 * number, Ordering::SeqCst);
    }
    stop.store(true, Ordering::SeqCst);
    for task in tasks {
        task.await.unwrap();
    }
    assert!(number > 100, "{number} changes");
}
