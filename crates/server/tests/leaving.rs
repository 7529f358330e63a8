//! Clients that go away, or close their sending side, at every point of a request.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests say what is wrong by panicking"
)]

mod rig;

use std::io::Write;
use std::net::Shutdown;
use std::time::{Duration, Instant};

use rig::{Running, Wire, plain, random};

/// Sockets of the server's side that are not closed yet, seen from the kernel (proc(5),
/// `/proc/net/tcp`; states as in `include/net/tcp_states.h`).
fn connections(running: &Running) -> usize {
    const TIME_WAIT: &str = "06";
    const LISTEN: &str = "0A";
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let port = format!(":{:04X}", running.address.port());
    let open = |line: &&str| {
        let fields: Vec<_> = line.split_whitespace().collect();
        fields[1].ends_with(&port) && ![TIME_WAIT, LISTEN].contains(&fields[3])
    };
    table.lines().skip(1).filter(open).count()
}

fn await_connections(running: &Running, wanted: usize) -> Duration {
    let began = Instant::now();
    while connections(running) != wanted {
        assert!(began.elapsed() < Duration::from_secs(10), "not {wanted}");
        std::thread::sleep(Duration::from_millis(10));
    }
    began.elapsed()
}

#[test]
fn a_client_that_closes_its_sending_side_gets_its_answers() {
    let running = plain();
    let mut wire = Wire::to(&running);
    wire.send(&(random(rig::SLOW_BYTES) + &random(1)));
    wire.0.shutdown(Shutdown::Write).unwrap();
    for _ in 0..2 {
        assert_eq!(wire.answer().unwrap().status, 200);
    }
    assert!(wire.is_closed());
    await_connections(&running, 0);
}

#[test]
fn a_connection_ends_when_its_client_has_gone() {
    let running = plain();
    let whole = random(1);
    let (head, _) = whole.split_once("\r\n\r\n").unwrap();
    let inside_the_body = whole.len() - 2;
    for sent in [0, 3, head.len(), inside_the_body] {
        let mut wire = Wire::to(&running);
        wire.0.write_all(&whole.as_bytes()[..sent]).unwrap();
        await_connections(&running, 1);
        drop(wire);
        await_connections(&running, 0);
    }
    let mut idle = Wire::to(&running);
    assert_eq!(idle.ask(&whole).status, 200);
    drop(idle);
    await_connections(&running, 0);
}

#[test]
fn a_connection_outlives_its_client_by_the_running_request_only() {
    let running = plain();
    let began = Instant::now();
    let mut wires: Vec<_> = (0..20).map(|_| Wire::to(&running)).collect();
    for wire in &mut wires {
        // The second request of each is never begun: the first one's answer has nowhere to go.
        wire.send(&(random(rig::SLOW_BYTES) + &random(rig::SLOW_BYTES)));
    }
    std::thread::sleep(rig::SLOW / 4);
    drop(wires);
    await_connections(&running, 0);
    let most = rig::SLOW * 3;
    assert!(began.elapsed() < most, "{:?}", began.elapsed());
    let records = running.log.records().len();
    assert!((20..=40).contains(&records), "{records}");
    assert_eq!(Wire::to(&running).ask(&random(1)).status, 200);
}
