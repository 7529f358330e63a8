use std::collections::HashSet;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use super::fixture::{append, files, open, place, record, runtime};
use crate::limits::WORKER_BUFFER_RECORDS;
use crate::{AuditLog, Durability, Sink, SinkError, verify};

/// A current-thread runtime that flushes as the server's workers do.
fn worker(log: &Arc<AuditLog>) -> Runtime {
    log.register_worker();
    let log = Arc::clone(log);
    Builder::new_current_thread()
        .on_thread_park(move || log.flush())
        .build()
        .unwrap()
}

fn shared(durability: Durability) -> (tempfile::TempDir, std::path::PathBuf, Arc<AuditLog>) {
    let (outer, dir) = place();
    let log = Arc::new(AuditLog::open(&dir, durability).unwrap());
    (outer, dir, log)
}

/// Runs on a thread of its own, because registering lasts as long as the thread.
fn on_thread<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(work).join().unwrap())
}

#[test]
fn all_records_of_eight_threads_stand_once_in_one_chain() {
    for (durability, per_thread) in [(Durability::Write, 1000), (Durability::Strict, 200)] {
        let (_outer, dir, log) = shared(durability);
        std::thread::scope(|scope| {
            for thread in 0..8_u64 {
                let log = Arc::clone(&log);
                scope.spawn(move || {
                    let mine = (0..per_thread).map(|n| thread * 10_000 + n);
                    // Half are workers, half write directly.
                    let runtime = if thread % 2 == 0 {
                        worker(&log)
                    } else {
                        runtime()
                    };
                    runtime.block_on(async {
                        let mut tasks = tokio::task::JoinSet::new();
                        for number in mine {
                            tasks.spawn(log.append(record(number)));
                        }
                        while let Some(done) = tasks.join_next().await {
                            assert_eq!(done.unwrap(), Ok(()));
                        }
                    });
                });
            }
        });
        let report = verify(&dir).unwrap();
        assert_eq!((report.broken, report.records), (None, 8 * per_thread));
        let text = std::fs::read_to_string(&files(&dir)[0]).unwrap();
        let numbers: HashSet<_> = text
            .lines()
            .filter_map(|line| line.split("\"n\":").nth(1)?.split(',').next())
            .collect();
        assert_eq!(numbers.len() as u64, 8 * per_thread);
        assert_eq!(log.counts().lost, 0);
    }
}

#[test]
fn a_flush_is_one_write() {
    on_thread(|| {
        let (_outer, dir, log) = shared(Durability::Write);
        let runtime = worker(&log);
        runtime.block_on(async {
            let mut tasks = tokio::task::JoinSet::new();
            for number in 0..10 {
                tasks.spawn(log.append(record(number)));
            }
            while let Some(done) = tasks.join_next().await {
                assert_eq!(done.unwrap(), Ok(()));
            }
        });
        let counts = log.counts();
        assert_eq!((counts.records, counts.writes), (10, 1));
        assert_eq!(verify(&dir).unwrap().records, 10);
    });
}

#[test]
fn a_full_buffer_is_written_without_a_park() {
    on_thread(|| {
        let (_outer, _dir, log) = shared(Durability::Write);
        log.register_worker();
        let count = WORKER_BUFFER_RECORDS as u64;
        let mut last = None;
        for number in 0..count {
            last = Some(log.append(record(number)));
        }
        assert_eq!((log.counts().records, log.counts().writes), (count, 1));
        let mut last = pin!(last.unwrap());
        let polled = last.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!(polled, Poll::Ready(Ok(())));
    });
}

struct Count(AtomicU32);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_waiter_is_woken_once_by_its_newest_waker() {
    on_thread(|| {
        let (_outer, _dir, log) = shared(Durability::Write);
        log.register_worker();
        let mut future = log.append(record(1));
        let (old, new) = (
            Arc::new(Count(AtomicU32::new(0))),
            Arc::new(Count(AtomicU32::new(0))),
        );
        for count in [&old, &new] {
            let waker = Waker::from(Arc::clone(count));
            let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
            assert_eq!(polled, Poll::Pending);
        }
        log.flush();
        log.flush();
        assert_eq!(old.0.load(Ordering::SeqCst), 0);
        assert_eq!(new.0.load(Ordering::SeqCst), 1);
        assert_eq!(runtime().block_on(future), Ok(()));
    });
}

#[test]
fn a_worker_that_never_parks_is_flushed_by_the_syncer() {
    on_thread(|| {
        for durability in [Durability::Write, Durability::Strict] {
            let (_outer, dir, log) = shared(durability);
            log.register_worker();
            let future = log.append(record(1));
            let waited = runtime_with_time()
                .block_on(async { tokio::time::timeout(Duration::from_secs(20), future).await });
            assert_eq!(waited.unwrap(), Ok(()));
            assert_eq!(verify(&dir).unwrap().records, 1);
        }
    });
}

fn runtime_with_time() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

#[test]
fn a_worker_that_ends_leaves_nothing_behind() {
    let (_outer, dir, log) = shared(Durability::Write);
    on_thread(|| {
        log.register_worker();
        log.enqueue(record(1));
        drop(log.append(record(2)));
    });
    assert_eq!(verify(&dir).unwrap().records, 2);
}

#[test]
fn closing_writes_what_is_buffered() {
    on_thread(|| {
        let (_outer, dir) = place();
        let log = open(&dir);
        log.register_worker();
        log.enqueue(record(1));
        drop(log);
        assert_eq!(verify(&dir).unwrap().records, 1);
        // The thread's old membership does not disturb the next log.
        let log = open(&dir);
        append(&log, 2).unwrap();
        assert_eq!(verify(&dir).unwrap().records, 2);
    });
}

#[test]
fn everyone_in_a_buffer_learns_that_the_log_failed() {
    on_thread(|| {
        let (_outer, _dir, log) = shared(Durability::Strict);
        let runtime = worker(&log);
        let full = std::fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        log.shared.replace_file(full);
        let results = runtime.block_on(async {
            let mut tasks = tokio::task::JoinSet::new();
            for number in 0..5 {
                tasks.spawn(log.append(record(number)));
            }
            tasks.join_all().await
        });
        assert_eq!(results, [Err(SinkError::Poisoned); 5]);
        assert_eq!(log.counts().lost, 5);
    });
}

/// How long a record takes from `append` to the disk's cache, in flushes of 32:
/// `cargo test -- --ignored --nocapture log_speed`.
#[test]
#[ignore = "a measurement"]
fn log_speed() {
    on_thread(|| {
        let (_outer, _dir, log) = shared(Durability::Write);
        log.register_worker();
        let mut long = record(1);
        long.json.pop();
        let filler = "x".repeat(900);
        long.json
            .extend(format!(",\"filler\":\"{filler}\"}}").into_bytes());
        let rounds = 3000_u32;
        let start = std::time::Instant::now();
        for _ in 0..rounds {
            for _ in 0..32 {
                drop(log.append(long.clone()));
            }
            log.flush();
        }
        println!("{:?} a record", start.elapsed() / (rounds * 32));
        assert_eq!(log.counts().lost, 0);
    });
}
