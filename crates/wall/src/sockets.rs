//! The sockets of a lane.

use std::io;
use std::os::unix::net::UnixStream;

/// One side's end of a lane: a socket for each direction.
///
/// With a single one, each read of either side would wake the other for nothing: the kernel tells
/// whoever waits at a socket, for whatever, that it takes more again.
#[derive(Debug)]
pub struct LaneEnd {
    /// From the front end to the HSM process.
    pub commands: UnixStream,
    /// From the HSM process to the front end.
    pub answers: UnixStream,
}

impl LaneEnd {
    /// Makes both ends of a lane. Either serves either side.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (commands, far_commands) = UnixStream::pair()?;
        let (answers, far_answers) = UnixStream::pair()?;
        let near = Self { commands, answers };
        let far = Self {
            commands: far_commands,
            answers: far_answers,
        };
        Ok((near, far))
    }
}
