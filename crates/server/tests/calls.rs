//! Signed calls, refused calls and health checks over plain HTTP/1.1.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests say what is wrong by panicking"
)]

mod rig;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rig::{Running, Wire, call, plain, random, request, signed_for, signed_headers};

fn audit(running: &Running) -> Vec<serde_json::Value> {
    let records = running.log.records();
    let parse = |record: &keystead_audit::Record| serde_json::from_slice(&record.json).unwrap();
    records.iter().map(parse).collect()
}

#[test]
fn a_signed_call_is_answered_and_audited() {
    let running = plain();
    let mut wire = Wire::to(&running);
    let mut text = random(16);
    text = text.replacen("\r\n", "\r\nUser-Agent: rig/1.0\r\n", 1);
    let answer = wire.ask(&text);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(
        answer.body.starts_with("{\"Plaintext\":\""),
        "{}",
        answer.body
    );
    assert_eq!(
        answer.header("content-type"),
        Some("application/x-amz-json-1.1")
    );
    let cache = answer.header("cache-control");
    assert_eq!(cache, Some("no-cache, no-store, must-revalidate, private"));
    assert!(answer.header("date").is_some());
    assert_eq!(answer.header("x-amzn-errortype"), None);
    let records = audit(&running);
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["requestID"], answer.id());
    assert_eq!(records[0]["eventName"], "GenerateRandom");
    assert_eq!(records[0]["userAgent"], "rig/1.0");
    assert_eq!(records[0]["sourceIPAddress"], "127.0.0.1");
    let again = wire.ask(&random(16));
    assert_eq!(again.status, 200);
    assert_ne!(again.id(), answer.id());
}

#[test]
fn a_key_is_made_and_used() {
    let running = plain();
    let mut wire = Wire::to(&running);
    let made = wire.ask(&call("CreateKey", "{}"));
    assert_eq!(made.status, 200, "{made:?}");
    let made: serde_json::Value = serde_json::from_str(&made.body).unwrap();
    let key = made["KeyMetadata"]["KeyId"].as_str().unwrap();
    let body = format!("{{\"KeyId\":\"{key}\",\"Plaintext\":\"aGVsbG8=\"}}");
    let sealed = wire.ask(&call("Encrypt", &body));
    assert_eq!(sealed.status, 200, "{sealed:?}");
    let sealed: serde_json::Value = serde_json::from_str(&sealed.body).unwrap();
    let body = format!("{{\"CiphertextBlob\":{}}}", sealed["CiphertextBlob"]);
    let opened = wire.ask(&call("Decrypt", &body));
    assert!(
        opened.body.contains("\"Plaintext\":\"aGVsbG8=\""),
        "{opened:?}"
    );
}

#[test]
fn faults_name_their_code_twice_and_keep_the_connection() {
    let running = plain();
    let mut wire = Wire::to(&running);
    let body = "{\"KeyId\":\"1234abcd-12ab-34cd-56ef-1234567890ab\"}";
    let answer = wire.ask(&call("DescribeKey", body));
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (400, "NotFoundException")
    );
    assert_eq!(answer.header("x-amzn-errortype"), Some("NotFoundException"));
    assert_eq!(answer.header("connection"), None);
    answer.id();
    assert_eq!(wire.ask(&random(1)).status, 200);
}

#[test]
fn refusals_before_the_operation() {
    let running = plain();
    let mut wire = Wire::to(&running);
    let unsigned = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}";
    let other_target = |target: &str, content_type: &str| {
        let headers = signed_for(rig::REGION, "kms", "a", content_type, target, "{}");
        request(&headers, "{}")
    };
    let mut bad = call("ListKeys", "{}");
    bad = bad.replace("\r\n\r\n{}", "\r\n\r\n[]");
    let far = signed_for(
        "ap-south-1",
        "kms",
        "a",
        rig::JSON,
        "TrentService.ListKeys",
        "{}",
    );
    let near = signed_for(
        "us-east-1",
        "kms",
        "a",
        rig::JSON,
        "TrentService.ListKeys",
        "{}",
    );
    let unknown = "UnknownOperationException";
    for (text, status, code) in [
        (
            unsigned.to_owned(),
            400,
            "MissingAuthenticationTokenException",
        ),
        (bad, 400, "InvalidSignatureException"),
        (
            other_target("TrentService.encrypt", rig::JSON),
            400,
            unknown,
        ),
        (other_target("TrentService.", rig::JSON), 400, unknown),
        (other_target("X.Encrypt", rig::JSON), 400, unknown),
        (
            other_target("TrentService.ListKeys", "application/x-amz-json-1.0"),
            400,
            unknown,
        ),
        (
            other_target("TrentService.ListKeys", "text/plain"),
            400,
            unknown,
        ),
        (request(&far, "{}"), 503, "ServiceUnavailableException"),
    ] {
        let answer = wire.ask(&text);
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (status, code),
            "{text}"
        );
        answer.id();
        if code == unknown {
            assert_eq!(answer.body, "{\"__type\":\"UnknownOperationException\"}");
        }
        assert!(!answer.body.contains("why"));
    }
    assert!(audit(&running).is_empty());
    assert_eq!(wire.ask(&request(&near, "{}")).status, 200);
}

#[test]
fn an_operation_that_is_not_built_says_so_and_is_audited() {
    let running = plain();
    let answer = Wire::to(&running).ask(&call("ConnectCustomKeyStore", "{}"));
    assert_eq!(answer.code(), "UnsupportedOperationException");
    assert_eq!(
        audit(&running)[0]["errorCode"],
        "UnsupportedOperationException"
    );
}

#[test]
fn health_is_told() {
    let running = plain();
    let mut wire = Wire::to(&running);
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    for path in ["/healthz", "/readyz"] {
        let answer = wire.ask(&get(path));
        assert_eq!((answer.status, answer.body.as_str()), (200, "ok\n"));
        answer.id();
    }
    *running.mood.0.lock().unwrap() = Some("the HSM process is sealed".to_owned());
    let answer = wire.ask(&get("/readyz"));
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (503, "the HSM process is sealed\n")
    );
    assert_eq!(wire.ask(&get("/healthz")).status, 200);
    let answer = wire.ask("GET /healthz HTTP/1.0\r\n\r\n");
    assert_eq!(answer.status, 200);
    assert!(wire.is_closed());
}

#[test]
fn a_panic_is_one_answer() {
    let running = plain();
    let (mut first, mut second) = (Wire::to(&running), Wire::to(&running));
    assert_eq!(second.ask(&random(1)).status, 200);
    let answer = first.ask(&random(rig::PANIC_BYTES));
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (500, "InternalFailure")
    );
    answer.id();
    assert!(!answer.body.contains("a test panics"));
    assert_eq!(first.ask(&random(1)).status, 200);
    assert_eq!(second.ask(&random(1)).status, 200);
    let codes: Vec<_> = audit(&running)
        .iter()
        .filter(|record| record["requestID"] == answer.id())
        .map(|record| record["errorCode"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(codes, ["ABANDONED"]);
}

#[test]
fn work_survives_a_client_that_hangs_up() {
    let running = plain();
    let mut wire = Wire::to(&running);
    wire.send(&random(rig::SLOW_BYTES));
    std::thread::sleep(rig::SLOW / 4);
    drop(wire);
    let start = Instant::now();
    while running.log.records().is_empty() {
        assert!(start.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(20));
    }
    let records = audit(&running);
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].get("errorCode"), None, "{records:?}");
}

#[test]
fn running_requests_are_finished_before_the_end() {
    let mut running = plain();
    let (mut slow, mut idle) = (Wire::to(&running), Wire::to(&running));
    assert_eq!(idle.ask(&random(1)).status, 200);
    slow.send(&random(rig::SLOW_BYTES));
    std::thread::sleep(rig::SLOW / 4);
    running.ask_to_stop();
    assert!(idle.is_closed());
    let answer = slow.answer().unwrap();
    assert_eq!(
        (answer.status, answer.header("connection")),
        (200, Some("close"))
    );
    assert!(slow.is_closed());
    let began = Instant::now();
    running.wait().unwrap();
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    assert!(std::net::TcpStream::connect(running.address).is_err());
}

#[test]
fn the_end_waits_for_work_whose_client_hung_up() {
    let mut running = plain();
    let mut wire = Wire::to(&running);
    wire.send(&random(rig::SLOW_BYTES));
    std::thread::sleep(rig::SLOW / 4);
    drop(wire);
    std::thread::sleep(rig::SLOW / 4);
    running.ask_to_stop();
    running.wait().unwrap();
    let records = audit(&running);
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].get("errorCode"), None, "{records:?}");
}

#[test]
fn workers_call_their_hooks_and_share_connections() {
    let running = plain();
    for _ in 0..4 {
        assert_eq!(Wire::to(&running).ask(&random(1)).status, 200);
    }
    let mut started = running.started.lock().unwrap().clone();
    started.sort_unstable();
    assert_eq!(started, [0, 1]);
    assert!(running.parked.load(Ordering::Relaxed) > 0);
}

#[test]
fn requests_may_follow_each_other_at_once() {
    let running = plain();
    let mut wire = Wire::to(&running);
    wire.send(&(random(1) + &random(2) + &call("ListKeys", "{}")));
    let ids: Vec<_> = (0..3)
        .map(|_| {
            let answer = wire.answer().unwrap();
            assert_eq!(answer.status, 200);
            answer.id().to_owned()
        })
        .collect();
    assert!(ids[0] != ids[1] && ids[1] != ids[2]);
}

#[test]
fn a_header_in_two_lines_is_verified_in_order() {
    let running = plain();
    let mut wire = Wire::to(&running);
    let headers = signed_headers("a", "TrentService.ListKeys", "{}");
    let twice = request(&headers, "{}").replace(
        "x-amz-target: TrentService.ListKeys\r\n",
        "x-amz-target: TrentService.ListKeys\r\nx-amz-target: TrentService.Decrypt\r\n",
    );
    assert_eq!(wire.ask(&twice).code(), "IncompleteSignatureException");
}
