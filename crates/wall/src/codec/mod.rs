//! The framed protocol between the front end and the HSM process; bytes in
//! `docs/formats/wall.md`.

mod command;
mod frame;
mod outcome;
#[cfg(test)]
mod tests;
pub(crate) mod wire;

use thiserror::Error;

pub use command::{CipherBuf, CommandBuf, KeyBuf, decode_command, encode_command};
pub use frame::{FrameBuffer, PROTOCOL_VERSION, check_hello, encode_hello};
pub use outcome::{decode_outcome, encode_outcome};

/// Names a command on its lane; the answer carries the same number. Its maker gives it meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FrameId(pub u64);

/// Why bytes are no message of this protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ProtocolError {
    /// The frame ends inside a field.
    #[error("a frame ends inside a field")]
    Truncated,
    /// A frame or field is longer than its limit.
    #[error("a frame or field is longer than its limit")]
    TooLong,
    /// Bytes follow the last field.
    #[error("bytes follow the last field of a frame")]
    TrailingBytes,
    /// The kind of frame is not known here.
    #[error("a frame of an unknown kind")]
    UnknownKind,
    /// A field has a value that does not exist.
    #[error("a field has a value that does not exist")]
    UnknownValue,
    /// The other side speaks another version.
    #[error("the other side speaks another version of the protocol")]
    WrongVersion,
}
