//! Where things lie in a data directory.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use keystead_types::Region;

/// A data directory, locked against a second server for as long as this value lives.
pub(crate) struct DataDir {
    path: PathBuf,
    _lock: File,
}

/// Whether a missing directory is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IfMissing {
    Create,
    Refuse,
}

impl DataDir {
    /// Opens and locks a data directory. The error says what to do.
    pub(crate) fn open(path: &Path, missing: IfMissing) -> Result<Self, String> {
        let shown = path.display();
        if missing == IfMissing::Create {
            let mut builder = DirBuilder::new();
            builder.recursive(true).mode(0o700);
            builder.create(path).map_err(|error| {
                format!("cannot make the data directory {shown}: {error}. Choose a directory that you may write to.")
            })?;
        } else if !path.is_dir() {
            return Err(format!(
                "there is no data directory {shown}. Make it with: keystead init --data-dir {shown}"
            ));
        }
        let file = path.join("lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&file);
        let lock = lock.map_err(|error| {
            format!("cannot write to the data directory {shown}: {error}. Check who owns it and its rights.")
        })?;
        lock.try_lock().map_err(|error| match error {
            fs::TryLockError::WouldBlock => format!(
                "another server uses the data directory {shown}. Stop it, or give this one a directory of its own with --data-dir."
            ),
            fs::TryLockError::Error(error) => format!("cannot lock {}: {error}", file.display()),
        })?;
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// The default place of the root key.
    pub(crate) fn root_key(&self) -> PathBuf {
        self.path.join("root.key")
    }

    /// The configuration that `init` writes.
    pub(crate) fn config(&self) -> PathBuf {
        self.path.join("keystead.toml")
    }

    /// The directory of the audit log.
    pub(crate) fn audit(&self) -> PathBuf {
        self.path.join("audit")
    }

    /// The directory of a Region's store.
    pub(crate) fn store(&self, region: &Region) -> PathBuf {
        self.path.join("regions").join(region.as_str())
    }

    /// The Regions that have a store.
    pub(crate) fn regions(&self) -> io::Result<Vec<Region>> {
        let entries = match fs::read_dir(self.path.join("regions")) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut regions = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            regions.extend(name.to_str().and_then(|name| Region::parse(name).ok()));
        }
        Ok(regions)
    }
}
