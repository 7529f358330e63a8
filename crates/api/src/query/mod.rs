//! The query protocol, which IAM and STS speak: a form in, XML out.
//!
//! `keystead_api::iam` and `keystead_api::sts` hold the shapes. Members that hold policy documents
//! are written as they are given: IAM answers with documents that are percent-encoded (RFC 3986),
//! and whoever fills such a member encodes them.
//! Source: AWS query protocol, <https://smithy.io/2.0/aws/protocols/aws-query-protocol.html>.

mod fault;
mod form;
pub(crate) mod read;
mod shape;
pub(crate) mod xml;

pub use fault::encode_fault;
pub use form::Form;
pub(crate) use form::requested;
pub use shape::QueryShape;

/// Whether a key and a value fit a tag of IAM or a session's: 1–128 and 0–256 characters, letters,
/// numbers and separators of any script and `_.:/=+-@`. For tags that come on another way than in
/// a form. Source: STS model, `tagKeyType` and `tagValueType`.
pub fn is_tag(key: &str, value: &str) -> bool {
    use crate::pattern::{tag_key, tag_value};
    let length = |text: &str| text.encode_utf16().count();
    tag_key(key) && tag_value(value) && length(key) <= 128 && length(value) <= 256
}
