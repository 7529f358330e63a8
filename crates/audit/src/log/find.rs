//! Looking for one request in a log.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

use keystead_types::RequestId;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::segment::Segment;
use super::since;

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    event: &'a RawValue,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "requestID")]
    request_id: Option<&'a str>,
}

/// The CloudTrail record of a request: one JSON object without a line end. The newest segment is
/// read first, and in it the first record of the request counts; `None` when no segment has one.
/// The log may be in use meanwhile. The chain is not checked: opening and
/// [`verify`](super::verify) do.
///
/// Time: that of reading the files up to the record.
///
/// Errors: files that cannot be read.
pub fn find_request(dir: &Path, request_id: &RequestId) -> io::Result<Option<Vec<u8>>> {
    // A member of the same name may stand deeper.
    let is_of = |event: &str| {
        let event: Result<Event<'_>, _> = serde_json::from_str(event);
        event.is_ok_and(|event| event.request_id == Some(request_id.as_str()))
    };
    find_record(dir, "requestID", request_id.as_str(), is_of)
}

/// The first CloudTrail record, searched as [`find_request`] does, in which a member `name` is
/// `value` somewhere and which `is_wanted`. Both are texts that need no escapes in JSON.
///
/// Errors: files that cannot be read.
pub fn find_record(
    dir: &Path,
    name: &str,
    value: &str,
    is_wanted: impl Fn(&str) -> bool,
) -> io::Result<Option<Vec<u8>>> {
    // No text in a record contains it: quotes are escaped there.
    let member = format!("\"{name}\":\"{value}\"");
    let mut line = Vec::new();
    for segment in Segment::list(dir)?.iter().rev() {
        let file = match File::open(&segment.path) {
            // Moved away since the directory was listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            file => file?,
        };
        let mut reader = BufReader::with_capacity(1 << 16, file);
        while since::next(&mut reader, &mut line)? {
            let mut windows = line.windows(member.len());
            if !windows.any(|window| window == member.as_bytes()) {
                continue;
            }
            let line: Result<Line<'_>, _> = serde_json::from_slice(&line);
            let event = line.map(|line| line.event.get());
            if let Some(event) = event.ok().filter(|event| is_wanted(event)) {
                return Ok(Some(event.as_bytes().to_vec()));
            }
        }
    }
    Ok(None)
}
