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
    // No text in a record contains it: quotes are escaped there.
    let member = format!("\"requestID\":\"{request_id}\"");
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
            if let Some(event) = event_of(&line, request_id) {
                return Ok(Some(event.as_bytes().to_vec()));
            }
        }
    }
    Ok(None)
}

/// The event of a line if it is of that request: a member of the same name may stand deeper.
fn event_of<'a>(line: &'a [u8], request_id: &RequestId) -> Option<&'a str> {
    let line: Line<'a> = serde_json::from_slice(line).ok()?;
    let text = line.event.get();
    let event: Event<'_> = serde_json::from_str(text).ok()?;
    (event.request_id == Some(request_id.as_str())).then_some(text)
}
