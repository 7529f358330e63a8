//! The tasks of a worker: new sockets, answers, full sockets, deadlines.

use std::io;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, Interest};
use tokio::net::UnixStream;

use super::lane::{Broken, Flushed, Link};
use super::port::Shared;
use super::{Lanes, with_lanes};
use crate::codec::FrameBuffer;
use crate::{Lane, LaneEnd};

/// Connects whenever the supervisor has new sockets.
pub(super) async fn relink(worker: u64, shared: Arc<Shared>) {
    loop {
        shared.arrived.notified().await;
        connect_arrived(worker, &shared);
    }
}

/// Connects the sockets that have arrived, if any.
pub(super) fn connect_arrived(worker: u64, shared: &Shared) {
    let Some(sockets) = shared.take() else {
        return;
    };
    with_lanes(Some(worker), |lanes, wakers| {
        connect(lanes, Lane::Fast, sockets.fast, wakers);
        connect(lanes, Lane::Slow, sockets.slow, wakers);
        connect(lanes, Lane::Making, sockets.making, wakers);
    });
}

fn connect(lanes: &mut Lanes, kind: Lane, end: LaneEnd, wakers: &mut Vec<Waker>) {
    let LaneEnd { commands, answers } = end;
    let answers = commands
        .set_nonblocking(true)
        .and_then(|()| answers.set_nonblocking(true))
        .and_then(|()| UnixStream::from_std(answers));
    let answers = match answers {
        Ok(answers) => answers,
        Err(error) => {
            tracing::error!(lane = ?kind, %error, "cannot use a socket to the HSM process");
            lanes.lane(kind).distrust();
            lanes.lane(kind).disconnect(wakers);
            return;
        }
    };
    lanes.links += 1;
    let number = lanes.links;
    let reading = lanes
        .runtime
        .spawn(read_answers(answers, lanes.worker, kind, number));
    let link = Link {
        number,
        commands,
        tasks: vec![reading.abort_handle()],
    };
    lanes.lane(kind).connect(link, wakers);
    lanes.flush(kind, wakers);
}

async fn read_answers(mut socket: UnixStream, worker: u64, kind: Lane, number: u64) {
    let mut input = FrameBuffer::new();
    let mut greeted = false;
    loop {
        match socket.read(input.space()).await {
            Ok(0) => break tracing::warn!(lane = ?kind, "the HSM process closed a lane"),
            Ok(count) => input.filled(count),
            Err(error) => break tracing::warn!(lane = ?kind, %error, "a lane failed"),
        }
        let received = with_lanes(Some(worker), |lanes, wakers| {
            lanes
                .lane(kind)
                .receive(number, &mut input, &mut greeted, wakers)
        });
        match received {
            Some(Ok(())) => {}
            None | Some(Err(Broken::Replaced)) => return,
            Some(Err(Broken::Protocol(error))) => {
                with_lanes(Some(worker), |lanes, _| lanes.lane(kind).distrust());
                break tracing::error!(lane = ?kind, %error, "the HSM process broke the protocol");
            }
        }
    }
    with_lanes(Some(worker), |lanes, wakers| {
        let lane = lanes.lane(kind);
        if lane.link_number() == Some(number) {
            lane.disconnect(wakers);
        }
    });
}

/// Lets a task write the rest once the socket takes more.
pub(super) fn spawn_drain(lanes: &mut Lanes, kind: Lane, wakers: &mut Vec<Waker>) {
    let (worker, runtime) = (lanes.worker, lanes.runtime.clone());
    let lane = lanes.lane(kind);
    let Some(link) = lane.link() else {
        return;
    };
    match link.commands.try_clone().and_then(UnixStream::from_std) {
        Ok(commands) => {
            let task = runtime.spawn(drain(commands, worker, kind, link.number));
            link.tasks.retain(|task| !task.is_finished());
            link.tasks.push(task.abort_handle());
        }
        Err(error) => {
            tracing::error!(lane = ?kind, %error, "cannot watch a socket to the HSM process");
            lane.distrust();
            lane.disconnect(wakers);
        }
    }
}

/// `commands`: another descriptor of the full socket.
async fn drain(commands: UnixStream, worker: u64, kind: Lane, number: u64) {
    let flush = || {
        let flushed = with_lanes(Some(worker), |lanes, wakers| {
            lanes.lane(kind).unblock(number, wakers)
        });
        match flushed {
            Some(Flushed::Blocked) => Err(io::Error::from(io::ErrorKind::WouldBlock)),
            Some(Flushed::Done) | None => Ok(()),
        }
    };
    loop {
        // An error shows again at the write, which ends the lane.
        let _ready = commands.writable().await;
        if commands.try_io(Interest::WRITABLE, flush).is_ok() {
            return;
        }
    }
}

/// Gives up what is past its deadline, and writes what a busy worker left queued.
pub(super) async fn sweep(worker: u64, interval: Duration) {
    loop {
        tokio::time::sleep(interval).await;
        with_lanes(Some(worker), |lanes, wakers| {
            let now = Instant::now();
            for kind in Lane::ALL {
                lanes.lane(kind).sweep(now, wakers);
                lanes.flush(kind, wakers);
            }
        });
    }
}
