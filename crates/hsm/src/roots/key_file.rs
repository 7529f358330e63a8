//! A root key in a file that only the HSM process's user may read. Layout in
//! `docs/formats/root-key-file.md`.

use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::{constant_time, digest};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::{LocalRoot, RootError};
use crate::aead;
use crate::arena::{Arena, KeyMaterial};
use crate::limits::AES_256_KEY_BYTES;

const MAGIC: [u8; 8] = *b"KSROOTKY";
const VERSION: u8 = 1;
const CHECK_BYTES: usize = 32;
const CHECK_INPUT: &[u8] = b"keystead root key file v1";
const HEAD_BYTES: usize = MAGIC.len() + 1;
/// Bytes of a root key file of version 1.
const FILE_BYTES: usize = HEAD_BYTES + AES_256_KEY_BYTES + CHECK_BYTES;
/// Permission bits that nobody but the owner, and only reading and writing, may have.
const FORBIDDEN_MODE: u32 = 0o7177;

/// Opens and creates root key files.
pub(crate) struct KeyFile;

impl KeyFile {
    /// Makes a new file with a random root key, durable when this returns.
    ///
    /// Errors: [`RootError::Exists`]; [`RootError::Io`], after which no file is left.
    pub(crate) fn create(path: &Path, arena: &Arc<Arena>) -> Result<LocalRoot, RootError> {
        let io_error = |cause: Errno| RootError::Io {
            path: path.to_owned(),
            cause: cause.into(),
        };
        let mut content = KeyMaterial::zeroed(arena, FILE_BYTES).ok_or(RootError::Internal)?;
        write_content(content.expose_mut()).ok_or(RootError::Internal)?;

        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file =
            rustix::fs::openat(CWD, path, flags, Mode::RUSR | Mode::WUSR).map_err(|error| {
                match error {
                    Errno::EXIST => RootError::Exists(path.to_owned()),
                    other => io_error(other),
                }
            })?;
        let written = write_all(&file, content.expose())
            .and_then(|()| rustix::fs::fsync(&file))
            .and_then(|()| sync_directory(path));
        if let Err(error) = written {
            // Ours: O_EXCL made it a moment ago. If it stays, its check value will tell.
            let _ = rustix::fs::unlinkat(CWD, path, AtFlags::empty());
            return Err(io_error(error));
        }
        parse(path, content.expose(), arena)
    }

    /// Reads a file, straight into locked memory.
    ///
    /// Errors: every way in which the file is not the one that was made; see [`RootError`].
    pub(crate) fn open(path: &Path, arena: &Arc<Arena>) -> Result<LocalRoot, RootError> {
        let io_error = |cause: Errno| RootError::Io {
            path: path.to_owned(),
            cause: cause.into(),
        };
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file =
            rustix::fs::openat(CWD, path, flags, Mode::empty()).map_err(|error| match error {
                Errno::NOENT => RootError::Missing(path.to_owned()),
                Errno::LOOP => RootError::NotAFile(path.to_owned()),
                other => io_error(other),
            })?;
        check_guard(path, &file)?;

        // One byte of room more than a whole file has shows an extended one.
        let mut content = KeyMaterial::zeroed(arena, FILE_BYTES + 1).ok_or(RootError::Internal)?;
        let count = read_all(&file, content.expose_mut()).map_err(io_error)?;
        let bytes = content.expose().get(..count).ok_or(RootError::Internal)?;
        parse(path, bytes, arena)
    }
}

/// Checks kind, owner and permissions of the opened file (not of the name, which may change).
fn check_guard(path: &Path, file: &rustix::fd::OwnedFd) -> Result<(), RootError> {
    let stat = rustix::fs::fstat(file).map_err(|cause| RootError::Io {
        path: path.to_owned(),
        cause: cause.into(),
    })?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(RootError::NotAFile(path.to_owned()));
    }
    let mode = stat.st_mode & 0o7777;
    if mode & FORBIDDEN_MODE != 0 {
        return Err(RootError::TooOpen {
            path: path.to_owned(),
            mode,
        });
    }
    let user = rustix::process::geteuid().as_raw();
    if stat.st_uid != user {
        return Err(RootError::WrongOwner {
            path: path.to_owned(),
            owner: stat.st_uid,
            user,
        });
    }
    Ok(())
}

fn parse(path: &Path, bytes: &[u8], arena: &Arc<Arena>) -> Result<LocalRoot, RootError> {
    let damaged = |what| RootError::Damaged {
        path: path.to_owned(),
        what,
    };
    if bytes.is_empty() {
        return Err(damaged("it is empty"));
    }
    let Some((magic, rest)) = bytes.split_first_chunk::<{ MAGIC.len() }>() else {
        return Err(damaged("it is cut off"));
    };
    if *magic != MAGIC {
        return Err(RootError::NotARootKey(path.to_owned()));
    }
    let (version, rest) = rest.split_first().ok_or_else(|| damaged("it is cut off"))?;
    if *version != VERSION {
        return Err(RootError::UnknownVersion {
            path: path.to_owned(),
            version: *version,
        });
    }
    if bytes.len() > FILE_BYTES {
        return Err(damaged("bytes follow its end"));
    }
    let (key, check) = rest
        .split_at_checked(AES_256_KEY_BYTES)
        .filter(|(_, check)| check.len() == CHECK_BYTES)
        .ok_or_else(|| damaged("it is cut off"))?;
    if constant_time::verify_slices_are_equal(&check_value(key), check).is_err() {
        return Err(damaged("its check value does not match"));
    }
    let mut material = KeyMaterial::zeroed(arena, key.len()).ok_or(RootError::Internal)?;
    material.expose_mut().copy_from_slice(key);
    LocalRoot::new(material)
}

/// Fills `content` with a whole file around a random key.
fn write_content(content: &mut [u8]) -> Option<()> {
    let (head, rest) = content.split_at_mut_checked(HEAD_BYTES)?;
    let (key, check) = rest.split_at_mut_checked(AES_256_KEY_BYTES)?;
    let (magic, version) = head.split_at_mut_checked(MAGIC.len())?;
    magic.copy_from_slice(&MAGIC);
    version.fill(VERSION);
    aead::random(key).ok()?;
    check.copy_from_slice(&check_value(key));
    Some(())
}

/// Tells a damaged key from a wrong one; the key has 256 random bits, so its hash gives nothing
/// away.
fn check_value(key: &[u8]) -> [u8; CHECK_BYTES] {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(CHECK_INPUT);
    context.update(&MAGIC);
    context.update(&[VERSION]);
    context.update(key);
    let mut out = [0; CHECK_BYTES];
    for (to, from) in out.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    out
}

fn read_all(file: &rustix::fd::OwnedFd, out: &mut [u8]) -> Result<usize, Errno> {
    let mut count = 0;
    while let Some(space) = out.get_mut(count..).filter(|space| !space.is_empty()) {
        match rustix::io::read(file, space) {
            Ok(0) => break,
            Ok(more) => count += more,
            Err(Errno::INTR) => {}
            Err(other) => return Err(other),
        }
    }
    Ok(count)
}

fn write_all(file: &rustix::fd::OwnedFd, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match rustix::io::write(file, bytes) {
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(other) => return Err(other),
        }
    }
    Ok(())
}

/// Makes the name durable, not only the content.
fn sync_directory(path: &Path) -> Result<(), Errno> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = rustix::fs::openat(CWD, directory, flags, Mode::empty())?;
    rustix::fs::fsync(directory)
}

#[cfg(test)]
mod tests;
