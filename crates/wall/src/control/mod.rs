//! The control channel between the supervisor and the HSM process: a socket of whole messages
//! that carries the start, the lane sockets, pings, and by its end the death of either side.
//! Bytes in `docs/formats/wall.md`.

mod message;
mod socket;

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use keystead_types::Region;
use thiserror::Error;

use crate::codec::ProtocolError;
use crate::limits::FAILURE_TEXT_MAX_BYTES;
use crate::{Lane, LaneEnd};
pub(crate) use message::{FromChild, ToChild};
pub(crate) use socket::{Received, pair, receive, send};

/// Where the HSM process takes its root of trust from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootConfig {
    /// A file with the root key.
    KeyFile {
        /// Where it is.
        path: PathBuf,
        /// Whether to make it if there is none.
        create: bool,
    },
    /// A random root in the memory of the HSM process, lost with it. For development.
    Ephemeral,
}

/// A Region and its domain key, sealed under the root of trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedDomain {
    /// The Region.
    pub region: Region,
    /// What `CreateDomain` answered.
    pub sealed: Vec<u8>,
}

/// One lane as the HSM process gets it.
#[derive(Debug)]
pub struct NumberedLane {
    /// Which commands come here.
    pub kind: Lane,
    /// Its number, the `lane` of receipts; unlike that of any other lane of this process.
    pub number: u16,
    /// For [`crate::serve_lane`].
    pub end: LaneEnd,
}

/// All that an HSM process needs to begin.
#[derive(Debug)]
pub struct Start {
    /// The root of trust.
    pub root: RootConfig,
    /// Domain keys to open.
    pub domains: Vec<SealedDomain>,
    /// Lanes to serve.
    pub lanes: Vec<NumberedLane>,
    /// RSA keys of each size to keep ready.
    pub prepared_keys: u16,
}

/// Why the control channel does not work.
#[derive(Debug, Error)]
pub enum ControlError {
    /// The other side ended.
    #[error("the other side of the control channel ended")]
    Closed,
    /// The other side broke the protocol.
    #[error("the control channel: {0}")]
    Protocol(#[from] ProtocolError),
    /// The socket failed.
    #[error("the control channel failed: {0}")]
    Io(#[from] io::Error),
}

/// The HSM process's side of the control channel.
pub struct ControlChannel {
    socket: OwnedFd,
}

impl ControlChannel {
    /// Takes the channel from standard input, where the supervisor puts it.
    ///
    /// Errors: standard input is closed. That it is no socket shows at the first use.
    pub fn from_stdin() -> io::Result<Self> {
        let socket = io::stdin().as_fd().try_clone_to_owned()?;
        Ok(Self { socket })
    }

    /// Takes an open channel.
    pub fn new(socket: OwnedFd) -> Self {
        Self { socket }
    }

    /// Waits for all that is needed to begin.
    ///
    /// Errors: [`ControlError`]; the process should end then.
    pub fn receive_start(&self) -> Result<Start, ControlError> {
        let ToChild::Start {
            root,
            domains: domain_count,
            lanes: lane_count,
            prepared_keys,
        } = self.next_with::<0>()?.0
        else {
            return Err(ProtocolError::UnknownKind.into());
        };
        let mut domains = Vec::new();
        for _ in 0..domain_count {
            let (ToChild::Domain(domain), []) = self.next_with()? else {
                return Err(ProtocolError::UnknownKind.into());
            };
            domains.push(domain);
        }
        let mut lanes = Vec::new();
        for _ in 0..lane_count {
            let (ToChild::Lane { kind, number }, [commands, answers]) = self.next_with()? else {
                return Err(ProtocolError::UnknownKind.into());
            };
            let end = LaneEnd {
                commands: commands.into(),
                answers: answers.into(),
            };
            lanes.push(NumberedLane { kind, number, end });
        }
        Ok(Start {
            root,
            domains,
            lanes,
            prepared_keys,
        })
    }

    /// Tells the supervisor that the lanes are served from now on. `epoch` is that of receipts.
    pub fn ready(&self, epoch: u64) -> Result<(), ControlError> {
        self.tell(&FromChild::Ready { epoch })
    }

    /// Tells the supervisor why the process cannot work. The text goes to the operator's log and
    /// must hold no secret; it is cut at [`FAILURE_TEXT_MAX_BYTES`].
    pub fn failed(&self, reason: &str) -> Result<(), ControlError> {
        let end = reason.floor_char_boundary(FAILURE_TEXT_MAX_BYTES);
        let reason = reason.get(..end).unwrap_or_default().to_owned();
        self.tell(&FromChild::Failed { reason })
    }

    /// Answers pings until the supervisor closes the channel or dies; then the process should
    /// end. Uses `recvmsg` and `sendmsg` only.
    pub fn serve_until_closed(&self) -> Result<(), ControlError> {
        loop {
            match self.next_with() {
                Ok((ToChild::Ping(number), [])) => self.tell(&FromChild::Pong(number))?,
                Ok(_) => return Err(ProtocolError::UnknownKind.into()),
                Err(ControlError::Closed) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// The next message, which must bring so many files.
    fn next_with<const N: usize>(&self) -> Result<(ToChild, [OwnedFd; N]), ControlError> {
        let Received { message, files } = receive(self.socket.as_fd())?;
        let files = files.try_into().map_err(|_| ProtocolError::UnknownKind)?;
        Ok((ToChild::decode(&message)?, files))
    }

    fn tell(&self, message: &FromChild) -> Result<(), ControlError> {
        send(self.socket.as_fd(), &message.encode()?, &[])
    }
}

#[cfg(test)]
mod tests;
