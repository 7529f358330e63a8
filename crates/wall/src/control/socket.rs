//! Whole messages, each with at most [`FILES_MAX`] open files.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};

use super::ControlError;
use crate::codec::ProtocolError;
use crate::limits::CONTROL_MAX_BYTES;

/// Files that one message brings at most: the two sockets of a lane.
pub(super) const FILES_MAX: usize = 2;

/// A message and the files that came with it.
pub(crate) struct Received {
    pub(crate) message: Vec<u8>,
    pub(crate) files: Vec<OwnedFd>,
}

/// Makes a connected pair; neither end survives an `exec` unless it is made standard input.
pub(crate) fn pair() -> std::io::Result<(OwnedFd, OwnedFd)> {
    Ok(rustix::net::socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )?)
}

/// Sends one message. Waits while the socket is full, as long as its time-out allows.
pub(crate) fn send(
    socket: BorrowedFd<'_>,
    message: &[u8],
    files: &[BorrowedFd<'_>],
) -> Result<(), ControlError> {
    if message.len() > CONTROL_MAX_BYTES {
        return Err(ProtocolError::TooLong.into());
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FILES_MAX))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !files.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(files)) {
        return Err(ProtocolError::TooLong.into());
    }
    loop {
        let parts = [IoSlice::new(message)];
        match rustix::net::sendmsg(socket, &parts, &mut ancillary, SendFlags::NOSIGNAL) {
            // A socket of whole messages takes all or nothing.
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(Errno::PIPE | Errno::CONNRESET) => return Err(ControlError::Closed),
            Err(error) => return Err(ControlError::Io(error.into())),
        }
    }
}

/// Waits for one message. Files beyond [`FILES_MAX`], and messages that are cut off, are refused.
pub(crate) fn receive(socket: BorrowedFd<'_>) -> Result<Received, ControlError> {
    let mut message = vec![0; CONTROL_MAX_BYTES];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FILES_MAX))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received = loop {
        let mut parts = [IoSliceMut::new(&mut message)];
        match rustix::net::recvmsg(socket, &mut parts, &mut ancillary, RecvFlags::CMSG_CLOEXEC) {
            Ok(received) => break received,
            // A reset (the other side closed with messages unread) is told once, before what the
            // other side said last; after that comes the end.
            Err(Errno::INTR | Errno::CONNRESET) => {}
            Err(error) => return Err(ControlError::Io(error.into())),
        }
    };
    let mut files = Vec::new();
    for item in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = item {
            files.extend(rights);
        }
    }
    if received.bytes == 0 {
        return Err(ControlError::Closed);
    }
    if files.len() > FILES_MAX
        || received
            .flags
            .intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC)
    {
        return Err(ProtocolError::TooLong.into());
    }
    message.truncate(received.bytes);
    Ok(Received { message, files })
}
