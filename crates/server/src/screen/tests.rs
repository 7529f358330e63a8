//! What the screen lets through and what it stops, in one piece and byte by byte.

use proptest::prelude::*;

use super::*;

/// Looks at the bytes in pieces of a size; `Some(place)` of the refusal.
fn refused(bytes: &[u8], piece: usize) -> Option<usize> {
    let mut screen = Screen::new();
    for (number, part) in bytes.chunks(piece).enumerate() {
        if let Seen::RefusedAt(at) = screen.look(part) {
            return Some(number * piece + at);
        }
    }
    None
}

fn is_refused(text: &str) -> bool {
    let found: Vec<_> = [1, 2, 3, 7, 64, 100_000]
        .iter()
        .map(|piece| refused(text.as_bytes(), *piece).is_some())
        .collect();
    assert!(
        found.iter().all(|one| *one == found[0]),
        "depends on the pieces: {found:?} {text:?}"
    );
    found[0]
}

fn post(headers: &str, body: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{headers}\r\n{body}")
}

#[test]
fn ordinary_requests_pass() {
    let long = "x".repeat(5000);
    for text in [
        post("Content-Length: 2\r\n", "{}"),
        post("content-length:2 \r\nX-A: b\r\n", "{}") + "GET /healthz HTTP/1.1\r\n\r\n",
        post("Transfer-Encoding: chunked\r\n", "2\r\n{}\r\n0\r\n\r\n") + &post("", ""),
        post("TRANSFER-ENCODING:\tChunked\r\n", "0\r\n\r\n"),
        post(&format!("X-Long: {long}\r\nContent-Length: 0\r\n"), "") + &post("", ""),
        format!("POST /{long} HTTP/1.1\r\nHost: a\r\n\r\n"),
        "\r\n\r\n".to_owned() + &post("", ""),
        post("Content-Length: 5\r\n", "a\nb\rc"),
        post("Cookie: content-length: 5\r\nTeam: x\r\n", ""),
    ] {
        assert!(!is_refused(&text), "{text:?}");
    }
}

#[test]
fn a_body_that_looks_like_a_request_is_a_body() {
    let inner = post("Content-Length: 1\r\nContent-Length: 1\r\n", "");
    let outer = post(&format!("Content-Length: {}\r\n", inner.len()), &inner);
    let mut screen = Screen::new();
    assert_eq!(screen.look(outer.as_bytes()), Seen::Fine);
    assert_eq!((screen.heads(), screen.phase()), (1, Phase::Idle));
}

#[test]
fn ambiguous_framing_is_refused() {
    for headers in [
        "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n",
        "Content-Length: 2\r\nContent-Length: 2\r\n",
        "Content-Length: 2\r\nX: y\r\ncontent-length: 3\r\n",
        "Content-Length: 2, 2\r\n",
        "Content-Length: +2\r\n",
        "Content-Length: 0x2\r\n",
        "Content-Length:\r\n",
        "Content-Length: 18446744073709551616\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: \x0bchunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding:\r\n",
    ] {
        assert!(is_refused(&post(headers, "")), "{headers:?}");
    }
    let padded = format!("Content-Length: {}2\r\n", " ".repeat(200));
    // In one piece it has no other meaning than 2; in pieces it is too long to be kept.
    assert!(refused(post(&padded, "").as_bytes(), 10).is_some());
}

#[test]
fn bare_line_feeds_are_refused() {
    for text in [
        "POST / HTTP/1.1\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\n\n",
        "\nPOST / HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.1\r\nX: a\nContent-Length: 5\r\n\r\n",
    ] {
        assert!(is_refused(text), "{text:?}");
    }
}

#[test]
fn chunks_are_plain_or_refused() {
    for body in [
        "0x2\r\n{}\r\n0\r\n\r\n",
        "-1\r\n",
        "+2\r\n",
        "2;a=b\r\n{}\r\n",
        "2 \r\n{}\r\n",
        "\r\n",
        "00000000000000002\r\n",
        "2\n{}\r\n",
        "2\r\n{}x\r\n",
        "2\r\n{}\n",
        "0\r\nTrailer: x\r\n\r\n",
    ] {
        let text = post("Transfer-Encoding: chunked\r\n", body);
        assert!(is_refused(&text), "{body:?}");
    }
    let endless = "1".repeat(1000);
    let text = post("Transfer-Encoding: chunked\r\n", &endless);
    assert!(refused(text.as_bytes(), 50).is_some());
}

#[test]
fn the_phase_follows_the_bytes() {
    let mut screen = Screen::new();
    assert_eq!(screen.phase(), Phase::Head);
    let mut look = |text: &str| {
        assert_eq!(screen.look(text.as_bytes()), Seen::Fine);
        screen.phase()
    };
    assert_eq!(look("POST / HT"), Phase::Head);
    assert_eq!(look("TP/1.1\r\nContent-Length: 3\r\n"), Phase::Head);
    assert_eq!(look("\r\nab"), Phase::Body);
    assert_eq!(look("c"), Phase::Idle);
    assert_eq!(look("P"), Phase::Head);
}

proptest! {
    #[test]
    fn any_bytes_in_any_pieces_give_one_verdict(
        parts in proptest::collection::vec(
            prop_oneof![
                Just("POST / HTTP/1.1\r\n".to_owned()), Just("\r\n".to_owned()),
                Just("Content-Length: 3\r\n".to_owned()), Just("a: b\r\n".to_owned()),
                Just("Transfer-Encoding: chunked\r\n".to_owned()), Just("3\r\nabc\r\n".to_owned()),
                Just("0\r\n".to_owned()), Just("\n".to_owned()), "[ -~\r\n]{0,6}",
            ], 0..12),
        piece in 1usize..40,
    ) {
        let text = parts.concat();
        prop_assert_eq!(
            refused(text.as_bytes(), piece).is_some(),
            refused(text.as_bytes(), 100_000).is_some(),
        );
    }
}
