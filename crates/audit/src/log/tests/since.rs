use super::fixture::{files, id, place};
use crate::fixture::{key, opening, trail, user};
use crate::log::since::read_since;
use crate::{AuditLog, Durability, Record, Sink};
use keystead_types::{Fault, Timestamp};

/// Records as a trail makes them: successes on one key, and each third a failure.
fn record(number: u64) -> Record {
    let (trail, log) = trail("eu-west-1");
    let mut entry = trail.begin(opening(user()));
    entry.resource(key('b'));
    let outcome = match number % 3 {
        0 => Err(Fault::validation("no \"good\" \n")),
        _ => Ok(()),
    };
    let published = entry.settle(outcome).publish();
    drop(super::fixture::runtime().block_on(published));
    let mut record = log.records().remove(0);
    let event_id = id(number);
    let json = String::from_utf8(record.json).unwrap();
    record.json = json
        .replace(record.event_id.as_str(), event_id.as_str())
        .into_bytes();
    record.event_id = event_id;
    record
}

#[test]
fn events_are_read_from_a_record_on_across_segments() {
    let (_outer, dir) = place();
    let log = AuditLog::open_with(&dir, Durability::Write, 4096).unwrap();
    for number in 1..=20 {
        let appended = log.append(record(number));
        super::fixture::runtime().block_on(appended).unwrap();
    }
    assert!(files(&dir).len() > 3);
    for seq in [0, 1, 7, 13, 19, 20, 21, u64::MAX] {
        let mut seen = Vec::new();
        read_since(&dir, seq, |event| {
            assert_eq!(event.event_id, id(event.seq));
            assert_eq!((event.name, event.region), ("Encrypt", "eu-west-1"));
            assert_eq!(event.request_id, Some(opening(user()).request_id));
            assert_eq!(event.at, Timestamp::from_millis(1_747_806_151_000));
            assert_eq!(event.keys, [key('b')]);
            assert_eq!(event.succeeded, !event.seq.is_multiple_of(3));
            seen.push(event.seq);
        })
        .unwrap();
        let expected: Vec<u64> = (1..=20).filter(|number| *number > seq).collect();
        assert_eq!(seen, expected, "after {seq}");
    }
}

#[test]
fn a_last_line_without_its_end_is_left_out() {
    let (_outer, dir) = place();
    let log = AuditLog::open(&dir, Durability::Write).unwrap();
    for number in 1..=3 {
        let appended = log.append(record(number));
        super::fixture::runtime().block_on(appended).unwrap();
    }
    drop(log);
    let file = files(&dir).pop().unwrap();
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() - 1]).unwrap();
    let mut seen = Vec::new();
    read_since(&dir, 0, |event| seen.push(event.seq)).unwrap();
    assert_eq!(seen, [1, 2]);
}
