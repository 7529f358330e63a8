//! A disk that refuses a write: nothing is answered any more, and a restart finds all that had
//! been answered.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test reports by panicking"
)]

mod support;

use std::io::Read;

use keystead_store::{Backend, StoreError};
use keystead_store_sqlite::{OpenError, SqliteBackend};
use support::{batch, check_whole, child, directory};

/// True for the answer of a backend that has failed.
fn is_failed<T>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Failed(_)))
}

/// Commits until a write fails because its files may not grow any more.
#[tokio::test]
#[ignore = "a child of the test below"]
async fn commit_until_the_disk_refuses() {
    let backend = SqliteBackend::open(directory()).unwrap();
    let mut answered = 0;
    let failed = loop {
        let answer = backend.commit(batch(answered + 1)).await;
        match answer {
            Ok(revision) => {
                answered += 1;
                assert_eq!(revision.0, answered);
            }
            Err(error) => break error,
        }
        assert!(answered < 100_000, "the limit was never reached");
    };
    let text = failed.to_string();
    assert!(is_failed::<()>(&Err(failed)));
    // It stays failed for writes, reads and scans, small as they may be.
    assert!(is_failed(&backend.commit(Default::default()).await));
    assert!(is_failed(&backend.get(vec![]).await));
    let range = keystead_store::Range {
        start: vec![],
        end: vec![255],
    };
    assert!(is_failed(&backend.scan(range, 1, true).await));
    drop(backend);
    println!("answered {answered} then {text}");
}

fn run_limited(directory: &std::path::Path, blocks: u32) -> (u64, String) {
    // With the signal ignored, writing beyond the limit is an I/O error (EFBIG).
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    let wrapper = ["sh", "-c", &script];
    let mut child = child(&wrapper, "commit_until_the_disk_refuses", directory);
    let mut output = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut output)
        .unwrap();
    assert!(child.wait().unwrap().success(), "{output}");
    let line = output.lines().find_map(|line| line.split_once("answered "));
    let (answered, why) = line.expect(&output).1.split_once(" then ").unwrap();
    (answered.parse().unwrap(), why.to_owned())
}

#[tokio::test]
async fn a_refused_write_stops_everything_until_a_restart() {
    // Blocks of 512 bytes: 150 KiB stops the log itself; 5 MiB lets it be moved into the
    // database file first; odd sizes end in the middle of a page.
    for blocks in [300, 333, 1001, 10_240] {
        let directory = tempfile::tempdir().unwrap();
        let (answered, why) = run_limited(directory.path(), blocks);
        assert!(answered > 0, "{why}");
        assert!(why.contains("until the server is restarted"), "{why}");
        let backend = SqliteBackend::open(directory.path()).unwrap();
        let stored = check_whole(&backend).await;
        assert!(stored >= answered, "{stored} stored, {answered} answered");
        assert!(
            stored <= answered + 1,
            "{stored} stored, {answered} answered"
        );
        backend.commit(batch(stored + 1)).await.unwrap();
    }
}

#[tokio::test]
async fn a_disk_that_is_full_from_the_start_is_an_open_error() {
    let directory = tempfile::tempdir().unwrap();
    let script = "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\"";
    let mut child = child(&["sh", "-c", script], "open_reports_io", directory.path());
    assert!(child.wait().unwrap().success());
}

#[test]
#[ignore = "a child of the test above"]
fn open_reports_io() {
    let error = SqliteBackend::open(directory()).unwrap_err();
    assert!(matches!(error, OpenError::Io { .. }), "{error:?}");
    assert!(error.to_string().contains("free space"));
}
