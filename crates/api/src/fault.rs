//! Error bodies.

use keystead_types::{Fault, FaultKind};

use crate::write::{self, Object};

/// The body of an error answer: `{"__type":"<code>","message":"<text>"}`.
///
/// Without a text there is no message member; AccessDeniedException spells it `Message`.
/// The private cause is never written. Source: AWS JSON 1.1 protocol, and answers seen from KMS.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn body(fault: &Fault) -> String {
        String::from_utf8(encode_fault(fault)).unwrap()
    }

    #[test]
    fn the_message_member_is_absent_lower_or_upper() {
        assert_eq!(
            body(&Fault::bare(FaultKind::InvalidCiphertext)),
            r#"{"__type":"InvalidCiphertextException"}"#
        );
        assert_eq!(
            body(&Fault::validation("a \"b\"\n")),
            r#"{"__type":"ValidationException","message":"a \"b\"\n"}"#
        );
        assert_eq!(
            body(&Fault::new(FaultKind::AccessDenied, "no")),
            r#"{"__type":"AccessDeniedException","Message":"no"}"#
        );
    }

    #[test]
    fn the_cause_stays_private() {
        assert!(!body(&Fault::internal("disk full")).contains("disk"));
    }
}
