//! Error bodies.

use keystead_types::{Fault, FaultKind};

use crate::write::{self, Object};

/// The body of an error answer: `{"__type":"<code>","message":"<text>"}`.
///
/// Without a text there is no message member; AccessDeniedException spells it `Message`.
/// The private cause is never written. Source: AWS answers, see `docs/operations.md`.
pub fn encode_fault(fault: &Fault) -> Vec<u8> {
    let kind = fault.kind();
    let message = fault.message();
    let mut out = Vec::with_capacity(64 + message.map_or(0, str::len));
    let mut object = Object::begin(&mut out);
    write::text(object.member("__type"), kind.code());
    if let Some(message) = message {
        let name = match kind {
            FaultKind::AccessDenied => "Message",
            _ => "message",
        };
        write::text(object.member(name), message);
    }
    object.end();
    out
}
