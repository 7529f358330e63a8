//! The CloudTrail record, written straight into its bytes.
//!
//! Source: CloudTrail user guide, "CloudTrail record contents" (version 1.11), and the KMS
//! developer guide, "Logging AWS KMS API calls with AWS CloudTrail".

use std::io::Write;
use std::net::IpAddr;

use keystead_types::{AccountId, Fault, FaultKind, Timestamp, partition_of};
use time::OffsetDateTime;

use crate::entry::{Details, Origin, Parts, Resource};
use crate::limits::{
    ADDITIONAL_MAX_BYTES, AUTHORIZATION_MAX_BYTES, ERROR_MESSAGE_MAX_BYTES, HOST_MAX_BYTES,
    PARAMETERS_MAX_BYTES, RECORD_USUAL_BYTES, USER_AGENT_MAX_BYTES,
};
use crate::text::{at_most, inside, number, string};
use crate::{KMS, Opening, SourceAddress, Tls};

mod identity;
#[cfg(test)]
mod tests;

/// How an event ended.
#[derive(Clone, Copy)]
pub(crate) enum Ending<'a> {
    Success,
    Failure(&'a Fault),
    Abandoned,
}

const ABANDONED_MESSAGE: &str =
    "The request ended without an answer. What it asked for may have been done.";

/// The record's bytes: one JSON object on one line.
pub(crate) fn render(parts: &Parts, now: Timestamp, ending: Ending<'_>) -> Vec<u8> {
    let parameters = parts.request_parameters.as_ref();
    let usual = RECORD_USUAL_BYTES + parameters.map_or(0, |details| details.as_bytes().len());
    let mut out = Vec::with_capacity(usual);
    out.extend_from_slice(b"{\"eventVersion\":\"1.11\",\"userIdentity\":");
    let mut region = parts.trail.region();
    let (event_source, event_name, account, read_only) = match &parts.origin {
        Origin::Request(opening) => {
            region = opening.region.as_ref().unwrap_or(region);
            identity::requester(&mut out, opening, partition_of(region));
            (
                opening.event_source,
                opening.event_name,
                Some(opening.requester.account()),
                opening.read_only,
            )
        }
        Origin::Service {
            event_name,
            account,
            ..
        } => {
            identity::internal(&mut out, *account);
            (KMS, *event_name, Some(*account), false)
        }
        Origin::Administration {
            event_name,
            operator,
            account,
            ..
        } => {
            identity::operator(&mut out, operator, *account);
            (KMS, *event_name, *account, false)
        }
    };
    out.extend_from_slice(b",\"eventTime\":\"");
    moment(&mut out, now);
    out.extend_from_slice(b"\",\"eventSource\":");
    string(&mut out, event_source);
    out.extend_from_slice(b",\"eventName\":");
    string(&mut out, event_name);
    out.extend_from_slice(b",\"awsRegion\":\"");
    out.extend_from_slice(region.as_str().as_bytes());
    out.push(b'"');
    source(&mut out, &parts.origin);
    errors(&mut out, ending);
    let elements = match ending {
        Ending::Success => parts.response_elements.as_ref(),
        Ending::Failure(_) | Ending::Abandoned => None,
    };
    object(&mut out, b",\"requestParameters\":", parameters);
    object(&mut out, b",\"responseElements\":", elements);
    additional(&mut out, parts);
    if let Origin::Request(opening) = &parts.origin {
        out.extend_from_slice(b",\"requestID\":\"");
        out.extend_from_slice(opening.request_id.as_str().as_bytes());
        out.push(b'"');
    }
    out.extend_from_slice(b",\"eventID\":\"");
    out.extend_from_slice(parts.event_id.as_str().as_bytes());
    out.extend_from_slice(if read_only {
        b"\",\"readOnly\":true"
    } else {
        b"\",\"readOnly\":false"
    });
    resources(&mut out, &parts.resources, partition_of(region));
    closing(&mut out, &parts.origin, account);
    out
}

fn source(out: &mut Vec<u8>, origin: &Origin) {
    out.extend_from_slice(b",\"sourceIPAddress\":");
    let opening = match origin {
        Origin::Request(opening) => opening,
        Origin::Service { .. } => {
            out.extend_from_slice(b"\"AWS Internal\",\"userAgent\":\"AWS Internal\"");
            return;
        }
        Origin::Administration { operator, .. } => {
            out.extend_from_slice(b"\"AWS Internal\",\"userAgent\":");
            string(out, at_most(&operator.program, USER_AGENT_MAX_BYTES));
            return;
        }
    };
    if let Some(service) = opening.via() {
        string(out, at_most(service, HOST_MAX_BYTES));
        out.extend_from_slice(b",\"userAgent\":");
        string(out, at_most(service, HOST_MAX_BYTES));
        return;
    }
    match &opening.source_ip {
        SourceAddress::Ip(IpAddr::V4(address)) => {
            for (before, octet) in [b'"', b'.', b'.', b'.'].into_iter().zip(address.octets()) {
                out.push(before);
                number(out, u64::from(octet));
            }
            out.push(b'"');
        }
        // Addresses need no escapes, and writing to a Vec cannot fail.
        SourceAddress::Ip(address) => {
            let _infallible = write!(out, "\"{address}\"");
        }
        SourceAddress::Name(name) => string(out, at_most(name, HOST_MAX_BYTES)),
    }
    out.extend_from_slice(b",\"userAgent\":");
    string(out, at_most(&opening.user_agent, USER_AGENT_MAX_BYTES));
}

fn errors(out: &mut Vec<u8>, ending: Ending<'_>) {
    let (code, message) = match ending {
        Ending::Success => return,
        Ending::Abandoned => ("ABANDONED", Some(ABANDONED_MESSAGE)),
        Ending::Failure(fault) => match fault.kind() {
            FaultKind::AccessDenied => ("AccessDenied", fault.message()),
            kind => (kind.code(), fault.message()),
        },
    };
    out.extend_from_slice(b",\"errorCode\":");
    string(out, code);
    if let Some(message) = message {
        out.extend_from_slice(b",\"errorMessage\":");
        string(out, at_most(message, ERROR_MESSAGE_MAX_BYTES));
    }
}

/// A member with an object made elsewhere; null when there is none or it is empty.
fn object(out: &mut Vec<u8>, name: &[u8], details: Option<&Details>) {
    out.extend_from_slice(name);
    out.extend_from_slice(match details.map(Details::as_bytes) {
        None | Some(b"" | b"{}") => b"null",
        Some(json) if json.len() > PARAMETERS_MAX_BYTES => b"{\"omitted\":true}",
        Some(json) => json,
    });
}

fn additional(out: &mut Vec<u8>, parts: &Parts) {
    let (texts, objects) = (&parts.additional, &parts.objects);
    if texts.is_empty() && objects.is_empty() && parts.authorization.is_empty() {
        return;
    }
    out.extend_from_slice(b",\"additionalEventData\":{");
    let texts = texts.iter().map(|(name, value)| (*name, value.as_str()));
    let mut first = members(out, true, texts);
    for (name, texts) in objects {
        if !first {
            out.push(b',');
        }
        first = false;
        string(out, name);
        out.extend_from_slice(b":{");
        let texts = texts
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        members(out, true, texts);
        out.push(b'}');
    }
    if !parts.authorization.is_empty() {
        if !first {
            out.push(b',');
        }
        authorization(out, &parts.authorization);
    }
    out.push(b'}');
}

/// Our own member: why things are allowed or denied.
fn authorization(out: &mut Vec<u8>, decisions: &[Details]) {
    out.extend_from_slice(b"\"keystead\":{\"authorization\":[");
    let mut room = AUTHORIZATION_MAX_BYTES;
    for (at, decision) in decisions.iter().enumerate() {
        let json = decision.as_bytes();
        if at > 0 {
            out.push(b',');
        }
        if let Some(left) = room.checked_sub(json.len()) {
            out.extend_from_slice(json);
            room = left;
            continue;
        }
        // Half an object is no JSON, but what is left of its text may still tell the reason.
        out.extend_from_slice(b"{\"cut\":true,\"text\":");
        let text = String::from_utf8_lossy(json);
        string(out, at_most(&text, room));
        out.push(b'}');
        break;
    }
    out.extend_from_slice(b"]}");
}

/// Members of an object whose values are texts. False once there was one.
fn members<'a>(
    out: &mut Vec<u8>,
    mut first: bool,
    texts: impl Iterator<Item = (&'a str, &'a str)>,
) -> bool {
    for (name, value) in texts {
        if !first {
            out.push(b',');
        }
        first = false;
        string(out, name);
        out.push(b':');
        string(out, at_most(value, ADDITIONAL_MAX_BYTES));
    }
    first
}

fn resources(out: &mut Vec<u8>, all: &[Resource], partition: &str) {
    if all.is_empty() {
        return;
    }
    out.extend_from_slice(b",\"resources\":[");
    for (at, resource) in all.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        let key = match resource {
            Resource::Key(key) => key,
            Resource::Role(account, name) => {
                identity::role_resource(out, *account, name, partition);
                continue;
            }
        };
        out.extend_from_slice(b"{\"accountId\":\"");
        out.extend_from_slice(key.account.as_str().as_bytes());
        out.extend_from_slice(b"\",\"type\":\"AWS::KMS::Key\",\"ARN\":\"arn:");
        out.extend_from_slice(partition_of(&key.region).as_bytes());
        out.extend_from_slice(b":kms:");
        out.extend_from_slice(key.region.as_str().as_bytes());
        out.push(b':');
        out.extend_from_slice(key.account.as_str().as_bytes());
        out.extend_from_slice(b":key/");
        out.extend_from_slice(key.key_id.as_str().as_bytes());
        out.extend_from_slice(b"\"}");
    }
    out.push(b']');
}

fn closing(out: &mut Vec<u8>, origin: &Origin, account: Option<AccountId>) {
    out.extend_from_slice(match origin {
        Origin::Request(_) => b",\"eventType\":\"AwsApiCall\"".as_slice(),
        Origin::Service { .. } | Origin::Administration { .. } => {
            b",\"eventType\":\"AwsServiceEvent\""
        }
    });
    out.extend_from_slice(b",\"managementEvent\":true");
    if let Some(account) = account {
        out.extend_from_slice(b",\"recipientAccountId\":\"");
        out.extend_from_slice(account.as_str().as_bytes());
        out.push(b'"');
    }
    if let Origin::Request(Opening {
        vpc_endpoint_id: Some(endpoint),
        ..
    }) = origin
    {
        out.extend_from_slice(b",\"vpcEndpointId\":");
        string(out, at_most(endpoint, HOST_MAX_BYTES));
    }
    match origin {
        Origin::Service { details, .. } | Origin::Administration { details, .. } => {
            object(out, b",\"serviceEventDetails\":", details.as_ref());
            out.extend_from_slice(b",\"eventCategory\":\"Management\"");
        }
        Origin::Request(Opening { tls, .. }) => {
            out.extend_from_slice(b",\"eventCategory\":\"Management\"");
            if let Some(tls) = tls {
                tls_details(out, tls);
            }
        }
    }
    out.push(b'}');
}

fn tls_details(out: &mut Vec<u8>, tls: &Tls) {
    out.extend_from_slice(b",\"tlsDetails\":{\"tlsVersion\":\"");
    inside(out, tls.version);
    out.extend_from_slice(b"\",\"cipherSuite\":\"");
    inside(out, at_most(&tls.cipher, HOST_MAX_BYTES));
    out.extend_from_slice(b"\",\"clientProvidedHostHeader\":\"");
    inside(out, at_most(&tls.host, HOST_MAX_BYTES));
    out.extend_from_slice(b"\"}");
}

/// `2025-05-21T05:42:31Z`.
pub(super) fn moment(out: &mut Vec<u8>, at: Timestamp) {
    let at =
        OffsetDateTime::from_unix_timestamp(at.as_seconds()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let two = |out: &mut Vec<u8>, number: u8| {
        out.extend_from_slice(&[b'0' + number / 10 % 10, b'0' + number % 10]);
    };
    let mut year = itoa::Buffer::new();
    let year = year.format(at.year());
    out.extend_from_slice(year.as_bytes());
    out.push(b'-');
    two(out, u8::from(at.month()));
    out.push(b'-');
    two(out, at.day());
    out.push(b'T');
    two(out, at.hour());
    out.push(b':');
    two(out, at.minute());
    out.push(b':');
    two(out, at.second());
    out.push(b'Z');
}
