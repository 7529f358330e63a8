//! Opening the database: its settings, its tables, and what can be wrong with it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use keystead_store::Revision;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, params};

use crate::limits::{BUSY_TIMEOUT_MILLIS, WAL_KEEP_BYTES};

/// Marks a database file as ours: `KSTD`. Source: sqlite.org/pragma.html#pragma_application_id.
const APPLICATION_ID: i32 = 0x4b53_5444;
/// Version of the tables below.
const TABLES_VERSION: i32 = 1;

const CREATE: &str = "
    CREATE TABLE kv (
        key BLOB NOT NULL PRIMARY KEY,
        value BLOB NOT NULL,
        modified INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE meta (
        name TEXT NOT NULL PRIMARY KEY,
        value INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    INSERT INTO meta (name, value) VALUES ('revision', 0);
";

/// Why a data directory cannot be used, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another server runs on it.
    #[error(
        "another server{} uses the data directory {}; stop it first, or give this server a data \
         directory of its own", process(.owner), .path.display()
    )]
    Locked {
        /// The directory.
        path: PathBuf,
        /// The process that has it, if known.
        owner: Option<u32>,
    },
    /// This user may not read or write it.
    #[error(
        "no permission for {}: {cause}; give it to the user that runs the server \
         (chown, chmod u+rwX)", .path.display()
    )]
    NoPermission {
        /// The directory or file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// Users that have no business there may read or change it.
    #[error(
        "{} is open to other users (mode {mode:04o}); close it: chmod {wanted:o} {}",
        .path.display(), .path.display()
    )]
    TooOpen {
        /// The directory or file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
        /// The permissions that it should have.
        wanted: u32,
    },
    /// The file is something else.
    #[error(
        "{} is not a Keystead database; if it belongs to another program, choose another data \
         directory, otherwise restore a backup", .path.display()
    )]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The database is damaged.
    #[error(
        "the database {} is damaged ({what}); keep a copy of the directory and restore a backup",
        .path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A newer program wrote it.
    #[error(
        "the database {} has format {found}, written by a newer Keystead; this program knows \
         formats up to {TABLES_VERSION}: start the newer program, or restore a backup from before \
         the upgrade", .path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i32,
    },
    /// The disk or the system refused something else.
    #[error("{} cannot be used: {cause}; check the disk and its free space", .path.display())]
    Io {
        /// The directory or file.
        path: PathBuf,
        /// What the system said.
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

fn process(owner: &Option<u32>) -> String {
    owner.map_or_else(String::new, |id| format!(" (process {id})"))
}

impl OpenError {
    pub(crate) fn from_io(path: &Path, cause: io::Error) -> Self {
        let path = path.to_owned();
        match cause.kind() {
            io::ErrorKind::PermissionDenied => Self::NoPermission { path, cause },
            _ => Self::Io {
                path,
                cause: cause.into(),
            },
        }
    }

    pub(crate) fn from_sqlite(path: &Path, cause: rusqlite::Error) -> Self {
        let owned = path.to_owned();
        match cause.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::NotADatabase { path: owned },
            Some(ErrorCode::PermissionDenied | ErrorCode::ReadOnly | ErrorCode::CannotOpen) => {
                Self::NoPermission {
                    path: owned,
                    cause: io::Error::other(cause),
                }
            }
            // SQLite itself could not be asked: disk, memory.
            Some(
                ErrorCode::SystemIoFailure
                | ErrorCode::DiskFull
                | ErrorCode::OutOfMemory
                | ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked,
            ) => Self::Io {
                path: owned,
                cause: cause.into(),
            },
            // Corruption, or tables and rows that are not what this version writes.
            _ => Self::Damaged {
                path: owned,
                what: cause.to_string(),
            },
        }
    }
}

/// Opens the writer's connection, creates the tables of a new database and reads the revision.
/// Looks at the head of the database only: the time does not depend on what is stored.
pub(crate) fn writer(path: &Path, cache_kib: i64) -> Result<(Connection, Revision), OpenError> {
    let failed = |cause| OpenError::from_sqlite(path, cause);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    configure(&connection, cache_kib).map_err(failed)?;
    // Asked before anything is written, so that a foreign or newer database stays as it is.
    check_owner(&connection, path)?;
    write_ahead(&connection).map_err(failed)?;
    // A destroyed key's material must not stay in free space of the file.
    let overwrite = connection.pragma_update(None, "secure_delete", true);
    overwrite.map_err(failed)?;
    create_tables(&mut connection).map_err(failed)?;
    let revision = revision(&connection).map_err(failed)?;
    let newest: Option<i64> = connection
        .query_row("SELECT modified FROM kv ORDER BY key LIMIT 1", [], |row| {
            row.get(0)
        })
        .optional()
        .map_err(failed)?;
    match u64::try_from(revision) {
        Ok(number) if newest.is_none_or(|newest| (1..=revision).contains(&newest)) => {
            Ok((connection, Revision(number)))
        }
        _ => Err(OpenError::Damaged {
            path: path.to_owned(),
            what: "its revision is older than its entries".into(),
        }),
    }
}

/// Opens a reader's connection.
pub(crate) fn reader(path: &Path, cache_kib: i64) -> Result<Connection, OpenError> {
    let failed = |cause| OpenError::from_sqlite(path, cause);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    configure(&connection, cache_kib).map_err(failed)?;
    Ok(connection)
}

/// The revision of the last committed batch.
pub(crate) fn revision(connection: &Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("SELECT value FROM meta WHERE name = 'revision'")?
        .query_row([], |row| row.get(0))
}

fn configure(connection: &Connection, cache_kib: i64) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from_millis(BUSY_TIMEOUT_MILLIS))?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    // Negative: KiB instead of pages.
    connection.pragma_update(None, "cache_size", -cache_kib)?;
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")
}

pub(crate) fn check_owner(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let failed = |cause| OpenError::from_sqlite(path, cause);
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let owner = number("application_id").map_err(failed)?;
    let found = number("user_version").map_err(failed)?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(failed)?;
    match (owner, found) {
        // A file that was created but never got its tables.
        (0, 0) if tables == 0 => Ok(()),
        (APPLICATION_ID, TABLES_VERSION) => Ok(()),
        (APPLICATION_ID, TABLES_VERSION..) => Err(OpenError::Newer {
            path: path.to_owned(),
            found,
        }),
        (APPLICATION_ID, _) => Err(OpenError::Damaged {
            path: path.to_owned(),
            what: format!("format {found} never was"),
        }),
        _ => Err(OpenError::NotADatabase {
            path: path.to_owned(),
        }),
    }
}

fn write_ahead(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| {
        let mode: String = row.get(0)?;
        if mode == "wal" {
            Ok(())
        } else {
            Err(rusqlite::Error::InvalidQuery)
        }
    })?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "journal_size_limit", WAL_KEEP_BYTES)?;
    // The writer checkpoints by itself, where it sees the errors.
    connection.pragma_update(None, "wal_autocheckpoint", 0)
}

fn create_tables(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    let exists: Option<i64> = transaction
        .query_row(
            "SELECT 1 FROM sqlite_schema WHERE name = ?1",
            params!["kv"],
            |row| row.get(0),
        )
        .optional()?;
    if exists.is_none() {
        transaction.execute_batch(CREATE)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", TABLES_VERSION)?;
    }
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_rights_are_told_from_other_errors() {
        let path = Path::new("/data");
        let error = OpenError::from_io(path, io::ErrorKind::PermissionDenied.into());
        assert!(matches!(error, OpenError::NoPermission { .. }));
        assert!(error.to_string().contains("no permission for /data"));
        assert!(error.to_string().contains("chown"));
        let error = OpenError::from_io(path, io::ErrorKind::StorageFull.into());
        assert!(matches!(error, OpenError::Io { .. }));
    }
}
