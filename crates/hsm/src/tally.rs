//! How many commands each lane has counted, in a file that outlives the process: whoever finds it
//! can tell which uses have no record, also when the front end and this process were killed.
//!
//! Version 1: `KSTALLY` and byte 1; the epoch, u64; then a u64 for each lane by its number, what it
//! has counted. Numbers are big endian. `docs/formats/audit-log.md` says what it is for.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use crate::limits::TALLY_LANES;

/// The environment variable that names the file. Without it nothing is tallied.
pub const TALLY_VARIABLE: &str = "KEYSTEAD_HSM_TALLY";

const MAGIC: [u8; 8] = *b"KSTALLY\x01";
const HEADER_BYTES: u64 = 16;

/// The file, open.
#[derive(Clone)]
pub(crate) struct Tally(Arc<File>);

impl Tally {
    /// Makes the file anew for an epoch, if the environment names one.
    pub(crate) fn from_environment(epoch: u64) -> io::Result<Option<Self>> {
        match std::env::var_os(TALLY_VARIABLE) {
            Some(path) => Self::create(Path::new(&path), epoch).map(Some),
            None => Ok(None),
        }
    }

    fn create(path: &Path, epoch: u64) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let file = options.open(path)?;
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&epoch.to_be_bytes());
        bytes.resize(bytes.len() + 8 * usize::from(TALLY_LANES), 0);
        file.write_all_at(&bytes, 0)?;
        Ok(Self(Arc::new(file)))
    }

    /// Notes what a lane has counted. It survives both processes when this returns, not a power cut.
    pub(crate) fn note(&self, lane: u16, counter: u64) -> io::Result<()> {
        if lane >= TALLY_LANES {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let place = HEADER_BYTES + 8 * u64::from(lane);
        self.0.write_all_at(&counter.to_be_bytes(), place)
    }
}

/// What an HSM process has counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// The epoch of its receipts.
    pub epoch: u64,
    /// The last counter of each lane that has counted anything.
    pub lanes: BTreeMap<u16, u64>,
}

/// Reads the file of a process that has ended. `None`: there is none, or it was never finished.
pub fn read_tally(path: &Path) -> io::Result<Option<Counted>> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let (numbers, rest) = bytes.as_chunks::<8>();
    let [MAGIC, epoch, lanes @ ..] = numbers else {
        return Ok(None);
    };
    if !rest.is_empty() || lanes.len() != usize::from(TALLY_LANES) {
        return Ok(None);
    }
    let counters = lanes.iter().map(|bytes| u64::from_be_bytes(*bytes));
    Ok(Some(Counted {
        epoch: u64::from_be_bytes(*epoch),
        lanes: (0..).zip(counters).filter(|(_, last)| *last > 0).collect(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tally");
        assert_eq!(read_tally(&path).unwrap(), None);
        let tally = Tally::create(&path, 0x0102_0304_0506_0708).unwrap();
        tally.note(3, 7).unwrap();
        tally.note(3, 8).unwrap();
        tally.note(TALLY_LANES - 1, u64::MAX).unwrap();
        assert!(tally.note(TALLY_LANES, 1).is_err());
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes[..16], *b"KSTALLY\x01\x01\x02\x03\x04\x05\x06\x07\x08");
        assert_eq!(bytes[16 + 24..16 + 32], [0, 0, 0, 0, 0, 0, 0, 8]);
        let expected = Counted {
            epoch: 0x0102_0304_0506_0708,
            lanes: [(3, 8), (TALLY_LANES - 1, u64::MAX)].into(),
        };
        assert_eq!(read_tally(&path).unwrap(), Some(expected));
        for damaged in [&bytes[..20], &bytes[1..], b""] {
            std::fs::write(&path, damaged).unwrap();
            assert_eq!(read_tally(&path).unwrap(), None);
        }
        Tally::create(&path, 9).unwrap();
        assert!(read_tally(&path).unwrap().unwrap().lanes.is_empty());
    }
}
