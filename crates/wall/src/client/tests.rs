use std::io::{Read, Write};
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use keystead_types::{AccountId, Hex32, KeyId, KeySpec, KeyUsage, Origin, Plaintext, Region};
use tokio::task::JoinSet;

use super::*;
use crate::codec::{
    CommandBuf, FrameBuffer, check_hello, decode_command, encode_hello, encode_outcome,
};
use crate::limits::HUNG_AFTER_TIMEOUTS;
use crate::{KeyBinding, LaneEnd, Outcome, Receipt, Refusal, Reply, Supply, serve_lane};

const RECEIPT: Receipt = Receipt {
    epoch: 1,
    lane: 0,
    counter: 1,
    digest: [0; 16],
};

fn outcome(result: Result<Reply, Refusal>) -> Outcome {
    Outcome {
        result,
        receipt: RECEIPT,
    }
}

/// The answer of every fake here: as many bytes as were asked for.
fn random_of(length: u16) -> Outcome {
    outcome(Ok(Reply::Plaintext(Plaintext::new(vec![
        7;
        usize::from(
            length
        )
    ]))))
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the handler of serve_lane takes it so"
)]
fn fake(command: Command<'_>) -> Outcome {
    match command {
        Command::GenerateRandom { length, .. } => random_of(length),
        Command::OpenDomain { .. } => outcome(Ok(Reply::Done)),
        _ => outcome(Err(Refusal::InvalidArgument)),
    }
}

/// The far ends of new lanes of that port: fast, slow, making.
fn connect_all(reconnector: &Reconnector) -> [LaneEnd; 3] {
    let (fast, far_fast) = LaneEnd::pair().unwrap();
    let (slow, far_slow) = LaneEnd::pair().unwrap();
    let (making, far_making) = LaneEnd::pair().unwrap();
    reconnector.connect(LaneSockets { fast, slow, making });
    [far_fast, far_slow, far_making]
}

/// The far ends of the fast and the slow lane; the making lane is closed.
fn connect(reconnector: &Reconnector) -> (LaneEnd, LaneEnd) {
    let [fast, slow, _making] = connect_all(reconnector);
    (fast, slow)
}

fn serve(end: LaneEnd) -> std::thread::JoinHandle<io::Result<()>> {
    std::thread::spawn(move || serve_lane(end, fake))
}

/// An HSM process that does only what a test tells it, one lane.
struct Puppet {
    end: LaneEnd,
    input: FrameBuffer,
    greeted: bool,
}

impl Puppet {
    fn new(end: LaneEnd) -> Self {
        end.commands
            .set_read_timeout(Some(Duration::from_millis(300)))
            .unwrap();
        let mut hello = Vec::new();
        encode_hello(&mut hello).unwrap();
        (&end.answers).write_all(&hello).unwrap();
        Self {
            end,
            input: FrameBuffer::new(),
            greeted: false,
        }
    }

    /// Commands that arrive until there are `count`, or none for a while.
    fn take(&mut self, count: usize) -> Vec<(FrameId, u16)> {
        let mut taken = Vec::new();
        loop {
            while let Some(frame) = self.input.next_frame().unwrap() {
                if !self.greeted {
                    check_hello(frame).unwrap();
                    self.greeted = true;
                } else if let (id, CommandBuf::GenerateRandom { length, .. }) =
                    decode_command(frame).unwrap()
                {
                    taken.push((id, length));
                }
            }
            if taken.len() >= count {
                return taken;
            }
            match self.end.commands.read(self.input.space()) {
                Ok(read) if read > 0 => self.input.filled(read),
                _ => return taken,
            }
        }
    }

    fn answer(&mut self, (id, length): (FrameId, u16)) {
        let mut out = Vec::new();
        encode_outcome(&random_of(length), id, &mut out).unwrap();
        self.end.answers.write_all(&out).unwrap();
    }
}

/// Runs blocking work beside the worker.
async fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = worker_runtime().unwrap();
    let whole = async { tokio::time::timeout(Duration::from_secs(20), test).await };
    runtime.block_on(whole).unwrap()
}

fn random(length: u16) -> Pin<Box<dyn Future<Output = Answer> + Send>> {
    WallClient.call(Command::GenerateRandom {
        length,
        recipient: None,
    })
}

/// Length of the plaintext, or the error.
fn length_of(answer: Answer) -> Result<usize, WallError> {
    match answer?.result {
        Ok(Reply::Plaintext(plaintext)) => Ok(plaintext.len()),
        other => panic!("{other:?}"),
    }
}

fn settings(outstanding: usize, waiting: usize, deadline: Duration) -> WorkerSettings {
    let mut settings = WorkerSettings::default();
    settings.fast.outstanding = outstanding;
    settings.fast.waiting = waiting;
    settings.fast.deadline = deadline;
    settings
}

const LONG: Duration = Duration::from_secs(10);

#[test]
fn many_callers_get_their_own_answers_in_few_writes() {
    let (reconnector, port) = port();
    let (fast, slow) = connect(&reconnector);
    let servers = [serve(fast), serve(slow)];
    run(async {
        let worker = Worker::enter(port).unwrap();
        let mut callers = JoinSet::new();
        for caller in 0..64_u16 {
            callers.spawn(async move {
                for turn in 0..50 {
                    let length = caller * 16 + turn % 16 + 1;
                    let got = length_of(random(length).await);
                    assert_eq!(got, Ok(usize::from(length)));
                }
            });
        }
        while let Some(done) = callers.join_next().await {
            done.unwrap();
        }
        let stats = worker.stats();
        assert_eq!((stats.frames, stats.answers), (3200, 3200));
        assert!(stats.writes <= stats.frames / 4, "{stats:?}");

        let region = Region::parse("eu-west-1").unwrap();
        let done = WallClient.call(Command::OpenDomain {
            region: &region,
            sealed: &[1],
        });
        assert!(matches!(done.await.unwrap().result, Ok(Reply::Done)));
        let refused = WallClient.call(Command::CreateDomain { region: &region });
        let refused = refused.await.unwrap();
        assert_eq!(refused.result.unwrap_err(), Refusal::InvalidArgument);
        assert_eq!(refused.receipt, RECEIPT);
    });
    for server in servers {
        server.join().unwrap().unwrap();
    }
}

#[test]
fn a_busy_worker_writes_without_parking() {
    let (reconnector, port) = port();
    let (fast, _slow) = connect(&reconnector);
    serve(fast);
    run(async {
        let mut settings = settings(256, 10, LONG);
        settings.flush_after = LONG;
        let worker = Worker::enter_with(port, settings).unwrap();
        random(1).await.unwrap();
        let before = worker.stats().writes;
        let calls: Vec<_> = (0..31).map(random).collect();
        assert_eq!(worker.stats().writes, before);
        let last = random(9);
        assert_eq!(worker.stats().writes, before + 1);
        for call in calls {
            call.await.unwrap();
        }
        last.await.unwrap();
    });
}

#[test]
fn old_frames_are_written_at_the_next_call() {
    let (reconnector, port) = port();
    let (fast, _slow) = connect(&reconnector);
    serve(fast);
    run(async {
        let mut settings = settings(256, 10, LONG);
        settings.flush_after = Duration::from_millis(20);
        let worker = Worker::enter_with(port, settings).unwrap();
        random(1).await.unwrap();
        let before = worker.stats().writes;
        let first = random(1);
        assert_eq!(worker.stats().writes, before);
        std::thread::sleep(Duration::from_millis(30));
        let second = random(2);
        assert_eq!(worker.stats().writes, before + 1);
        first.await.unwrap();
        second.await.unwrap();
    });
}

#[test]
fn the_end_of_the_process_fails_what_is_outstanding_and_new_sockets_mend_it() {
    let (reconnector, port) = port();
    let (fast, _slow) = connect(&reconnector);
    run(async {
        let _worker = Worker::enter(port).unwrap();
        let calls: Vec<_> = (1..4).map(random).collect();
        let ended = tokio::task::spawn_blocking(move || {
            let mut puppet = Puppet::new(fast);
            let taken = puppet.take(3);
            puppet.answer(taken[0]);
            taken.len()
        });
        let mut results = Vec::new();
        for call in calls {
            results.push(length_of(call.await));
        }
        assert_eq!(ended.await.unwrap(), 3);
        assert_eq!(results, [Ok(1), Err(WallError::Down), Err(WallError::Down)]);
        assert_eq!(length_of(random(4).await), Err(WallError::Down));

        let (fast, _slow) = connect(&reconnector);
        serve(fast);
        while length_of(random(5).await) == Err(WallError::Down) {
            tokio::task::yield_now().await;
        }
        assert_eq!(length_of(random(6).await), Ok(6));
    });
}

#[test]
fn new_sockets_replace_a_process_that_is_silent() {
    let (reconnector, port) = port();
    let _silent = connect(&reconnector);
    run(async {
        let _worker = Worker::enter(port).unwrap();
        let lost = random(1);
        tokio::task::yield_now().await;
        let (fast, _slow) = connect(&reconnector);
        serve(fast);
        assert_eq!(length_of(lost.await), Err(WallError::Down));
        assert_eq!(length_of(random(2).await), Ok(2));
    });
}

#[test]
fn a_late_answer_reaches_nobody() {
    let (reconnector, port) = port();
    let (fast, _slow) = connect(&reconnector);
    run(async {
        let _worker = Worker::enter_with(port, settings(8, 8, LONG)).unwrap();
        // A client that hangs up: its future is dropped.
        let dropped = random(100);
        let mut puppet = Puppet::new(fast);
        let (mut puppet, first) = beside(move || {
            let first = puppet.take(1);
            (puppet, first[0])
        })
        .await;
        drop(dropped);
        let next = random(3);
        let served = tokio::task::spawn_blocking(move || {
            let second = puppet.take(1)[0];
            assert_eq!(first.0.0 & 0xffff_ffff, second.0.0 & 0xffff_ffff);
            assert_ne!(first.0, second.0);
            puppet.answer(first);
            std::thread::sleep(Duration::from_millis(20));
            puppet.answer(second);
            puppet
        });
        assert_eq!(length_of(next.await), Ok(3));
        served.await.unwrap();
    });
}

#[test]
fn a_silent_process_times_calls_out_and_counts_as_hung() {
    let (reconnector, port) = port();
    let (fast, _slow) = connect(&reconnector);
    run(async {
        let deadline = Duration::from_millis(60);
        let _worker = Worker::enter_with(port, settings(2, 8, deadline)).unwrap();
        let calls: Vec<_> = (1..=3).map(random).collect();
        let mut puppet = Puppet::new(fast);
        let begun = std::time::Instant::now();
        for call in calls {
            assert_eq!(length_of(call.await), Err(WallError::TimedOut));
        }
        assert!(begun.elapsed() >= deadline && begun.elapsed() < LONG / 2);
        assert!(reconnector.is_hung());
        // It wakes up: the late answers go nowhere, and the lane works again.
        let serving = tokio::task::spawn_blocking(move || {
            for late in puppet.take(2) {
                puppet.answer(late);
            }
            let next = puppet.take(1)[0];
            puppet.answer(next);
            puppet
        });
        while reconnector.is_hung() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let patient = tokio::time::timeout(LONG, random(5));
        assert_eq!(length_of(patient.await.unwrap()), Ok(5));
        serving.await.unwrap();
    });
}

#[test]
fn late_makings_are_no_hang_but_a_broken_protocol_is() {
    let (reconnector, port) = port();
    let [fast, _slow, making] = connect_all(&reconnector);
    serve(fast);
    run(async {
        let mut settings = WorkerSettings::default();
        settings.making.deadline = Duration::from_millis(30);
        let _worker = Worker::enter_with(port, settings).unwrap();
        let binding = KeyBinding {
            region: Region::parse("eu-west-1").unwrap(),
            account: AccountId::parse("111122223333").unwrap(),
            key_id: KeyId::from_random([1; 16]),
            spec: KeySpec::Rsa2048,
            usage: KeyUsage::EncryptDecrypt,
            origin: Origin::AwsKms,
            material_id: Hex32([0; 32]),
        };
        let make = || {
            WallClient.call(Command::GenerateKey {
                binding: &binding,
                supply: Supply::Made,
            })
        };
        let calls: Vec<_> = (0..HUNG_AFTER_TIMEOUTS + 1).map(|_| make()).collect();
        for call in calls {
            assert_eq!(length_of(call.await), Err(WallError::TimedOut));
        }
        assert!(!reconnector.is_hung());
        assert_eq!(length_of(random(3).await), Ok(3));

        (&making.answers).write_all(&[0xff; 64]).unwrap();
        assert_eq!(length_of(make().await), Err(WallError::Down));
        assert!(reconnector.is_hung());
    });
}

#[test]
fn no_more_than_the_bound_is_outstanding_and_the_rest_waits_in_order() {
    let (reconnector, port) = port();
    let (fast, _slow) = connect(&reconnector);
    run(async {
        let _worker = Worker::enter_with(port, settings(4, 6, LONG)).unwrap();
        let mut calls: Vec<_> = (1..=10).map(random).collect();
        assert_eq!(length_of(random(11).await), Err(WallError::Overloaded));
        // Whoever gives up makes room, and is never sent.
        drop(calls.remove(9));
        calls.push(random(12));
        let serving = tokio::task::spawn_blocking(move || {
            let mut puppet = Puppet::new(fast);
            let first = puppet.take(99);
            assert_eq!(first.iter().map(|c| c.1).collect::<Vec<_>>(), [1, 2, 3, 4]);
            puppet.answer(first[2]);
            let fifth = puppet.take(99);
            assert_eq!(fifth.iter().map(|c| c.1).collect::<Vec<_>>(), [5]);
            let mut order = Vec::new();
            let mut open = [&first[..2], &first[3..], &fifth[..]].concat();
            while let Some(next) = open.pop() {
                puppet.answer(next);
                let more = puppet.take(1);
                order.extend(more.iter().map(|c| c.1));
                open.extend(more);
            }
            assert_eq!(order, [6, 7, 8, 9, 12]);
        });
        let expected = (1..=9).chain([12]);
        for (call, length) in calls.into_iter().zip(expected) {
            assert_eq!(length_of(call.await), Ok(length));
        }
        serving.await.unwrap();
    });
}

#[test]
fn waiting_is_bounded_in_bytes_too() {
    let (reconnector, port) = port();
    let _ends = connect(&reconnector);
    run(async {
        let mut settings = settings(1, 100, LONG);
        settings.fast.waiting_bytes = 40;
        let _worker = Worker::enter_with(port, settings).unwrap();
        let _held: Vec<_> = (0..3).map(random).collect();
        assert_eq!(length_of(random(1).await), Err(WallError::Overloaded));
    });
}

#[test]
fn a_full_socket_loses_nothing() {
    let (reconnector, port) = port();
    let (_fast, slow) = connect(&reconnector);
    run(async {
        let mut settings = WorkerSettings::default();
        settings.slow.outstanding = 200;
        let worker = Worker::enter_with(port, settings).unwrap();
        let region = Region::parse("eu-west-1").unwrap();
        let sealed = vec![5; 16 * 1024];
        let calls: Vec<_> = (0..200)
            .map(|_| {
                WallClient.call(Command::OpenDomain {
                    region: &region,
                    sealed: &sealed,
                })
            })
            .collect();
        // 3 MiB are more than a socket takes; nobody reads yet.
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(worker.stats().answers, 0);
        serve(slow);
        for call in calls {
            assert!(matches!(call.await.unwrap().result, Ok(Reply::Done)));
        }
    });
}

#[test]
fn a_broken_other_side_takes_the_lane_down() {
    let mut hello = Vec::new();
    encode_hello(&mut hello).unwrap();
    let mut unasked = hello.clone();
    encode_outcome(&random_of(1), FrameId(0), &mut unasked).unwrap();
    encode_outcome(&random_of(1), FrameId(1), &mut unasked).unwrap();
    let mut other_version = hello.clone();
    *other_version.last_mut().unwrap() = 9;
    let mut garbage = hello;
    garbage.extend_from_slice(&[0xff; 64]);
    for bytes in [unasked, other_version, garbage] {
        let (reconnector, port) = port();
        let (fast, _slow) = connect(&reconnector);
        run(async {
            let _worker = Worker::enter(port).unwrap();
            let call = random(1);
            tokio::task::yield_now().await;
            (&fast.answers).write_all(&bytes).unwrap();
            // The first of two answers to one command may be taken for it.
            let _ = call.await;
            assert_eq!(length_of(random(1).await), Err(WallError::Down));
            // Nothing but a new process gives the worker a lane again.
            assert!(reconnector.is_hung());
            let (fast, _slow) = connect(&reconnector);
            serve(fast);
            while length_of(random(1).await) != Ok(1) {
                tokio::task::yield_now().await;
            }
            assert!(!reconnector.is_hung());
        });
    }
}

#[test]
fn answers_stay_on_their_thread() {
    assert_eq!(
        length_of(run(random(1))),
        Err(WallError::Protocol),
        "no worker here"
    );
    let (reconnector, port) = port();
    let (fast, _slow) = connect(&reconnector);
    serve(fast);
    run(async {
        let worker = Worker::enter(port).unwrap();
        let call = random(1);
        let elsewhere = beside(move || run(call)).await;
        assert_eq!(length_of(elsewhere), Err(WallError::Protocol));
        let last = random(1);
        drop(worker);
        assert_eq!(length_of(last.await), Err(WallError::Down));
    });
}

#[test]
fn a_worker_is_woken_by_answers_alone() {
    const CALLS: u16 = 100;
    let (reconnector, port) = port();
    let (fast, _slow) = connect(&reconnector);
    std::thread::spawn(move || {
        serve_lane(fast, |command: Command<'_>| {
            // The worker sleeps long before the answer is there.
            std::thread::sleep(Duration::from_millis(2));
            fake(command)
        })
    });
    let parks = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&parks);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .on_thread_park(move || {
            flush();
            counted.fetch_add(1, Ordering::Relaxed);
        })
        .build()
        .unwrap();
    runtime.block_on(async {
        let _worker = Worker::enter(port).unwrap();
        assert_eq!(length_of(random(1).await), Ok(1));
        parks.store(0, Ordering::Relaxed);
        for length in 1..=CALLS {
            assert_eq!(length_of(random(length).await), Ok(usize::from(length)));
        }
    });
    // Once for each, and a few for timers. That the HSM process has read a command wakes nobody.
    let parks = parks.load(Ordering::Relaxed);
    assert!(parks <= usize::from(CALLS) * 11 / 10, "{parks}");
}

#[test]
fn a_thread_has_one_worker_at_a_time() {
    run(async {
        let first = Worker::enter(port().1).unwrap();
        assert!(Worker::enter(port().1).is_err());
        drop(first);
        let _second = Worker::enter(port().1).unwrap();
        assert_eq!(length_of(random(1).await), Err(WallError::Down));
    });
}

#[test]
fn a_lane_server_refuses_what_is_no_protocol() {
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0, 0, 0, 1, 0], &[0, 0]] {
        let (near, far) = LaneEnd::pair().unwrap();
        let server = serve(far);
        (&near.commands).write_all(bytes).unwrap();
        drop(near);
        let error = server.join().unwrap().unwrap_err();
        assert!(
            matches!(
                error.kind(),
                io::ErrorKind::InvalidData
                    | io::ErrorKind::BrokenPipe
                    | io::ErrorKind::ConnectionReset
            ),
            "{error}"
        );
    }
}
