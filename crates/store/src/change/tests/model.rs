//! Grants and keys against a naive model: whatever comes in whatever order, an entry exists
//! exactly when the model says so.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::grants::grant;
use super::*;

const GRANTEES: [&str; 2] = ["app", "other"];

#[derive(Debug, Clone)]
enum Step {
    CreateKey(u8),
    RemoveKey(u8),
    CreateGrant(Box<GrantRecord>),
    RemoveGrant(u16, u8),
    Use(u8),
}

/// Few keys, ids, fingerprints and parties, so that they meet.
fn record() -> impl Strategy<Value = GrantRecord> {
    let print = prop::option::of(prop::sample::select(vec![[1; 32], [2; 32]]));
    let party = prop::option::of(prop::sample::select(vec![3_u8, 4]));
    let grantee = prop::sample::select(GRANTEES.to_vec());
    let parts = (0..5_u16, 1..3_u8, print, party, grantee);
    parts.prop_map(|(n, on, fingerprint, party, grantee)| GrantRecord {
        fingerprint,
        grantee: crate::records::GrantParty::Service(grantee.into()),
        retiring: party.map(|n| crate::records::GrantParty::Service(n.to_string())),
        retiring_digest: party.map(|n| [n; 32]),
        ..grant(n, on)
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (1..3_u8).prop_map(Step::CreateKey),
        1 => (1..3_u8).prop_map(Step::RemoveKey),
        6 => record().prop_map(|grant| Step::CreateGrant(Box::new(grant))),
        3 => (0..5_u16, 1..3_u8).prop_map(|(n, on)| Step::RemoveGrant(n, on)),
        1 => (1..3_u8).prop_map(Step::Use),
    ]
}

#[derive(Default)]
struct Model {
    keys: BTreeSet<KeyId>,
    /// Keys that have had a grant.
    guarded: BTreeSet<KeyId>,
    used: BTreeSet<KeyId>,
    grants: BTreeMap<[u8; 32], GrantRecord>,
}

impl Model {
    /// Whether the step happens.
    fn take(&mut self, step: &Step) -> bool {
        match step {
            Step::CreateKey(n) => self.keys.insert(id(*n)),
            Step::RemoveKey(n) => {
                let gone = id(*n);
                self.grants.retain(|_, grant| grant.key_id != gone);
                self.guarded.remove(&gone);
                self.used.remove(&gone);
                self.keys.remove(&gone)
            }
            Step::CreateGrant(record) => {
                let same_print = |other: &GrantRecord| {
                    other.key_id == record.key_id
                        && other.fingerprint.is_some()
                        && other.fingerprint == record.fingerprint
                };
                let free = !self.grants.contains_key(&record.grant_id.0)
                    && !self.grants.values().any(same_print);
                let happens = self.keys.contains(&record.key_id) && free;
                if happens {
                    self.guarded.insert(record.key_id);
                    self.grants.insert(record.grant_id.0, (**record).clone());
                }
                happens
            }
            Step::RemoveGrant(n, on) => {
                let wanted = grant(*n, *on);
                let there = self.grants.get(&wanted.grant_id.0);
                let happens = there.is_some_and(|there| there.key_id == wanted.key_id);
                happens && self.grants.remove(&wanted.grant_id.0).is_some()
            }
            Step::Use(n) => {
                if self.keys.contains(&id(*n)) {
                    self.used.insert(id(*n));
                }
                true
            }
        }
    }

    /// The keys of all entries that must be there.
    fn entries(&self) -> BTreeSet<Vec<u8>> {
        let owner = account(1);
        let keys = self.keys.iter().map(|key| layout::key_record(owner, *key));
        let guards = self.guarded.iter();
        let guards = guards.map(|key| layout::grant_guard(owner, *key));
        let used = self.used.iter().map(|key| layout::usage(owner, *key));
        let grants = self.grants.values().flat_map(|grant| {
            let print = grant.fingerprint.as_ref();
            let print = print.map(|print| layout::grant_by_fingerprint(owner, grant.key_id, print));
            let digest = grant.retiring_digest.as_ref();
            let digest = digest.map(|digest| layout::grant_by_retiring(digest, &grant.place()));
            let always = [
                layout::grant(&grant.place()),
                layout::grant_by_id(&grant.grant_id),
                layout::grant_by_grantee(&grant.grantee_digest(), &grant.place()),
            ];
            always.into_iter().chain(print).chain(digest)
        });
        keys.chain(guards).chain(used).chain(grants).collect()
    }
}

/// The change as a caller makes it that reads first; a revision that never was for what it does
/// not find.
async fn change(store: &Records, step: &Step) -> Change {
    let never = Revision(u64::MAX);
    let revision = async |key_id| {
        let found = store.key(account(1), key_id).await.unwrap();
        found.map_or(never, |key| key.modified)
    };
    match step.clone() {
        Step::CreateKey(n) => Change::PutKey {
            record: key(n),
            previous: None,
        },
        Step::RemoveKey(n) => Change::RemoveKey {
            account: account(1),
            key_id: id(n),
            previous: revision(id(n)).await,
        },
        Step::CreateGrant(record) => Change::PutGrant {
            key: revision(record.key_id).await,
            record: *record,
        },
        Step::RemoveGrant(n, on) => {
            let wanted = grant(n, on);
            let (account, key_id, grant_id) = (account(1), wanted.key_id, wanted.grant_id);
            let found = store.grant(account, key_id, grant_id).await.unwrap();
            Change::RemoveGrant {
                account,
                key_id,
                grant_id,
                previous: found.map_or(never, |grant| grant.modified),
            }
        }
        Step::Use(n) => Change::PutUsage {
            account: account(1),
            key_id: id(n),
            record: UsageRecord {
                operation: "Encrypt".into(),
                at: at(1),
                event_id: RequestId::from_random([1; 16]),
                request_id: RequestId::from_random([2; 16]),
            },
        },
    }
}

async fn check(store: &Records, model: &Model) {
    let page = store.backend().scan(layout::everything(), 1000, true).await;
    let stored = page.unwrap().entries.into_iter().map(|entry| entry.key);
    assert_eq!(stored.collect::<BTreeSet<_>>(), model.entries());
    for record in model.grants.values() {
        let found = store.grant_by_id(record.grant_id).await.unwrap();
        assert_eq!(&found.unwrap().value, record);
        if let Some(print) = &record.fingerprint {
            let found = store.grant_by_fingerprint(record.account, record.key_id, print);
            assert_eq!(&found.await.unwrap().unwrap().value, record);
        }
    }
    for grantee in GRANTEES {
        let grantee = crate::records::GrantParty::Service(grantee.into());
        for on in [id(1), id(2)] {
            let digest = grantee.digest();
            let found = store.grants_by_grantee(account(1), on, &digest, None, 100);
            let (found, more) = found.await.unwrap();
            let mut grants: Vec<_> = model.grants.values().collect();
            grants.retain(|grant| grant.grantee == grantee && grant.key_id == on);
            grants.sort_by_key(|grant| grant.place());
            assert!(!more);
            assert!(found.iter().map(|grant| &grant.value).eq(grants));
        }
    }
    for digest in [[3; 32], [4; 32]] {
        let (found, more) = store.grants_by_retiring(&digest, None, 100).await.unwrap();
        let mut grants: Vec<_> = model.grants.values().collect();
        grants.retain(|grant| grant.retiring_digest == Some(digest));
        grants.sort_by_key(|grant| grant.place());
        assert!(!more);
        assert!(found.iter().map(|grant| &grant.value).eq(grants));
    }
}

proptest! {
    #[test]
    fn entries_are_those_of_the_model(steps in prop::collection::vec(step(), 0..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (store, mut model) = (store(), Model::default());
            for step in &steps {
                let answer = store.apply(vec![change(&store, step).await]).await;
                if model.take(step) {
                    answer.unwrap();
                } else {
                    assert!(is_conflict(&answer), "{step:?}: {answer:?}");
                }
                check(&store, &model).await;
            }
        });
    }
}
