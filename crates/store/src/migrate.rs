//! The version of what is stored, and the way from older versions to this one.

use std::fmt;

use crate::change::{Change, Expect};
use crate::layout::{self, Meta};
use crate::view::Records;
use crate::{Backend, BoxFuture, StoreError};
use std::sync::Arc;

/// The version of layout and records that this program writes.
pub const SCHEMA_VERSION: u32 = 1;

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
const STEPS: &[Step] = &[];

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
