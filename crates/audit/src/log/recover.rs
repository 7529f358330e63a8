//! Opening a log: the directory, its lock, and the end of the chain.

use std::collections::VecDeque;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use keystead_types::RequestId;

use super::segment::{Broken, Reason, Segment, Stop, Walked};
use super::writer::{Writer, warn_of_space};
use super::{Head, OpenError};
use crate::limits::RECENT_EVENT_IDS;

/// What opening found.
pub(super) struct Recovered {
    pub(super) writer: Writer,
    pub(super) recent: Vec<RequestId>,
    pub(super) directory: File,
}

pub(super) fn recover(dir: &Path, segment_bytes: u64) -> Result<Recovered, OpenError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| OpenError::Io { path, source }
    };
    let directory = directory(dir)?;
    warn_of_space(dir);
    let mut segments = Segment::list(dir).map_err(at(dir))?;
    let mut recent = VecDeque::with_capacity(RECENT_EVENT_IDS);
    let mut never_begun = None;
    while let Some(last) = segments.pop() {
        let Some(walked) = read(&last, None, &mut recent)? else {
            // Killed between making the file and writing its first line: it never had a record.
            if never_begun.is_some() {
                return Err(misplaced(last.path));
            }
            never_begun = Some(last);
            continue;
        };
        if let Some(segment) = never_begun {
            remove(segment, walked.head)?;
        }
        cut(&last, &walked).map_err(at(&last.path))?;
        if let Some(before) = segments.pop().filter(|_| recent.len() < RECENT_EVENT_IDS) {
            earlier(&before, walked.before, &mut recent)?;
        }
        let Head { seq, hash } = walked.head;
        tracing::info!(seq, %hash, "audit log: going on after this record");
        let size = walked.whole_bytes;
        let writer = Writer::resume(dir, segment_bytes, &last.path, size, walked.head);
        let writer = writer.map_err(at(&last.path))?;
        // A killed process may have left it to the kernel. Earlier segments were synced when they
        // were full.
        writer.file().sync_data().map_err(at(&last.path))?;
        return Ok(Recovered {
            writer,
            recent: recent.into(),
            directory,
        });
    }
    if let Some(segment) = never_begun {
        remove(segment, Head::EMPTY)?;
    }
    tracing::warn!(dir = %dir.display(), "beginning a new audit log: there was none");
    Ok(Recovered {
        writer: Writer::begin(dir, segment_bytes).map_err(at(dir))?,
        recent: Vec::new(),
        directory,
    })
}

/// Makes or checks the directory and locks it.
fn directory(dir: &Path) -> Result<File, OpenError> {
    let at = |source| OpenError::Io {
        path: dir.to_owned(),
        source,
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(at)?;
    let directory = File::open(dir).map_err(at)?;
    let mode = directory.metadata().map_err(at)?.permissions().mode();
    if mode & 0o022 != 0 {
        return Err(OpenError::Exposed(dir.to_owned()));
    }
    if mode & 0o055 != 0 {
        tracing::warn!(dir = %dir.display(), "others can list the audit log's directory; mode 0700 is enough");
    }
    match directory.try_lock() {
        Ok(()) => Ok(directory),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(dir.to_owned())),
        Err(TryLockError::Error(source)) => Err(at(source)),
    }
}

/// Reads a segment and keeps its newest event ids.
fn read(
    segment: &Segment,
    after: Option<Head>,
    recent: &mut VecDeque<RequestId>,
) -> Result<Option<Walked>, OpenError> {
    let keep = |line: &super::line::Line<'_>, _| {
        if recent.len() == RECENT_EVENT_IDS {
            recent.pop_front();
        }
        recent.extend(line.event_id());
    };
    segment.walk(after, keep).map_err(|stop| match stop {
        Stop::Broken(broken) => OpenError::Broken(broken),
        Stop::Io(source) => OpenError::Io {
            path: segment.path.clone(),
            source,
        },
    })
}

/// Removes a segment without a first line, when it stands where the next segment belongs.
fn remove(segment: Segment, head: Head) -> Result<(), OpenError> {
    let Segment { first_seq, path } = segment;
    if first_seq != head.seq.saturating_add(1) {
        return Err(misplaced(path));
    }
    tracing::warn!(file = %path.display(), "removing an audit segment that was never begun");
    std::fs::remove_file(&path).map_err(|source| OpenError::Io { path, source })
}

fn misplaced(file: PathBuf) -> OpenError {
    OpenError::Broken(Broken {
        file,
        line: 1,
        reason: Reason::Header,
    })
}

/// Cuts off a last line without its end.
fn cut(segment: &Segment, walked: &Walked) -> io::Result<()> {
    if walked.torn_bytes == 0 {
        return Ok(());
    }
    tracing::warn!(
        file = %segment.path.display(),
        bytes = walked.torn_bytes,
        "cutting off an audit line that was not finished; its request got no answer"
    );
    let file = OpenOptions::new().write(true).open(&segment.path)?;
    file.set_len(walked.whole_bytes)?;
    file.sync_all()
}

/// Adds ids of the segment before the last one in front, and checks that the two join.
fn earlier(
    segment: &Segment,
    end: Head,
    recent: &mut VecDeque<RequestId>,
) -> Result<(), OpenError> {
    let mut older = VecDeque::new();
    let walked = read(segment, None, &mut older)?;
    let joined = walked.filter(|walked| walked.torn_bytes == 0 && walked.head == end);
    if joined.is_none() {
        let dir = segment.path.parent().unwrap_or(Path::new("."));
        return Err(misplaced(Segment::after(dir, end).path));
    }
    while recent.len() < RECENT_EVENT_IDS {
        let Some(id) = older.pop_back() else { break };
        recent.push_front(id);
    }
    Ok(())
}
