//! Hostile bytes on the wire, row by row of the list of HTTP framing attacks.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests say what is wrong by panicking"
)]

mod rig;

use std::time::{Duration, Instant};

use keystead_server::Deadlines;
use rig::{Running, Wire, plain, random, start};

/// The server answers with a status and closes.
#[track_caller]
fn dropped(running: &Running, text: &str, status: u16) {
    let mut wire = Wire::to(running);
    let shown = text.get(..text.len().min(120)).unwrap_or_default();
    let answer = wire.send(text).answer();
    assert_eq!(
        answer.map(|answer| answer.status),
        Some(status),
        "{shown:?}"
    );
    assert!(wire.is_closed(), "{shown:?}");
}

fn post(headers: &str, body: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{headers}\r\n{body}")
}

#[test]
fn framing_that_two_readers_read_differently_ends_the_connection() {
    let running = plain();
    let chunked = "Transfer-Encoding: chunked\r\n";
    let extension = format!("2;{}\r\n{{}}\r\n0\r\n\r\n", "x".repeat(65_536));
    for text in [
        // A1
        post(
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "0\r\n\r\n",
        ),
        post(
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            "0\r\n\r\n",
        ),
        // A2
        post("Content-Length: 2\r\nContent-Length: 2\r\n", "{}"),
        post("Content-Length: 2\r\nContent-Length: 3\r\n", "{}"),
        post("Content-Length: 18446744073709551616\r\n", ""),
        // A3
        post("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"),
        post("Transfer-Encoding: identity, chunked\r\n", "0\r\n\r\n"),
        post("Transfer-Encoding: \x0bchunked\r\n", "0\r\n\r\n"),
        post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"),
        // A4
        post(chunked, "0x10\r\n"),
        post(chunked, "-1\r\n"),
        post(chunked, "00000000000000010\r\n"),
        post(chunked, &extension),
        // A5
        "POST / HTTP/1.1\nHost: a\n\n".to_owned(),
        post("X: a\nY: b\r\n", ""),
        post("X: a\rb\r\n", ""),
        post("X: a\0b\r\n", ""),
        // A6
        post("X : a\r\n", ""),
        post("X: a\r\n b\r\n", ""),
        post("Content-Length : 2\r\n", "{}"),
    ] {
        dropped(&running, &text, 400);
    }
    assert_eq!(Wire::to(&running).ask(&random(1)).status, 200);
}

#[test]
fn heads_are_bounded() {
    let running = plain();
    // A7; 99 and Host are the most.
    let headers = |count: usize| -> String { (0..count).map(|n| format!("x{n}: y\r\n")).collect() };
    let answer = Wire::to(&running).ask(&post(&headers(99), ""));
    assert_eq!(answer.code(), "MissingAuthenticationTokenException");
    for text in [
        post(&headers(100), ""),
        post(&format!("x: {}\r\n", "y".repeat(65_536)), ""),
        post(&format!("x: {}\r\n", "y".repeat(1024 * 1024)), ""),
    ] {
        let mut wire = Wire::to(&running);
        let answer = wire.send(&text).answer();
        // A server that closes on unread bytes resets the connection, which may eat the answer.
        assert!(answer.is_none_or(|answer| answer.status == 431));
    }
    dropped(&running, &post(&headers(100), ""), 431);
}

#[test]
fn bodies_are_bounded() {
    let running = plain();
    // A9: nothing is sent, nothing is waited for.
    for length in ["1048577", "4294967296", "9223372036854775807"] {
        let mut wire = Wire::to(&running);
        let answer = wire.ask(&post(&format!("Content-Length: {length}\r\n"), ""));
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (413, "RequestEntityTooLarge")
        );
        answer.id();
        assert!(wire.is_closed());
    }
    // A client that sends it all the same gets the answer, not a reset.
    let body = "x".repeat(3 * 1024 * 1024);
    let mut wire = Wire::to(&running);
    let answer = wire.ask(&post(&format!("Content-Length: {}\r\n", body.len()), &body));
    assert_eq!(answer.status, 413);
    assert!(wire.is_closed());
    // Without an announcement, at the byte that is too much.
    let mut wire = Wire::to(&running);
    wire.send(&post("Transfer-Encoding: chunked\r\n", ""));
    let chunk = format!("40000\r\n{}\r\n", "x".repeat(0x40000));
    wire.send(&chunk).send(&chunk).send(&chunk).send(&chunk);
    let answer = wire.ask("1\r\nx\r\n");
    assert_eq!(answer.status, 413);
    // The largest that is allowed reaches the signature check.
    let body = "x".repeat(1024 * 1024);
    let answer = Wire::to(&running).ask(&post("Content-Length: 1048576\r\n", &body));
    assert_eq!(answer.code(), "MissingAuthenticationTokenException");
}

#[test]
fn slow_clients_are_cut_and_others_are_not() {
    let deadlines = Deadlines {
        head: Duration::from_millis(600),
        body: Duration::from_millis(600),
        idle: Duration::from_millis(1800),
        tick: Duration::from_millis(50),
        ..Deadlines::default()
    };
    let running = start(None, deadlines);
    let began = Instant::now();
    let mut silent = Wire::to(&running);
    let mut head = Wire::to(&running);
    head.send("POST / HTTP/1.1\r\nHo");
    let mut second = Wire::to(&running);
    assert_eq!(second.ask(&random(1)).status, 200);
    second.send("P");
    let mut body = Wire::to(&running);
    body.send(&post("Content-Length: 10\r\n", "abc"));
    let mut idle = Wire::to(&running);
    assert_eq!(idle.ask(&random(1)).status, 200);
    // A8: a byte now and then does not help.
    for _ in 0..4 {
        std::thread::sleep(Duration::from_millis(100));
        head.send("x");
        body.send("x");
    }
    assert!(silent.is_closed() && head.is_closed() && second.is_closed());
    let answer = body.answer().unwrap();
    assert_eq!(answer.status, 408);
    answer.id();
    assert!(body.is_closed());
    assert!(
        began.elapsed() < Duration::from_millis(1500),
        "{:?}",
        began.elapsed()
    );
    // Between requests there is more time, but not for ever.
    assert_eq!(idle.ask(&random(1)).status, 200);
    let rest = Instant::now();
    assert!(idle.is_closed());
    assert!(
        rest.elapsed() > Duration::from_millis(1500),
        "{:?}",
        rest.elapsed()
    );
}

#[test]
fn content_encodings_are_refused() {
    let running = plain();
    // A10
    let answer = Wire::to(&running).ask(&post(
        "Content-Encoding: gzip\r\nContent-Length: 4\r\n",
        "\x1f\x02ab",
    ));
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (400, "SerializationException")
    );
    answer.id();
}

#[test]
fn a_client_is_asked_to_continue_only_with_a_good_head() {
    let running = plain();
    // A11
    let expect = "Expect: 100-continue\r\n";
    let mut wire = Wire::to(&running);
    let answer = wire.ask(&post(&format!("{expect}Content-Length: 2\r\n"), ""));
    assert_eq!(answer.status, 100);
    assert_eq!(wire.ask("{}").code(), "MissingAuthenticationTokenException");
    let answer = Wire::to(&running).ask(&post(&format!("{expect}Content-Length: 9999999\r\n"), ""));
    assert_eq!(answer.status, 413);
    let text = post(
        &format!("{expect}Content-Encoding: br\r\nContent-Length: 2\r\n"),
        "",
    );
    assert_eq!(Wire::to(&running).ask(&text).status, 400);
}

#[test]
fn only_known_methods_and_paths_are_routed() {
    let running = plain();
    // A12
    for (line, status) in [
        ("GET /", 405),
        ("PUT /", 405),
        ("OPTIONS /", 405),
        ("TRACE /", 405),
        ("POST /healthz", 405),
        ("OPTIONS *", 404),
        ("POST /x", 404),
        ("POST //", 404),
        ("POST /..;/", 404),
        ("POST /%2e%2e", 404),
        ("POST /./", 404),
    ] {
        let mut wire = Wire::to(&running);
        let answer = wire.ask(&format!("{line} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (status, "UnknownOperationException")
        );
        assert_eq!(answer.header("allow").is_some(), status == 405);
        answer.id();
    }
    let answer = Wire::to(&running).ask("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n");
    assert!([404, 405].contains(&answer.status), "{answer:?}");
}

#[test]
fn hosts_must_agree() {
    let running = plain();
    // A13
    dropped_with_id(&running, "POST http://other/ HTTP/1.1\r\nHost: a\r\n\r\n");
    dropped_with_id(&running, "POST / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n");
    dropped_with_id(&running, "POST / HTTP/1.1\r\n\r\n");
    let answer = Wire::to(&running).ask("POST http://a/ HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(answer.code(), "MissingAuthenticationTokenException");
}

#[track_caller]
fn dropped_with_id(running: &Running, text: &str) {
    let mut wire = Wire::to(running);
    let answer = wire.ask(text);
    assert_eq!(answer.status, 400);
    answer.id();
    assert!(wire.is_closed());
}

#[test]
fn a_smuggled_request_is_a_body() {
    let running = plain();
    // A16
    let inner = random(1);
    let mut wire = Wire::to(&running);
    let text = post(&format!("Content-Length: {}\r\n", inner.len()), &inner);
    let answer = wire.ask(&text);
    assert_eq!(answer.code(), "MissingAuthenticationTokenException");
    assert_eq!(
        wire.ask("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").body,
        "ok\n"
    );
    assert!(running.log.records().is_empty());
}

#[test]
fn garbage_is_not_served() {
    let running = plain();
    for text in [
        "\x16\x03\x01\x02\0\x01\0\x01\r\n\r\n",
        "\0\0\0\0\r\n\r\n",
        "PRI * HTTP/1.1\r\n\r\n",
        "A\r\n\r\n",
    ] {
        let mut wire = Wire::to(&running);
        let answer = wire.send(text).answer();
        assert!(answer.is_none_or(|answer| answer.status == 400), "{text:?}");
        assert!(wire.is_closed());
    }
    // The preface of HTTP/2 and then nothing, or half of it: closed, sooner or later; others live.
    let mut half = Wire::to(&running);
    half.send("PRI * HTTP/2.0\r\n");
    let mut whole = Wire::to(&running);
    whole
        .send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .send(&"\0".repeat(100));
    assert_eq!(Wire::to(&running).ask(&random(1)).status, 200);
}
