//! One lane of one worker: what is queued, what is outstanding, what waits.

use std::collections::VecDeque;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;
use zeroize::Zeroizing;

use super::port::Shared;
use super::settings::{LaneSettings, WorkerSettings};
use super::slots::{Look, Slots};
use crate::codec::{
    FrameBuffer, FrameId, ProtocolError, check_hello, decode_outcome, encode_command, encode_hello,
};
use crate::limits::{HUNG_AFTER_TIMEOUTS, SEND_BUFFER_KEPT_BYTES};
use crate::wipe::{reserve, wipe_and_clear};
use crate::{Command, Lane, WallError};

/// What a worker's lanes did so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WallStats {
    /// Commands queued for a socket.
    pub frames: u64,
    /// Writes to a socket.
    pub writes: u64,
    /// Answers taken from a socket.
    pub answers: u64,
}

/// Connected sockets and the tasks that serve them. Tasks end with them.
pub(super) struct Link {
    /// Tells these sockets from the ones before them.
    pub(super) number: u64,
    /// Nothing is read from it, and it is not watched unless it is full.
    pub(super) commands: UnixStream,
    pub(super) tasks: Vec<AbortHandle>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

pub(super) struct LaneState {
    kind: Lane,
    limits: LaneSettings,
    flush_frames: usize,
    flush_after: Duration,
    health: Arc<Shared>,
    slots: Slots,
    /// Frames that are sent or queued and not answered, given up or not.
    outstanding: usize,
    waiting: VecDeque<(FrameId, Zeroizing<Vec<u8>>)>,
    waiting_bytes: usize,
    /// Bytes to write; the first `written` of them are out.
    queue: Vec<u8>,
    written: usize,
    queued_frames: usize,
    queued_since: Option<Instant>,
    /// The socket was full: a task waits until it takes more.
    blocked: bool,
    link: Option<Link>,
    pub(super) stats: WallStats,
}

/// Why a socket is not read any more.
#[derive(Debug)]
pub(super) enum Broken {
    /// It belongs to an HSM process that was replaced.
    Replaced,
    /// The other side broke the protocol.
    Protocol(ProtocolError),
}

/// What is left to do after a write.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Flushed {
    /// Nothing.
    Done,
    /// The socket is full: wait until it can be written, then call again.
    Blocked,
}

impl LaneState {
    pub(super) fn new(kind: Lane, settings: &WorkerSettings, health: Arc<Shared>) -> Self {
        Self {
            kind,
            limits: match kind {
                Lane::Fast => settings.fast,
                Lane::Slow => settings.slow,
                Lane::Making => settings.making,
            },
            flush_frames: settings.flush_frames,
            flush_after: settings.flush_after,
            health,
            slots: Slots::default(),
            outstanding: 0,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            queue: Vec::new(),
            written: 0,
            queued_frames: 0,
            queued_since: None,
            blocked: false,
            link: None,
            stats: WallStats::default(),
        }
    }

    /// Uses a new socket from now on.
    pub(super) fn connect(&mut self, link: Link, wakers: &mut Vec<Waker>) {
        self.disconnect(wakers);
        self.health.clear_missed(self.kind);
        if encode_hello(&mut self.queue).is_ok() {
            self.link = Some(link);
        }
    }

    /// Fails everything and forgets the sockets.
    pub(super) fn disconnect(&mut self, wakers: &mut Vec<Waker>) {
        self.link = None;
        self.blocked = false;
        self.outstanding = 0;
        self.waiting.clear();
        self.waiting_bytes = 0;
        self.clear_queue();
        self.slots.fail_all(WallError::Down, wakers);
    }

    /// The present sockets.
    pub(super) fn link(&mut self) -> Option<&mut Link> {
        self.link.as_mut()
    }

    /// The number of the present socket.
    pub(super) fn link_number(&self) -> Option<u64> {
        self.link.as_ref().map(|link| link.number)
    }

    /// Queues a command, or lets it wait behind others. True in the result: write now.
    pub(super) fn start(&mut self, command: &Command<'_>) -> Result<(FrameId, bool), WallError> {
        if self.link.is_none() {
            return Err(WallError::Down);
        }
        let now = Instant::now();
        let id = self.slots.insert(now).ok_or(WallError::Overloaded)?;
        let queued = if self.outstanding < self.limits.outstanding && self.waiting.is_empty() {
            self.enqueue(command, id, now)
        } else {
            self.wait(command, id).map(|()| false)
        };
        if queued.is_err() {
            self.slots.abandon(id);
        }
        queued.map(|flush| (id, flush))
    }

    fn enqueue(
        &mut self,
        command: &Command<'_>,
        id: FrameId,
        now: Instant,
    ) -> Result<bool, WallError> {
        encode_command(command, id, &mut self.queue).map_err(|_| WallError::Protocol)?;
        self.note_queued(now);
        let since = self.queued_since.unwrap_or(now);
        let old = now.saturating_duration_since(since) >= self.flush_after;
        Ok(old || self.queued_frames >= self.flush_frames)
    }

    fn note_queued(&mut self, now: Instant) {
        self.outstanding += 1;
        self.queued_frames += 1;
        self.queued_since.get_or_insert(now);
        self.stats.frames += 1;
    }

    fn wait(&mut self, command: &Command<'_>, id: FrameId) -> Result<(), WallError> {
        if self.waiting.len() >= self.limits.waiting {
            self.drop_given_up();
        }
        if self.waiting.len() >= self.limits.waiting {
            return Err(WallError::Overloaded);
        }
        let mut frame = Zeroizing::new(Vec::new());
        encode_command(command, id, &mut frame).map_err(|_| WallError::Protocol)?;
        let bytes = self.waiting_bytes.saturating_add(frame.len());
        if bytes > self.limits.waiting_bytes {
            return Err(WallError::Overloaded);
        }
        self.waiting_bytes = bytes;
        self.waiting.push_back((id, frame));
        Ok(())
    }

    fn drop_given_up(&mut self) {
        let Self {
            waiting,
            waiting_bytes,
            slots,
            ..
        } = self;
        waiting.retain(|(id, frame)| {
            let keep = slots.is_awaited(*id);
            if !keep {
                *waiting_bytes = waiting_bytes.saturating_sub(frame.len());
            }
            keep
        });
    }

    /// Queues what waits, as far as answers have made room.
    fn admit_waiting(&mut self) {
        while self.outstanding < self.limits.outstanding {
            let Some((id, frame)) = self.waiting.pop_front() else {
                return;
            };
            self.waiting_bytes = self.waiting_bytes.saturating_sub(frame.len());
            if self.slots.is_awaited(id) {
                reserve(&mut self.queue, frame.len());
                self.queue.extend_from_slice(&frame);
                self.note_queued(Instant::now());
            }
        }
    }

    /// Writes what is queued, as far as the socket takes it.
    pub(super) fn flush(&mut self, wakers: &mut Vec<Waker>) -> Flushed {
        // Most lanes have nothing to write when the worker parks.
        if self.blocked || self.queue.is_empty() {
            return Flushed::Done;
        }
        while let Some(rest) = self
            .queue
            .get(self.written..)
            .filter(|rest| !rest.is_empty())
        {
            let Some(link) = &self.link else {
                break;
            };
            match (&link.commands).write(rest) {
                Ok(count) => {
                    self.written += count;
                    self.stats.writes += 1;
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    self.blocked = true;
                    return Flushed::Blocked;
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    tracing::warn!(lane = ?self.kind, %error, "cannot write to the HSM process");
                    self.disconnect(wakers);
                    return Flushed::Done;
                }
            }
        }
        self.clear_queue();
        Flushed::Done
    }

    /// The socket takes more: write again.
    pub(super) fn unblock(&mut self, number: u64, wakers: &mut Vec<Waker>) -> Flushed {
        if self.link_number() != Some(number) {
            return Flushed::Done;
        }
        self.blocked = false;
        self.flush(wakers)
    }

    fn clear_queue(&mut self) {
        wipe_and_clear(&mut self.queue);
        if self.queue.capacity() > SEND_BUFFER_KEPT_BYTES {
            self.queue = Vec::new();
        }
        self.written = 0;
        self.queued_frames = 0;
        self.queued_since = None;
    }

    /// Takes all whole answers out of what was read.
    pub(super) fn receive(
        &mut self,
        number: u64,
        input: &mut FrameBuffer,
        greeted: &mut bool,
        wakers: &mut Vec<Waker>,
    ) -> Result<(), Broken> {
        if self.link_number() != Some(number) {
            return Err(Broken::Replaced);
        }
        while let Some(frame) = input.next_frame().map_err(Broken::Protocol)? {
            if !*greeted {
                check_hello(frame).map_err(Broken::Protocol)?;
                *greeted = true;
                continue;
            }
            let (id, outcome) = decode_outcome(frame).map_err(Broken::Protocol)?;
            // An answer to nothing is a broken other side, not a late answer.
            let left = self.outstanding.checked_sub(1);
            self.outstanding = left.ok_or(Broken::Protocol(ProtocolError::UnknownValue))?;
            self.stats.answers += 1;
            wakers.extend(self.slots.answer(id, Ok(outcome)));
        }
        input.compact();
        self.health.clear_missed(self.kind);
        self.admit_waiting();
        Ok(())
    }

    /// The other side broke the protocol, or its sockets cannot be used: only a new process mends
    /// that, and this one may not notice. It counts as hung until new sockets come.
    pub(super) fn distrust(&self) {
        self.health.count_missed(self.kind, HUNG_AFTER_TIMEOUTS);
    }

    /// Gives up what is too old.
    pub(super) fn sweep(&mut self, now: Instant, wakers: &mut Vec<Waker>) {
        let missed = self.slots.expire(now, self.limits.deadline, wakers);
        // A long making is no hang, and pings tell whether the process is alive.
        if self.kind != Lane::Making {
            self.health.count_missed(self.kind, missed);
        }
        if missed != 0 {
            tracing::warn!(lane = ?self.kind, missed, "the HSM process missed deadlines");
        }
        self.drop_given_up();
    }

    /// Looks for an answer.
    pub(super) fn look(&mut self, id: FrameId, waker: &Waker) -> Look {
        self.slots.look(id, waker)
    }

    /// Nobody waits for this answer any more.
    pub(super) fn abandon(&mut self, id: FrameId) -> impl Sized + use<> {
        self.slots.abandon(id)
    }
}
