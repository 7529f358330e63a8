//! The supervisor's thread.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::child::{Launcher, Running};
use super::{ProcessEvent, RootConfig, Shared, SupervisorError, SupervisorState};
use crate::client::Reconnector;
use crate::control::{ControlError, FromChild, receive};
use crate::limits::RESTART_FORGIVEN_AFTER;

/// Why watching ended.
enum End {
    /// The supervisor is to stop.
    Stop,
    /// The process ended, or must.
    Dead(&'static str),
}

/// Runs HSM processes until `stopped` is closed from the other side.
pub(super) fn run(
    mut launcher: Launcher,
    shared: &Shared,
    stopped: &OwnedFd,
    started: &SyncSender<Result<(), SupervisorError>>,
) {
    let mut running = match launch(&mut launcher, shared) {
        Ok(running) => running,
        Err(error) => {
            shared.set_state(SupervisorState::Stopped);
            // The receiver waits for exactly this.
            let _sent = started.send(Err(error));
            return;
        }
    };
    let _sent = started.send(Ok(()));
    let mut backoff = Duration::ZERO;
    loop {
        let end = watch(&running, &launcher, stopped);
        let served = running.since.elapsed();
        shared.process_id.store(0, Ordering::Relaxed);
        let End::Dead(why) = end else {
            let (process_id, epoch) = (running.process_id(), running.epoch);
            let status = running.shut_down(launcher.timing.shutdown_grace);
            tracing::info!(?status, "the HSM process was shut down");
            shared.events.tell(ProcessEvent::Ended {
                process_id,
                epoch,
                why: "it was shut down",
                status: status.map(|status| status.to_string()),
                served,
            });
            return shared.set_state(SupervisorState::Stopped);
        };
        shared.set_state(SupervisorState::Restarting);
        let (process_id, epoch) = (running.process_id(), running.epoch);
        let status = running.kill();
        tracing::error!(why, ?status, ?served, "the HSM process ended");
        shared.events.tell(ProcessEvent::Ended {
            process_id,
            epoch,
            why,
            status: status.map(|status| status.to_string()),
            served,
        });
        if launcher.root == RootConfig::Ephemeral {
            tracing::error!("the ephemeral root of trust is lost, and all keys with it");
            return shared.set_state(SupervisorState::Lost);
        }
        if served >= RESTART_FORGIVEN_AFTER {
            backoff = Duration::ZERO;
        }
        let Some(next) = restart(&mut launcher, shared, stopped, &mut backoff) else {
            return shared.set_state(SupervisorState::Stopped);
        };
        running = next;
    }
}

fn launch(launcher: &mut Launcher, shared: &Shared) -> Result<Running, SupervisorError> {
    let domains = shared.domains().clone();
    let (running, lanes) = launcher.launch(&domains)?;
    shared.epoch.store(running.epoch, Ordering::Relaxed);
    shared
        .process_id
        .store(running.process_id(), Ordering::Relaxed);
    shared.set_state(SupervisorState::Up);
    shared.events.tell(ProcessEvent::Started {
        process_id: running.process_id(),
        epoch: running.epoch,
        domains: domains.into_iter().map(|one| one.region).collect(),
    });
    // Last, so that who is served sees the new state.
    launcher.connect(lanes);
    tracing::info!(
        process_id = running.process_id(),
        "the HSM process is ready"
    );
    Ok(running)
}

/// Starts again until it works; `None` if the supervisor is to stop. The first try is at once.
fn restart(
    launcher: &mut Launcher,
    shared: &Shared,
    stopped: &OwnedFd,
    backoff: &mut Duration,
) -> Option<Running> {
    loop {
        if wait_for_stop(stopped, *backoff) {
            return None;
        }
        let timing = &launcher.timing;
        *backoff = (*backoff * 2).clamp(timing.backoff_first, timing.backoff_max);
        shared.restarts.fetch_add(1, Ordering::Relaxed);
        match launch(launcher, shared) {
            Ok(running) => return Some(running),
            Err(error) => tracing::error!(%error, "the HSM process cannot be restarted"),
        }
    }
}

/// Waits for that long; true as soon as the supervisor is to stop.
fn wait_for_stop(stopped: &OwnedFd, time: Duration) -> bool {
    let timeout = Timespec::try_from(time).ok();
    let mut fds = [PollFd::new(stopped, PollFlags::IN)];
    matches!(poll(&mut fds, timeout.as_ref()), Ok(count) if count != 0)
}

/// Pings and listens until the process ends, hangs or is to be shut down.
fn watch(running: &Running, launcher: &Launcher, stopped: &OwnedFd) -> End {
    let timing = &launcher.timing;
    let mut pings = Pings::new(timing.ping_interval, timing.ping_deadline);
    loop {
        let timeout = Timespec::try_from(pings.next_event()).ok();
        let mut fds = [
            PollFd::new(stopped, PollFlags::IN),
            PollFd::new(&running.control, PollFlags::IN),
        ];
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return End::Dead("it cannot be watched"),
        }
        let [stop, control] = fds.map(|fd| !fd.revents().is_empty());
        if stop {
            return End::Stop;
        }
        if control {
            match receive_pong(running) {
                Ok(number) => pings.answered(number),
                Err(ControlError::Closed) => return End::Dead("it closed the control channel"),
                Err(_) => return End::Dead("it broke the control protocol"),
            }
        }
        if pings.overdue() {
            return End::Dead("it does not answer pings");
        }
        if launcher.reconnectors.iter().any(Reconnector::is_hung) {
            return End::Dead("it does not answer commands");
        }
        if let Some(number) = pings.due()
            && running.ping(number).is_err()
        {
            return End::Dead("it takes no pings");
        }
    }
}

fn receive_pong(running: &Running) -> Result<u64, ControlError> {
    let message = receive(running.control.as_fd())?.message;
    match FromChild::decode(&message)? {
        FromChild::Pong(number) => Ok(number),
        FromChild::Ready { .. } | FromChild::Failed { .. } => {
            Err(crate::codec::ProtocolError::UnknownKind.into())
        }
    }
}

/// At most one ping is under way.
struct Pings {
    interval: Duration,
    deadline: Duration,
    number: u64,
    last_sent: Instant,
    unanswered: bool,
}

impl Pings {
    fn new(interval: Duration, deadline: Duration) -> Self {
        Self {
            interval,
            deadline,
            number: 0,
            last_sent: Instant::now(),
            unanswered: false,
        }
    }

    /// Time until something is to be done; the health of the lanes is looked at as often.
    fn next_event(&self) -> Duration {
        if self.unanswered {
            self.interval.min(self.deadline)
        } else {
            self.interval.saturating_sub(self.last_sent.elapsed())
        }
    }

    fn due(&mut self) -> Option<u64> {
        if self.unanswered || self.last_sent.elapsed() < self.interval {
            return None;
        }
        self.number += 1;
        self.last_sent = Instant::now();
        self.unanswered = true;
        Some(self.number)
    }

    fn answered(&mut self, number: u64) {
        self.unanswered &= number != self.number;
    }

    fn overdue(&self) -> bool {
        self.unanswered && self.last_sent.elapsed() >= self.deadline
    }
}
