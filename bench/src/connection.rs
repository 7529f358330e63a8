//! One keep-alive HTTP/1.1 connection, as cheap as a client can be: one write per request, one
//! read per answer, and just enough parsing to know the status and where the body ends.

use crate::limits;
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection and its read buffer.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer; the slices live in the connection until the next request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) head: &'a str,
    pub(crate) body: &'a [u8],
}

impl Connection {
    /// Connects to `address` (`host:port`).
    pub(crate) async fn open(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(8 * 1024),
        })
    }

    /// Sends one whole request and reads its answer.
    ///
    /// # Errors
    /// When the connection fails, or the answer is not HTTP/1.1 with a content length or is
    /// larger than [`limits::RESPONSE_BYTES_MAX`].
    pub(crate) async fn send(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let frame = loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            match frame(&self.buffer)? {
                Some(frame) if self.buffer.len() >= frame.end => break frame,
                _ if self.buffer.len() > limits::RESPONSE_BYTES_MAX => return Err(malformed()),
                _ => {}
            }
        };
        let head = self.buffer.get(..frame.body).unwrap_or_default();
        let body = self.buffer.get(frame.body..frame.end).unwrap_or_default();
        let head = std::str::from_utf8(head).map_err(|_| malformed())?;
        Ok(Answer {
            status: frame.status,
            head,
            body,
        })
    }
}

/// Where an answer's parts are in the buffer.
#[derive(Debug, PartialEq, Eq)]
struct Frame {
    status: u16,
    body: usize,
    end: usize,
}

/// Finds the frame once the head is complete.
fn frame(buffer: &[u8]) -> io::Result<Option<Frame>> {
    let Some(head_end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = buffer.get(..head_end).unwrap_or_default();
    let head = std::str::from_utf8(head).map_err(|_| malformed())?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 "));
    let status = status
        .and_then(|rest| rest.get(..3))
        .and_then(|code| code.parse().ok());
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>().ok())?
    });
    match (status, length) {
        (Some(status), Some(length)) => {
            let body = head_end + 4;
            let end = body.checked_add(length).ok_or_else(malformed)?;
            Ok(Some(Frame { status, body, end }))
        }
        _ => Err(malformed()),
    }
}

fn malformed() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "not an HTTP/1.1 answer with a content length",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        let found = frame(whole).unwrap().unwrap();
        assert_eq!(
            found,
            Frame {
                status: 200,
                body: whole.len() - 2,
                end: whole.len()
            }
        );
        assert_eq!(frame(b"HTTP/1.1 200 OK\r\nContent-Le").unwrap(), None);
        assert!(frame(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
        assert!(frame(b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n").is_err());
    }
}
