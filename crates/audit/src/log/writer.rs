//! The one place that writes: numbers, chains and rotates.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::batch::Batch;
use super::segment::Segment;
use super::{Head, line};
use crate::Record;
use crate::limits::FREE_SPACE_WARN_BYTES;

/// The open segment and the end of the chain.
pub(super) struct Writer {
    dir: PathBuf,
    segment_bytes: u64,
    file: Arc<File>,
    size: u64,
    head: Head,
    buffer: Vec<u8>,
    /// Written but not synced.
    pub(super) dirty: bool,
    /// Batches that wait for the next sync.
    pub(super) waiting: Vec<Arc<Batch>>,
}

impl Writer {
    /// Goes on in an existing segment.
    pub(super) fn resume(
        dir: &Path,
        segment_bytes: u64,
        path: &Path,
        size: u64,
        head: Head,
    ) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).open(path)?;
        Ok(Self::new(dir, segment_bytes, file, size, head))
    }

    /// Begins the first segment.
    pub(super) fn begin(dir: &Path, segment_bytes: u64) -> io::Result<Self> {
        let (file, size) = create(dir, Head::EMPTY)?;
        Ok(Self::new(dir, segment_bytes, file, size, Head::EMPTY))
    }

    fn new(dir: &Path, segment_bytes: u64, file: File, size: u64, head: Head) -> Self {
        Self {
            dir: dir.to_owned(),
            segment_bytes,
            file: Arc::new(file),
            size,
            head,
            buffer: Vec::new(),
            dirty: false,
            waiting: Vec::new(),
        }
    }

    pub(super) fn head(&self) -> Head {
        self.head
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// Writes all records with one write, in a new segment when this one is full. After an error
    /// the writer must not be used again: what reached the file is unknown.
    pub(super) fn write(&mut self, records: &[Record]) -> io::Result<()> {
        if self.size >= self.segment_bytes {
            self.rotate()?;
        }
        self.buffer.clear();
        let mut head = self.head;
        for record in records {
            head = line::line(&mut self.buffer, head, record);
        }
        self.dirty = true;
        (&*self.file).write_all(&self.buffer)?;
        self.size += self.buffer.len() as u64;
        self.head = head;
        Ok(())
    }

    /// Closes the segment and begins the next. The old one is synced first, so that after a power
    /// cut only the last segment can be torn.
    fn rotate(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        let (file, size) = create(&self.dir, self.head)?;
        self.file = Arc::new(file);
        self.size = size;
        let Head { seq, hash } = self.head;
        tracing::info!(seq, %hash, "audit log: a segment is full, this is its last record");
        warn_of_space(&self.dir);
        Ok(())
    }

    /// Puts another file in place of the segment, to see errors of the disk.
    #[cfg(test)]
    pub(super) fn replace_file(&mut self, file: File) {
        self.file = Arc::new(file);
    }
}

/// Makes the segment after `head` with its header, and makes its name durable.
fn create(dir: &Path, head: Head) -> io::Result<(File, u64)> {
    let mut header = Vec::new();
    line::header(&mut header, head);
    let mut file = OpenOptions::new()
        .append(true)
        .create_new(true)
        .mode(0o600)
        .open(Segment::after(dir, head).path)?;
    file.write_all(&header)?;
    file.sync_data()?;
    File::open(dir)?.sync_all()?;
    Ok((file, header.len() as u64))
}

/// Space that is free to unprivileged users, bytes.
pub(super) fn free_bytes(dir: &Path) -> io::Result<u64> {
    let status = rustix::fs::statvfs(dir)?;
    Ok(status.f_bavail.saturating_mul(status.f_frsize))
}

pub(super) fn warn_of_space(dir: &Path) {
    match free_bytes(dir) {
        Ok(free) if free >= FREE_SPACE_WARN_BYTES => {}
        Ok(free) => tracing::warn!(
            free_bytes = free,
            dir = %dir.display(),
            "the audit log's disk is nearly full; when it is, no request is answered any more"
        ),
        Err(error) => tracing::warn!(%error, "the audit log's free space is not known"),
    }
}
