//! Temporary credentials through the directory: issued, found, limited, ended.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests say what is wrong by panicking"
)]

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use keystead_identity::limits::{PACKED_POLICY_MAX_BYTES, SESSION_TOKEN_MAX_CHARS, SESSIONS_MAX};
use keystead_identity::{
    Bearer, Directory, Identities, IssueError, IssuedCredentials, SessionGrant, SessionLimits,
    account_in_access_key_id,
};
use keystead_sigv4::{Credential, Credentials};
use keystead_store::IdentityKind;
use keystead_store::records::IdentityRecord;
use keystead_types::{Principal, SessionContext, Timestamp};
use support::*;

type Found = Option<Arc<Credential<Arc<Bearer>>>>;

fn find(directory: &Directory, issued: &IssuedCredentials) -> Found {
    Credentials::find(
        directory,
        &issued.access_key_id,
        Some(issued.token.as_bytes()),
    )
}

fn limits(inline: Option<(&str, &str)>, managed: &[String]) -> Option<SessionLimits> {
    Some(SessionLimits {
        inline: inline.map(|(effect, action)| document(effect, action)),
        managed: managed.to_vec(),
    })
}

async fn with_worker() -> (Rig, Directory, keystead_store::records::RoleRecord) {
    let rig = Rig::new();
    let directory = rig.open().await;
    let mut worker = role(&directory, "worker");
    worker.policies = inline(&[("Allow", "kms:*")]);
    put(&directory, [IdentityRecord::Role(worker.clone())]).await;
    (rig, directory, worker)
}

#[tokio::test]
async fn a_session_is_its_token() {
    let (rig, directory, worker) = with_worker().await;
    let issued = directory.issue(session_of(&worker, None)).await.unwrap();
    assert!(issued.access_key_id.starts_with("ASIA"));
    assert_eq!((issued.access_key_id.len(), issued.secret.len()), (20, 40));
    assert_eq!(
        account_in_access_key_id(&issued.access_key_id),
        Some(account())
    );
    assert!(issued.token.len() < SESSION_TOKEN_MAX_CHARS);
    assert_eq!(issued.packed_percent, 0);
    // The same process, twice, and another one over the same store.
    let other = rig.open().await;
    let first = find(&directory, &issued).unwrap();
    for found in [find(&directory, &issued), find(&other, &issued)] {
        let found = found.unwrap();
        assert_eq!(found.secret.expose().as_bytes(), issued.secret.expose());
        let session = found.session.as_ref().unwrap();
        assert_eq!(
            (&session.token, session.expires),
            (&issued.token, issued.expiration)
        );
        let caller = &found.identity.caller;
        assert_eq!(caller.access_key_id, issued.access_key_id);
        assert_eq!(caller.unique_id.as_deref(), Some(worker.unique_id.as_str()));
        assert_eq!(may(&directory, &found.identity, "kms:Sign"), Some(true));
        assert_eq!(may(&directory, &found.identity, "iam:GetUser"), Some(false));
    }
    assert!(Arc::ptr_eq(&first, &find(&directory, &issued).unwrap()));
    assert_eq!(directory.opened_sessions(), 1);
    // Without its token, with another id, by another deployment.
    assert!(Credentials::find(&directory, &issued.access_key_id, None).is_none());
    let token = Some(issued.token.as_bytes());
    assert!(Credentials::find(&directory, "AKIAROOT", token).is_none());
    let (_, stranger, _) = with_worker().await;
    assert!(find(&stranger, &issued).is_none());
}

#[tokio::test]
async fn damaged_and_exchanged_tokens_are_nobodys() {
    let (_, directory, worker) = with_worker().await;
    let one = directory.issue(session_of(&worker, None)).await.unwrap();
    let two = directory.issue(session_of(&worker, None)).await.unwrap();
    let finds = |id: &str, token: &[u8]| Credentials::find(&directory, id, Some(token)).is_some();
    for kept in [false, true] {
        assert!(!finds(&one.access_key_id, two.token.as_bytes()), "{kept}");
        let good = one.token.as_bytes();
        for at in 0..good.len() {
            for other in [b'A', b'B', b'+', b'=', b' ', 0, 0xff] {
                let mut bad = good.to_vec();
                if std::mem::replace(&mut bad[at], other) != other {
                    assert!(!finds(&one.access_key_id, &bad), "{at} {other}");
                }
            }
            assert!(!finds(&one.access_key_id, &good[..at]), "{at}");
        }
        for tail in [&b"A"[..], b"=", b"\n", good] {
            assert!(!finds(&one.access_key_id, &[good, tail].concat()));
        }
        let long = vec![b'A'; SESSION_TOKEN_MAX_CHARS * 2];
        assert!(!finds(&one.access_key_id, &long));
        assert!(!finds(&one.access_key_id, b""));
        assert_eq!(
            find(&directory, &one).is_some(),
            finds(&one.access_key_id, good)
        );
    }
}

#[tokio::test]
async fn over_means_over() {
    let (rig, directory, worker) = with_worker().await;
    let issued = directory.issue(session_of(&worker, None)).await.unwrap();
    rig.clock.0.store(3_600_000, Ordering::Relaxed);
    // The verifier says ExpiredToken of it; it takes no room.
    let found = find(&directory, &issued).unwrap();
    assert_eq!(found.session.as_ref().unwrap().expires, rig_now(&rig));
    assert_eq!(directory.opened_sessions(), 0);
}

fn rig_now(rig: &Rig) -> Timestamp {
    keystead_types::Clock::now(&*rig.clock)
}

#[tokio::test]
async fn session_policies_limit_and_follow_the_managed_ones() {
    let (_, directory, worker) = with_worker().await;
    put(
        &directory,
        [IdentityRecord::Policy(policy(
            &directory, "less", "Allow", "kms:Sign",
        ))],
    )
    .await;
    let arn = policy_arn("less");
    let can = |issued: &IssuedCredentials| {
        let found = find(&directory, issued).unwrap();
        ["kms:Sign", "kms:Verify", "kms:Encrypt"]
            .map(|action| may(&directory, &found.identity, action).unwrap())
    };
    let issue = async |limits| directory.issue(session_of(&worker, limits)).await;
    let unlimited = issue(None).await.unwrap();
    assert_eq!(can(&unlimited), [true; 3]);
    let nothing = issue(limits(None, &[])).await.unwrap();
    assert_eq!(can(&nothing), [false; 3]);
    let inline = issue(limits(Some(("Allow", "kms:Verify")), &[]))
        .await
        .unwrap();
    assert_eq!(can(&inline), [false, true, false]);
    let managed = issue(limits(
        Some(("Allow", "kms:Verify")),
        std::slice::from_ref(&arn),
    ))
    .await
    .unwrap();
    assert_eq!(can(&managed), [true, true, false]);
    assert!(managed.packed_percent > 0);
    let kept = find(&directory, &managed).unwrap();
    let own = kept.identity.limits.as_ref().unwrap();
    let id = |directory: &Directory| {
        let world = directory.world();
        world
            .customer_policy(&arn)
            .unwrap()
            .record
            .unique_id
            .clone()
    };
    assert_eq!(own.managed, [format!("{arn} {}", id(&directory))]);

    // A changed managed policy counts for the next request of a session that is open already.
    let mut changed = policy(&directory, "less", "Deny", "kms:Verify");
    changed.unique_id = id(&directory);
    put(&directory, [IdentityRecord::Policy(changed)]).await;
    assert_eq!(can(&managed), [false, false, false]);
    assert_eq!(can(&inline), [false, true, false]);
    // One that is gone may have held a Deny.
    let mut draft = directory.draft().await;
    draft.remove(IdentityKind::Policy, account(), "less");
    draft.commit(Vec::new()).await.unwrap();
    assert_eq!(can(&managed), [false; 3]);
    let refused = issue(limits(None, std::slice::from_ref(&arn))).await;
    assert!(matches!(refused, Err(IssueError::NoSuchPolicy(_))));
    // A namesake is another policy, also for what a service does for that session.
    let namesake = policy(&directory, "less", "Allow", "*");
    put(&directory, [IdentityRecord::Policy(namesake)]).await;
    assert_eq!(can(&managed), [false; 3]);
    let mut forwarded = session_of(&worker, None);
    forwarded.limits = kept.identity.limits.as_deref().cloned();
    let forwarded = directory.issue(forwarded).await.unwrap();
    assert_eq!(can(&forwarded), [false; 3]);
    let broken = Some(SessionLimits {
        inline: Some("{}".to_owned()),
        managed: Vec::new(),
    });
    assert!(matches!(issue(broken).await, Err(IssueError::Document(_))));
}

#[tokio::test]
async fn policies_and_tags_have_their_room() {
    let (_, directory, worker) = with_worker().await;
    let tagged = |bytes: usize| {
        let mut grant = session_of(&worker, None);
        let key: String = "k".repeat(100);
        let value: String = "v".repeat(bytes - 102);
        grant.context.tags = vec![(key.into(), value.into())];
        grant
    };
    let full = directory
        .issue(tagged(PACKED_POLICY_MAX_BYTES))
        .await
        .unwrap();
    assert_eq!(full.packed_percent, 100);
    assert!(find(&directory, &full).is_some());
    let refused = directory.issue(tagged(PACKED_POLICY_MAX_BYTES + 1)).await;
    assert!(matches!(refused, Err(IssueError::TooLarge(101))));
    // What is no tag and no policy has its bound too.
    let mut grant = session_of(&worker, None);
    grant.context.claims = vec![("k".into(), "v".repeat(20_000).into())];
    assert!(matches!(
        directory.issue(grant).await,
        Err(IssueError::TooLarge(_))
    ));
}

fn plain(principal: Principal, unique_id: Option<&str>, issuer: Option<&str>) -> SessionGrant {
    let from = Timestamp::from_millis(NOW);
    SessionGrant {
        principal,
        account: account(),
        unique_id: unique_id.map(Into::into),
        issuer: issuer.map(Into::into),
        context: SessionContext::plain(from, from.plus_millis(900_000)),
        limits: None,
    }
}

#[tokio::test]
async fn federated_users_have_what_their_issuer_has() {
    let (rig, directory, _) = with_worker().await;
    let mut alice = user(&directory, "alice");
    alice.policies = inline(&[("Allow", "kms:Sign")]);
    put(&directory, [IdentityRecord::User(alice.clone())]).await;
    let federated = || Principal::FederatedUser {
        account: account(),
        name: "bob".into(),
    };
    let by_alice = plain(federated(), None, Some(&alice.unique_id));
    let by_root = plain(federated(), None, None);
    let mut nothing = plain(federated(), None, Some(&alice.unique_id));
    nothing.limits = Some(SessionLimits::default());
    let can = |issued: &IssuedCredentials| {
        let found = find(&directory, issued)?;
        may(&directory, &found.identity, "kms:Sign")
    };
    let by_alice = directory.issue(by_alice).await.unwrap();
    let by_root = directory.issue(by_root).await.unwrap();
    let nothing = directory.issue(nothing).await.unwrap();
    assert_eq!(can(&by_alice), Some(true));
    assert_eq!(can(&by_root), Some(true));
    assert_eq!(can(&nothing), Some(false));
    let name = "team/alice".into();
    let own = Principal::User {
        account: account(),
        name,
    };
    let own = directory
        .issue(plain(own, Some(&alice.unique_id), None))
        .await
        .unwrap();
    assert_eq!(can(&own), Some(true));
    let nobody = Principal::User {
        account: account(),
        name: "team/alice".into(),
    };
    let nobody = directory.issue(plain(nobody, None, None)).await.unwrap();
    assert_eq!(can(&nobody), None);

    let federating = |directory: &Directory, issued| {
        let found = find(directory, issued).unwrap();
        let context = found.identity.caller.session.clone().unwrap();
        context.federated_by.clone().map(|by| by.name)
    };
    assert_eq!(
        federating(&directory, &by_alice).as_deref(),
        Some("team/alice")
    );
    assert_eq!(federating(&directory, &by_root), None);
    // The session of a user goes on under its new name, whoever gets the old one; a federated
    // one's ends with its issuer.
    let mut renamed = alice.clone();
    renamed.name = "alicia".to_owned();
    let mut draft = directory.draft().await;
    draft.remove(IdentityKind::User, account(), "alice");
    draft.put(IdentityRecord::User(renamed)).unwrap();
    draft.commit(Vec::new()).await.unwrap();
    let namesake = user(&directory, "alice");
    put(&directory, [IdentityRecord::User(namesake)]).await;
    for _ in 0..2 {
        let seen = find(&directory, &own).unwrap();
        let Principal::User { name, .. } = &seen.identity.caller.principal else {
            panic!("{:?}", seen.identity);
        };
        assert_eq!(&**name, "team/alicia");
        assert_eq!(
            seen.identity.caller.unique_id.as_deref(),
            Some(&*alice.unique_id)
        );
    }
    let first = find(&directory, &own).unwrap();
    assert!(Arc::ptr_eq(&first, &find(&directory, &own).unwrap()));
    let restarted = rig.open().await;
    let seen = find(&restarted, &own).unwrap();
    assert_eq!(
        seen.identity.caller.principal,
        first.identity.caller.principal
    );
    assert_eq!(can(&own), Some(true));
    assert_eq!(can(&by_alice), Some(true));
    for directory in [&directory, &restarted] {
        let name = federating(directory, &by_alice);
        assert_eq!(name.as_deref(), Some("team/alicia"));
    }
    let mut draft = directory.draft().await;
    draft.remove(IdentityKind::User, account(), "alicia");
    draft.commit(Vec::new()).await.unwrap();
    assert_eq!(can(&own), None);
    assert_eq!(can(&by_alice), None);
    assert_eq!(can(&by_root), Some(true));
}

#[tokio::test]
async fn the_number_of_opened_sessions_is_bounded() {
    let (_, directory, worker) = with_worker().await;
    let mut all = Vec::new();
    for _ in 0..SESSIONS_MAX + 10 {
        let issued = directory.issue(session_of(&worker, None)).await.unwrap();
        assert!(find(&directory, &issued).is_some());
        all.push(issued);
        assert!(directory.opened_sessions() <= SESSIONS_MAX);
    }
    assert!(find(&directory, &all[0]).is_some());
}

#[tokio::test]
async fn explanations_open_here_and_nowhere_else() {
    let (rig, directory, worker) = with_worker().await;
    let (ours, theirs) = (account(), service_account());
    let text = br#"{"allowed":false}"#;
    let sealed = directory.seal_message(ours, text).unwrap();
    assert!(sealed.bytes().all(|byte| byte.is_ascii_graphic()));
    assert_ne!(sealed, directory.seal_message(ours, text).unwrap());
    assert_eq!(
        directory.open_message(ours, &sealed).as_deref(),
        Some(&text[..])
    );
    assert_eq!(
        rig.open().await.open_message(ours, &sealed).as_deref(),
        Some(&text[..])
    );
    assert!(directory.open_message(theirs, &sealed).is_none());
    let (_, stranger, _) = with_worker().await;
    assert!(stranger.open_message(ours, &sealed).is_none());
    for at in 0..sealed.len() {
        let mut bad = sealed.clone().into_bytes();
        bad[at] = if bad[at] == b'A' { b'B' } else { b'A' };
        assert!(
            directory
                .open_message(ours, std::str::from_utf8(&bad).unwrap())
                .is_none()
        );
        assert!(directory.open_message(ours, &sealed[..at]).is_none());
    }
    // A session token is no explanation.
    let issued = directory.issue(session_of(&worker, None)).await.unwrap();
    assert!(directory.open_message(ours, &issued.token).is_none());
    assert!(directory.seal_message(ours, &[b'x'; 3000]).is_some());
    assert!(directory.seal_message(ours, &[b'x'; 3100]).is_none());
}

#[tokio::test]
async fn the_last_use_of_a_role_is_noted_to_the_minute() {
    let (_, directory, worker) = with_worker().await;
    let issued = directory.issue(session_of(&worker, None)).await.unwrap();
    find(&directory, &issued).unwrap();
    assert!(directory.role_last_use(&worker.unique_id).is_none());
    let region = keystead_types::Region::parse("eu-central-1").unwrap();
    let at = |seconds: i64| Timestamp::from_millis(NOW + seconds * 1000);
    for (seconds, seen) in [(0, 0), (59, 0), (60, 60)] {
        directory.note_use(&issued.access_key_id, "kms", &region, at(seconds));
        let used = directory.role_last_use(&worker.unique_id).unwrap();
        assert_eq!((used.at, &used.region), (at(seen), &region));
    }
    assert!(directory.role_last_use("AROAUNKNOWN").is_none());
}
