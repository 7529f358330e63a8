//! Error bodies.

use keystead_types::{Fault, RequestId};

use super::xml;

/// The body of an error answer:
/// `<ErrorResponse xmlns="…"><Error><Type/><Code/><Message/></Error><RequestId/></ErrorResponse>`.
///
/// `namespace` is that of the service, e.g. [`crate::iam::NAMESPACE`]. The code and the side at
/// fault are those of [`keystead_types::FaultKind::in_query`]. The private cause is never written.
pub fn encode_fault(fault: &Fault, namespace: &str, request_id: &RequestId) -> Vec<u8> {
    let (code, status) = fault.kind().in_query();
    let side = if status >= 500 { "Receiver" } else { "Sender" };
    let message = fault.message().unwrap_or_default();
    let mut out = Vec::with_capacity(256 + namespace.len() + message.len());
    xml::document(&mut out, "ErrorResponse", namespace, |out| {
        xml::within(out, "Error", |out| {
            xml::text(out, "Type", side);
            xml::text(out, "Code", code);
            xml::text(out, "Message", message);
        });
        xml::text(out, "RequestId", request_id.as_str());
    });
    out
}

#[cfg(test)]
mod tests {
    use keystead_types::FaultKind;

    use super::*;

    fn body(fault: &Fault) -> String {
        let id = RequestId::from_random([0; 16]);
        String::from_utf8(encode_fault(fault, crate::iam::NAMESPACE, &id)).unwrap()
    }

    #[test]
    fn a_fault_is_written_with_its_code_of_the_query_protocol() {
        let fault = Fault::new(FaultKind::AccessDenied, "<no> & \"never\"").because("a secret");
        assert_eq!(
            body(&fault),
            "<ErrorResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><Error>\
             <Type>Sender</Type><Code>AccessDenied</Code>\
             <Message>&lt;no&gt; &amp; &quot;never&quot;</Message></Error>\
             <RequestId>00000000-0000-4000-8000-000000000000</RequestId></ErrorResponse>"
        );
    }

    #[test]
    fn the_side_at_fault_follows_the_status() {
        assert!(body(&Fault::internal("disk full")).contains("<Type>Receiver</Type>"));
        assert!(!body(&Fault::internal("disk full")).contains("disk"));
        let bare = body(&Fault::bare(FaultKind::MissingAction));
        assert!(
            bare.contains("<Code>MissingAction</Code><Message></Message>"),
            "{bare}"
        );
    }
}
