//! The lines of a segment. A line's hash is SHA-256 of its bytes without the line end.

use std::borrow::Cow;
use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use keystead_types::{Hex32, RequestId};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Head;
use crate::text::{hex, number};
use crate::{ReceiptNote, Record};

/// The hash of a line, given without its end.
pub(super) fn hash(line: &[u8]) -> Hex32 {
    let mut out = [0; 32];
    for (byte, from) in out.iter_mut().zip(digest(&SHA256, line).as_ref()) {
        *byte = *from;
    }
    Hex32(out)
}

/// Appends the first line of a segment that goes on from `head`.
pub(super) fn header(out: &mut Vec<u8>, head: Head) {
    out.extend_from_slice(b"{\"keystead_audit\":1,\"first_seq\":");
    number(out, head.seq.saturating_add(1));
    out.extend_from_slice(b",\"prev\":\"");
    hex(out, &head.hash.0);
    out.extend_from_slice(b"\"}\n");
}

/// Appends a record's line after `head` and returns the head that it makes.
pub(super) fn line(out: &mut Vec<u8>, head: Head, record: &Record) -> Head {
    let start = out.len();
    let seq = head.seq.saturating_add(1);
    out.extend_from_slice(b"{\"seq\":");
    number(out, seq);
    out.extend_from_slice(b",\"prev\":\"");
    hex(out, &head.hash.0);
    out.extend_from_slice(b"\",\"receipts\":[");
    for (at, receipt) in record.receipts.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        note(out, receipt);
    }
    out.extend_from_slice(b"],\"event\":");
    out.extend_from_slice(&record.json);
    out.push(b'}');
    let hash = hash(out.get(start..).unwrap_or_default());
    out.push(b'\n');
    Head { seq, hash }
}

fn note(out: &mut Vec<u8>, receipt: &ReceiptNote) {
    // The epoch is hex because common JSON readers round numbers above 2^53.
    out.extend_from_slice(b"{\"epoch\":\"");
    hex(out, &receipt.epoch.to_be_bytes());
    out.extend_from_slice(b"\",\"lane\":");
    number(out, u64::from(receipt.lane));
    out.extend_from_slice(b",\"counter\":");
    number(out, receipt.counter);
    out.extend_from_slice(b",\"digest\":\"");
    hex(out, &receipt.digest);
    out.extend_from_slice(b"\"}");
}

/// A segment's first line, read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header<'a> {
    pub(super) keystead_audit: u32,
    pub(super) first_seq: u64,
    #[serde(borrow)]
    pub(super) prev: &'a str,
}

/// A record's line, read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line<'a> {
    pub(super) seq: u64,
    #[serde(borrow)]
    pub(super) prev: &'a str,
    #[serde(borrow)]
    pub(super) receipts: Vec<Note<'a>>,
    #[serde(borrow)]
    pub(super) event: Event<'a>,
}

/// What the reader needs of an event.
#[derive(Deserialize)]
pub(super) struct Event<'a> {
    #[serde(rename = "eventID", borrow)]
    event_id: &'a str,
    #[serde(rename = "eventName", borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(rename = "serviceEventDetails", borrow, default)]
    details: Option<&'a RawValue>,
}

/// The start or the end of an HSM process.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Process {
    /// Its receipts have this epoch.
    Started { epoch: u64 },
    /// What its lanes had counted in the end, as far as it is known.
    Ended {
        epoch: u64,
        counted: BTreeMap<u16, u64>,
    },
}

/// What is read of `serviceEventDetails` there.
#[derive(Deserialize)]
struct ProcessDetails {
    epoch: String,
    #[serde(default)]
    counted: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Note<'a> {
    #[serde(borrow)]
    epoch: &'a str,
    pub(super) lane: u16,
    pub(super) counter: u64,
    #[serde(rename = "digest")]
    _digest: &'a str,
}

impl Note<'_> {
    pub(super) fn epoch(&self) -> Option<u64> {
        u64::from_str_radix(self.epoch, 16).ok()
    }
}

impl<'a> Line<'a> {
    pub(super) fn parse(line: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }

    /// The start or end of an HSM process that the record tells of.
    pub(super) fn process(&self) -> Option<Process> {
        let started = match self.event.name.as_deref()? {
            "StartHsmProcess" => true,
            "EndHsmProcess" => false,
            _ => return None,
        };
        let details: ProcessDetails = serde_json::from_str(self.event.details?.get()).ok()?;
        let epoch = u64::from_str_radix(&details.epoch, 16).ok()?;
        let counted = details.counted.into_iter();
        let counted = counted.filter_map(|(lane, last)| Some((lane.parse().ok()?, last)));
        Some(match started {
            true => Process::Started { epoch },
            false => Process::Ended {
                epoch,
                counted: counted.collect(),
            },
        })
    }

    pub(super) fn event_id(&self) -> Option<RequestId> {
        RequestId::parse(self.event.event_id).ok()
    }
}
