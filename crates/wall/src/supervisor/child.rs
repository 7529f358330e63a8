//! Starting and ending one HSM process.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::{Timeout, set_socket_timeout};

use super::{Reconnector, SupervisorError, SupervisorTiming};
use crate::client::LaneSockets;
use crate::control::{ControlError, FromChild, RootConfig, SealedDomain, ToChild};
use crate::control::{pair, receive, send};
use crate::limits::LANES_PER_WORKER;
use crate::{Lane, LaneEnd};

/// How often an ending process is looked at.
const END_POLL: Duration = Duration::from_millis(10);

/// Starts HSM processes, one after the other.
pub(super) struct Launcher {
    pub(super) command: Command,
    pub(super) root: RootConfig,
    pub(super) prepared_keys: u16,
    pub(super) timing: SupervisorTiming,
    pub(super) reconnectors: Vec<Reconnector>,
}

/// A process that serves. It does not survive this value.
pub(super) struct Running {
    process: Child,
    pub(super) control: OwnedFd,
    pub(super) since: Instant,
    pub(super) epoch: u64,
}

impl Launcher {
    /// Starts a process and waits until it is ready. Gives the near ends of its lanes, for
    /// [`Launcher::connect`].
    pub(super) fn launch(
        &mut self,
        domains: &[SealedDomain],
    ) -> Result<(Running, Vec<LaneSockets>), SupervisorError> {
        let deadline = Instant::now() + self.timing.start_deadline;
        let (control, theirs) = pair().map_err(SupervisorError::Spawn)?;
        // A child that does not read must not hold the supervisor for ever.
        set_socket_timeout(&control, Timeout::Send, Some(self.timing.start_deadline))
            .map_err(|error| SupervisorError::Spawn(error.into()))?;
        self.command
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::inherit());
        let spawned = self.command.spawn();
        // The command would keep the child's end open, and its death would not be seen.
        self.command.stdin(Stdio::null());
        let mut running = Running {
            process: spawned.map_err(SupervisorError::Spawn)?,
            control,
            since: Instant::now(),
            epoch: 0,
        };
        let lanes = self.send_start(&running.control, domains);
        // A child that fails early says why before it closes the channel.
        running.epoch = match await_ready(&running.control, deadline) {
            Err(SupervisorError::Control(ControlError::Closed)) if lanes.is_err() => {
                return Err(lanes.err().unwrap_or(SupervisorError::NotReady));
            }
            other => other?,
        };
        let lanes = lanes?;
        if let RootConfig::KeyFile { create, .. } = &mut self.root {
            // If the file disappears later, a new one could not open the domains anyway.
            *create = false;
        }
        running.since = Instant::now();
        Ok((running, lanes))
    }

    /// Gives the workers their lanes.
    pub(super) fn connect(&self, lanes: Vec<LaneSockets>) {
        for (reconnector, sockets) in self.reconnectors.iter().zip(lanes) {
            reconnector.connect(sockets);
        }
    }

    fn send_start(
        &self,
        control: &OwnedFd,
        domains: &[SealedDomain],
    ) -> Result<Vec<LaneSockets>, SupervisorError> {
        let count = |count: usize| {
            u16::try_from(count).map_err(|_| SupervisorError::Invalid("lanes or domains"))
        };
        let per_worker = usize::from(LANES_PER_WORKER);
        let start = ToChild::Start {
            root: self.root.clone(),
            domains: count(domains.len())?,
            lanes: count(per_worker.saturating_mul(self.reconnectors.len()))?,
            prepared_keys: self.prepared_keys,
        };
        tell(control, &start, &[])?;
        for domain in domains {
            tell(control, &ToChild::Domain(domain.clone()), &[])?;
        }
        let mut lanes = Vec::with_capacity(self.reconnectors.len());
        // Fewer than `WORKERS_MAX` workers: the numbers do not come near their end.
        let numbers = (0..u16::MAX - 2).step_by(per_worker);
        for number in numbers.take(self.reconnectors.len()) {
            lanes.push(LaneSockets {
                fast: send_lane(control, Lane::Fast, number)?,
                slow: send_lane(control, Lane::Slow, number + 1)?,
                making: send_lane(control, Lane::Making, number + 2)?,
            });
        }
        Ok(lanes)
    }
}

/// Makes a lane, sends its far end to the child and gives the near one.
fn send_lane(control: &OwnedFd, kind: Lane, number: u16) -> Result<LaneEnd, SupervisorError> {
    let (near, far) = LaneEnd::pair().map_err(SupervisorError::Spawn)?;
    let sockets = [far.commands.as_fd(), far.answers.as_fd()];
    tell(control, &ToChild::Lane { kind, number }, &sockets)?;
    Ok(near)
}

fn tell(
    control: &OwnedFd,
    message: &ToChild,
    sockets: &[BorrowedFd<'_>],
) -> Result<(), ControlError> {
    send(control.as_fd(), &message.encode()?, sockets)
}

/// Waits for the child's first word.
fn await_ready(control: &OwnedFd, deadline: Instant) -> Result<u64, SupervisorError> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).map_err(|_| SupervisorError::NotReady)?;
        match poll(&mut [PollFd::new(control, PollFlags::IN)], Some(&timeout)) {
            Ok(0) => return Err(SupervisorError::NotReady),
            Ok(_) => break,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(SupervisorError::Spawn(error.into())),
        }
    }
    let message = receive(control.as_fd())?.message;
    match FromChild::decode(&message).map_err(ControlError::Protocol)? {
        FromChild::Ready { epoch } => Ok(epoch),
        FromChild::Failed { reason } => Err(SupervisorError::Failed(reason)),
        FromChild::Pong(_) => Err(SupervisorError::NotReady),
    }
}

impl Running {
    pub(super) fn process_id(&self) -> u32 {
        self.process.id()
    }

    pub(super) fn ping(&self, number: u64) -> Result<(), ControlError> {
        tell(&self.control, &ToChild::Ping(number), &[])
    }

    /// Ends the process at once and gives its status.
    pub(super) fn kill(mut self) -> Option<ExitStatus> {
        self.kill_and_wait()
    }

    fn kill_and_wait(&mut self) -> Option<ExitStatus> {
        if let Ok(Some(status)) = self.process.try_wait() {
            return Some(status);
        }
        if let Err(error) = self.process.kill() {
            tracing::warn!(%error, "cannot kill the HSM process");
        }
        self.process.wait().ok()
    }

    /// Closes the channel, waits for the process to end, and kills it after `grace`.
    pub(super) fn shut_down(self, grace: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + grace;
        // Not `self.control`: the value has a destructor and must stay whole.
        if let Err(error) = rustix::net::shutdown(&self.control, rustix::net::Shutdown::Both) {
            tracing::warn!(%error, "cannot close the control channel");
        }
        let mut running = self;
        while Instant::now() < deadline {
            if let Ok(Some(status)) = running.process.try_wait() {
                return Some(status);
            }
            thread::sleep(END_POLL);
        }
        tracing::warn!("the HSM process does not end by itself and is killed");
        running.kill_and_wait()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill_and_wait();
    }
}
