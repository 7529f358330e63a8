use keystead_types::FaultKind;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use super::*;
use crate::fixture::{RECEIPT, account, opening, trail, user};
use crate::{OutboxError, Record};

fn runtime() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

fn event(record: &Record) -> Value {
    serde_json::from_slice(&record.json).unwrap()
}

#[test]
fn an_answer_comes_after_its_record() {
    let (trail, log) = trail("eu-west-1");
    let mut entry = trail.begin(opening(user()));
    let event_id = entry.event_id();
    entry.receipt(RECEIPT);
    let answer = runtime().block_on(entry.settle(Ok(7)).publish());
    let request_id = RequestId::from_random([0xee; 16]);
    assert_eq!(answer.request_id(), Some(request_id));
    assert_eq!(answer.into_outcome().unwrap(), 7);
    let records = log.records();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].event_id, event_id);
    assert_eq!(records[0].receipts, [RECEIPT]);
    assert_eq!(event(&records[0])["eventID"], event_id.as_str());
}

/// Hostile input I8.
#[test]
fn without_a_record_no_answer_leaves() {
    let (trail, log) = trail("eu-west-1");
    log.set_failing(true);
    let settled = trail.begin(opening(user())).settle(Ok("plaintext"));
    let fault = runtime()
        .block_on(settled.publish())
        .into_outcome()
        .unwrap_err();
    assert_eq!(fault.kind(), FaultKind::KMSInternal);
    assert!(
        !fault.to_string().contains("audit"),
        "the caller must not learn why"
    );
    let settled = trail
        .begin(opening(user()))
        .settle(Err::<(), _>(Fault::bare(FaultKind::Disabled)));
    let fault = runtime()
        .block_on(settled.publish())
        .into_outcome()
        .unwrap_err();
    assert_eq!(fault.kind(), FaultKind::KMSInternal);
}

#[test]
fn a_lost_entry_is_abandoned_and_keeps_what_it_knew() {
    let (trail, log) = trail("eu-west-1");
    let mut entry = trail.begin(opening(user()));
    entry.request_parameters(br#"{"keyId":"k"}"#.to_vec());
    entry.receipt(RECEIPT);
    drop(entry);
    let records = log.records();
    assert_eq!(records.len(), 1);
    assert_eq!(event(&records[0])["errorCode"], "ABANDONED");
    assert_eq!(event(&records[0])["requestParameters"]["keyId"], "k");
    assert_eq!(records[0].receipts, [RECEIPT]);
}

#[test]
fn a_panic_leaves_a_record() {
    let (trail, log) = trail("eu-west-1");
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _entry = trail.begin(opening(user()));
        panic!("a bug in an operation");
    }));
    assert!(outcome.is_err());
    assert_eq!(event(&log.records()[0])["errorCode"], "ABANDONED");
}

#[test]
fn a_lost_settled_entry_does_not_claim_its_success() {
    let (trail, log) = trail("eu-west-1");
    let entry = trail.begin(opening(user()));
    let event_id = entry.event_id();
    drop(entry.settle(Ok(())));
    let records = log.records();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].event_id, event_id);
    assert_eq!(event(&records[0])["errorCode"], "ABANDONED");
}

#[test]
fn a_lost_entry_with_an_outbox_leaves_the_outbox_its_id() {
    let (trail, log) = trail("eu-west-1");
    let settled = trail.begin(opening(user())).settle(Ok(()));
    let (event_id, bytes) = settled.outbox().unwrap();
    let stored = bytes.to_vec();
    drop(settled);
    assert_ne!(log.records()[0].event_id, event_id);
    let replayed = Record::from_outbox(&stored).unwrap();
    assert_eq!(replayed.event_id, event_id);
    assert_eq!(event(&replayed).get("errorCode"), None);
}

#[test]
fn a_publish_that_nobody_awaits_is_still_written() {
    let (trail, log) = trail("eu-west-1");
    drop(trail.begin(opening(user())).settle(Ok(())).publish());
    let records = log.records();
    assert_eq!(records.len(), 1);
    assert_eq!(event(&records[0]).get("errorCode"), None);
}

#[test]
fn a_commit_that_failed_is_recorded_as_it_was() {
    let (trail, log) = trail("eu-west-1");
    let mut entry = trail.begin(opening(user()));
    entry.response_elements(br#"{"keyId":"k"}"#.to_vec());
    let settled = entry.settle(Ok(()));
    let settled = settled.revise(Fault::bare(FaultKind::Conflict));
    assert!(settled.outbox().is_none());
    let answer = runtime().block_on(settled.publish());
    assert_eq!(
        answer.into_outcome().unwrap_err().kind(),
        FaultKind::Conflict
    );
    let records = log.records();
    assert_eq!(records.len(), 1, "revising is not abandoning");
    assert_eq!(event(&records[0])["errorCode"], "ConflictException");
    assert_eq!(event(&records[0])["responseElements"], Value::Null);
}

#[test]
fn the_outbox_gives_back_the_record_that_is_published() {
    let (trail, log) = trail("eu-west-1");
    let mut entry = trail.service_event("DeleteKey", account(), None);
    entry.receipt(RECEIPT);
    entry.receipt(crate::ReceiptNote {
        counter: 42,
        ..RECEIPT
    });
    let settled = entry.settle(Ok(()));
    let stored = settled.outbox().unwrap().1.to_vec();
    let answer = runtime().block_on(settled.publish());
    assert_eq!(answer.request_id(), None);
    assert_eq!(Record::from_outbox(&stored), Ok(log.records()[0].clone()));
}

#[test]
fn the_outbox_form_of_version_1_stays_readable() {
    let mut golden = vec![1];
    golden.extend_from_slice(b"01010101-0101-4101-8101-010101010101");
    golden.push(1);
    golden.extend_from_slice(&[0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10, 0, 3]);
    golden.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 41]);
    golden.extend_from_slice(&[0xd1; 16]);
    golden.extend_from_slice(b"{\"a\":1}");
    let record = Record::from_outbox(&golden).unwrap();
    assert_eq!(record.event_id, RequestId::from_random([1; 16]));
    assert_eq!(record.receipts, [RECEIPT]);
    assert_eq!(record.json, b"{\"a\":1}");
    assert_eq!(
        outbox::encode(record.event_id, &record.json, &record.receipts),
        golden
    );
    for end in 0..golden.len() - 7 {
        assert!(Record::from_outbox(&golden[..end]).is_err(), "{end}");
    }
    golden[0] = 2;
    assert_eq!(Record::from_outbox(&golden), Err(OutboxError::Version(2)));
}

#[test]
fn a_reopened_entry_takes_a_new_id_and_leaves_one_record() {
    let (trail, log) = trail("eu-west-1");
    let mut entry = trail.begin(opening(user()));
    entry.receipt(RECEIPT);
    let settled = entry.settle(Ok(1));
    let first = settled.outbox().unwrap().0;
    let entry = settled.reopen();
    assert_ne!(entry.event_id(), first);
    let second = entry.settle(Ok(2));
    let (event_id, stored) = second.outbox().unwrap();
    let stored = Record::from_outbox(stored).unwrap();
    assert_eq!(
        (stored.event_id, &stored.receipts[..]),
        (event_id, &[RECEIPT][..])
    );
    let answer = runtime().block_on(second.publish());
    assert_eq!(answer.into_outcome().unwrap(), 2);
    assert_eq!(log.records(), [stored]);
}

#[test]
fn only_a_service_event_that_used_no_key_can_be_withdrawn() {
    let (trail, log) = trail("eu-west-1");
    let event = || trail.service_event("RotateKey", account(), None);
    event().settle(Ok(())).withdraw();
    assert_eq!(log.records(), []);
    let mut used = event();
    used.receipt(RECEIPT);
    used.settle(Ok(())).withdraw();
    trail.begin(opening(user())).settle(Ok(())).withdraw();
    let records = log.records();
    assert_eq!(records.len(), 2);
    assert!(records.iter().all(|each| event_code(each) == "ABANDONED"));
}

fn event_code(record: &Record) -> String {
    event(record)["errorCode"].as_str().unwrap().to_owned()
}
