//! The data directory: who may enter it, and that one server owns it.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::OpenError;

/// The database's file name.
pub(crate) const DATABASE: &str = "keystead.db";
/// The lock's file name.
const LOCK: &str = "keystead.lock";
/// What every SQLite database starts with. Source: sqlite.org/fileformat.html, 1.2.
const HEADER: &[u8; 16] = b"SQLite format 3\0";
/// Permission bits of users that are neither the owner nor of the group.
const OTHERS: u32 = 0o007;
/// Permission bit that lets others create and remove files.
const OTHERS_WRITE: u32 = 0o002;

/// A data directory that this process owns until it drops this value.
pub(crate) struct DataDirectory {
    /// Path of the database file.
    pub(crate) database: PathBuf,
    /// The lock lasts as long as the open file.
    _lock: File,
}

impl DataDirectory {
    /// Creates the directory if need be, takes its lock and prepares the database file.
    pub(crate) fn enter(path: &Path) -> Result<Self, OpenError> {
        let denied = |cause| OpenError::from_io(path, cause);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(denied)?;
        let mode = path.metadata().map_err(denied)?.permissions().mode();
        if mode & OTHERS_WRITE != 0 {
            return Err(OpenError::TooOpen {
                path: path.to_owned(),
                mode: mode & 0o7777,
                wanted: 0o700,
            });
        }
        let lock = take_lock(&path.join(LOCK), path)?;
        let database = path.join(DATABASE);
        prepare_database(&database)?;
        // Makes the names of new files durable.
        let directory = File::open(path).map_err(denied)?;
        directory.sync_all().map_err(denied)?;
        Ok(Self {
            database,
            _lock: lock,
        })
    }
}

/// A file that only its owner can read, created when it is missing.
fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

fn take_lock(path: &Path, directory: &Path) -> Result<File, OpenError> {
    let denied = |cause| OpenError::from_io(path, cause);
    let mut file = private_file(path).map_err(denied)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            // Only a hint for the message: the number may be missing or cut.
            let mut owner = String::new();
            let _ = file.take(20).read_to_string(&mut owner);
            return Err(OpenError::Locked {
                path: directory.to_owned(),
                owner: owner.trim().parse().ok(),
            });
        }
        Err(TryLockError::Error(cause)) => return Err(denied(cause)),
    }
    file.set_len(0).map_err(denied)?;
    file.rewind().map_err(denied)?;
    writeln!(file, "{}", std::process::id()).map_err(denied)?;
    Ok(file)
}

/// Creates the file with narrow permissions, since SQLite gives its log the same ones, and
/// checks that what is there is a database.
fn prepare_database(path: &Path) -> Result<(), OpenError> {
    let denied = |cause| OpenError::from_io(path, cause);
    let mut file = private_file(path).map_err(denied)?;
    let metadata = file.metadata().map_err(denied)?;
    if !metadata.is_file() {
        return Err(OpenError::NotADatabase {
            path: path.to_owned(),
        });
    }
    let mode = metadata.permissions().mode();
    if mode & OTHERS != 0 {
        return Err(OpenError::TooOpen {
            path: path.to_owned(),
            mode: mode & 0o7777,
            wanted: 0o600,
        });
    }
    if metadata.len() == 0 {
        return Ok(());
    }
    let mut start = [0; HEADER.len()];
    match file.read_exact(&mut start) {
        Ok(()) if start == *HEADER => Ok(()),
        Ok(()) => Err(OpenError::NotADatabase {
            path: path.to_owned(),
        }),
        Err(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => {
            Err(OpenError::NotADatabase {
                path: path.to_owned(),
            })
        }
        Err(cause) => Err(denied(cause)),
    }
}
