//! The directory: what it holds, how it changes, what survives a restart.
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

use keystead_identity::{Bearer, Directory, DirectoryError, Holder, Identities, Named, Pace};
use keystead_sigv4::Credentials;
use keystead_store::records::{AccountRecord, IdentityRecord, ProviderRecord};
use keystead_store::{Change, IdentityKind, StoreError};
use keystead_types::{Clock, Principal, Region, RequestId, Timestamp};
use support::*;

fn bearer(directory: &Directory, id: &str) -> Option<Arc<Bearer>> {
    let credential = Credentials::find(directory, id, None);
    credential.map(|credential| credential.identity.clone())
}

fn known(directory: &Directory, principal: &Principal) -> Named {
    Identities::find(directory, principal)
}

fn role_principal(name: &str, session: &str) -> Principal {
    Principal::RoleSession {
        account: account(),
        role: name.into(),
        session: session.into(),
    }
}

fn user_principal(name: &str) -> Principal {
    Principal::User {
        account: account(),
        name: name.into(),
    }
}

#[tokio::test]
async fn names_have_no_case_and_arns_have_paths() {
    let directory = Rig::new().open().await;
    let alice = user(&directory, "Alice");
    let worker = role(&directory, "worker");
    let read = policy(&directory, "Read", "Allow", "kms:Get*");
    let provider = ProviderRecord {
        account: account(),
        url: "id.example.com/Pool".to_owned(),
        client_ids: Vec::new(),
        thumbprints: Vec::new(),
        created: Timestamp::from_millis(NOW),
        tags: Vec::new(),
    };
    let alias = AccountRecord {
        account: account(),
        alias: Some("acme".to_owned()),
        created: Timestamp::from_millis(NOW),
    };
    put(
        &directory,
        [
            IdentityRecord::User(alice.clone()),
            IdentityRecord::Role(worker.clone()),
            IdentityRecord::Policy(read),
            IdentityRecord::Provider(provider),
            IdentityRecord::Account(alias),
        ],
    )
    .await;
    let world = directory.world();
    let held = world.account(account());
    let found = held.user("aLICE").unwrap();
    assert_eq!(&*found.arn, "arn:aws:iam::111122223333:user/team/Alice");
    assert_eq!(&*found.path_name, "team/Alice");
    assert_eq!(
        &*held.role("WORKER").unwrap().arn,
        "arn:aws:iam::111122223333:role/worker"
    );
    let provider = held.provider("id.example.com/pool").unwrap();
    assert_eq!(
        &*provider.arn,
        "arn:aws:iam::111122223333:oidc-provider/id.example.com/Pool"
    );
    assert!(
        world
            .managed_policy("arn:aws:iam::111122223333:policy/Read")
            .is_some()
    );
    assert!(
        world
            .managed_policy("arn:aws:iam::aws:policy/AdministratorAccess")
            .is_some()
    );
    for missing in [
        "arn:aws:iam::111122223333:policy/read",
        "arn:aws:iam::111122223333:policy/x/Read",
        "arn:aws-cn:iam::111122223333:policy/Read",
        "arn:aws:iam::444455556666:policy/Read",
        "arn:aws:iam::aws:policy/Administratoraccess",
        "arn:aws:iam::aws:policy/NoSuch",
        "Read",
    ] {
        assert!(world.managed_policy(missing).is_none(), "{missing}");
    }
    assert_eq!(world.account_by_alias("acme"), Some(account()));
    assert_eq!(world.account(service_account()).users().count(), 0);
    assert!(matches!(
        world.holder(&worker.unique_id),
        Some(Holder::Role(_, _))
    ));

    let id = |record: &str| Named::Exists(Some(record.into()));
    assert_eq!(
        known(&directory, &user_principal("team/Alice")),
        id(&alice.unique_id)
    );
    for stranger in ["Alice", "team/alice", "team/bob", "team/Alice/"] {
        assert_eq!(
            known(&directory, &user_principal(stranger)),
            Named::Unknown,
            "{stranger}"
        );
    }
    assert_eq!(
        known(&directory, &role_principal("worker", "")),
        id(&worker.unique_id)
    );
    assert_eq!(
        known(&directory, &role_principal("worker", "s")),
        Named::Exists(None)
    );
    assert_eq!(
        known(&directory, &role_principal("x/worker", "")),
        Named::Unknown
    );
    assert_eq!(
        known(&directory, &role_principal("other", "s")),
        Named::Unknown
    );
    let root = Principal::Root {
        account: service_account(),
    };
    assert_eq!(known(&directory, &root), Named::Exists(None));
    let (of, name) = directory.holder(&alice.unique_id).unwrap();
    assert_eq!((of, &*name), (account(), "user/team/Alice"));
    assert!(directory.holder("AIDAUNKNOWN").is_none());
}

#[tokio::test]
async fn a_standing_is_its_own_its_groups_and_the_managed_policies() {
    let rig = Rig::new();
    let directory = rig.open().await;
    let mut alice = user(&directory, "alice");
    alice.policies = inline(&[("Allow", "kms:Encrypt")]);
    alice.policies.attached = vec![policy_arn("read")];
    alice.groups = vec!["Readers".to_owned()];
    let mut readers = group(&directory, "readers");
    readers.policies = inline(&[("Allow", "kms:Decrypt")]);
    readers.policies.attached = vec!["arn:aws:iam::aws:policy/IAMReadOnlyAccess".to_owned()];
    let read = policy(&directory, "read", "Allow", "kms:Get*");
    let key = directory.new_access_key(account()).await.unwrap();
    alice.access_keys = vec![key.record.clone()];
    put(
        &directory,
        [
            IdentityRecord::Policy(read.clone()),
            IdentityRecord::User(alice.clone()),
            IdentityRecord::Group(readers.clone()),
        ],
    )
    .await;
    let who = bearer(&directory, &key.record.id).unwrap();
    let can = |directory: &Directory| {
        [
            "kms:Encrypt",
            "kms:Decrypt",
            "kms:GetKeyPolicy",
            "iam:ListUsers",
            "kms:Sign",
        ]
        .map(|action| may(directory, &who, action).unwrap())
    };
    assert_eq!(can(&directory), [true, true, true, true, false]);
    let world = directory.world();
    let arn = policy_arn("read");
    let attached: Vec<_> = world.account(account()).attachments(&arn).collect();
    assert_eq!(attached, [(IdentityKind::User, "alice")]);
    assert_eq!(world.account(account()).members("READERS").count(), 1);

    // The group's, then the managed policy's change reaches the user.
    readers.policies = inline(&[("Deny", "kms:Encrypt")]);
    put(&directory, [IdentityRecord::Group(readers.clone())]).await;
    assert_eq!(can(&directory), [false, false, true, false, false]);
    let mut changed = read.clone();
    changed
        .versions
        .push(keystead_store::records::PolicyVersionRecord {
            number: 2,
            document: document("Allow", "kms:Sign"),
            created: Timestamp::from_millis(NOW),
        });
    put(&directory, [IdentityRecord::Policy(changed.clone())]).await;
    assert_eq!(can(&directory), [false, false, true, false, false]);
    changed.default_version = 2;
    put(&directory, [IdentityRecord::Policy(changed.clone())]).await;
    assert_eq!(can(&directory), [false, false, false, false, true]);

    // A boundary limits; one that is gone denies everything.
    put(
        &directory,
        [IdentityRecord::Policy(policy(
            &directory, "bounds", "Allow", "kms:D*",
        ))],
    )
    .await;
    alice.boundary = Some(policy_arn("bounds"));
    readers.policies = inline(&[("Allow", "kms:Decrypt")]);
    put(
        &directory,
        [
            IdentityRecord::User(alice.clone()),
            IdentityRecord::Group(readers),
        ],
    )
    .await;
    assert_eq!(can(&directory), [false, true, false, false, false]);
    let world = directory.world();
    let bounds = policy_arn("bounds");
    assert_eq!(world.account(account()).bounded_by(&bounds).count(), 1);
    let mut draft = directory.draft().await;
    draft.remove(IdentityKind::Policy, account(), "BOUNDS");
    draft.commit(Vec::new()).await.unwrap();
    assert_eq!(can(&directory), [false; 5]);

    // The same after a restart.
    assert_eq!(can(&rig.open().await), [false; 5]);
}

#[tokio::test]
async fn access_keys_begin_and_end_with_their_commit() {
    let rig = Rig::new();
    let directory = rig.open().await;
    let key = directory.new_access_key(account()).await.unwrap();
    let id = key.record.id.clone();
    assert!(bearer(&directory, &id).is_none());
    let mut alice = user(&directory, "alice");
    alice.access_keys = vec![key.record.clone()];
    put(&directory, [IdentityRecord::User(alice.clone())]).await;
    let secret = |directory: &Directory| {
        let credential = Credentials::find(directory, &id, None)?;
        Some(credential.secret.expose().as_bytes().to_vec())
    };
    let shown = key.secret.expose().to_vec();
    assert_eq!(shown.len(), 40);
    assert_eq!(secret(&directory).as_ref(), Some(&shown));
    // Another process reads it from the store.
    assert_eq!(secret(&rig.open().await).as_ref(), Some(&shown));
    let before = Credentials::find(&directory, &id, None).unwrap();
    assert_eq!(
        before.identity.caller.unique_id.as_deref(),
        Some(alice.unique_id.as_str())
    );
    assert_eq!(directory.account_of_access_key(&id), Some(account()));
    assert_eq!(directory.account_of_access_key("AKIAROOT"), Some(account()));

    // What does not concern the key leaves its credential as it is: derived keys stay good.
    alice.tags.clear();
    put(&directory, [IdentityRecord::User(alice.clone())]).await;
    let after = Credentials::find(&directory, &id, None).unwrap();
    assert!(Arc::ptr_eq(&before, &after));

    // A new name keeps the key.
    let mut renamed = alice.clone();
    renamed.name = "alicia".to_owned();
    for old_first in [true, false] {
        let (from, to) = match old_first {
            true => (&alice, &renamed),
            false => (&renamed, &alice),
        };
        let mut draft = directory.draft().await;
        if old_first {
            draft.remove(IdentityKind::User, account(), &from.name);
        }
        draft.put(IdentityRecord::User(to.clone())).unwrap();
        draft.remove(IdentityKind::User, account(), &from.name);
        draft.commit(Vec::new()).await.unwrap();
        assert_eq!(secret(&directory).as_ref(), Some(&shown));
        let (_, name) = directory.holder(&alice.unique_id).unwrap();
        assert_eq!(*name, *format!("user/team/{}", to.name));
        assert!(may(&directory, &bearer(&directory, &id).unwrap(), "kms:Sign").is_some());
    }

    alice.access_keys[0].active = false;
    put(&directory, [IdentityRecord::User(alice.clone())]).await;
    assert!(bearer(&directory, &id).is_none());
    alice.access_keys[0].active = true;
    put(&directory, [IdentityRecord::User(alice.clone())]).await;
    assert!(bearer(&directory, &id).is_some());

    // Two users with one key, or a key of the configuration, are refused; nothing changes.
    for stolen in [id.as_str(), "AKIAROOT"] {
        let mut bob = user(&directory, "bob");
        let mut record = key.record.clone();
        record.id = stolen.to_owned();
        let label = format!("access-key\0{}\0{stolen}", account());
        let region = Region::global();
        let sealed = keystead_wall::Command::SealSecret {
            region: &region,
            label: label.as_bytes(),
            secret: &key.secret,
        };
        let sealed = rig.hsm.call(sealed).await.unwrap().result.unwrap();
        let keystead_wall::Reply::Sealed(sealed) = sealed else {
            panic!("not sealed")
        };
        record.sealed_secret = sealed;
        bob.access_keys = vec![record];
        let mut draft = directory.draft().await;
        draft.put(IdentityRecord::User(bob)).unwrap();
        let refused = draft.commit(Vec::new()).await;
        assert!(matches!(refused, Err(DirectoryError::Twice(_))), "{stolen}");
        assert!(directory.world().account(account()).user("bob").is_none());
    }

    // The secret of one key does not open as another's.
    let other = directory.new_access_key(account()).await.unwrap();
    let mut swapped = user(&directory, "carol");
    let mut record = other.record.clone();
    record.sealed_secret = key.record.sealed_secret.clone();
    swapped.access_keys = vec![record];
    let mut draft = directory.draft().await;
    draft.put(IdentityRecord::User(swapped)).unwrap();
    let refused = draft.commit(Vec::new()).await;
    assert!(matches!(refused, Err(DirectoryError::Sealed(_, _))));

    let mut draft = directory.draft().await;
    draft.remove(IdentityKind::User, account(), "alice");
    draft.commit(Vec::new()).await.unwrap();
    assert!(bearer(&directory, &id).is_none());
    assert_eq!(may(&directory, &before.identity, "kms:Sign"), None);
    assert!(bearer(&rig.open().await, &id).is_none());
}

#[tokio::test]
async fn a_namesake_is_somebody_else() {
    let directory = Rig::new().open().await;
    let first = role(&directory, "worker");
    put(&directory, [IdentityRecord::Role(first.clone())]).await;
    let issued = directory.issue(session_of(&first, None)).await.unwrap();
    let find = || {
        Credentials::find(
            &directory,
            &issued.access_key_id,
            Some(issued.token.as_bytes()),
        )
    };
    let old = find().unwrap();
    let mut draft = directory.draft().await;
    draft.remove(IdentityKind::Role, account(), "worker");
    draft.commit(Vec::new()).await.unwrap();
    assert!(find().is_none());
    let mut second = role(&directory, "worker");
    second.policies = inline(&[("Allow", "*")]);
    put(&directory, [IdentityRecord::Role(second.clone())]).await;
    assert!(find().is_none());
    assert_eq!(may(&directory, &old.identity, "kms:Sign"), None);
    // Also when the name passes on in one change.
    let mut third = role(&directory, "Worker");
    third.policies = second.policies.clone();
    put(&directory, [IdentityRecord::Role(third)]).await;
    assert!(directory.holder(&second.unique_id).is_none());
}

#[tokio::test]
async fn a_draft_that_is_dropped_or_refused_changes_nothing() {
    let rig = Rig::new();
    let directory = rig.open().await;
    let mut draft = directory.draft().await;
    draft
        .put(IdentityRecord::User(user(&directory, "alice")))
        .unwrap();
    assert!(draft.world().account(account()).user("alice").is_some());
    assert!(directory.world().account(account()).user("alice").is_none());
    drop(draft);
    let mut broken = user(&directory, "bob");
    broken.policies = inline(&[("Allow", "kms:Sign")]);
    broken.policies.inline[0].document.pop();
    let mut draft = directory.draft().await;
    let why = draft.put(IdentityRecord::User(broken)).unwrap_err();
    assert_eq!(why.place, "arn:aws:iam::111122223333:user/team/bob#p0");
    draft.commit(Vec::new()).await.unwrap();
    assert_eq!(directory.world().account(account()).users().count(), 0);
    assert_eq!(rig.open().await.world().accounts().count(), 0);
}

#[tokio::test]
async fn what_comes_with_a_change_is_in_the_same_batch() {
    let rig = Rig::new();
    let directory = rig.open().await;
    let event_id = RequestId::from_random([7; 16]);
    let outbox = |record: &[u8]| Change::OutboxPut {
        event_id,
        record: record.to_vec(),
    };
    let mut draft = directory.draft().await;
    draft
        .put(IdentityRecord::User(user(&directory, "alice")))
        .unwrap();
    draft.commit(vec![outbox(b"created")]).await.unwrap();
    let (entries, _) = rig.records.outbox(10).await.unwrap();
    assert_eq!(entries.len(), 1);
    // Another server writes the same record: nothing of the second change happens, and the next
    // draft sees what there is.
    let other = rig.open().await;
    let mut alice = directory
        .world()
        .account(account())
        .user("alice")
        .unwrap()
        .record
        .clone();
    alice.tags = Vec::new();
    put(&other, [IdentityRecord::User(alice.clone())]).await;
    let mut draft = directory.draft().await;
    alice.path = "/".to_owned();
    draft.put(IdentityRecord::User(alice)).unwrap();
    let late = RequestId::from_random([8; 16]);
    let outbox = Change::OutboxPut {
        event_id: late,
        record: b"late".to_vec(),
    };
    let refused = draft.commit(vec![outbox]).await;
    assert!(matches!(
        refused,
        Err(DirectoryError::Store(StoreError::Conflict))
    ));
    assert_eq!(rig.records.outbox(10).await.unwrap().0.len(), 1);
    let draft = directory.draft().await;
    let seen = draft
        .world()
        .account(account())
        .user("alice")
        .unwrap()
        .record
        .clone();
    assert_eq!((seen.path.as_str(), seen.tags.len()), ("/team/", 0));
}

#[tokio::test]
async fn last_uses_are_noted_to_the_minute() {
    let directory = Rig::new().open().await;
    let mut alice = user(&directory, "alice");
    let key = directory.new_access_key(account()).await.unwrap();
    let id = key.record.id.clone();
    alice.access_keys = vec![key.record];
    put(&directory, [IdentityRecord::User(alice.clone())]).await;
    assert!(directory.last_use(&id).is_none());
    let region = Region::parse("eu-central-1").unwrap();
    let at = |seconds: i64| Timestamp::from_millis(NOW + seconds * 1000);
    for id in [id.as_str(), "AKIAROOT"] {
        directory.note_use(id, "kms", &region, at(0));
        directory.note_use(id, "iam", &region, at(59));
        let seen = directory.last_use(id).unwrap();
        assert_eq!((seen.at, &*seen.service), (at(0), "kms"));
        directory.note_use(id, "iam", &region, at(60));
        assert_eq!(directory.last_use(id).unwrap().at, at(60));
    }
    alice.tags.clear();
    put(&directory, [IdentityRecord::User(alice)]).await;
    assert_eq!(&*directory.last_use(&id).unwrap().service, "iam");
    directory.note_use("AKIAUNKNOWN", "kms", &region, at(0));
    assert!(directory.last_use("AKIAUNKNOWN").is_none());
}

async fn stored_uses(rig: &Rig) -> Vec<String> {
    let (uses, _) = rig.records.last_uses_page(None, 100).await.unwrap();
    let uses = uses.into_iter();
    uses.map(|(id, used)| format!("{id} {}", used.unwrap().at.as_millis() - NOW))
        .collect()
}

#[tokio::test]
async fn last_uses_outlive_a_restart_and_go_with_what_they_are_of() {
    let rig = Rig::new();
    let directory = rig.open().await;
    let mut alice = user(&directory, "alice");
    let key = directory.new_access_key(account()).await.unwrap();
    let id = key.record.id.clone();
    alice.access_keys = vec![key.record];
    let worker = role(&directory, "worker");
    let records = [
        IdentityRecord::User(alice.clone()),
        IdentityRecord::Role(worker.clone()),
    ];
    put(&directory, records).await;
    let issued = directory.issue(session_of(&worker, None)).await.unwrap();
    let token = issued.token.as_bytes();
    Credentials::find(&directory, &issued.access_key_id, Some(token)).unwrap();
    let region = Region::parse("eu-central-1").unwrap();
    let use_both = |directory: &Directory| {
        let now = Clock::now(&*rig.clock);
        directory.note_use(&id, "kms", &region, now);
        directory.note_use(&issued.access_key_id, "kms", &region, now);
        directory.note_use("AKIAROOT", "kms", &region, now);
    };
    use_both(&directory);
    // Noted is not stored; the first use is stored at the next call, then none for a while.
    assert!(stored_uses(&rig).await.is_empty());
    directory.store_last_uses(Pace::Sparing).await.unwrap();
    let first = [format!("{id} 0"), format!("{} 0", worker.unique_id)];
    assert_eq!(stored_uses(&rig).await, first);
    rig.clock.0.store(120_000, Ordering::Relaxed);
    use_both(&directory);
    directory.store_last_uses(Pace::Sparing).await.unwrap();
    assert_eq!(stored_uses(&rig).await, first);
    // Killed now, two minutes are lost.
    let killed = rig.open().await;
    assert_eq!(killed.last_use(&id).unwrap().at.as_millis(), NOW);
    assert_eq!(
        directory.last_use(&id).unwrap().at.as_millis(),
        NOW + 120_000
    );
    rig.clock.0.store(300_000, Ordering::Relaxed);
    directory.store_last_uses(Pace::Sparing).await.unwrap();
    let later = [
        format!("{id} 120000"),
        format!("{} 120000", worker.unique_id),
    ];
    assert_eq!(stored_uses(&rig).await, later);
    rig.clock.0.store(400_000, Ordering::Relaxed);
    use_both(&directory);
    directory.store_last_uses(Pace::Final).await.unwrap();
    let restarted = rig.open().await;
    let seen = restarted.last_use(&id).unwrap();
    assert_eq!(
        (seen.at.as_millis(), &*seen.service),
        (NOW + 400_000, "kms")
    );
    assert_eq!(restarted.role_last_use(&worker.unique_id), Some(seen));
    // The same user under another name has the same key.
    let mut renamed = alice.clone();
    renamed.name = "alicia".to_owned();
    let mut draft = restarted.draft().await;
    draft.remove(IdentityKind::User, account(), "alice");
    draft.put(IdentityRecord::User(renamed.clone())).unwrap();
    draft.commit(Vec::new()).await.unwrap();
    restarted.store_last_uses(Pace::Final).await.unwrap();
    assert_eq!(stored_uses(&rig).await.len(), 2);
    // What is gone takes it along, also when the server was killed in between.
    renamed.access_keys.clear();
    put(&restarted, [IdentityRecord::User(renamed)]).await;
    restarted.store_last_uses(Pace::Sparing).await.unwrap();
    assert_eq!(
        stored_uses(&rig).await,
        [format!("{} 400000", worker.unique_id)]
    );
    let mut draft = restarted.draft().await;
    draft.remove(IdentityKind::Role, account(), "worker");
    draft.commit(Vec::new()).await.unwrap();
    let restarted = rig.open().await;
    restarted.store_last_uses(Pace::Sparing).await.unwrap();
    assert!(stored_uses(&rig).await.is_empty());
    assert!(restarted.role_last_use(&worker.unique_id).is_none());
}

#[tokio::test]
async fn development_credentials_are_known_in_development_only() {
    let rig = Rig::new();
    let (strict, open) = (rig.open().await, rig.try_open(true).await.unwrap());
    for id in ["test", "111122223333", "service_s3"] {
        assert!(bearer(&strict, id).is_none(), "{id}");
        assert!(bearer(&open, id).is_some(), "{id}");
        // A token makes it something else.
        assert!(
            Credentials::find(&open, id, Some(b"token")).is_none(),
            "{id}"
        );
    }
    let service = bearer(&strict, "AKIASERVICE").unwrap();
    assert!(strict.service_covers(&service, service_account()));
    let more = keystead_types::AccountId::parse("777788889999").unwrap();
    assert!(strict.service_covers(&service, more));
    assert!(!strict.service_covers(&service, account()));
    assert!(!strict.service_covers(&bearer(&strict, "AKIAROOT").unwrap(), account()));
    rig.clock.0.store(1, Ordering::Relaxed);
}
