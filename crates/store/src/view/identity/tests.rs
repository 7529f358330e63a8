//! Damaged records beside sound ones; last uses.

use std::sync::Arc;

use keystead_types::{AccountId, Timestamp};

use crate::memory::MemoryBackend;
use crate::records::{IdentityRecord, LastUseRecord, PolicySet, UserRecord};
use crate::{Backend, Batch, Change, Records, StoreError, Write, layout};

fn text(text: &str) -> String {
    text.to_owned()
}

fn used(service: &str) -> LastUseRecord {
    LastUseRecord {
        at: Timestamp::from_millis(1_700_000_000_123),
        service: text(service),
        region: text("eu-central-1"),
    }
}

fn bare(name: &str) -> UserRecord {
    UserRecord {
        account: AccountId::parse("012345678901").unwrap(),
        name: text(name),
        path: text("/"),
        unique_id: text("AIDA2222222222222222A"),
        created: Timestamp::from_millis(1),
        tags: Vec::new(),
        policies: PolicySet::default(),
        boundary: None,
        groups: Vec::new(),
        access_keys: Vec::new(),
    }
}

#[tokio::test]
async fn last_uses_are_replaced_listed_and_removed() {
    let backend: Arc<dyn Backend> = Arc::new(MemoryBackend::new());
    let records = Records::new(backend.clone());
    let put = |id: &str, service: &str| Change::PutLastUse {
        id: text(id),
        record: used(service),
    };
    let apply = async |changes| records.apply(changes).await.unwrap();
    apply(vec![put("AKIAB", "kms"), put("AKIAA", "kms")]).await;
    apply(vec![put("AROAC", "sts"), put("AKIAB", "iam")]).await;
    let (page, more) = records.last_uses_page(None, 2).await.unwrap();
    let expected = [("AKIAA", "kms"), ("AKIAB", "iam")];
    assert_eq!(
        page,
        expected.map(|(id, service)| (text(id), Some(used(service))))
    );
    assert!(more);
    // Removing what is not there is nothing.
    apply(vec![
        Change::RemoveLastUse { id: text("AKIAA") },
        Change::RemoveLastUse { id: text("AKIAX") },
    ])
    .await;
    let write = Write::Put {
        key: layout::last_use("AKIAB"),
        value: vec![9],
    };
    let (conditions, writes) = (Vec::new(), vec![write]);
    backend.commit(Batch { conditions, writes }).await.unwrap();
    let (page, more) = records.last_uses_page(None, 10).await.unwrap();
    assert_eq!(page.first().unwrap(), &(text("AKIAB"), None));
    assert_eq!((page.len(), more), (2, false));
    let (page, _) = records.last_uses_page(Some("AKIAB"), 10).await.unwrap();
    assert_eq!(page, [(text("AROAC"), Some(used("sts")))]);
}

/// One damaged record does not hide the others, and is told of with its place.
#[tokio::test]
async fn damaged_records_are_told_of_page_by_page() {
    let backend: Arc<dyn Backend> = Arc::new(MemoryBackend::new());
    let records = Records::new(backend.clone());
    let user = |name: &str| bare(name);
    let put = |name: &str| Change::PutIdentity {
        record: IdentityRecord::User(user(name)),
        previous: None,
    };
    let changes = ["a", "b", "c", "d"].map(put).to_vec();
    records.apply(changes).await.unwrap();
    let place = IdentityRecord::User(user("b")).place();
    let stranger = IdentityRecord::User(user("a")).encode().unwrap();
    let writes = vec![
        Write::Put {
            key: layout::identity(&place),
            value: stranger,
        },
        Write::Put {
            key: b"I\x02no account".to_vec(),
            value: vec![1],
        },
    ];
    let conditions = Vec::new();
    backend.commit(Batch { conditions, writes }).await.unwrap();
    let (mut names, mut damaged, mut from) = (Vec::new(), Vec::new(), None);
    loop {
        let page = records.identities_and_damage(from.as_ref(), 2);
        let page = page.await.unwrap();
        let found = page.records.into_iter();
        names.extend(found.map(|one| one.value.place().name().to_owned()));
        damaged.extend(page.damaged.into_iter().map(|one| one.place));
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    assert_eq!(names, ["a", "c", "d"]);
    assert_eq!(damaged, [Some(place), None]);
    let strict = records.identities_page(None, 10).await;
    assert!(matches!(strict, Err(StoreError::Corrupt(_))));
}
