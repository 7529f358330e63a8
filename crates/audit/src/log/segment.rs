//! Segment files: names, and reading one while checking its chain.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use keystead_types::Hex32;

use super::Head;
use super::line::{self, Header, Line};
use crate::limits::LINE_MAX_BYTES;

const VERSION: u32 = 1;
const PREFIX: &str = "audit-";
const SUFFIX: &str = ".log";

/// The place where a log stops being a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The segment file.
    pub file: PathBuf,
    /// The line in the file, from 1; the first line is the segment's header.
    pub line: u64,
    /// What is wrong there.
    pub reason: Reason,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The first line is not the header that the file's name and the chain demand.
    Header,
    /// The segment was written in a format that this program does not read.
    Version(u32),
    /// Not a line of the log: no JSON, other members, or longer than a line can be.
    NotALine,
    /// The number does not follow the one before: lines are missing, doubled or moved.
    Sequence {
        /// The number that should stand here.
        expected: u64,
        /// The number that stands here.
        found: u64,
    },
    /// The hash of the line before is another: that line or this one was changed.
    Previous,
    /// The file ends within a line although another segment follows.
    Torn,
    /// The log does not contain the record that was known to be its newest once: its end was cut
    /// off or the whole was rewritten.
    Head,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}: ", self.file.display(), self.line)?;
        match &self.reason {
            Reason::Header => f.write_str("not the header that belongs here"),
            Reason::Version(version) => write!(f, "format version {version} is not known"),
            Reason::NotALine => f.write_str("not a line of the log"),
            Reason::Sequence { expected, found } => {
                write!(f, "record {expected} should stand here, not {found}")
            }
            Reason::Previous => f.write_str("the hash of the line before does not match"),
            Reason::Torn => f.write_str("the line is cut off"),
            Reason::Head => f.write_str("the log lacks a record that it is known to have had"),
        }
    }
}

/// A segment file by its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Segment {
    pub(super) first_seq: u64,
    pub(super) path: PathBuf,
}

/// Where a segment ended.
pub(super) struct Walked {
    /// The record before the segment, from its header.
    pub(super) before: Head,
    /// Its last record.
    pub(super) head: Head,
    /// Its complete lines, the header included.
    pub(super) lines: u64,
    /// Bytes of its complete lines.
    pub(super) whole_bytes: u64,
    /// Bytes after the last line end.
    pub(super) torn_bytes: u64,
}

/// Why reading stopped.
pub(super) enum Stop {
    Io(io::Error),
    Broken(Broken),
}

impl Segment {
    pub(super) fn after(dir: &Path, head: Head) -> Self {
        let first_seq = head.seq.saturating_add(1);
        Self {
            first_seq,
            path: dir.join(format!("{PREFIX}{first_seq:020}{SUFFIX}")),
        }
    }

    fn parse(path: PathBuf) -> Option<Self> {
        let digits = path.file_name()?.to_str()?;
        let digits = digits.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
        let good = digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit());
        let first_seq = good.then(|| digits.parse().ok())??;
        Some(Self { first_seq, path })
    }

    /// The segments of a directory, oldest first.
    pub(super) fn list(dir: &Path) -> io::Result<Vec<Self>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(dir)? {
            found.extend(Self::parse(entry?.path()));
        }
        found.sort();
        Ok(found)
    }

    /// Reads the whole file. `None`: it has no complete first line, so no record either.
    ///
    /// Arguments: `after` is the record that the segment must follow, when it is known; `each`
    /// gets every good line, parsed, and the head that it makes.
    pub(super) fn walk(
        &self,
        after: Option<Head>,
        mut each: impl FnMut(&Line<'_>, Head),
    ) -> Result<Option<Walked>, Stop> {
        let mut reader =
            BufReader::with_capacity(1 << 16, File::open(&self.path).map_err(Stop::Io)?);
        let mut bytes = Vec::new();
        let broken = |line, reason| {
            Stop::Broken(Broken {
                file: self.path.clone(),
                line,
                reason,
            })
        };
        let first = match next(&mut reader, &mut bytes).map_err(Stop::Io)? {
            Next::Line => self.header(&bytes).map_err(|reason| broken(1, reason))?,
            Next::Torn | Next::End => return Ok(None),
            Next::TooLong => return Err(broken(1, Reason::Header)),
        };
        if after.is_some_and(|after| after != first) {
            return Err(broken(1, Reason::Header));
        }
        let mut walked = Walked {
            before: first,
            head: first,
            lines: 1,
            whole_bytes: bytes.len() as u64 + 1,
            torn_bytes: 0,
        };
        loop {
            let at = walked.lines + 1;
            match next(&mut reader, &mut bytes).map_err(Stop::Io)? {
                Next::End => return Ok(Some(walked)),
                Next::TooLong => return Err(broken(at, Reason::NotALine)),
                Next::Torn => {
                    walked.torn_bytes = bytes.len() as u64;
                    return Ok(Some(walked));
                }
                Next::Line => {}
            }
            let line = Line::parse(&bytes).ok_or_else(|| broken(at, Reason::NotALine))?;
            let head = follow(walked.head, &line, &bytes).map_err(|reason| broken(at, reason))?;
            each(&line, head);
            walked.head = head;
            walked.lines = at;
            walked.whole_bytes += bytes.len() as u64 + 1;
        }
    }

    /// Checks the first line: its bytes are fixed by the file's name and the hash in it.
    fn header(&self, bytes: &[u8]) -> Result<Head, Reason> {
        let header: Header<'_> = serde_json::from_slice(bytes).map_err(|_| Reason::Header)?;
        if header.keystead_audit != VERSION {
            return Err(Reason::Version(header.keystead_audit));
        }
        let before = Head {
            seq: self.first_seq.checked_sub(1).ok_or(Reason::Header)?,
            hash: Hex32::parse(header.prev).map_err(|_| Reason::Header)?,
        };
        let mut expected = Vec::new();
        line::header(&mut expected, before);
        let same =
            header.first_seq == self.first_seq && expected.strip_suffix(b"\n") == Some(bytes);
        let begins_right = before.seq > 0 || before == Head::EMPTY;
        if same && begins_right {
            Ok(before)
        } else {
            Err(Reason::Header)
        }
    }
}

fn follow(head: Head, line: &Line<'_>, bytes: &[u8]) -> Result<Head, Reason> {
    let expected = head.seq.saturating_add(1);
    if line.seq != expected {
        let found = line.seq;
        return Err(Reason::Sequence { expected, found });
    }
    if Hex32::parse(line.prev) != Ok(head.hash) {
        return Err(Reason::Previous);
    }
    Ok(Head {
        seq: expected,
        hash: line::hash(bytes),
    })
}

enum Next {
    Line,
    Torn,
    TooLong,
    End,
}

/// Reads one line without its end into `bytes`.
fn next(reader: &mut impl BufRead, bytes: &mut Vec<u8>) -> io::Result<Next> {
    bytes.clear();
    let read = reader
        .by_ref()
        .take(LINE_MAX_BYTES as u64)
        .read_until(b'\n', bytes)?;
    Ok(match bytes.last() {
        None => Next::End,
        Some(b'\n') => {
            bytes.pop();
            Next::Line
        }
        Some(_) if read >= LINE_MAX_BYTES => Next::TooLong,
        Some(_) => Next::Torn,
    })
}
