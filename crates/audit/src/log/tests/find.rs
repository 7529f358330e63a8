use super::fixture::{files, place, runtime};
use crate::fixture::{opening, trail, user};
use crate::{AuditLog, Durability, Opening, Record, Sink, find_request};
use keystead_types::RequestId;

fn id(number: u8) -> RequestId {
    // Far from the event ids that the trail counts.
    RequestId::from_random([0x40 + number; 16])
}

/// The record of a request whose parameters speak of another request.
fn record(number: u8, name: &'static str) -> Record {
    let (trail, log) = trail("eu-west-1");
    let mut entry = trail.begin(Opening {
        request_id: id(number),
        event_name: name,
        user_agent: format!("\"requestID\":\"{}\"", id(number + 1)),
        ..opening(user())
    });
    let parameters = format!(r#"{{"requestID":"{}"}}"#, id(number + 1));
    entry.request_parameters(parameters.into_bytes());
    drop(runtime().block_on(entry.settle(Ok(())).publish()));
    let mut record = log.records().remove(0);
    // The log wants each event once.
    let event_id = super::fixture::id(u64::from(number) * 2 + u64::from(name == "Again"));
    let json = String::from_utf8(record.json).unwrap();
    record.json = json
        .replace(record.event_id.as_str(), event_id.as_str())
        .into_bytes();
    record.event_id = event_id;
    record
}

#[test]
fn a_request_is_found_wherever_its_record_stands() {
    let (_outer, dir) = place();
    let log = AuditLog::open_with(&dir, Durability::Write, 4096).unwrap();
    let records: Vec<Record> = (1..=20).map(|number| record(number, "First")).collect();
    for record in &records {
        runtime().block_on(log.append(record.clone())).unwrap();
    }
    assert!(files(&dir).len() > 3);
    for (number, record) in (1..=20).zip(&records) {
        let found = find_request(&dir, &id(number)).unwrap();
        assert_eq!(found.as_ref(), Some(&record.json), "{number}");
    }
    // The last record speaks of it, but is not of it.
    assert_eq!(find_request(&dir, &id(21)).unwrap(), None);
    // A later record of the same request, in a newer segment.
    let again = record(3, "Again");
    runtime().block_on(log.append(again.clone())).unwrap();
    assert_eq!(find_request(&dir, &id(3)).unwrap(), Some(again.json));
}

#[test]
fn damage_and_a_missing_directory() {
    let (_outer, dir) = place();
    assert!(find_request(&dir, &id(1)).is_err());
    let log = AuditLog::open(&dir, Durability::Write).unwrap();
    runtime().block_on(log.append(record(1, "First"))).unwrap();
    drop(log);
    let file = files(&dir)
        .into_iter()
        .find(|file| file.extension().is_some_and(|end| end == "log"))
        .unwrap();
    let whole = std::fs::read(&file).unwrap();
    let wanted = format!("\"requestID\":\"{}\"\n", id(9));
    std::fs::write(&file, [&whole[..], wanted.as_bytes()].concat()).unwrap();
    assert_eq!(find_request(&dir, &id(9)).unwrap(), None);
    assert!(find_request(&dir, &id(1)).unwrap().is_some());
}
