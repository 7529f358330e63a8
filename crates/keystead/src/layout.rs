//! Where things lie in a data directory.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use keystead_types::Region;

/// A data directory, locked against a second server for as long as this value lives.
pub(crate) struct DataDir {
    path: PathBuf,
    _lock: File,
}

/// What a data directory is opened for. The two kinds never mix: `dev` has well-known credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// `dev`: makes the directory, or goes on with one that it made.
    Development,
    /// `init`: makes the directory; refuses one that holds anything.
    Making,
    /// `serve`: refuses what `dev` made.
    Serving,
}

/// Stands in directories that `dev` made.
const DEVELOPMENT_MARK: &str = "development";
/// Stands in every data directory.
const LOCK: &str = "lock";

impl DataDir {
    /// Opens and locks a data directory. The error says what to do.
    pub(crate) fn open(path: &Path, purpose: Purpose) -> Result<Self, String> {
        let shown = path.display();
        if purpose != Purpose::Serving {
            let mut builder = DirBuilder::new();
            builder.recursive(true).mode(0o700);
            builder.create(path).map_err(|error| {
                format!("cannot make the data directory {shown}: {error}. Choose a directory that you may write to.")
            })?;
        } else if !path.is_dir() {
            return Err(format!(
                "there is no data directory {shown}. Make it with: keystead init --data-dir {shown} --region REGION"
            ));
        }
        check_rights(path)?;
        let lock = lock(path)?;
        let dir = Self {
            path: path.to_owned(),
            _lock: lock,
        };
        dir.check_purpose(purpose)?;
        Ok(dir)
    }

    fn check_purpose(&self, purpose: Purpose) -> Result<(), String> {
        let shown = self.path.display();
        let mark = self.path.join(DEVELOPMENT_MARK);
        let marked = mark.exists();
        let unknown = |error| format!("cannot read the data directory {shown}: {error}");
        let empty = !marked && self.holds_only_the_lock().map_err(unknown)?;
        match purpose {
            Purpose::Serving if marked => Err(format!(
                "{shown} was made by `keystead dev`, whose credentials everyone knows; it is not for `serve`. Make another with: keystead init"
            )),
            Purpose::Making if !empty => Err(format!(
                "{shown} is not empty; nothing was changed. Choose an empty directory."
            )),
            Purpose::Development if !marked && !empty => Err(format!(
                "{shown} was not made by `keystead dev`, and `dev` would open its keys to everyone on this machine. Choose another directory with --data-dir."
            )),
            Purpose::Development if !marked => {
                let text = "Made by `keystead dev`: everyone on this machine may use its keys.\n";
                fs::write(&mark, text)
                    .map_err(|error| format!("cannot write {}: {error}", mark.display()))
            }
            _ => Ok(()),
        }
    }

    fn holds_only_the_lock(&self) -> io::Result<bool> {
        for entry in fs::read_dir(&self.path)? {
            if entry?.file_name() != LOCK {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The default place of the root key.
    pub(crate) fn root_key(&self) -> PathBuf {
        self.path.join("root.key")
    }

    /// The configuration that `init` writes.
    pub(crate) fn config(&self) -> PathBuf {
        self.path.join("keystead.toml")
    }

    /// What the HSM process has counted.
    pub(crate) fn tally(&self) -> PathBuf {
        self.path.join("hsm-tally")
    }

    /// What is noted of the clocks.
    pub(crate) fn clock_watch(&self) -> PathBuf {
        self.path.join("clock-watch")
    }

    /// The directory of the audit log.
    pub(crate) fn audit(&self) -> PathBuf {
        self.path.join("audit")
    }

    /// The directory of the store of accounts and identities, which belong to no Region.
    pub(crate) fn identities(&self) -> PathBuf {
        store_in(&self.path, &Region::global())
    }

    /// The directory of a Region's store.
    pub(crate) fn store(&self, region: &Region) -> PathBuf {
        store_in(&self.path, region)
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

/// The directory of the store of a Region, or, for [`Region::global`], of accounts and identities,
/// in a data directory that somebody else may have open.
pub(crate) fn store_in(data_dir: &Path, region: &Region) -> PathBuf {
    match *region == Region::global() {
        true => data_dir.join("identities"),
        false => data_dir.join("regions").join(region.as_str()),
    }
}

/// Refuses a directory in which others may exchange files.
fn check_rights(path: &Path) -> Result<(), String> {
    let shown = path.display();
    let found = fs::metadata(path)
        .map_err(|error| format!("cannot read the data directory {shown}: {error}"))?;
    if found.permissions().mode() & 0o002 != 0 {
        return Err(format!(
            "everyone may write to the data directory {shown}. Run: chmod 700 {shown}"
        ));
    }
    Ok(())
}

fn lock(path: &Path) -> Result<File, String> {
    let shown = path.display();
    let file = path.join(LOCK);
    let mut options = OpenOptions::new();
    let lock = options
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&file);
    let lock = lock.map_err(|error| {
        format!(
            "cannot write to the data directory {shown}: {error}. Check who owns it and its rights."
        )
    })?;
    lock.try_lock().map_err(|error| match error {
        fs::TryLockError::WouldBlock => format!(
            "another server uses the data directory {shown}. Stop it, or give this one a directory of its own with --data-dir."
        ),
        fs::TryLockError::Error(error) => format!("cannot lock {}: {error}", file.display()),
    })?;
    Ok(lock)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(path: &Path, purpose: Purpose) -> String {
        DataDir::open(path, purpose).err().unwrap_or_default()
    }

    #[test]
    fn development_and_production_directories_do_not_mix() {
        let home = tempfile::tempdir().unwrap();
        let (dev, real) = (home.path().join("dev"), home.path().join("real"));
        assert_eq!(problem(&dev, Purpose::Development), "");
        assert_eq!(problem(&dev, Purpose::Development), "");
        assert!(problem(&dev, Purpose::Serving).contains("everyone knows"));
        assert!(problem(&dev, Purpose::Making).contains("not empty"));
        assert_eq!(problem(&real, Purpose::Making), "");
        fs::write(real.join("keystead.toml"), "").unwrap();
        assert_eq!(problem(&real, Purpose::Serving), "");
        assert!(problem(&real, Purpose::Making).contains("not empty"));
        assert!(problem(&real, Purpose::Development).contains("Choose another"));
    }

    #[test]
    fn a_directory_has_one_server_and_no_strangers() {
        let home = tempfile::tempdir().unwrap();
        let first = DataDir::open(home.path(), Purpose::Development).unwrap();
        assert!(problem(home.path(), Purpose::Development).contains("another server"));
        drop(first);
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(problem(home.path(), Purpose::Development).contains("chmod 700"));
        assert!(problem(&home.path().join("none"), Purpose::Serving).contains("keystead init"));
    }
}
