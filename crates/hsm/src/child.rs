//! The life of the HSM process.

use std::io::ErrorKind::{BrokenPipe, ConnectionReset};
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use keystead_wall::control::ControlError;
use keystead_wall::{
    Command, ControlChannel, Handler, NumberedLane, Outcome, RootConfig, Start, serve_lane,
};
use thiserror::Error;

use crate::core::{Core, CoreError, IfMissing, LaneCore, Root};
use crate::sandbox::{self, Landlock, SandboxError, Work};
use crate::tally::Tally;

/// Exit status when the start failed; the reason went to the supervisor and to standard error.
const EXIT_FAILED: u8 = 1;
/// Exit status when a lane or the control channel broke while serving.
const EXIT_BROKEN: u8 = 2;

/// Why the process does not come up.
#[derive(Debug, Error)]
enum StartError {
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error(transparent)]
    Core(#[from] CoreError),
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error("cannot make a thread: {0}")]
    Thread(#[from] std::io::Error),
    #[error("the file of counters: {0}")]
    Tally(#[source] std::io::Error),
    #[error("a thread ended during the start")]
    ThreadLost,
}

/// Is the HSM process: receives its start over the control channel on standard input, opens root
/// and domains, tests itself, closes its sandbox, serves its lanes, and ends when the supervisor
/// closes the channel or dies.
///
/// Call it first of all in `main`, before any other thread exists.
pub fn run_child() -> ExitCode {
    let control = match ControlChannel::from_stdin() {
        Ok(control) => control,
        Err(error) => {
            log(
                "error",
                &format!("standard input is no control channel: {error}"),
            );
            return ExitCode::from(EXIT_FAILED);
        }
    };
    if let Err(error) = start(&control) {
        let reason = error.to_string();
        log("error", &reason);
        // If this is not heard, the end of the process is.
        let _ = control.failed(&reason);
        return ExitCode::from(EXIT_FAILED);
    }
    match control.serve_until_closed() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log("error", &error.to_string());
            ExitCode::from(EXIT_BROKEN)
        }
    }
}

/// Everything up to the message that the process is ready.
fn start(control: &ControlChannel) -> Result<(), StartError> {
    sandbox::shut_the_doors()?;
    let Start {
        root,
        domains,
        lanes,
        prepared_keys,
    } = control.receive_start()?;
    let everything_locked = sandbox::lock_everything();
    let core = Arc::new(Core::new(&root_of(root, domains.is_empty()))?);
    match core.protection().warning() {
        Some(warning) if !everything_locked => log("warning", warning),
        _ => {}
    }
    for domain in &domains {
        core.open_domain(&domain.region, &domain.sealed)
            .map_err(CoreError::Domain)?;
    }
    let tally = Tally::from_environment(core.epoch()).map_err(StartError::Tally)?;
    if sandbox::leave_the_file_system()? == Landlock::Missing {
        log(
            "warning",
            "this kernel has no Landlock; the system call filter stands alone",
        );
    }
    let mut threads = Threads::default();
    for lane in lanes {
        let lane_core = core.lane(lane.number)?;
        let name = format!("lane-{}", lane.number);
        let answering = Answering {
            core: lane_core,
            lane: lane.number,
            tally: tally.clone(),
        };
        threads.spawn(name, Work::Lane(lane.kind), move || serve(lane, answering))?;
    }
    let preparing = Arc::clone(&core);
    threads.spawn("preparing".to_owned(), Work::Ahead, move || {
        preparing.start_preparing(prepared_keys);
    })?;
    threads.await_ready()?;
    sandbox::close()?;
    threads.open_gates()?;
    Ok(control.ready(core.epoch())?)
}

/// Threads that are made before the sandbox closes, since none can be made after, and wait until
/// it has.
#[derive(Default)]
struct Threads {
    waiting: Vec<Waiting>,
}

/// A thread that has work only after its gate opens.
struct Waiting {
    /// Says that it waits, or why it cannot.
    readiness: Receiver<Result<(), SandboxError>>,
    gate: Sender<()>,
}

impl Threads {
    /// Makes a thread of that priority that will do `work`.
    fn spawn(
        &mut self,
        name: String,
        priority: Work,
        work: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<()> {
        let (ready, readiness) = channel();
        let (gate, gated) = channel();
        thread::Builder::new().name(name).spawn(move || {
            let set = sandbox::set_priority(priority);
            if ready.send(set).is_ok() && gated.recv().is_ok() {
                work();
            }
        })?;
        self.waiting.push(Waiting { readiness, gate });
        Ok(())
    }

    /// Waits until all of them wait.
    fn await_ready(&self) -> Result<(), StartError> {
        for thread in &self.waiting {
            thread
                .readiness
                .recv()
                .map_err(|_| StartError::ThreadLost)??;
        }
        Ok(())
    }

    fn open_gates(self) -> Result<(), StartError> {
        for thread in self.waiting {
            thread.gate.send(()).map_err(|_| StartError::ThreadLost)?;
        }
        Ok(())
    }
}

/// A missing root key file is made only while nothing is sealed under the lost one.
fn root_of(config: RootConfig, nothing_sealed: bool) -> Root {
    match config {
        RootConfig::Ephemeral => Root::Ephemeral,
        RootConfig::KeyFile { path, create } => Root::KeyFile {
            path,
            missing: match create && nothing_sealed {
                true => IfMissing::Create,
                false => IfMissing::Fail,
            },
        },
    }
}

/// A lane's core as the one that answers its socket.
struct Answering {
    core: LaneCore,
    lane: u16,
    tally: Option<Tally>,
}

impl Handler for Answering {
    fn answer(&mut self, command: Command<'_>) -> Outcome {
        self.core.execute(&command)
    }

    /// Before the answers leave: what nobody has a record of shall at least be known to have been.
    fn rest(&mut self) {
        self.core.rest();
        let noted = self.tally.as_ref().map(|tally| {
            let counter = self.core.counter();
            tally.note(self.lane, counter)
        });
        if let Some(Err(error)) = noted {
            log("error", &format!("the file of counters: {error}"));
            std::process::exit(i32::from(EXIT_BROKEN));
        }
    }
}

/// One lane's thread.
fn serve(lane: NumberedLane, answering: Answering) {
    match serve_lane(lane.end, answering) {
        // The front end's worker is gone; the other lanes go on.
        Ok(()) => {}
        Err(error) if matches!(error.kind(), BrokenPipe | ConnectionReset) => {}
        Err(error) => {
            log("error", &format!("lane {}: {error}", lane.number));
            // A front end that breaks the protocol, or a socket that fails: begin anew rather
            // than go on with a lane less.
            std::process::exit(i32::from(EXIT_BROKEN));
        }
    }
}

/// A line for the operator on standard error, which the parent's log inherits.
fn log(level: &str, text: &str) {
    // There is nowhere to complain about a closed standard error.
    let _ = writeln!(std::io::stderr(), "keystead hsm: {level}: {text}");
}
