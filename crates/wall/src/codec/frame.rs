//! Frames: `u32` length of what follows, `u64` id, `u8` kind, body.

use super::wire::{Measure, Reader, Sink};
use super::{FrameId, ProtocolError};
use crate::limits::{FRAME_MAX_BYTES, READ_MAX_BYTES};
use crate::wipe::{reserve, wipe};

/// The version that both sides must speak.
pub const PROTOCOL_VERSION: u16 = 3;

/// Bytes of the length prefix.
const PREFIX: usize = 4;
/// First bytes of a greeting.
const HELLO_MAGIC: [u8; 4] = *b"KSWL";
/// Kind of a greeting.
pub(super) const KIND_HELLO: u8 = 0;

/// Anything that can be a frame's body.
pub(super) trait Body {
    fn kind(&self) -> u8;
    fn write(&self, out: &mut impl Sink) -> Result<(), ProtocolError>;
}

/// Appends one frame. Errors: a field or the frame is too long; nothing is appended then.
pub(super) fn encode(
    body: &impl Body,
    id: FrameId,
    out: &mut Vec<u8>,
) -> Result<(), ProtocolError> {
    let mut size = Measure::default();
    body.write(&mut size)?;
    let len = size.0 + 9;
    if len > FRAME_MAX_BYTES {
        return Err(ProtocolError::TooLong);
    }
    let prefix = u32::try_from(len).map_err(|_| ProtocolError::TooLong)?;
    reserve(out, PREFIX + len);
    out.put(&prefix.to_be_bytes());
    out.put(&id.0.to_be_bytes());
    out.put(&[body.kind()]);
    body.write(out)
}

/// Takes id and kind off a frame.
pub(super) fn open(frame: &[u8]) -> Result<(FrameId, u8, Reader<'_>), ProtocolError> {
    let mut reader = Reader::new(frame);
    let id = FrameId(reader.u64()?);
    let kind = reader.u8()?;
    Ok((id, kind, reader))
}

struct Hello;

impl Body for Hello {
    fn kind(&self) -> u8 {
        KIND_HELLO
    }

    fn write(&self, out: &mut impl Sink) -> Result<(), ProtocolError> {
        out.put(&HELLO_MAGIC);
        out.put(&PROTOCOL_VERSION.to_be_bytes());
        Ok(())
    }
}

/// Appends the greeting, the first frame of each side on each lane.
pub fn encode_hello(out: &mut Vec<u8>) -> Result<(), ProtocolError> {
    encode(&Hello, FrameId(0), out)
}

/// Checks that a frame (without its length) is the greeting of this version.
///
/// Errors: [`ProtocolError::WrongVersion`] for another version, others for anything else.
pub fn check_hello(frame: &[u8]) -> Result<(), ProtocolError> {
    let (id, kind, mut reader) = open(frame)?;
    if kind != KIND_HELLO || id != FrameId(0) || reader.array()? != HELLO_MAGIC {
        return Err(ProtocolError::UnknownKind);
    }
    if reader.u16()? != PROTOCOL_VERSION {
        return Err(ProtocolError::WrongVersion);
    }
    reader.finish()
}

/// Collects bytes of a stream and hands out whole frames. What was handed out is overwritten
/// before the space is used again.
pub struct FrameBuffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl FrameBuffer {
    /// An empty buffer of [`READ_MAX_BYTES`]; it grows to one frame of the largest size.
    pub fn new() -> Self {
        Self {
            bytes: vec![0; READ_MAX_BYTES],
            start: 0,
            end: 0,
        }
    }

    /// Space to read into, never empty. Frames handed out before are gone now.
    pub fn space(&mut self) -> &mut [u8] {
        self.compact();
        if self.end == self.bytes.len() {
            // Only a single frame above 64 KiB comes here; `next_frame` has checked its length.
            let more = self.bytes.len();
            reserve(&mut self.bytes, more);
            self.bytes.resize(more.saturating_mul(2), 0);
        }
        let limit = self
            .bytes
            .len()
            .min(self.end.saturating_add(READ_MAX_BYTES));
        self.bytes.get_mut(self.end..limit).unwrap_or_default()
    }

    /// Records that `count` bytes were read into [`FrameBuffer::space`].
    pub fn filled(&mut self, count: usize) {
        self.end = self.end.saturating_add(count).min(self.bytes.len());
    }

    /// The next whole frame, without its length; `None` if more must be read first.
    ///
    /// Errors: [`ProtocolError::TooLong`] as soon as the length is known to be too large, so the
    /// buffer never grows for it.
    pub fn next_frame(&mut self) -> Result<Option<&[u8]>, ProtocolError> {
        let pending = self.bytes.get(self.start..self.end).unwrap_or_default();
        let Some((prefix, rest)) = pending.split_first_chunk::<PREFIX>() else {
            return Ok(None);
        };
        let len =
            usize::try_from(u32::from_be_bytes(*prefix)).map_err(|_| ProtocolError::TooLong)?;
        if len > FRAME_MAX_BYTES {
            return Err(ProtocolError::TooLong);
        }
        if rest.len() < len {
            return Ok(None);
        }
        let from = self.start + PREFIX;
        self.start = from + len;
        Ok(self.bytes.get(from..self.start))
    }

    /// Overwrites what was handed out and moves the rest to the front.
    pub fn compact(&mut self) {
        let (start, end) = (self.start, self.end);
        if start == 0 {
            return;
        }
        self.bytes.copy_within(start..end, 0);
        let kept = end.saturating_sub(start);
        if let Some(used) = self.bytes.get_mut(kept..end) {
            wipe(used);
        }
        self.start = 0;
        self.end = kept;
    }

    /// True if the stream ended inside a frame.
    pub fn has_partial_frame(&self) -> bool {
        self.start != self.end
    }
}

impl Default for FrameBuffer {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for FrameBuffer {
    fn drop(&mut self) {
        wipe(&mut self.bytes);
    }
}
