//! The framing of HTTP/1.1, held strictly on the raw bytes before the HTTP library sees them.
//!
//! The library accepts, and hides from us, what a proxy in front may read differently: both
//! `Content-Length` and `Transfer-Encoding`, two equal `Content-Length` lines, bare LF as a line
//! end, chunk extensions, trailers. Here each of these ends the connection.
//!
//! Source: RFC 9112, sections 2.2, 6.1, 6.3, 7.1 and 11.2.

use crate::gauge::Phase;
use crate::limits::{CHUNK_SIZE_MAX_DIGITS, FRAMING_LINE_MAX_BYTES};

/// Where the reader stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before a request line; empty lines are skipped.
    RequestLine,
    /// Among header lines.
    Header,
    /// In a body with that many bytes left.
    Sized(u64),
    /// Before a chunk's size.
    ChunkSize,
    /// In a chunk with that many bytes left.
    Chunk(u64),
    /// Behind a chunk's data.
    ChunkEnd,
    /// Behind the last chunk, where trailers would stand.
    LastChunk,
    /// Refused.
    Refused,
}

/// What a look at new bytes found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Nothing wrong.
    Fine,
    /// The byte at this place, and all behind it, must not be read as they are.
    RefusedAt(usize),
}

/// Follows the framing of one connection.
pub(crate) struct Screen {
    place: Place,
    /// The beginning of a line that is not complete yet.
    line: Vec<u8>,
    /// Length of that line so far, also beyond what is kept of it.
    line_bytes: usize,
    last: u8,
    length: Option<u64>,
    chunked: bool,
    heads: u32,
}

impl Screen {
    /// A screen at the beginning of a connection.
    pub(crate) fn new() -> Self {
        Self {
            place: Place::RequestLine,
            line: Vec::new(),
            line_bytes: 0,
            last: 0,
            length: None,
            chunked: false,
            heads: 0,
        }
    }

    /// Heads read to their end.
    pub(crate) fn heads(&self) -> u32 {
        self.heads
    }

    /// What the connection is doing.
    pub(crate) fn phase(&self) -> Phase {
        match self.place {
            Place::RequestLine if self.line_bytes == 0 && self.heads > 0 => Phase::Idle,
            Place::RequestLine | Place::Header | Place::Refused => Phase::Head,
            _ => Phase::Body,
        }
    }

    /// Looks at the next bytes of the connection, all of them once and in order.
    pub(crate) fn look(&mut self, bytes: &[u8]) -> Seen {
        let mut rest = bytes;
        while !rest.is_empty() {
            let taken = match self.place {
                Place::Refused => None,
                Place::Sized(left) => Some(self.skip(left, rest.len(), Place::RequestLine)),
                Place::Chunk(left) => Some(self.skip(left, rest.len(), Place::ChunkEnd)),
                _ => self.take_line(rest),
            };
            let at = bytes.len() - rest.len();
            match taken.map(|taken| (taken, rest.get(taken..))) {
                Some((_, Some(behind))) if self.place != Place::Refused => rest = behind,
                Some((taken, _)) => return Seen::RefusedAt(at + taken.saturating_sub(1)),
                None => return Seen::RefusedAt(at),
            }
        }
        Seen::Fine
    }

    /// Skips the data of a body. Returns how many bytes.
    fn skip(&mut self, left: u64, available: usize, behind: Place) -> usize {
        let taken = usize::try_from(left).map_or(available, |left| left.min(available));
        let left = left.saturating_sub(taken as u64);
        self.place = match (self.place, left) {
            (_, 0) => behind,
            (Place::Chunk(_), left) => Place::Chunk(left),
            (_, left) => Place::Sized(left),
        };
        taken
    }

    /// Takes bytes up to the end of the line. Returns how many, `None` for a line without end.
    fn take_line(&mut self, rest: &[u8]) -> Option<usize> {
        let end = memchr::memchr(b'\n', rest);
        let taken = end.map_or(rest.len(), |end| end + 1);
        let (new, _) = rest.split_at_checked(taken)?;
        let whole = self.line_bytes == 0;
        self.line_bytes = self.line_bytes.saturating_add(taken);
        if end.is_none() {
            let room = FRAMING_LINE_MAX_BYTES.saturating_sub(self.line.len());
            self.line.extend(new.iter().take(room));
            self.last = new.last().copied().unwrap_or(self.last);
            let long = !matches!(self.place, Place::RequestLine | Place::Header)
                && self.line_bytes > FRAMING_LINE_MAX_BYTES;
            return (!long).then_some(taken);
        }
        if whole {
            self.end_line(new);
        } else {
            let before_end = match new {
                [.., before, _] => *before,
                _ => self.last,
            };
            let mut line = std::mem::take(&mut self.line);
            let room = FRAMING_LINE_MAX_BYTES.saturating_sub(line.len());
            line.extend(new.iter().take(room));
            if before_end != b'\r' {
                self.place = Place::Refused;
            } else if self.line_bytes <= FRAMING_LINE_MAX_BYTES {
                self.end_line(&line);
            } else {
                self.end_long_line(&line);
            }
            line.clear();
            self.line = line;
        }
        self.line_bytes = 0;
        Some(taken)
    }

    /// A complete line that came in pieces and is kept in part: fine unless it is framing.
    fn end_long_line(&mut self, beginning: &[u8]) {
        match self.place {
            Place::RequestLine => self.place = Place::Header,
            Place::Header if framing(beginning).is_none() => {}
            _ => self.place = Place::Refused,
        }
    }

    /// A complete line, with its line end.
    fn end_line(&mut self, line: &[u8]) {
        let Some(text) = line.strip_suffix(b"\r\n") else {
            self.place = Place::Refused;
            return;
        };
        self.place = match self.place {
            Place::RequestLine if text.is_empty() => Place::RequestLine,
            Place::RequestLine => Place::Header,
            Place::Header if text.is_empty() => self.end_head(),
            Place::Header => self.header(text),
            Place::ChunkSize => match chunk_size(text) {
                Some(0) => Place::LastChunk,
                Some(size) => Place::Chunk(size),
                None => Place::Refused,
            },
            Place::ChunkEnd if text.is_empty() => Place::ChunkSize,
            Place::LastChunk if text.is_empty() => Place::RequestLine,
            _ => Place::Refused,
        };
    }

    fn header(&mut self, text: &[u8]) -> Place {
        let good = match framing(text) {
            None => true,
            Some((Framing::Length, value)) => {
                let first = self.length.is_none() && !self.chunked;
                self.length = content_length(value);
                first && self.length.is_some()
            }
            Some((Framing::Encoding, value)) => {
                let first = self.length.is_none() && !self.chunked;
                self.chunked = true;
                first && trim(value).eq_ignore_ascii_case(b"chunked")
            }
        };
        if good { Place::Header } else { Place::Refused }
    }

    fn end_head(&mut self) -> Place {
        self.heads = self.heads.wrapping_add(1);
        let chunked = std::mem::take(&mut self.chunked);
        match self.length.take() {
            _ if chunked => Place::ChunkSize,
            None | Some(0) => Place::RequestLine,
            Some(length) => Place::Sized(length),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length,
    Encoding,
}

/// Name and value of a header line that decides where the body ends.
fn framing(line: &[u8]) -> Option<(Framing, &[u8])> {
    const NAMES: [(&[u8], Framing); 2] = [
        (b"content-length", Framing::Length),
        (b"transfer-encoding", Framing::Encoding),
    ];
    // Few headers begin with these letters; the others are not looked at further.
    if !matches!(line.first(), Some(b'c' | b'C' | b't' | b'T')) {
        return None;
    }
    NAMES.iter().find_map(|(name, framing)| {
        let (front, behind) = line.split_at_checked(name.len())?;
        let value = behind.strip_prefix(b":")?;
        front
            .eq_ignore_ascii_case(name)
            .then_some((*framing, value))
    })
}

fn trim(value: &[u8]) -> &[u8] {
    let mut value = value;
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// Digits only: no sign, no list, nothing beyond 64 bits.
fn content_length(value: &[u8]) -> Option<u64> {
    let digits = trim(value);
    let fits = (1..=20).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(digits).ok()?;
    fits.then(|| text.parse().ok())?
}

/// Hex digits only: no extension, no space.
fn chunk_size(text: &[u8]) -> Option<u64> {
    let fits =
        (1..=CHUNK_SIZE_MAX_DIGITS).contains(&text.len()) && text.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(text).ok()?;
    fits.then(|| u64::from_str_radix(text, 16).ok())?
}

#[cfg(test)]
mod tests;
