//! The HSM process as it is: started by a supervisor, called through a wall client, and watched
//! from inside and outside. The test binary is its own child program: it runs itself with the
//! one ignored test below.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code outside of test functions"
)]

mod common;

use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::Command as Program;
use std::time::{Duration, Instant};

use common::{binding, region};
use keystead_types::{
    EncryptionAlgorithm, KeySpec, KeyUsage, MessageType, Plaintext, SigningAlgorithm,
};
use keystead_wall::{
    Cipher, Command, Hsm, KeyHandle, Outcome, Refusal, Reply, RootConfig, SealedDomain, Supervisor,
    SupervisorConfig, SupervisorTiming, Supply, WallClient, Worker, WorkerPort,
};

/// Set in the child: a file for the probe's findings, or empty.
const PROBE: &str = "KEYSTEAD_TEST_PROBE";

/// How the filter refuses a system call.
const EPERM: i32 = 1;

/// Not a test of its own: the body of the child.
#[test]
#[ignore = "the child program of the other tests"]
fn child_body() {
    let Some(probe) = std::env::var_os(PROBE) else {
        return;
    };
    if !probe.is_empty() {
        let findings = File::create(PathBuf::from(probe)).unwrap();
        std::thread::spawn(move || look_for_gaps(findings));
    }
    let code = keystead_hsm::run_child();
    std::process::exit(i32::from(code != std::process::ExitCode::SUCCESS));
}

/// Waits for the system call filter, the last part of the sandbox (the limit on open files comes
/// a moment earlier), and then tries what a thread of a compromised HSM process would.
fn look_for_gaps(mut findings: File) {
    let parent = rustix::process::getppid().unwrap();
    let refused = |error: std::io::Error| error.raw_os_error() == Some(EPERM);
    while !File::open("/dev/null").is_err_and(refused) {
        std::thread::sleep(Duration::from_millis(2));
    }
    let mut tell = |what: &str, result: Result<(), std::io::Error>| {
        let code = result.err().and_then(|e| e.raw_os_error()).unwrap_or(0);
        writeln!(findings, "{what}={code}").unwrap();
    };
    tell("open", File::open("/etc/passwd").map(drop));
    tell("create", File::create("/tmp/keystead-hsm-gap").map(drop));
    tell("list", std::fs::read_dir("/").map(drop));
    tell("remove", std::fs::remove_file("/tmp/keystead-hsm-gap"));
    tell("tcp", std::net::TcpStream::connect("127.0.0.1:9").map(drop));
    tell("udp", std::net::UdpSocket::bind("127.0.0.1:0").map(drop));
    tell("unix", std::os::unix::net::UnixStream::pair().map(drop));
    tell("exec", Program::new("/bin/true").status().map(drop));
    tell("thread", std::thread::Builder::new().spawn(|| ()).map(drop));
    tell(
        "dup",
        std::io::stderr().as_fd().try_clone_to_owned().map(drop),
    );
    tell(
        "kill",
        rustix::process::test_kill_process(parent).map_err(Into::into),
    );
    tell("end", Ok(()));
}

struct Running {
    supervisor: Supervisor,
    port: Option<WorkerPort>,
}

fn supervise(
    root: RootConfig,
    domains: Vec<SealedDomain>,
    probe: &Path,
) -> Result<Running, String> {
    let mut command = Program::new(std::env::current_exe().unwrap());
    command
        .args([
            "--exact",
            "child_body",
            "--ignored",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(PROBE, probe);
    let config = SupervisorConfig {
        command,
        root,
        domains,
        workers: 1,
        prepared_keys: 1,
        timing: SupervisorTiming::default(),
    };
    let (supervisor, ports) = Supervisor::start(config).map_err(|error| error.to_string())?;
    Ok(Running {
        supervisor,
        port: ports.into_iter().next(),
    })
}

impl Running {
    fn call(&mut self, body: impl AsyncFnOnce()) {
        let runtime = keystead_wall::client::worker_runtime().unwrap();
        let port = self.port.take().unwrap();
        runtime.block_on(async {
            let _worker = Worker::enter(port).unwrap();
            body().await;
        });
    }

    fn proc_file(&self, name: &str) -> PathBuf {
        let id = self.supervisor.process_id().unwrap();
        PathBuf::from(format!("/proc/{id}/{name}"))
    }
}

async fn run(command: Command<'_>) -> Outcome {
    WallClient.call(command).await.unwrap()
}

async fn create_domain() -> Vec<u8> {
    let region = region("eu-central-1");
    match run(Command::CreateDomain { region: &region }).await.result {
        Ok(Reply::Sealed(sealed)) => sealed,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_key_is_made_and_used_across_the_wall() {
    let mut running = supervise(RootConfig::Ephemeral, Vec::new(), Path::new("")).unwrap();
    let epoch = running.supervisor.epoch();
    running.call(async || {
        create_domain().await;
        let mut binding = binding("eu-central-1", 1);
        let made = run(Command::GenerateKey {
            binding: &binding,
            supply: Supply::Prepared,
        })
        .await
        .result;
        let Ok(Reply::NewKey {
            material_id,
            wrapped,
            ..
        }) = made
        else {
            panic!("{made:?}");
        };
        binding.material_id = material_id;
        let key = KeyHandle {
            binding: &binding,
            wrapped: &wrapped,
        };
        let plaintext = Plaintext::new(b"across".to_vec());
        let cipher = Cipher {
            key,
            algorithm: EncryptionAlgorithm::SymmetricDefault,
            context: b"",
        };
        let sealed = run(Command::Encrypt {
            cipher,
            plaintext: &plaintext,
        })
        .await;
        assert_eq!((sealed.receipt.epoch, sealed.receipt.counter), (epoch, 1));
        let Ok(Reply::Ciphertext(blob)) = sealed.result else {
            panic!("no ciphertext");
        };
        let opened = run(Command::Decrypt {
            cipher,
            ciphertext: &blob,
            recipient: None,
        })
        .await;
        assert_eq!(opened.receipt.counter, 2);
        let Ok(Reply::Plaintext(opened)) = opened.result else {
            panic!("no plaintext");
        };
        assert_eq!(opened.expose(), b"across");
    });
    running.supervisor.shutdown();
}

/// The thread that makes RSA keys ahead works inside the closed sandbox.
#[test]
fn rsa_keys_are_made_ahead_and_sign_across_the_wall() {
    let mut running = supervise(RootConfig::Ephemeral, Vec::new(), Path::new("")).unwrap();
    running.call(async || {
        create_domain().await;
        let mut binding = binding("eu-central-1", 1);
        binding.spec = KeySpec::Rsa2048;
        binding.usage = KeyUsage::SignVerify;
        let began = Instant::now();
        let (material_id, wrapped) = loop {
            let command = Command::GenerateKey {
                binding: &binding,
                supply: Supply::Prepared,
            };
            match run(command).await.result {
                Ok(Reply::NewKey {
                    material_id,
                    wrapped,
                    public_key: Some(_),
                }) => break (material_id, wrapped),
                Err(Refusal::NonePrepared) => assert!(began.elapsed().as_secs() < 60),
                other => panic!("{other:?}"),
            }
            std::thread::sleep(Duration::from_millis(50));
        };
        binding.material_id = material_id;
        let signed = run(Command::Sign {
            key: KeyHandle {
                binding: &binding,
                wrapped: &wrapped,
            },
            algorithm: SigningAlgorithm::RsassaPssSha256,
            message_type: MessageType::Raw,
            message: b"message",
        })
        .await;
        match signed.result {
            Ok(Reply::Signature(signature)) => assert_eq!(signature.len(), 256),
            other => panic!("{other:?}"),
        }
    });
    running.supervisor.shutdown();
}

#[test]
fn the_process_can_open_nothing_and_start_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let findings = directory.path().join("findings");
    let running = supervise(RootConfig::Ephemeral, Vec::new(), &findings).unwrap();
    let began = Instant::now();
    let text = loop {
        let text = std::fs::read_to_string(&findings).unwrap();
        if text.contains("end=") {
            break text;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{text}");
        std::thread::sleep(Duration::from_millis(5));
    };
    let mut seen = 0;
    for line in text.lines() {
        let (what, code) = line.split_once('=').unwrap();
        match what {
            "end" => continue,
            // The address resolves to itself, so this is `socket` too.
            _ => assert_eq!(code.parse(), Ok(EPERM), "{line}\n{text}"),
        }
        seen += 1;
    }
    assert_eq!(seen, 11, "{text}");

    // From outside: every thread is filtered and has no new privileges.
    let mut threads = 0;
    for task in std::fs::read_dir(running.proc_file("task")).unwrap() {
        let status = std::fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        assert!(status.contains("Seccomp:\t2"), "{status}");
        assert!(status.contains("NoNewPrivs:\t1"), "{status}");
        threads += 1;
    }
    assert!(threads >= 4, "main, probe and two lanes, not {threads}");
    let limits = std::fs::read_to_string(running.proc_file("limits")).unwrap();
    for name in ["Max core file size", "Max open files"] {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        let mut words = line.strip_prefix(name).unwrap().split_whitespace();
        assert_eq!(
            (words.next(), words.next()),
            (Some("0"), Some("0")),
            "{line}"
        );
    }
    running.supervisor.shutdown();
}

/// With `memfd_secret`, not even root reads the key memory through `/proc`.
#[test]
fn the_key_memory_is_closed_to_others() {
    use std::os::unix::fs::FileExt;

    let running = supervise(RootConfig::Ephemeral, Vec::new(), Path::new("")).unwrap();
    let maps = match std::fs::read_to_string(running.proc_file("maps")) {
        Ok(maps) => maps,
        // Not dumpable: for anybody but root the files in /proc belong to root.
        Err(error) => {
            assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
            return;
        }
    };
    let Some(line) = maps.lines().find(|line| line.contains("secretmem")) else {
        // The kernel has no memfd_secret: root can read, and nothing here can be shown.
        return;
    };
    let start = line.split('-').next().unwrap();
    let start = u64::from_str_radix(start, 16).unwrap();
    let memory = File::open(running.proc_file("mem")).unwrap();
    let mut byte = [0; 1];
    assert!(memory.read_at(&mut byte, start).is_err());
    // The same way reads ordinary memory, so the refusal means something.
    let stack = maps.lines().find(|line| line.ends_with("[stack]")).unwrap();
    let stack = stack.split('-').next().unwrap();
    let stack = u64::from_str_radix(stack, 16).unwrap();
    assert_eq!(memory.read_at(&mut byte, stack).unwrap(), 1);
    running.supervisor.shutdown();
}

#[test]
fn domains_open_in_the_next_process_and_a_lost_root_key_is_explained() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("root.key");
    let root = RootConfig::KeyFile {
        path: path.clone(),
        create: true,
    };
    let mut first = supervise(root.clone(), Vec::new(), Path::new("")).unwrap();
    let mut sealed = Vec::new();
    first.call(async || sealed = create_domain().await);
    first.supervisor.shutdown();

    let domains = vec![SealedDomain {
        region: region("eu-central-1"),
        sealed,
    }];
    let mut second = supervise(root.clone(), domains.clone(), Path::new("")).unwrap();
    second.call(async || {
        let binding = binding("eu-central-1", 1);
        let made = run(Command::GenerateKey {
            binding: &binding,
            supply: Supply::Prepared,
        })
        .await
        .result;
        assert!(matches!(made, Ok(Reply::NewKey { .. })), "{made:?}");
    });
    second.supervisor.shutdown();

    // Gone: not replaced by a new one while something is sealed under it.
    let away = directory.path().join("away");
    std::fs::rename(&path, &away).unwrap();
    let error = supervise(root.clone(), domains.clone(), Path::new(""))
        .err()
        .unwrap();
    assert!(error.contains("root.key does not exist"), "{error}");
    assert!(!path.exists());

    // Another one: named.
    let other = supervise(root.clone(), Vec::new(), Path::new("")).unwrap();
    other.supervisor.shutdown();
    let error = supervise(root, domains, Path::new("")).err().unwrap();
    let want = "the domain key of eu-central-1: sealed by root key ";
    assert!(error.contains(want), "{error}");
}
