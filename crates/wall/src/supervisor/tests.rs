//! The child of these tests is this test program itself, started to run [`child`] only.

use std::path::Path;
use std::sync::Condvar;
use std::time::Instant;

use keystead_types::{AccountId, Hex32, KeyId, KeySpec, KeyUsage, Origin};
use rustix::process::{Pid, Signal, kill_process};

use super::*;
use crate::client::{WallClient, Worker, WorkerSettings, worker_runtime};
use crate::{
    Command as WallCommand, Hsm, KeyBinding, Outcome, Receipt, Refusal, Reply, Supply, WallError,
};
use crate::{ControlChannel, serve_lane};

const ROLE: &str = "KEYSTEAD_WALL_TEST_CHILD";

/// What the HSM process of these tests does; not a test by itself.
#[test]
#[ignore = "runs as the child of the other tests"]
fn child() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let control = ControlChannel::from_stdin().unwrap();
    if role == "fails" {
        return control.failed("the root key is of another server").unwrap();
    }
    if role == "silent" {
        return thread::sleep(Duration::from_secs(30));
    }
    let start = control.receive_start().unwrap();
    if role == "creates"
        && let RootConfig::KeyFile { path, create } = &start.root
    {
        // Notes each start in the "key file".
        let mut seen = std::fs::read_to_string(path).unwrap_or_default();
        seen.push_str(if *create { "create " } else { "open " });
        std::fs::write(path, seen).unwrap();
    }
    let domains = start.domains;
    for lane in start.lanes {
        let domains = domains.clone();
        let number = lane.number;
        thread::spawn(move || {
            serve_lane(lane.end, |command: WallCommand<'_>| Outcome {
                result: answer(&command, &domains),
                receipt: Receipt {
                    epoch: 42,
                    lane: number,
                    counter: 1,
                    digest: [0; 16],
                },
            })
        });
    }
    control.ready(42).unwrap();
    control.serve_until_closed().unwrap();
}

/// Makes of `GenerateKey` wait for a `CreateDomain`.
static MAY_END: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());

/// `OpenDomain` tells whether the child was started with that domain.
fn answer(command: &WallCommand<'_>, domains: &[SealedDomain]) -> Result<Reply, Refusal> {
    match command {
        WallCommand::OpenDomain { region, sealed } => domains
            .iter()
            .find(|domain| domain.region == **region && domain.sealed == *sealed)
            .map(|_| Reply::Done)
            .ok_or(Refusal::DomainMissing),
        WallCommand::GenerateRandom { .. } => Ok(Reply::Done),
        WallCommand::CreateDomain { .. } => {
            *MAY_END.0.lock().unwrap() = true;
            MAY_END.1.notify_all();
            Ok(Reply::Done)
        }
        WallCommand::GenerateKey { .. } => {
            let closed = MAY_END.0.lock().unwrap();
            drop(MAY_END.1.wait_while(closed, |may_end| !*may_end));
            Ok(Reply::Done)
        }
        _ => Err(Refusal::InvalidArgument),
    }
}

const RANDOM: WallCommand<'static> = WallCommand::GenerateRandom {
    length: 1,
    recipient: None,
};

fn config(role: &str, root: RootConfig) -> SupervisorConfig {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "supervisor::tests::child", "--ignored"]);
    command.env(ROLE, role);
    SupervisorConfig {
        command,
        root,
        domains: vec![SealedDomain {
            region: region("eu-west-1"),
            sealed: vec![1],
        }],
        workers: 2,
        prepared_keys: 0,
        timing: SupervisorTiming {
            ping_interval: Duration::from_millis(50),
            ping_deadline: Duration::from_secs(2),
            ..SupervisorTiming::default()
        },
    }
}

fn key_file(path: &Path) -> RootConfig {
    RootConfig::KeyFile {
        path: path.to_owned(),
        create: true,
    }
}

fn anywhere() -> RootConfig {
    key_file(Path::new("/nonexistent/root.key"))
}

fn region(name: &str) -> Region {
    Region::parse(name).unwrap()
}

async fn open(name: &str, sealed: u8) -> Result<Result<Reply, Refusal>, WallError> {
    let region = region(name);
    let call = WallClient.call(WallCommand::OpenDomain {
        region: &region,
        sealed: &[sealed],
    });
    Ok(call.await?.result)
}

/// Waits until a fast command is answered; gives the receipt's lane.
async fn until_served() -> u16 {
    loop {
        let call = WallClient.call(RANDOM);
        match call.await {
            Ok(outcome) => return outcome.receipt.lane,
            Err(_) => tokio::time::sleep(Duration::from_millis(2)).await,
        }
    }
}

fn rsa_key() -> KeyBinding {
    KeyBinding {
        region: region("eu-west-1"),
        account: AccountId::parse("111122223333").unwrap(),
        key_id: KeyId::from_random([1; 16]),
        spec: KeySpec::Rsa4096,
        usage: KeyUsage::SignVerify,
        origin: Origin::AwsKms,
        material_id: Hex32([0; 32]),
    }
}

fn make(
    binding: &KeyBinding,
) -> impl Future<Output = Result<Outcome, WallError>> + Send + Unpin + use<> {
    WallClient.call(WallCommand::GenerateKey {
        binding,
        supply: Supply::Made,
    })
}

fn signal(supervisor: &Supervisor, signal: Signal) {
    let id = i32::try_from(supervisor.process_id().unwrap()).unwrap();
    kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
}

/// Stops the process and waits until all its threads have noticed.
fn stop(supervisor: &Supervisor) {
    signal(supervisor, Signal::STOP);
    let tasks = format!("/proc/{}/task", supervisor.process_id().unwrap());
    wait_for("stopped", || {
        std::fs::read_dir(&tasks).unwrap().all(|task| {
            let stat = std::fs::read_to_string(task.unwrap().path().join("stat")).unwrap();
            stat.rsplit(") ").next().unwrap().starts_with('T')
        })
    });
}

fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(15), "{what}");
        thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_killed_process_is_replaced_and_gets_all_domains() {
    let (supervisor, ports) = Supervisor::start(config("serves", anywhere())).unwrap();
    assert_eq!(supervisor.state(), SupervisorState::Up);
    assert_eq!(supervisor.epoch(), 42);
    let mut lanes = Vec::new();
    for (port, sealed) in ports.into_iter().zip(2..) {
        worker_runtime().unwrap().block_on(async {
            let _worker = Worker::enter(port).unwrap();
            lanes.push(until_served().await);
            assert!(matches!(open("eu-west-1", 1).await, Ok(Ok(Reply::Done))));
            let missing = open("us-east-1", sealed).await;
            assert!(matches!(missing, Ok(Err(Refusal::DomainMissing))));
            let added = supervisor.add_domain(region("us-east-1"), vec![sealed]);
            added.unwrap();

            let (old, restarts) = (supervisor.process_id(), supervisor.restarts());
            let killed = Instant::now();
            signal(&supervisor, Signal::KILL);
            while supervisor.restarts() == restarts {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            until_served().await;
            assert!(killed.elapsed() < Duration::from_secs(1));
            assert_ne!(supervisor.process_id(), old);
            assert!(matches!(open("eu-west-1", 1).await, Ok(Ok(Reply::Done))));
            assert!(matches!(
                open("us-east-1", sealed).await,
                Ok(Ok(Reply::Done))
            ));
        });
    }
    assert_eq!(lanes, [0, 3], "each worker has lanes of its own");
    supervisor.shutdown();
}

#[test]
fn a_long_making_delays_no_other_lane() {
    let (supervisor, ports) = Supervisor::start(config("serves", anywhere())).unwrap();
    worker_runtime().unwrap().block_on(async {
        let second = ports.into_iter().nth(1).unwrap();
        let _worker = Worker::enter(second).unwrap();
        let binding = rsa_key();
        let making = tokio::spawn(make(&binding));
        for _ in 0..100 {
            assert_eq!(until_served().await, 3);
            assert!(matches!(open("eu-west-1", 1).await, Ok(Ok(Reply::Done))));
        }
        assert!(!making.is_finished());
        let region = region("eu-west-1");
        let release = WallClient.call(WallCommand::CreateDomain { region: &region });
        assert_eq!(release.await.unwrap().receipt.lane, 4);
        let made = making.await.unwrap().unwrap();
        assert!(matches!(made.result, Ok(Reply::Done)));
        assert_eq!(made.receipt.lane, 5);
    });
    assert_eq!(supervisor.restarts(), 0);
    supervisor.shutdown();
}

#[test]
fn the_end_of_the_process_fails_all_three_lanes() {
    let (supervisor, ports) = Supervisor::start(config("serves", anywhere())).unwrap();
    worker_runtime().unwrap().block_on(async {
        let _worker = Worker::enter(ports.into_iter().next().unwrap()).unwrap();
        until_served().await;
        let (binding, region) = (rsa_key(), region("eu-west-1"));
        stop(&supervisor);
        let calls = [
            tokio::spawn(WallClient.call(RANDOM)),
            tokio::spawn(WallClient.call(WallCommand::OpenDomain {
                region: &region,
                sealed: &[1],
            })),
            tokio::spawn(make(&binding)),
        ];
        tokio::time::sleep(Duration::from_millis(20)).await;
        signal(&supervisor, Signal::KILL);
        for call in calls {
            assert_eq!(call.await.unwrap().err(), Some(WallError::Down));
        }
        until_served().await;
        assert!(matches!(open("eu-west-1", 1).await, Ok(Ok(Reply::Done))));
        let release = WallClient.call(WallCommand::CreateDomain { region: &region });
        release.await.unwrap();
        assert!(make(&binding).await.is_ok());
    });
}

#[test]
fn a_stopped_process_times_out_and_is_replaced() {
    let mut config = config("serves", anywhere());
    config.timing.ping_deadline = Duration::from_secs(1);
    let (supervisor, ports) = Supervisor::start(config).unwrap();
    worker_runtime().unwrap().block_on(async {
        let mut settings = WorkerSettings::default();
        settings.fast.deadline = Duration::from_millis(200);
        let _worker = Worker::enter_with(ports.into_iter().next().unwrap(), settings).unwrap();
        until_served().await;
        stop(&supervisor);
        let call = WallClient.call(RANDOM);
        assert!(matches!(call.await, Err(WallError::TimedOut)));
        until_served().await;
        assert_eq!(supervisor.restarts(), 1);
    });
}

#[test]
fn missed_deadlines_alone_replace_a_process() {
    let mut config = config("serves", anywhere());
    config.timing.ping_deadline = Duration::from_secs(600);
    let (supervisor, ports) = Supervisor::start(config).unwrap();
    worker_runtime().unwrap().block_on(async {
        let mut settings = WorkerSettings::default();
        settings.fast.deadline = Duration::from_millis(200);
        let _worker = Worker::enter_with(ports.into_iter().next().unwrap(), settings).unwrap();
        until_served().await;
        stop(&supervisor);
        until_served().await;
        assert_eq!(supervisor.restarts(), 1);
    });
}

#[test]
fn a_key_file_is_created_at_the_first_start_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("root.key");
    let (supervisor, _ports) = Supervisor::start(config("creates", key_file(&path))).unwrap();
    signal(&supervisor, Signal::KILL);
    wait_for("a second process", || {
        supervisor.restarts() == 1 && supervisor.state() == SupervisorState::Up
    });
    supervisor.shutdown();
    assert_eq!(std::fs::read_to_string(path).unwrap(), "create open ");
}

#[test]
fn an_ephemeral_root_is_lost_with_its_process() {
    let (supervisor, _ports) = Supervisor::start(config("serves", RootConfig::Ephemeral)).unwrap();
    signal(&supervisor, Signal::KILL);
    wait_for("lost", || supervisor.state() == SupervisorState::Lost);
    assert_eq!(supervisor.process_id(), None);
}

#[test]
fn a_process_that_cannot_work_says_why() {
    let error = Supervisor::start(config("fails", anywhere()))
        .err()
        .unwrap();
    assert_eq!(
        error.to_string(),
        "the HSM process failed to start: the root key is of another server"
    );
    let mut missing = config("serves", anywhere());
    missing.command = Command::new("/nonexistent/keystead");
    assert!(matches!(
        Supervisor::start(missing).err(),
        Some(SupervisorError::Spawn(_))
    ));
    let mut ends = config("serves", anywhere());
    ends.command = Command::new("true");
    assert!(matches!(
        Supervisor::start(ends).err(),
        Some(SupervisorError::Control(ControlError::Closed))
    ));
    let mut silent = config("silent", anywhere());
    silent.timing.start_deadline = Duration::from_millis(200);
    assert!(matches!(
        Supervisor::start(silent).err(),
        Some(SupervisorError::NotReady)
    ));
}

#[test]
fn shutdown_ends_the_process_and_kills_it_if_it_must() {
    let (supervisor, _ports) = Supervisor::start(config("serves", anywhere())).unwrap();
    let begun = Instant::now();
    let id = supervisor.process_id().unwrap();
    supervisor.shutdown();
    assert!(begun.elapsed() < Duration::from_secs(4), "by itself");
    assert!(!Path::new(&format!("/proc/{id}")).exists());

    let mut config = config("serves", anywhere());
    config.timing.shutdown_grace = Duration::from_millis(100);
    let (supervisor, _ports) = Supervisor::start(config).unwrap();
    let id = supervisor.process_id().unwrap();
    stop(&supervisor);
    supervisor.shutdown();
    assert!(!Path::new(&format!("/proc/{id}")).exists());
}
