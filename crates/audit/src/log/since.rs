//! Reading the newest part of a log again: what happened after a record.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use keystead_types::{KeyArn, KeyReference, RequestId, Timestamp};
use serde::Deserialize;
use serde::de::IgnoredAny;
use time::format_description::well_known::Rfc3339;

use super::segment::Segment;
use crate::limits::LINE_MAX_BYTES;

/// An event of the log, as far as it is read again.
#[derive(Debug, PartialEq, Eq)]
pub struct PastEvent<'a> {
    /// Number of its record.
    pub seq: u64,
    /// `eventID`.
    pub event_id: RequestId,
    /// `requestID`; none for an event of the service itself.
    pub request_id: Option<RequestId>,
    /// `eventName`.
    pub name: &'a str,
    /// `eventTime`, whole seconds.
    pub at: Timestamp,
    /// `awsRegion`.
    pub region: &'a str,
    /// Whether there is no `errorCode`.
    pub succeeded: bool,
    /// The keys among its `resources`, in their order.
    pub keys: Vec<KeyArn>,
}

#[derive(Deserialize)]
struct Line<'a> {
    seq: u64,
    #[serde(borrow)]
    event: Event<'a>,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "eventID", borrow)]
    event_id: Cow<'a, str>,
    #[serde(rename = "requestID", borrow)]
    request_id: Option<Cow<'a, str>>,
    #[serde(rename = "eventName", borrow)]
    name: Cow<'a, str>,
    #[serde(rename = "eventTime", borrow)]
    time: Cow<'a, str>,
    #[serde(rename = "awsRegion", borrow)]
    region: Cow<'a, str>,
    #[serde(rename = "errorCode")]
    error: Option<IgnoredAny>,
    #[serde(borrow, default)]
    resources: Vec<Resource<'a>>,
}

#[derive(Deserialize)]
struct Resource<'a> {
    #[serde(rename = "ARN", borrow)]
    arn: Cow<'a, str>,
}

impl Line<'_> {
    fn event(&self) -> Option<PastEvent<'_>> {
        let event = &self.event;
        let request_id = event.request_id.as_deref();
        let at = time::OffsetDateTime::parse(&event.time, &Rfc3339).ok()?;
        let key = |resource: &Resource<'_>| match KeyReference::parse(&resource.arn) {
            Ok(KeyReference::Arn(arn)) => Some(arn),
            _ => None,
        };
        Some(PastEvent {
            seq: self.seq,
            event_id: RequestId::parse(&event.event_id).ok()?,
            request_id: request_id.and_then(|id| RequestId::parse(id).ok()),
            name: &event.name,
            at: Timestamp::from_millis(at.unix_timestamp().saturating_mul(1000)),
            region: &event.region,
            succeeded: event.error.is_none(),
            keys: event.resources.iter().filter_map(key).collect(),
        })
    }
}

/// Reads the events after record `seq` (0: all that are there), oldest first, and gives each to
/// `each`. It reads what is written when it comes to it; the log may be in use meanwhile, and a
/// last line without its end is left out. The chain is not checked: opening and
/// [`verify`](super::verify) do.
///
/// Errors: files that cannot be read. A line that tells of no event is reported and passed over.
pub fn read_since(dir: &Path, seq: u64, mut each: impl FnMut(PastEvent<'_>)) -> io::Result<()> {
    let segments = Segment::list(dir)?;
    let wanted = seq.saturating_add(1);
    let older = segments.partition_point(|segment| segment.first_seq <= wanted);
    for segment in segments.iter().skip(older.saturating_sub(1)) {
        let mut reader = BufReader::with_capacity(1 << 16, File::open(&segment.path)?);
        let mut line = Vec::new();
        // The first line is the segment's header.
        next(&mut reader, &mut line)?;
        while next(&mut reader, &mut line)? {
            let parsed: Option<Line<'_>> = serde_json::from_slice(&line).ok();
            match parsed.as_ref().map(|line| (line.seq, line.event())) {
                Some((at, _)) if at <= seq => {}
                Some((_, Some(event))) => each(event),
                _ => {
                    tracing::warn!(file = %segment.path.display(), "a line that tells of no event")
                }
            }
        }
    }
    Ok(())
}

/// Reads one whole line; false at the end, or before a line that is not whole.
pub(super) fn next(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let mut bounded = reader.by_ref().take(LINE_MAX_BYTES as u64);
    let read = bounded.read_until(b'\n', line)?;
    if line.last() == Some(&b'\n') {
        return Ok(true);
    }
    if read >= LINE_MAX_BYTES {
        return Err(io::Error::other("a line longer than the log's can be"));
    }
    Ok(false)
}
