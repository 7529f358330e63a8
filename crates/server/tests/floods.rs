//! Floods of HTTP/2 frames, written by hand: row A14 of the list of hostile inputs. What counts is
//! how many frames were worked on before the connection ended, what memory they cost, and that
//! others are served.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests say what is wrong by panicking"
)]

mod rig;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use keystead_server::limits::{H2_CANCELLED_MAX, H2_OTHER_FRAMES_MAX};
use rig::{Running, Wire, plain, random, signed_headers};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ENHANCE_YOUR_CALM: u32 = 11;
/// Far more than any limit.
const MANY: usize = 10_000;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A string of HPACK, not Huffman-coded. Source: RFC 7541, 5.1 and 5.2.
fn text(out: &mut Vec<u8>, text: &str) {
    let Some(mut rest) = text.len().checked_sub(127) else {
        out.push(u8::try_from(text.len()).unwrap());
        return out.extend(text.as_bytes());
    };
    out.push(127);
    while rest >= 128 {
        out.push(u8::try_from(rest % 128 + 128).unwrap());
        rest /= 128;
    }
    out.push(u8::try_from(rest).unwrap());
    out.extend(text.as_bytes());
}

/// Header lines in HPACK: literals that nobody remembers. Source: RFC 7541, 6.2.2.
fn packed(lines: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in lines {
        out.push(0);
        text(&mut out, name);
        text(&mut out, value);
    }
    out
}

/// The user agent of the calls that are written here.
const FLOOD: &str = "flooding-client";
const BODY: &str = r#"{"NumberOfBytes":1}"#;

/// The header block of a signed GenerateRandom with `BODY`.
fn call() -> Vec<u8> {
    let own = signed_headers("kms.local", "TrentService.GenerateRandom", BODY);
    let pseudo = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/"),
        (":authority", "kms.local"),
    ];
    let rest = own
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let agent = [("user-agent", FLOOD)];
    let lines: Vec<_> = pseudo
        .into_iter()
        .chain(rest.skip(1))
        .chain(agent)
        .collect();
    packed(&lines)
}

/// A client that speaks frames.
struct Raw(TcpStream);

/// What a connection said before its end.
#[derive(Debug, Default)]
struct Said {
    settings_acks: usize,
    pongs: usize,
    answers: usize,
    goaway: Option<u32>,
}

impl Raw {
    /// Begins a connection.
    fn to(running: &Running) -> Self {
        let stream = TcpStream::connect(running.address).unwrap();
        stream.set_nodelay(true).unwrap();
        let patience = Some(Duration::from_secs(20));
        stream.set_read_timeout(patience).unwrap();
        stream.set_write_timeout(patience).unwrap();
        let mut raw = Self(stream);
        assert!(raw.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
        assert!(raw.send(&frame(SETTINGS, 0, 0, &[])));
        raw
    }

    /// False when the server has closed.
    fn send(&mut self, bytes: &[u8]) -> bool {
        match self.0.write_all(bytes) {
            Ok(()) => true,
            Err(error) => {
                assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "it blocks");
                false
            }
        }
    }

    /// Sends rounds of frames until the server closes, and reads beside it all that it says. Panics
    /// if the server takes everything and stays.
    fn flood(mut self, rounds: impl Iterator<Item = Vec<u8>> + Send) -> Said {
        let reader = self.0.try_clone().unwrap();
        std::thread::scope(|scope| {
            let read = scope.spawn(|| read_all(reader));
            for round in rounds {
                if !self.send(&round) {
                    break;
                }
            }
            let said = read.join().unwrap();
            let _gone = self.0.shutdown(Shutdown::Both);
            said
        })
    }
}

/// Reads to the end of the connection.
fn read_all(mut stream: TcpStream) -> Said {
    let mut said = Said::default();
    let mut bytes = Vec::new();
    let mut buffer = [0; 16_384];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return said,
            Ok(read) => bytes.extend_from_slice(&buffer[..read]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                panic!("the connection stays open: {said:?}")
            }
            Err(_) => return said,
        }
        while let Some(head) = bytes.first_chunk::<9>().copied() {
            let length =
                usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
            let Some(payload) = bytes.get(9..9 + length) else {
                break;
            };
            match (head[3], head[4] & ACK) {
                (SETTINGS, ACK) => said.settings_acks += 1,
                (PING, ACK) => said.pongs += 1,
                (HEADERS, _) => said.answers += 1,
                (GOAWAY, _) => {
                    let code = payload[4..8].try_into().unwrap();
                    said.goaway = Some(u32::from_be_bytes(code));
                }
                _ => {}
            }
            bytes.drain(..9 + length);
        }
    }
}

/// Resident memory of this process, bytes.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

/// Runs floods on several connections at once, while others ask on both workers: all of these are
/// answered. Returns what the flooded connections said.
fn under(running: &Running, flood: impl Fn(Raw) -> Said + Sync) -> Vec<Said> {
    // Connections are dealt to the two workers in turn.
    let mut others = [Wire::to(running), Wire::to(running)];
    for other in &mut others {
        assert_eq!(other.ask(&random(1)).status, 200);
    }
    let before = resident();
    let (over, served) = (AtomicBool::new(false), AtomicUsize::new(0));
    let said = std::thread::scope(|scope| {
        for other in &mut others {
            let (over, served) = (&over, &served);
            scope.spawn(move || {
                let mut last_round = false;
                while !last_round {
                    last_round = over.load(Ordering::SeqCst);
                    assert_eq!(other.ask(&random(1)).status, 200);
                    served.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        let floods: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| flood(Raw::to(running))))
            .collect();
        let ended: Vec<_> = floods.into_iter().map(|each| each.join()).collect();
        // Also when a flood failed: else the others would go on for ever.
        over.store(true, Ordering::SeqCst);
        ended.into_iter().map(Result::unwrap).collect()
    });
    assert!(served.into_inner() >= 2);
    let grown = resident().saturating_sub(before);
    assert!(grown < 32 << 20, "{grown} bytes");
    said
}

fn many(round: Vec<u8>) -> impl Iterator<Item = Vec<u8>> + Send {
    std::iter::repeat_n(round, MANY)
}

/// An open stream whose body does not end.
fn opened(raw: &mut Raw) {
    assert!(raw.send(&frame(HEADERS, END_HEADERS, 1, &call())));
}

#[test]
fn an_ordinary_call_by_hand_is_answered() {
    let running = plain();
    let mut raw = Raw::to(&running);
    opened(&mut raw);
    assert!(raw.send(&frame(DATA, END_STREAM, 1, BODY.as_bytes())));
    // A GOAWAY of ours lets the server finish and close.
    assert!(raw.send(&frame(GOAWAY, 0, 0, &[0; 8])));
    let said = read_all(raw.0);
    assert_eq!((said.answers, running.log.records().len()), (1, 1));
}

#[test]
fn pings_and_settings_are_answered_a_thousand_times_and_no_more() {
    let running = plain();
    let most = usize::try_from(H2_OTHER_FRAMES_MAX).unwrap();
    for said in under(&running, |raw| raw.flood(many(frame(PING, 0, 0, &[7; 8])))) {
        assert!(said.pongs <= most, "{said:?}");
    }
    for said in under(&running, |raw| raw.flood(many(frame(SETTINGS, 0, 0, &[])))) {
        assert!(said.settings_acks <= most, "{said:?}");
    }
    // One setting, again and again.
    let window = frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 255, 255]);
    for said in under(&running, |raw| raw.flood(many(window.clone()))) {
        assert!(said.settings_acks <= most, "{said:?}");
    }
}

/// One after the other, so that nothing is lost in the sockets and the number is exact.
#[test]
fn the_number_of_pings_is_exact() {
    let running = plain();
    let mut raw = Raw::to(&running);
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    let ping = frame(PING, 0, 0, &[7; 8]);
    let pong = frame(PING, ACK, 0, &[7; 8]);
    let mut answered = 0;
    let mut closed = |raw: &mut Raw| loop {
        if let Some(at) = bytes.windows(pong.len()).position(|part| part == pong) {
            bytes.drain(..at + pong.len());
            return false;
        }
        match raw.0.read(&mut buffer) {
            Ok(0) => return true,
            Ok(read) => bytes.extend_from_slice(&buffer[..read]),
            Err(error) => {
                assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "no pong");
                return true;
            }
        }
    };
    while raw.send(&ping) && !closed(&mut raw) {
        answered += 1;
        assert!(answered <= H2_OTHER_FRAMES_MAX);
    }
    // The client's first SETTINGS was one of them.
    assert_eq!(answered, H2_OTHER_FRAMES_MAX - 1);
}

#[test]
fn frames_that_nobody_answers_end_the_connection_too() {
    let running = plain();
    for round in [
        frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 16]),
        frame(0x77, 0, 0, b"unknown"),
        frame(PING, ACK, 0, &[7; 8]),
    ] {
        under(&running, |raw| raw.flood(many(round.clone())));
    }
    let update = frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]);
    under(&running, |mut raw| {
        opened(&mut raw);
        raw.flood(many(update.clone()))
    });
}

#[test]
fn empty_data_ends_the_connection() {
    let running = plain();
    let empty = frame(DATA, 0, 1, &[]);
    for said in under(&running, |mut raw| {
        opened(&mut raw);
        raw.flood(many(empty.clone()))
    }) {
        assert_eq!(said.answers, 0, "{said:?}");
    }
    // Padding only, and single bytes: the library's budget, or the end of the body's limit.
    let padded = frame(DATA, 8, 1, &[1, 0]);
    let single = frame(DATA, 0, 1, b" ");
    for round in [padded, single] {
        let rounds = || std::iter::repeat_n(round.clone(), 200 * MANY);
        for said in under(&running, |mut raw| {
            opened(&mut raw);
            raw.flood(rounds())
        }) {
            assert!(said.answers <= 1, "{said:?}");
        }
    }
}

#[test]
fn a_chain_of_continuations_ends_the_connection() {
    let running = plain();
    let line = packed(&[("x-filler", &"v".repeat(16_000))]);
    for piece in [&line[..], b"", b"\0"] {
        for said in under(&running, |mut raw| {
            assert!(raw.send(&frame(HEADERS, 0, 1, &call())));
            // At most 1 MiB where they are long.
            raw.flood(std::iter::repeat_n(frame(CONTINUATION, 0, 1, piece), 65))
        }) {
            assert_eq!(said.answers, 0, "{said:?}");
            if let Some(code) = said.goaway {
                assert!([1, ENHANCE_YOUR_CALM].contains(&code), "{said:?}");
            }
        }
    }
}

/// A request, cancelled: with its body, so that it would run.
fn cancelled(stream: u32, block: &[u8]) -> Vec<u8> {
    let parts = [
        frame(HEADERS, END_HEADERS, stream, block),
        frame(DATA, END_STREAM, stream, BODY.as_bytes()),
        frame(RST_STREAM, 0, stream, &8u32.to_be_bytes()),
    ];
    parts.concat()
}

fn streams() -> impl Iterator<Item = u32> + Send {
    (0..MANY).map(|n| u32::try_from(2 * n + 1).unwrap())
}

#[test]
fn rapid_resets_end_the_connection() {
    let running = plain();
    let block = call();
    // On each of the connections of `under`.
    let most = 4 * usize::try_from(2 * H2_CANCELLED_MAX).unwrap();
    let user_agents = || {
        let records = running.log.records();
        let of_floods = |record: &&keystead_audit::Record| {
            let bytes = &record.json;
            bytes
                .windows(FLOOD.len())
                .any(|part| part == FLOOD.as_bytes())
        };
        records.iter().filter(of_floods).count()
    };
    // As fast as they go: the library sees streams that are gone before it takes them.
    for said in under(&running, |raw| {
        let rounds = streams().map(|stream| cancelled(stream, &block));
        raw.flood(rounds)
    }) {
        assert!(said.goaway.is_none_or(|code| code == ENHANCE_YOUR_CALM));
    }
    let at_once = user_agents();
    assert!(at_once <= most, "{at_once}");
    // One after the other, so that each begins to run.
    let rounds = AtomicUsize::new(0);
    under(&running, |raw| {
        let paced = streams().map(|stream| {
            std::thread::sleep(Duration::from_millis(1));
            rounds.fetch_add(1, Ordering::SeqCst);
            cancelled(stream, &block)
        });
        raw.flood(paced)
    });
    let rounds = rounds.into_inner();
    assert!(rounds <= most + 4 * 50, "{rounds}");
    let paced = user_agents() - at_once;
    assert!((1..=most).contains(&paced), "{paced}");
}

#[test]
fn resets_of_streams_that_are_done_end_the_connection() {
    let running = plain();
    let reset = frame(RST_STREAM, 0, 1, &8u32.to_be_bytes());
    under(&running, |mut raw| {
        opened(&mut raw);
        raw.flood(many(reset.clone()))
    });
}
