//! Locked memory for key material: with `gaps`, one of the two modules with `unsafe` code.
//!
//! One mapping between two guard pages, made at the start and pre-faulted: `memfd_secret` where
//! the kernel has it (its pages are gone from the kernel's own map, so neither `/proc/PID/mem`
//! nor `ptrace` reads them), else anonymous memory that is locked, left out of core dumps and
//! wiped in a forked child. It is cut into fixed slots; a slot is wiped when it is given back.
#![allow(
    unsafe_code,
    reason = "memory locking; see invariant 7 of ARCHITECTURE.md"
)]

use std::ffi::c_void;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags};
use zeroize::Zeroize;

use crate::limits::{
    LARGE_SLOT_BYTES, LARGE_SLOTS, RSA_SLOT_BYTES, RSA_SLOT_TRIES, RSA_SLOT_WAIT, RSA_SLOTS,
    SMALL_SLOT_BYTES, SMALL_SLOTS,
};

/// How well the arena is kept from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// `memfd_secret`: unreadable from outside the process, even for root; never swapped.
    Secret,
    /// Locked: never swapped, not in core dumps; readable for those who may trace the process.
    Locked,
    /// Not in core dumps, but the kernel refused to lock it: it may be swapped.
    Unlocked,
}

impl Protection {
    /// What an operator should know or do, if anything.
    pub fn warning(self) -> Option<&'static str> {
        match self {
            Self::Secret | Self::Locked => None,
            Self::Unlocked => Some(
                "key memory could not be locked and may reach swap: raise the limit of locked \
                 memory to 1 MiB or more (systemd: LimitMEMLOCK=8M; docker: --ulimit \
                 memlock=8388608; shell: ulimit -l 8192) or switch swap off",
            ),
        }
    }
}

/// Which free list a slot belongs to.
#[derive(Debug, Clone, Copy)]
enum Class {
    Small,
    Large,
    Rsa,
}

impl Class {
    /// The smallest class that holds `len` bytes.
    fn of(len: usize) -> Option<Self> {
        [
            (SMALL_SLOT_BYTES, Self::Small),
            (LARGE_SLOT_BYTES, Self::Large),
            (RSA_SLOT_BYTES, Self::Rsa),
        ]
        .into_iter()
        .find_map(|(most, class)| (len <= most).then_some(class))
    }
}

/// Offsets of free slots, per class.
struct Free {
    small: Vec<usize>,
    large: Vec<usize>,
    rsa: Vec<usize>,
}

/// Bytes of all slots.
const SLOTS_BYTES: usize =
    SMALL_SLOTS * SMALL_SLOT_BYTES + LARGE_SLOTS * LARGE_SLOT_BYTES + RSA_SLOTS * RSA_SLOT_BYTES;

/// The mapping and its free slots.
pub(crate) struct Arena {
    /// First guard page.
    base: NonNull<u8>,
    /// The mapping with both guard pages, bytes.
    total: usize,
    /// First byte of the slots.
    data: NonNull<u8>,
    protection: Protection,
    free: Mutex<Free>,
}

// SAFETY: the mapping belongs to this value alone until drop; slots are handed out once each
// (free lists behind a mutex), so no two of them alias.
unsafe impl Send for Arena {}
// SAFETY: as above; a shared Arena gives access to nothing but the mutex.
unsafe impl Sync for Arena {}

impl Arena {
    /// Maps, protects and pre-faults the arena.
    ///
    /// Errors: the kernel refuses the mapping itself. A refusal to lock is no error but shows in
    /// [`Arena::protection`].
    pub(crate) fn new() -> io::Result<Arc<Self>> {
        let page = rustix::param::page_size();
        let data_len = SLOTS_BYTES.next_multiple_of(page);
        let total = data_len + 2 * page;
        // SAFETY: a fresh private mapping at an address of the kernel's choice.
        let base = unsafe {
            rustix::mm::mmap_anonymous(
                ptr::null_mut(),
                total,
                ProtFlags::empty(),
                MapFlags::PRIVATE,
            )
        }?;
        let base = NonNull::new(base.cast::<u8>()).ok_or(io::ErrorKind::OutOfMemory)?;
        // SAFETY: one page into a mapping of data_len + 2 pages.
        let data = unsafe { base.add(page) };
        let mut arena = Self {
            base,
            total,
            data,
            protection: Protection::Unlocked,
            free: Mutex::new(Free::new()),
        };
        arena.protection = match map_secret(data, data_len) {
            Ok(()) => Protection::Secret,
            Err(_) => map_locked(data, data_len)?,
        };
        // SAFETY: data_len bytes from data are mapped readable and writable, and nobody else has
        // them. Writing faults every page in now rather than in the middle of a request.
        unsafe { ptr::write_bytes(data.as_ptr(), 0, data_len) };
        Ok(Arc::new(arena))
    }

    /// How well the memory is kept.
    pub(crate) fn protection(&self) -> Protection {
        self.protection
    }

    /// A free slot. Those for RSA keys are few and each is held for less than a millisecond by
    /// the many lanes that want one, so for these it waits a moment.
    fn take(&self, class: Class) -> Option<usize> {
        let tries = match class {
            Class::Small | Class::Large => 1,
            Class::Rsa => RSA_SLOT_TRIES,
        };
        for wait in 0..tries {
            if wait > 0 {
                thread::sleep(RSA_SLOT_WAIT);
            }
            let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
            let slot = free.list(class).pop();
            drop(free);
            if slot.is_some() {
                return slot;
            }
        }
        None
    }

    fn give_back(&self, class: Class, offset: usize) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.list(class).push(offset);
    }
}

impl Free {
    fn new() -> Self {
        let large_from = SMALL_SLOTS * SMALL_SLOT_BYTES;
        let rsa_from = large_from + LARGE_SLOTS * LARGE_SLOT_BYTES;
        Self {
            small: (0..SMALL_SLOTS).map(|n| n * SMALL_SLOT_BYTES).collect(),
            large: (0..LARGE_SLOTS)
                .map(|n| large_from + n * LARGE_SLOT_BYTES)
                .collect(),
            rsa: (0..RSA_SLOTS)
                .map(|n| rsa_from + n * RSA_SLOT_BYTES)
                .collect(),
        }
    }

    fn list(&mut self, class: Class) -> &mut Vec<usize> {
        match class {
            Class::Small => &mut self.small,
            Class::Large => &mut self.large,
            Class::Rsa => &mut self.rsa,
        }
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // Every slot holds an Arc of the arena, so all are back and wiped by now.
        // SAFETY: the whole mapping, made in `new`, used by nobody any more. A failure would
        // leave it mapped, which does no harm.
        let _ = unsafe { rustix::mm::munmap(self.base.as_ptr().cast::<c_void>(), self.total) };
    }
}

/// Puts a `memfd_secret` mapping over `len` bytes at `data`.
fn map_secret(data: NonNull<u8>, len: usize) -> io::Result<()> {
    // SAFETY: takes one flag argument and no pointer.
    let raw = unsafe { libc::syscall(libc::SYS_memfd_secret, libc::O_CLOEXEC) };
    let raw = i32::try_from(raw).map_err(|_| io::ErrorKind::Unsupported)?;
    if raw < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a descriptor that the kernel has just made for us.
    let file = unsafe { OwnedFd::from_raw_fd(raw) };
    rustix::fs::ftruncate(&file, len as u64)?;
    // SAFETY: replaces pages inside our own reservation, which nobody uses yet.
    let at = unsafe {
        rustix::mm::mmap(
            data.as_ptr().cast(),
            len,
            ProtFlags::READ | ProtFlags::WRITE,
            MapFlags::SHARED | MapFlags::FIXED,
            &file,
            0,
        )
    }?;
    // Shared pages must not reach a forked child.
    // SAFETY: the pages just mapped.
    unsafe { rustix::mm::madvise(at, len, Advice::LinuxDontFork) }?;
    Ok(())
}

/// Makes `len` bytes at `data` usable and locks them if the kernel allows it.
fn map_locked(data: NonNull<u8>, len: usize) -> io::Result<Protection> {
    // A failed attempt at `memfd_secret` leaves either the reservation or its own pages there;
    // a fresh anonymous mapping replaces both.
    // SAFETY: replaces pages inside our own reservation, which nobody uses yet.
    let at = unsafe {
        rustix::mm::mmap_anonymous(
            data.as_ptr().cast(),
            len,
            ProtFlags::empty(),
            MapFlags::PRIVATE | MapFlags::FIXED,
        )
    }?;
    // SAFETY: the pages just mapped, used by nobody yet; for all three calls.
    unsafe {
        rustix::mm::mprotect(at, len, MprotectFlags::READ | MprotectFlags::WRITE)?;
        rustix::mm::madvise(at, len, Advice::LinuxDontDump)?;
        rustix::mm::madvise(at, len, Advice::LinuxWipeOnFork)?;
    }
    // SAFETY: as above.
    Ok(match unsafe { rustix::mm::mlock(at, len) } {
        Ok(()) => Protection::Locked,
        Err(_) => Protection::Unlocked,
    })
}

/// Key material in a slot of the arena: private bytes, wiped and given back on drop. It cannot be
/// cloned, compared, serialised or printed.
pub(crate) struct KeyMaterial {
    arena: Arc<Arena>,
    class: Class,
    offset: usize,
    len: usize,
}

impl KeyMaterial {
    /// Zeros of `len` bytes, to be filled.
    ///
    /// `None`: longer than the largest slot, or all slots are taken.
    pub(crate) fn zeroed(arena: &Arc<Arena>, len: usize) -> Option<Self> {
        let class = Class::of(len)?;
        let offset = arena.take(class)?;
        Some(Self {
            arena: Arc::clone(arena),
            class,
            offset,
            len,
        })
    }

    /// A copy of `bytes`, which the caller wipes.
    ///
    /// `None`: as [`KeyMaterial::zeroed`].
    pub(crate) fn copied(arena: &Arc<Arena>, bytes: &[u8]) -> Option<Self> {
        let mut copy = Self::zeroed(arena, bytes.len())?;
        copy.expose_mut().copy_from_slice(bytes);
        Some(copy)
    }

    /// Shows the bytes to an algorithm.
    pub(crate) fn expose(&self) -> &[u8] {
        // SAFETY: offset + len lie inside one slot of the mapping, which this value alone holds
        // until it is dropped; the bytes were written at the latest in `Arena::new`.
        unsafe { std::slice::from_raw_parts(self.arena.data.as_ptr().add(self.offset), self.len) }
    }

    /// Shows the bytes to be written.
    pub(crate) fn expose_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `expose`, and `&mut self` excludes every other view of this slot.
        unsafe {
            std::slice::from_raw_parts_mut(self.arena.data.as_ptr().add(self.offset), self.len)
        }
    }

    /// Overwrites the bytes with zeros.
    pub(crate) fn wipe(&mut self) {
        self.expose_mut().zeroize();
    }
}

impl Drop for KeyMaterial {
    fn drop(&mut self) {
        self.wipe();
        self.arena.give_back(self.class, self.offset);
    }
}

#[cfg(test)]
mod tests;
