//! The version of what is stored, and the way from older versions to this one.

use std::fmt;
use std::sync::Arc;

use crate::change::{Change, Expect};
use crate::layout::{self, Meta};
use crate::limits::MIGRATION_PAGE;
use crate::records::GrantRecord;
use crate::view::Records;
use crate::{Backend, Batch, BoxFuture, StoreError, Write};

/// The version of layout and records that this program writes.
pub const SCHEMA_VERSION: u32 = 3;

/// Why a store cannot be used by this program.
#[derive(Debug)]
pub enum MigrateError {
    /// A newer program wrote it.
    Newer {
        /// Version of the store.
        found: u32,
        /// Newest version that this program knows.
        supported: u32,
    },
    /// It has entries but says no version, or a version that never was.
    Unknown(String),
    /// Storage failed, or another server migrates at the same time.
    Store(StoreError),
}

impl fmt::Display for MigrateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newer { found, supported } => write!(
                f,
                "the store has schema version {found}, written by a newer Keystead; this program \
                 knows versions up to {supported}. Start the newer program, or restore a backup \
                 that was taken before the upgrade."
            ),
            Self::Unknown(what) => write!(
                f,
                "the store's schema version cannot be told: {what}. Restore a backup."
            ),
            Self::Store(cause) => write!(f, "the store could not be migrated: {cause}"),
        }
    }
}

impl std::error::Error for MigrateError {}

impl From<StoreError> for MigrateError {
    fn from(cause: StoreError) -> Self {
        Self::Store(cause)
    }
}

/// What [`migrate`] found and did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Migrated {
    /// The store was empty and has its version now.
    Created,
    /// It had this program's version.
    UpToDate,
    /// It was older and has this program's version now.
    From(u32),
}

/// A step from one version to the next. It may be run again after a crash in the middle, so it
/// must end in the same state when part of its work has been done already.
pub(crate) type Step = for<'a> fn(&'a Arc<dyn Backend>) -> BoxFuture<'a, Result<(), StoreError>>;

/// Steps in order: the first leads from version 1 to 2.
const STEPS: &[Step] = &[
    // Version 2 has key records of version 2, grants, usage records and two more kinds of due
    // entries. Key records of version 1 are still read, and none of them has anything due of the
    // new kinds, so nothing is rewritten: the number keeps older programs out.
    |_| Box::pin(async { Ok(()) }),
    // Version 3 has key records of version 3, grant records of version 2, records of identities,
    // and the index of grants by grantee, which is written here.
    |backend| Box::pin(index_grantees(backend)),
];

/// Writes the entry by grantee of every grant. Grants themselves stay as they are: those of
/// version 1 are still read.
async fn index_grantees(backend: &Arc<dyn Backend>) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let range = layout::grants_all(after.as_ref());
        let page = backend.scan(range, MIGRATION_PAGE, false).await?;
        let grants = page.entries.iter();
        let grants = grants
            .map(|entry| GrantRecord::decode(&entry.value))
            .collect::<Result<Vec<_>, _>>()?;
        let writes = grants.iter().map(|grant| Write::Put {
            key: layout::grant_by_grantee(&grant.grantee_digest(), &grant.place()),
            value: Vec::new(),
        });
        let writes: Vec<_> = writes.collect();
        if !writes.is_empty() {
            let conditions = Vec::new();
            backend.commit(Batch { conditions, writes }).await?;
        }
        after = grants.last().map(GrantRecord::place);
        if !page.more || after.is_none() {
            return Ok(());
        }
    }
}

/// Checks the version of a store before anything else uses it, and brings an older one to
/// [`SCHEMA_VERSION`].
///
/// # Errors
/// [`MigrateError::Newer`] for a store of a newer program, which is left as it is.
pub async fn migrate(backend: &Arc<dyn Backend>) -> Result<Migrated, MigrateError> {
    run(backend, STEPS).await
}

pub(crate) async fn run(
    backend: &Arc<dyn Backend>,
    steps: &[Step],
) -> Result<Migrated, MigrateError> {
    let supported = u32::try_from(steps.len()).map_or(u32::MAX, |count| count.saturating_add(1));
    let records = Records::new(Arc::clone(backend));
    let Some(stored) = records.meta(Meta::SchemaVersion).await? else {
        let page = backend.scan(layout::everything(), 1, true).await?;
        if !page.entries.is_empty() {
            return Err(MigrateError::Unknown(
                "it has entries but no version".into(),
            ));
        }
        records
            .apply(vec![version(supported, Expect::Absent)])
            .await?;
        return Ok(Migrated::Created);
    };
    let found = <[u8; 4]>::try_from(stored.value.as_slice())
        .map(u32::from_be_bytes)
        .map_err(|_| MigrateError::Unknown("its version is not a number".into()))?;
    if found > supported {
        return Err(MigrateError::Newer { found, supported });
    }
    let Some(done) = found
        .checked_sub(1)
        .and_then(|done| usize::try_from(done).ok())
    else {
        return Err(MigrateError::Unknown("version 0 never was".into()));
    };
    let mut modified = stored.modified;
    for (next, step) in (found.saturating_add(1)..).zip(steps.iter().skip(done)) {
        step(backend).await?;
        let change = version(next, Expect::Unchanged(modified));
        modified = records.apply(vec![change]).await?;
    }
    Ok(if found == supported {
        Migrated::UpToDate
    } else {
        Migrated::From(found)
    })
}

fn version(number: u32, expect: Expect) -> Change {
    Change::PutMeta {
        item: Meta::SchemaVersion,
        value: number.to_be_bytes().to_vec(),
        expect,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{Fault, MemoryBackend};
    use crate::records::KeyRecord;

    /// Appends a byte to the entry `log` unless it ends with it already.
    async fn note(backend: &Arc<dyn Backend>, byte: u8) -> Result<(), StoreError> {
        let key = b"log".to_vec();
        let (_, found) = backend.get(vec![key.clone()]).await?;
        let mut value = found
            .into_iter()
            .flatten()
            .next()
            .map_or(vec![], |entry| entry.value);
        if value.last() != Some(&byte) {
            value.push(byte);
        }
        let writes = vec![Write::Put { key, value }];
        backend
            .commit(Batch {
                conditions: vec![],
                writes,
            })
            .await
            .map(|_| ())
    }

    const FAKE: &[Step] = &[
        |backend| Box::pin(note(backend, 2)),
        |backend| Box::pin(note(backend, 3)),
        |backend| Box::pin(note(backend, 4)),
    ];

    async fn at_version(version: u32) -> MemoryBackend {
        let memory = MemoryBackend::new();
        let backend: Arc<dyn Backend> = Arc::new(memory.clone());
        assert_eq!(run(&backend, &[]).await.unwrap(), Migrated::Created);
        let change = super::version(version, Expect::Anything);
        Records::new(backend).apply(vec![change]).await.unwrap();
        memory
    }

    async fn read(backend: &Arc<dyn Backend>) -> (Vec<u8>, Vec<u8>) {
        let keys = vec![b"log".to_vec(), layout::meta(Meta::SchemaVersion)];
        let (_, found) = backend.get(keys).await.unwrap();
        let mut values = found
            .into_iter()
            .map(|one| one.map_or(vec![], |entry| entry.value));
        (values.next().unwrap(), values.next().unwrap())
    }

    #[tokio::test]
    async fn a_new_store_gets_this_version_and_keeps_it() {
        let backend: Arc<dyn Backend> = Arc::new(MemoryBackend::new());
        assert_eq!(migrate(&backend).await.unwrap(), Migrated::Created);
        assert_eq!(migrate(&backend).await.unwrap(), Migrated::UpToDate);
        assert_eq!(read(&backend).await.1, SCHEMA_VERSION.to_be_bytes());
        assert_eq!(STEPS.len() + 1, SCHEMA_VERSION as usize);
    }

    #[tokio::test]
    async fn older_versions_take_the_steps_that_they_miss_in_order() {
        for (from, steps) in [(1, &[2, 3, 4][..]), (2, &[3, 4]), (3, &[4])] {
            let backend: Arc<dyn Backend> = Arc::new(at_version(from).await);
            assert_eq!(run(&backend, FAKE).await.unwrap(), Migrated::From(from));
            assert_eq!(read(&backend).await, (steps.to_vec(), vec![0, 0, 0, 4]));
            assert_eq!(run(&backend, FAKE).await.unwrap(), Migrated::UpToDate);
        }
    }

    #[tokio::test]
    async fn a_migration_that_was_cut_off_goes_on() {
        // Three steps, each with its own commit and one for the version.
        for (skip, fault) in (0..6).flat_map(|n| [(n, Fault::BeforeApply), (n, Fault::AfterApply)])
        {
            let memory = at_version(1).await;
            memory.fail_commit(skip, fault);
            let backend: Arc<dyn Backend> = Arc::new(memory.clone());
            assert!(matches!(
                run(&backend, FAKE).await,
                Err(MigrateError::Store(_))
            ));
            let backend: Arc<dyn Backend> = Arc::new(memory.reopen());
            run(&backend, FAKE).await.unwrap();
            assert_eq!(
                read(&backend).await,
                (vec![2, 3, 4], vec![0, 0, 0, 4]),
                "{skip} {fault:?}"
            );
        }
    }

    fn bytes(hex: &str) -> Vec<u8> {
        let byte = |at| u8::from_str_radix(hex.get(at..at + 2).unwrap(), 16).unwrap();
        (0..hex.len()).step_by(2).map(byte).collect()
    }

    #[tokio::test]
    async fn a_store_of_version_1_keeps_its_keys() {
        let value = bytes(include_str!("../tests/golden/key-plain.v1.hex").trim());
        let expected = KeyRecord::decode(&value).unwrap();
        let (account, key_id) = (expected.account, expected.key_id);
        let key = layout::key_record(account, key_id);
        let backend: Arc<dyn Backend> = Arc::new(at_version(1).await);
        let (conditions, writes) = (vec![], vec![Write::Put { key, value }]);
        backend.commit(Batch { conditions, writes }).await.unwrap();
        assert_eq!(migrate(&backend).await.unwrap(), Migrated::From(1));
        assert_eq!(migrate(&backend).await.unwrap(), Migrated::UpToDate);
        let records = Records::new(backend);
        let stored = records.key(account, key_id).await.unwrap().unwrap();
        assert_eq!(stored.value, expected);
        // The next change writes it anew.
        let change = Change::PutKey {
            record: stored.value,
            previous: Some(stored.modified),
        };
        records.apply(vec![change]).await.unwrap();
        let stored = records.key(account, key_id).await.unwrap().unwrap();
        assert_eq!(stored.value, expected);
    }

    /// Both kinds of grant of a store of version 2, at their places.
    fn grants_of_version_1() -> Vec<(Vec<u8>, Vec<u8>)> {
        let full = include_str!("../tests/golden/grant-full.v1.hex");
        let plain = include_str!("../tests/golden/grant-plain.v1.hex");
        let values = [full, plain].map(|hex| bytes(hex.trim()));
        let place = |value: &[u8]| GrantRecord::decode(value).unwrap().place();
        let pairs = values.into_iter();
        pairs
            .map(|value| (layout::grant(&place(&value)), value))
            .collect()
    }

    async fn grants_found(backend: &Arc<dyn Backend>) -> Vec<GrantRecord> {
        let mut found = Vec::new();
        for (_, value) in grants_of_version_1() {
            let grant = GrantRecord::decode(&value).unwrap();
            let digest = grant.grantee_digest();
            let records = Records::new(Arc::clone(backend));
            let page = records.grants_by_grantee(grant.account, grant.key_id, &digest, None, 10);
            found.extend(page.await.unwrap().0.into_iter().map(|one| one.value));
        }
        found
    }

    #[tokio::test]
    async fn grants_of_a_store_of_version_2_are_found_by_grantee() {
        for skip in 0..3 {
            let memory = at_version(2).await;
            let backend: Arc<dyn Backend> = Arc::new(memory.clone());
            let stored = grants_of_version_1();
            let expected = stored.iter();
            let expected: Vec<_> = expected
                .map(|(_, value)| GrantRecord::decode(value).unwrap())
                .collect();
            let writes = stored.into_iter();
            let writes = writes.map(|(key, value)| Write::Put { key, value });
            let (conditions, writes) = (vec![], writes.collect());
            backend.commit(Batch { conditions, writes }).await.unwrap();
            assert!(grants_found(&backend).await.is_empty());
            // Once cut off after the first commit or the second, which is the version's, once not.
            if skip < 2 {
                memory.fail_commit(skip, Fault::AfterApply);
                migrate(&backend).await.unwrap_err();
            }
            let backend: Arc<dyn Backend> = Arc::new(memory.reopen());
            migrate(&backend).await.unwrap();
            assert_eq!(migrate(&backend).await.unwrap(), Migrated::UpToDate);
            assert_eq!(grants_found(&backend).await, expected);
        }
    }

    #[tokio::test]
    async fn newer_versions_are_refused_with_advice_and_left_alone() {
        let memory = at_version(SCHEMA_VERSION + 1).await;
        let backend: Arc<dyn Backend> = Arc::new(memory);
        let before = backend.get(vec![]).await.unwrap().0;
        let error = migrate(&backend).await.unwrap_err();
        let (found, supported) = (SCHEMA_VERSION + 1, SCHEMA_VERSION);
        assert!(
            matches!(error, MigrateError::Newer { found: f, supported: s }
            if (f, s) == (found, supported))
        );
        assert!(error.to_string().contains("Start the newer program"));
        assert_eq!(backend.get(vec![]).await.unwrap().0, before);
    }

    #[tokio::test]
    async fn entries_without_a_version_and_odd_versions_are_refused() {
        let memory: Arc<dyn Backend> = Arc::new(MemoryBackend::new());
        note(&memory, 1).await.unwrap();
        assert!(matches!(
            migrate(&memory).await,
            Err(MigrateError::Unknown(_))
        ));
        for value in [vec![], vec![1], vec![0; 4], vec![0, 0, 0, 1, 0]] {
            let backend: Arc<dyn Backend> = Arc::new(MemoryBackend::new());
            let change = Change::PutMeta {
                item: Meta::SchemaVersion,
                value,
                expect: Expect::Absent,
            };
            Records::new(Arc::clone(&backend))
                .apply(vec![change])
                .await
                .unwrap();
            assert!(matches!(
                migrate(&backend).await,
                Err(MigrateError::Unknown(_))
            ));
        }
    }
}
