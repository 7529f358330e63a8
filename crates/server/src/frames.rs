//! The frames of HTTP/2, counted on the raw bytes before the HTTP library sees them.
//!
//! The library bounds what a client can make it remember, and ends connections with chains of
//! CONTINUATION, many small DATA frames, or streams that are reset before it took them. What costs
//! only time, such as PING and SETTINGS that it must answer, or requests that are cancelled as soon
//! as they run, it takes without end. Here that ends the connection.
//!
//! Source: RFC 9113, 4.1, 6 and 10.5; CVE-2019-9511 to 9518, CVE-2023-44487.

use std::time::Instant;

use crate::limits::{
    H2_CANCELLED_MAX, H2_FRAMES_PER_REQUEST, H2_FRAMES_WINDOW, H2_OTHER_FRAMES_MAX,
};

/// Length of what a client begins with. Source: RFC 9113, 3.4.
const PREFACE_BYTES: usize = 24;
/// Length of a frame's head. Source: RFC 9113, 4.1.
const HEAD_BYTES: usize = 9;
/// Frame types. Source: RFC 9113, 6.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
/// The flag of a stream's last DATA frame.
const END_STREAM: u8 = 1;

/// A client sends more frames that ask for nothing than a client could need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flood;

/// Follows the frames of one connection.
pub(crate) struct Frames {
    /// Bytes of the preface, or of a frame's payload, that are still to come.
    skip: usize,
    head: [u8; HEAD_BYTES],
    head_bytes: usize,
    /// Frames that are neither requests nor bodies, less what the requests since pay for.
    other: u32,
    /// Two for each stream that was reset, less one for each that was opened.
    cancelled: u32,
    since: Option<Instant>,
}

impl Frames {
    /// At the beginning of a connection.
    pub(crate) fn new() -> Self {
        Self {
            skip: PREFACE_BYTES,
            head: [0; HEAD_BYTES],
            head_bytes: 0,
            other: 0,
            cancelled: 0,
            since: None,
        }
    }

    /// Counts the frames that begin in these bytes, which follow those seen before. The time is
    /// asked for at the first frame and when a limit is reached.
    ///
    /// Errors: a limit was passed within the window of time.
    pub(crate) fn look(
        &mut self,
        mut bytes: &[u8],
        now: impl Fn() -> Instant,
    ) -> Result<(), Flood> {
        loop {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = bytes.get(skipped..).unwrap_or_default();
            let Some((first, rest)) = bytes.split_first() else {
                return Ok(());
            };
            if let Some(place) = self.head.get_mut(self.head_bytes) {
                *place = *first;
            }
            self.head_bytes += 1;
            bytes = rest;
            if self.head_bytes == HEAD_BYTES {
                self.head_bytes = 0;
                self.count(&now)?;
            }
        }
    }

    /// Counts the frame whose head is complete.
    fn count(&mut self, now: &impl Fn() -> Instant) -> Result<(), Flood> {
        let [high, middle, low, kind, flags, ..] = self.head;
        let [high, middle, low] = [high, middle, low].map(usize::from);
        self.skip = high << 16 | middle << 8 | low;
        match kind {
            HEADERS => {
                self.other = self.other.saturating_sub(H2_FRAMES_PER_REQUEST);
                self.cancelled = self.cancelled.saturating_sub(1);
                return Ok(());
            }
            DATA if self.skip > 0 || flags & END_STREAM != 0 => return Ok(()),
            RST_STREAM => self.cancelled += 2,
            _ => self.other += 1,
        }
        let since = *self.since.get_or_insert_with(now);
        if self.other <= H2_OTHER_FRAMES_MAX && self.cancelled <= 2 * H2_CANCELLED_MAX {
            return Ok(());
        }
        let now = now();
        if now.duration_since(since) < H2_FRAMES_WINDOW {
            return Err(Flood);
        }
        self.since = Some(now);
        (self.other, self.cancelled) = (0, 0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use super::*;

    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    const SETTINGS: u8 = 4;
    const PING: u8 = 6;

    fn frame(kind: u8, flags: u8, payload: usize) -> Vec<u8> {
        let length = u32::try_from(payload).unwrap().to_be_bytes();
        let mut bytes = vec![length[1], length[2], length[3], kind, flags, 0, 0, 0, 1];
        bytes.resize(HEAD_BYTES + payload, b'x');
        bytes
    }

    fn begun() -> Frames {
        let mut frames = Frames::new();
        let start = Instant::now();
        assert_eq!(frames.look(PREFACE, || start), Ok(()));
        frames
    }

    /// How many rounds of these frames pass, at most `most`.
    fn passing(frames: &mut Frames, round: &[u8], most: u32) -> u32 {
        let start = Instant::now();
        let good = (0..most).take_while(|_| frames.look(round, || start).is_ok());
        u32::try_from(good.count()).unwrap()
    }

    #[test]
    fn frames_that_ask_for_nothing_are_limited() {
        for kind in [SETTINGS, PING, 2, 8, 9, 0x77] {
            let passed = passing(&mut begun(), &frame(kind, 0, 8), 100_000);
            assert_eq!(passed, H2_OTHER_FRAMES_MAX, "{kind}");
        }
        let empty = frame(DATA, 0, 0);
        assert_eq!(passing(&mut begun(), &empty, 100_000), H2_OTHER_FRAMES_MAX);
        let reset = frame(RST_STREAM, 0, 4);
        assert_eq!(passing(&mut begun(), &reset, 100_000), H2_CANCELLED_MAX);
    }

    #[test]
    fn requests_that_are_all_cancelled_are_limited() {
        let round = [frame(HEADERS, 5, 40), frame(RST_STREAM, 0, 4)].concat();
        let passed = passing(&mut begun(), &round, 100_000);
        assert_eq!(passed, 2 * H2_CANCELLED_MAX - 1);
        // Every second one is not.
        let round = [frame(HEADERS, 5, 40), round].concat();
        assert_eq!(passing(&mut begun(), &round, 100_000), 100_000);
    }

    #[test]
    fn requests_with_bodies_and_what_they_bring_with_them_are_not() {
        let mut round = frame(HEADERS, 4, 300);
        round.extend(frame(DATA, 0, 16_384));
        round.extend(frame(DATA, END_STREAM, 0));
        for _ in 0..H2_FRAMES_PER_REQUEST {
            round.extend(frame(8, 0, 4));
        }
        assert_eq!(passing(&mut begun(), &round, 5_000), 5_000);
        round.extend(frame(8, 0, 4));
        assert!(passing(&mut begun(), &round, 5_000) <= H2_OTHER_FRAMES_MAX + 1);
    }

    #[test]
    fn a_slow_trickle_is_not_a_flood() {
        let (start, at) = (Instant::now(), Cell::new(0));
        let mut frames = begun();
        let ping = frame(PING, 0, 8);
        let step = H2_FRAMES_WINDOW / H2_OTHER_FRAMES_MAX;
        for n in 0..20 * H2_OTHER_FRAMES_MAX {
            at.set(n);
            let now = || start + (step + Duration::from_micros(1)) * at.get();
            assert_eq!(frames.look(&ping, now), Ok(()), "{n}");
        }
    }

    #[test]
    fn where_reads_cut_the_bytes_does_not_matter() {
        let start = Instant::now();
        let mut bytes = PREFACE.to_vec();
        // Payload that looks like frames is none.
        let inside = frame(PING, 0, 8).repeat(3_000);
        let length = u32::try_from(inside.len()).unwrap().to_be_bytes();
        bytes.extend([length[1], length[2], length[3], DATA, 0, 0, 0, 0, 1]);
        bytes.extend(inside);
        bytes.extend(frame(PING, 0, 8).repeat(H2_OTHER_FRAMES_MAX as usize));
        for cut in [1, 2, 7, 9, 64, 4096] {
            let mut frames = Frames::new();
            for piece in bytes.chunks(cut) {
                assert_eq!(frames.look(piece, || start), Ok(()), "{cut}");
            }
            assert_eq!(frames.look(&frame(PING, 0, 8), || start), Err(Flood));
        }
    }
}
