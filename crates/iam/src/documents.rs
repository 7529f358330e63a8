//! Policy documents on their way in and out.

pub(crate) use keystead_policy::counted_chars;
use keystead_policy::{Policy, PolicyKind};
use keystead_types::{Fault, FaultKind};

/// URL-encodes a document by RFC 3986, as IAM does in its answers: all but letters, digits and
/// `-._~`. Source: IAM API reference, `PolicyVersion`.
pub(crate) fn encoded(document: &str) -> String {
    let mut out = String::with_capacity(document.len() * 3 / 2);
    for byte in document.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
            let digit = |nibble: u8| DIGITS.get(usize::from(nibble & 15)).copied();
            out.push('%');
            let pair = [digit(byte >> 4), digit(byte)];
            out.extend(pair.into_iter().flatten().map(char::from));
        }
    }
    out
}

/// Compiles a document that is going to be an identity policy.
///
/// Errors: MalformedPolicyDocument; LimitExceeded when it is too large to be one.
pub(crate) fn identity(document: &str) -> Result<Policy, Fault> {
    compile(PolicyKind::Identity, document)
}

/// Compiles a document of a kind. Whatever is wrong with it is MalformedPolicyDocument here, also
/// what KMS calls InvalidArnException.
pub(crate) fn compile(kind: PolicyKind, document: &str) -> Result<Policy, Fault> {
    Policy::compile(kind, document).map_err(|error| {
        let fault = error.fault();
        match fault.kind() {
            FaultKind::LimitExceeded | FaultKind::MalformedPolicyDocument => fault,
            _ => Fault::new(FaultKind::MalformedPolicyDocument, error.to_string()),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_encoded_as_rfc_3986_says() {
        assert_eq!(
            encoded("{\"A b\":\"~-._*/é\n\"}"),
            "%7B%22A%20b%22%3A%22~-._%2A%2F%C3%A9%0A%22%7D"
        );
    }
}
