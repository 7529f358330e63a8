use std::path::{Path, PathBuf};

use keystead_types::RequestId;
use tokio::runtime::{Builder, Runtime};

use crate::{AuditLog, Durability, ReceiptNote, Record, Sink, SinkError};

pub(super) fn id(number: u64) -> RequestId {
    let mut random = [0; 16];
    random[8..].copy_from_slice(&number.to_be_bytes());
    random[..8].copy_from_slice(&number.to_be_bytes());
    RequestId::from_random(random)
}

/// A record with a receipt whose counter is the record's number.
pub(super) fn record(number: u64) -> Record {
    let event_id = id(number);
    let json = format!(r#"{{"eventName":"Encrypt","n":{number},"eventID":"{event_id}"}}"#);
    Record {
        event_id,
        json: json.into_bytes(),
        receipts: vec![ReceiptNote {
            epoch: u64::MAX,
            lane: 2,
            counter: number,
            digest: [0xab; 16],
        }],
    }
}

pub(super) fn open(dir: &Path) -> AuditLog {
    AuditLog::open(dir, Durability::Write).unwrap()
}

pub(super) fn runtime() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

pub(super) fn append(log: &AuditLog, number: u64) -> Result<(), SinkError> {
    runtime().block_on(log.append(record(number)))
}

/// A log of `count` records, closed.
pub(super) fn written(dir: &Path, count: u64, segment_bytes: u64) {
    let log = AuditLog::open_with(dir, Durability::Write, segment_bytes).unwrap();
    for number in 1..=count {
        append(&log, number).unwrap();
    }
}

pub(super) fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// A directory of a temporary one that only the owner may use.
pub(super) fn place() -> (tempfile::TempDir, PathBuf) {
    let outer = tempfile::tempdir().unwrap();
    let dir = outer.path().join("audit");
    (outer, dir)
}
