//! A server that is killed at any moment, or whose log is torn, keeps every batch that it had
//! answered and half of none.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::panic,
    reason = "a test reports by panicking"
)]

mod support;

use std::io::{BufRead, BufReader};
use std::sync::Arc;
use std::time::Duration;

use keystead_store::Backend;
use keystead_store_sqlite::{OpenError, SqliteBackend};
use support::{batch, check_whole, child, directory};

/// Times that a server is killed.
const KILLS: u64 = 24;

/// Commits until it is killed, several batches at a time; prints each revision when it has been
/// answered.
#[tokio::test]
#[ignore = "a child of the test below"]
async fn commit_until_killed() {
    let backend = Arc::new(SqliteBackend::open(directory()).unwrap());
    let (revision, _) = backend.get(vec![]).await.unwrap();
    println!("opened {}", revision.0);
    let mut next = revision.0 + 1;
    loop {
        let group: Vec<_> = (next..next + 4)
            .map(|n| {
                let backend = Arc::clone(&backend);
                // Spawned in order on one thread, so they are queued and numbered in order.
                tokio::spawn(async move { backend.commit(batch(n)).await.unwrap() })
            })
            .collect();
        for task in group {
            let revision = task.await.unwrap();
            assert_eq!(revision.0, next);
            println!("committed {next}");
            next += 1;
        }
    }
}

#[tokio::test]
async fn every_answered_batch_survives_sigkill_and_none_is_half_applied() {
    let directory = tempfile::tempdir().unwrap();
    let mut answered = 0;
    for round in 0..KILLS {
        let mut child = child(&[], "commit_until_killed", directory.path());
        let lines = BufReader::new(child.stdout.take().unwrap());
        let reader = std::thread::spawn(move || {
            let mut last = None;
            for line in lines.lines().map_while(Result::ok) {
                let number = line.split_once(' ').and_then(|(what, number)| {
                    matches!(what, "opened" | "committed").then(|| number.parse::<u64>())
                });
                last = number.and_then(Result::ok).or(last);
            }
            last
        });
        // From before it has opened to well after; odd steps, so that the moments differ.
        tokio::time::sleep(Duration::from_millis(10 + round * 17 % 230)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        answered = answered.max(reader.join().unwrap().unwrap_or(0));
        let backend = SqliteBackend::open(directory.path()).unwrap();
        let stored = check_whole(&backend).await;
        assert!(stored >= answered, "{stored} stored, {answered} answered");
    }
    assert!(answered > 0, "no child lived long enough to commit");
}

/// The log of a running server, cut or overwritten anywhere, as after a power cut: the store
/// opens with the batches before the damage, each whole.
#[tokio::test]
async fn a_torn_log_loses_only_whole_batches_at_its_end() {
    let live = tempfile::tempdir().unwrap();
    let backend = SqliteBackend::open(live.path()).unwrap();
    let mut lengths = Vec::new();
    let log = live.path().join("keystead.db-wal");
    for n in 1..=40 {
        backend.commit(batch(n)).await.unwrap();
        lengths.push(log.metadata().unwrap().len());
    }
    let database = std::fs::read(live.path().join("keystead.db")).unwrap();
    let log = std::fs::read(log).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for step in 0..60 {
        let at = log.len() * step / 60 + step * 7 % 4096;
        let mut torn = log.clone();
        if step % 2 == 0 {
            torn.truncate(at);
        } else {
            torn[at..]
                .iter_mut()
                .take(100)
                .for_each(|byte| *byte ^= 0x55);
        }
        let copy = tempfile::tempdir().unwrap();
        private(&copy.path().join("keystead.db"), &database);
        private(&copy.path().join("keystead.db-wal"), &torn);
        let stored = match SqliteBackend::open(copy.path()) {
            Ok(backend) => check_whole(&backend).await,
            Err(error) => panic!("cut at {at}: {error}"),
        };
        let whole = lengths.iter().filter(|len| **len <= at as u64).count();
        assert_eq!(stored, whole as u64, "log damaged at {at}");
        seen.insert(stored);
    }
    assert!(
        seen.len() > 20,
        "the cuts hit few different places: {seen:?}"
    );
}

fn private(path: &std::path::Path, bytes: &[u8]) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, bytes).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// A killed server's lock is gone with it, and a living one's holds against other processes.
#[tokio::test]
async fn the_lock_holds_between_processes_and_ends_with_its_owner() {
    let directory = tempfile::tempdir().unwrap();
    let mut child = child(&[], "commit_until_killed", directory.path());
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let opened = lines.find(|line| line.as_ref().unwrap().contains("opened"));
    assert!(opened.is_some());
    let error = SqliteBackend::open(directory.path()).unwrap_err();
    let owner = child.id();
    assert!(
        matches!(&error, OpenError::Locked { owner: Some(id), .. } if *id == owner),
        "{error:?}"
    );
    assert!(error.to_string().contains(&format!("(process {owner})")));
    child.kill().unwrap();
    child.wait().unwrap();
    SqliteBackend::open(directory.path()).unwrap();
}
