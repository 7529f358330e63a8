//! The HSM side of a lane.

use std::io::{self, Read, Write};

use zeroize::Zeroizing;

use crate::codec::{
    FrameBuffer, ProtocolError, check_hello, decode_command, encode_hello, encode_outcome,
};
use crate::wipe::wipe_and_clear;
use crate::{Command, LaneEnd, Outcome};

/// What runs the commands of a lane. A closure is one without state to give up at rest.
pub trait Handler {
    /// Runs one command.
    fn answer(&mut self, command: Command<'_>) -> Outcome;

    /// All commands that had arrived are answered; the lane is about to wait for more.
    fn rest(&mut self) {}
}

impl<F: FnMut(Command<'_>) -> Outcome> Handler for F {
    fn answer(&mut self, command: Command<'_>) -> Outcome {
        self(command)
    }
}

/// Answers the commands of one lane until the other side closes it: reads what is there, runs
/// `handler` on every whole frame, in order, and writes all answers at once. Blocks; one thread
/// per lane. Buffers are overwritten after use.
///
/// The sockets must be in blocking mode. Ends with `Ok` at the end of the stream.
///
/// Errors: of the sockets; [`io::ErrorKind::InvalidData`] if the other side breaks the protocol
/// (the cause is a [`ProtocolError`]). The sockets are closed in each case, which tells the front
/// end that all its commands on this lane are lost.
pub fn serve_lane(lane: LaneEnd, mut handler: impl Handler) -> io::Result<()> {
    let LaneEnd {
        mut commands,
        mut answers,
    } = lane;
    let mut input = FrameBuffer::new();
    // Wiped also when an error ends the lane: the process may go on without it.
    let mut output = Zeroizing::new(Vec::new());
    encode_hello(&mut output).map_err(broken)?;
    answers.write_all(&output)?;
    let mut greeted = false;
    loop {
        let count = match commands.read(input.space()) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        if count == 0 {
            return match input.has_partial_frame() {
                true => Err(broken(ProtocolError::Truncated)),
                false => Ok(()),
            };
        }
        input.filled(count);
        wipe_and_clear(&mut output);
        while let Some(frame) = input.next_frame().map_err(broken)? {
            if !greeted {
                check_hello(frame).map_err(broken)?;
                greeted = true;
                continue;
            }
            let (id, command) = decode_command(frame).map_err(broken)?;
            let outcome = handler.answer(command.lend());
            encode_outcome(&outcome, id, &mut output).map_err(broken)?;
        }
        handler.rest();
        input.compact();
        answers.write_all(&output)?;
        wipe_and_clear(&mut output);
    }
}

fn broken(error: ProtocolError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
