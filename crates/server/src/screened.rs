//! A transport that shows the HTTP library only bytes that passed the screen.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::{Buf, Bytes};
use keystead_audit::{Audited, Rejection};
use keystead_types::{Fault, FaultKind};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::frames::{Flood, Frames};
use crate::gauge::{Gauge, Phase};
use crate::limits::{GATHERED_MAX_BYTES, LINGER_MAX_BYTES};
use crate::screen::{Screen, Seen};

/// A byte that is legal nowhere in the framing of HTTP/1.1. It stands in for what was refused, so
/// that the library answers 400 and closes.
const ILLEGAL: u8 = 0;

/// A transport with a screen of its own for each version of HTTP.
pub(crate) struct Screened<T> {
    inner: T,
    /// What was read to find out the protocol.
    prefix: Bytes,
    screen: Option<Screen>,
    frames: Option<Frames>,
    gauge: Arc<Gauge>,
    refused: bool,
    /// How many more bytes of a refused request are thrown away before the end.
    linger_bytes: usize,
}

impl<T> Screened<T> {
    /// For HTTP/1.1.
    pub(crate) fn http1(inner: T, prefix: Bytes, gauge: Arc<Gauge>) -> Self {
        Self {
            inner,
            prefix,
            screen: Some(Screen::new()),
            frames: None,
            gauge,
            refused: false,
            linger_bytes: LINGER_MAX_BYTES,
        }
    }

    /// For HTTP/2, whose frames the library checks. Here they are counted.
    pub(crate) fn http2(inner: T, prefix: Bytes, gauge: Arc<Gauge>) -> Self {
        Self {
            inner,
            prefix,
            screen: None,
            frames: Some(Frames::new()),
            gauge,
            refused: false,
            linger_bytes: LINGER_MAX_BYTES,
        }
    }

    /// Errors: a flood of frames; the library then drops the connection at once.
    fn count(&mut self, new: &[u8]) -> io::Result<()> {
        let Some(frames) = self.frames.as_mut() else {
            return Ok(());
        };
        frames.look(new, Instant::now).map_err(|Flood| {
            let text = "a flood of HTTP/2 frames that ask for nothing";
            let fault = Fault::bare(FaultKind::ServiceUnavailable).because(text);
            // Closed without an answer; this is its entry.
            drop(Audited::<()>::rejected(Rejection::Overloaded, fault));
            io::Error::other(text)
        })
    }

    fn inspect(&mut self, buffer: &mut ReadBuf<'_>, from: usize) {
        let Some(screen) = self.screen.as_mut() else {
            return;
        };
        let heads = screen.heads();
        let new = buffer.filled().get(from..).unwrap_or_default();
        if let Seen::RefusedAt(at) = screen.look(new) {
            self.refused = true;
            let place = from + at;
            if let Some(byte) = buffer.filled_mut().get_mut(place) {
                *byte = ILLEGAL;
            }
            buffer.set_filled((place + 1).min(buffer.filled().len()));
        }
        if screen.heads() != heads {
            self.gauge.count_head();
        }
        self.gauge.set_phase(screen.phase());
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Screened<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.refused {
            // The end of what the client may say.
            return Poll::Ready(Ok(()));
        }
        let from = buffer.filled().len();
        if self.prefix.is_empty() {
            ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        } else {
            let taken = self.prefix.len().min(buffer.remaining());
            buffer.put_slice(self.prefix.get(..taken).unwrap_or_default());
            self.prefix.advance(taken);
        }
        self.inspect(buffer, from);
        Poll::Ready(self.count(buffer.filled().get(from..).unwrap_or_default()))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Screened<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut gathered = [0; GATHERED_MAX_BYTES];
        let Some(length) = gather(slices, &mut gathered) else {
            return Pin::new(&mut self.inner).poll_write_vectored(context, slices);
        };
        let bytes = gathered.get(..length).unwrap_or_default();
        let written = Pin::new(&mut self.inner).poll_write(context, bytes);
        // An answer may hold a plaintext: no copy of it is left behind here.
        gathered.iter_mut().take(length).for_each(|byte| *byte = 0);
        std::hint::black_box(&gathered);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    /// Ends the sending side. When the client is still in the middle of a request, what it goes on
    /// to send is thrown away for a while: closing on unread bytes would reset the connection, and
    /// the client would lose the answer. Source: RFC 9112, 9.6.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.inner).poll_shutdown(context))?;
        let amid = |screen: &Screen| screen.phase() == Phase::Body;
        if !self.refused && !self.screen.as_ref().is_some_and(amid) {
            return Poll::Ready(Ok(()));
        }
        let mut scratch = [0; 4096];
        while self.linger_bytes > 0 {
            let mut buffer = ReadBuf::new(&mut scratch);
            let read = ready!(Pin::new(&mut self.inner).poll_read(context, &mut buffer));
            let taken = buffer.filled().len();
            if read.is_err() || taken == 0 {
                break;
            }
            self.linger_bytes = self.linger_bytes.saturating_sub(taken);
        }
        Poll::Ready(Ok(()))
    }
}

/// Copies all slices one behind the other: to write a usual answer, head and body, that way costs
/// less than to tell the kernel of two places. Returns the length, `None` if they do not fit.
fn gather(slices: &[io::IoSlice<'_>], into: &mut [u8]) -> Option<usize> {
    let mut length = 0;
    for slice in slices {
        let end = length + slice.len();
        into.get_mut(length..end)?.copy_from_slice(slice);
        length = end;
    }
    Some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_gathered_whole_or_not_at_all() {
        let slices = |texts: &[&'static [u8]]| -> Vec<io::IoSlice<'static>> {
            texts.iter().map(|text| io::IoSlice::new(text)).collect()
        };
        let mut room = [0; 5];
        assert_eq!(gather(&slices(&[b"ab", b"", b"cde"]), &mut room), Some(5));
        assert_eq!(&room, b"abcde");
        assert_eq!(gather(&slices(&[b"abc", b"def"]), &mut room), None);
        assert_eq!(gather(&[], &mut room), Some(0));
    }
}
