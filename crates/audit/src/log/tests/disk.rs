use std::fs::{File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::Arc;

use super::fixture::{append, files, id, open, place, record, runtime, written};
use crate::log::segment::Segment;
use crate::{
    AuditLog, Durability, Head, OpenError, Opening, Record, Sink, SinkError, Trail, fixture, verify,
};

fn device(name: &str) -> File {
    OpenOptions::new().write(true).open(name).unwrap()
}

#[test]
fn a_torn_tail_is_cut_off_and_the_chain_goes_on() {
    let (_outer, dir) = place();
    written(&dir, 2, 1 << 20);
    let file = files(&dir).remove(0);
    let whole = std::fs::read(&file).unwrap();
    for torn in [&b"{"[..], b"{\"seq\":3,\"prev\":\"00", &[0; 100]] {
        let mut tail = OpenOptions::new().append(true).open(&file).unwrap();
        tail.write_all(torn).unwrap();
        let report = verify(&dir).unwrap();
        assert_eq!(
            (report.broken, report.torn_bytes),
            (None, torn.len() as u64)
        );
        drop(open(&dir));
        assert_eq!(std::fs::read(&file).unwrap(), whole);
    }
    let log = open(&dir);
    append(&log, 3).unwrap();
    assert_eq!(verify(&dir).unwrap().records, 3);
}

#[test]
fn a_segment_without_its_first_line_is_begun_again() {
    for content in ["", "{\"keystead_audit\":1,"] {
        let (_outer, dir) = place();
        written(&dir, 2, 1 << 20);
        let head = verify(&dir).unwrap().head;
        std::fs::write(Segment::after(&dir, head).path, content).unwrap();
        let log = open(&dir);
        assert_eq!((log.head(), files(&dir).len()), (head, 1));
        append(&log, 3).unwrap();
        assert_eq!(verify(&dir).unwrap().broken, None);
    }
}

#[test]
fn an_empty_segment_elsewhere_is_not_taken_for_a_new_log() {
    let (_outer, dir) = place();
    drop(open(&dir));
    let log = files(&dir).remove(0);
    let head = Head {
        seq: 41,
        ..Head::EMPTY
    };
    std::fs::rename(&log, Segment::after(&dir, head).path).unwrap();
    std::fs::write(&files(&dir)[0], "").unwrap();
    let refused = AuditLog::open(&dir, Durability::Write);
    assert!(matches!(refused, Err(OpenError::Broken(_))));
}

#[test]
fn one_process_at_a_time_and_nobody_else_may_write() {
    let (_outer, dir) = place();
    let log = open(&dir);
    let second = AuditLog::open(&dir, Durability::Write);
    assert!(matches!(second, Err(OpenError::InUse(_))));
    drop(log);
    drop(open(&dir));
    std::fs::set_permissions(&dir, Permissions::from_mode(0o770)).unwrap();
    let exposed = AuditLog::open(&dir, Durability::Write);
    assert!(matches!(exposed, Err(OpenError::Exposed(_))));
}

#[test]
fn a_full_disk_poisons_until_a_restart() {
    for durability in [Durability::Write, Durability::Strict] {
        let (_outer, dir) = place();
        let log = AuditLog::open(&dir, durability).unwrap();
        append(&log, 1).unwrap();
        let file = File::options().append(true).open(&files(&dir)[0]).unwrap();
        log.shared.replace_file(device("/dev/full"));
        assert_eq!(append(&log, 2), Err(SinkError::Poisoned));
        // The disk works again, but the log must not.
        log.shared.replace_file(file);
        assert_eq!(append(&log, 3), Err(SinkError::Poisoned));
        assert_eq!(log.health(), Err(SinkError::Poisoned));
        assert_eq!(log.counts().lost, 2);
        drop(log);
        let log = open(&dir);
        append(&log, 4).unwrap();
        let report = verify(&dir).unwrap();
        assert_eq!((report.broken, report.records), (None, 2));
    }
}

/// `/dev/null` takes writes and refuses fdatasync.
#[test]
fn a_failed_sync_is_never_tried_again() {
    let (_outer, dir) = place();
    let log = AuditLog::open(&dir, Durability::Strict).unwrap();
    log.shared.replace_file(device("/dev/null"));
    assert_eq!(append(&log, 1), Err(SinkError::Poisoned));
    let syncs = log.counts().syncs;
    assert_eq!(append(&log, 2), Err(SinkError::Poisoned));
    assert_eq!((syncs, log.counts().syncs), (1, 1));
}

/// A write that failed leaves the file dirty; closing must not sync what the kernel may have lost.
#[test]
fn a_failed_log_is_not_synced_when_it_closes() {
    let (_outer, dir) = place();
    let log = open(&dir);
    log.shared.replace_file(device("/dev/full"));
    assert_eq!(append(&log, 1), Err(SinkError::Poisoned));
    let shared = Arc::clone(&log.shared);
    drop(log);
    assert_eq!(shared.counts().syncs, 0);
}

#[test]
fn a_failed_sync_in_the_background_stops_the_log_too() {
    let (_outer, dir) = place();
    let log = open(&dir);
    log.shared.replace_file(device("/dev/null"));
    assert_eq!(append(&log, 1), Ok(()));
    let mut tries = 0;
    while log.health().is_ok() {
        tries += 1;
        assert!(tries < 1000, "the syncer never noticed");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(append(&log, 2), Err(SinkError::Poisoned));
}

#[test]
fn what_is_not_one_json_line_is_refused_and_harms_nothing() {
    let (_outer, dir) = place();
    let log = open(&dir);
    let huge = format!("{{\"a\":\"{}\"}}", "x".repeat(600_000)).into_bytes();
    for json in [&b""[..], b"[]", b"{}\n", b"{\n}", b"\x01{}", &huge] {
        let bad = Record {
            json: json.to_vec(),
            ..record(9)
        };
        let refused = runtime().block_on(log.append(bad));
        assert_eq!(refused, Err(SinkError::Malformed));
    }
    append(&log, 1).unwrap();
    let report = verify(&dir).unwrap();
    assert_eq!((report.broken, report.records), (None, 1));
}

#[test]
fn real_records_pass_through_the_log() {
    let (_outer, dir) = place();
    let log = Arc::new(AuditLog::open(&dir, Durability::Strict).unwrap());
    let trail = |log: Arc<AuditLog>| {
        let (other, _memory) = fixture::trail("eu-west-1");
        other.with_log(log)
    };
    let trail: Trail = trail(Arc::clone(&log));
    let opening: Opening = fixture::opening(fixture::user());
    let mut entry = trail.begin(opening.clone());
    entry.receipt(fixture::RECEIPT);
    let published = entry.settle(Ok(5)).publish();
    assert_eq!(runtime().block_on(published).into_outcome().unwrap(), 5);
    drop(trail.begin(opening));
    let report = verify(&dir).unwrap();
    assert_eq!((report.broken, report.records), (None, 2));
    let text = std::fs::read_to_string(&files(&dir)[0]).unwrap();
    assert!(text.lines().last().unwrap().contains("ABANDONED"));
    assert!(text.contains("\"counter\":41"));
    let seen = log.counts();
    assert_eq!((seen.records, seen.lost), (2, 0));
    assert!(log.free_bytes().unwrap() > 0);
    drop((trail, log));
    assert_eq!(open(&dir).recent_event_ids().len(), 2);
}

const CHILD: &str = "KEYSTEAD_AUDIT_TEST_DIR";

/// The disk fills in the middle of a line, as a file size limit shows it to a child process.
#[test]
fn a_short_write_leaves_a_torn_line_that_the_next_start_cuts_off() {
    let (_outer, dir) = place();
    let this = std::env::current_exe().unwrap();
    let script = "trap '' XFSZ; ulimit -f 8; exec \"$0\" --ignored --exact \"$1\"";
    let name = "log::tests::disk::child_that_runs_out_of_space";
    let status = Command::new("sh")
        .args(["-c", script, this.to_str().unwrap(), name])
        .env(CHILD, &dir)
        .output()
        .unwrap();
    assert!(status.status.success(), "{status:?}");
    let report = verify(&dir).unwrap();
    assert_eq!(report.broken, None);
    assert!(report.torn_bytes > 0 && report.records > 0);
    let log = open(&dir);
    append(&log, 1000).unwrap();
    let after = verify(&dir).unwrap();
    assert_eq!((after.broken, after.torn_bytes), (None, 0));
    assert_eq!(after.records, report.records + 1);
    assert_eq!(log.recent_event_ids().last(), Some(&id(report.records)));
}

#[test]
#[ignore = "run by the test above, with a file size limit"]
fn child_that_runs_out_of_space() {
    let dir = std::env::var_os(CHILD).unwrap();
    let log = open(dir.as_ref());
    let written = (1..1000).take_while(|number| append(&log, *number).is_ok());
    let written = written.count() as u64;
    assert!(written < 900, "the limit must strike");
    assert_eq!(log.head().seq, written);
    assert_eq!(append(&log, 1000), Err(SinkError::Poisoned));
}

#[test]
fn a_record_counts_as_synced_when_the_disk_has_it_and_not_before() {
    let (_outer, dir) = place();
    written(&dir, 3, 1 << 20);
    let log = open(&dir);
    assert_eq!((log.written(), log.synced()), (3, 3));
    // A sync that takes its time.
    let slow = crate::log::shared::lock(&log.shared.syncing);
    for number in 4..=8 {
        append(&log, number).unwrap();
    }
    std::thread::sleep(3 * crate::limits::SYNC_INTERVAL);
    assert_eq!((log.written(), log.synced()), (8, 3));
    drop(slow);
    log.sync().unwrap();
    assert_eq!(log.synced(), 8);
}

#[test]
fn a_record_of_a_failed_sync_never_counts_as_synced() {
    let (_outer, dir) = place();
    let log = open(&dir);
    append(&log, 1).unwrap();
    log.sync().unwrap();
    // A pipe takes what is written and cannot be synced.
    let (_reader, pipe) = std::io::pipe().unwrap();
    log.shared
        .replace_file(File::from(std::os::fd::OwnedFd::from(pipe)));
    append(&log, 2).unwrap();
    assert_eq!(log.sync(), Err(SinkError::Poisoned));
    assert_eq!((log.written(), log.synced()), (2, 1));
    assert_eq!(append(&log, 3), Err(SinkError::Poisoned));
    assert_eq!(log.sync(), Err(SinkError::Poisoned));
    assert_eq!(log.synced(), 1);
}
