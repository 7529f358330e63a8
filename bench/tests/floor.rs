//! The floor as its own process: it is healthy, answers what it was told to, and uses every worker.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

struct Floor(Child);

impl Drop for Floor {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

fn ask(address: &str, request: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

#[test]
fn answers_the_fixed_reply_on_every_worker() {
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_keystead-bench"));
    command.args(["floor", "--listen", &address, "--workers", "2"]);
    command.args([
        "--header",
        "content-type: application/x-amz-json-1.1",
        "--body",
        r#"{"a":1}"#,
    ]);
    let _floor = Floor(command.spawn().unwrap());
    let begin = Instant::now();
    let request = "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
    while ask(&address, request).is_none() {
        assert!(
            begin.elapsed() < Duration::from_secs(20),
            "the floor did not start"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    // Connections are dealt in turn, so a worker that did not serve would fail one of these.
    for _ in 0..4 {
        let answer = ask(&address, request).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(
            answer.contains("content-type: application/x-amz-json-1.1\r\n"),
            "{answer}"
        );
        assert!(answer.contains("content-length: 7\r\n"), "{answer}");
        assert!(answer.ends_with(r#"{"a":1}"#), "{answer}");
    }
}
