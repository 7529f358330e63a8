//! Which document a policy was compiled from, in few bytes: for audit records, so that somebody
//! who explains a decision later can tell whether a document is still the same.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};
use base64_simd::{Out, URL_SAFE_NO_PAD};

use crate::evaluate::PolicyKind;

/// What is hashed begins with it; another form gets another number.
const DOMAIN: &[u8] = b"keystead policy document 1\0";
/// Bytes of the hash that are kept. Ours: no two documents meet by accident.
const KEPT_BYTES: usize = 9;
/// Characters of the text.
const TEXT_CHARS: usize = KEPT_BYTES / 3 * 4;

/// The first 72 bits of the SHA-256 of a document, its kind and the unique ids to which its
/// principals were bound, as base64url; made once, when the policy is compiled. No proof against
/// somebody who searches for two documents with the same digest.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PolicyDigest([u8; TEXT_CHARS]);

impl PolicyDigest {
    /// Of [`Policy::allow_all`](crate::Policy::allow_all), which has no document.
    pub const ALLOW_ALL: Self = Self([b'*'; TEXT_CHARS]);

    pub(crate) fn of<A: AsRef<str>, U: AsRef<str>>(
        kind: PolicyKind,
        document: &str,
        bound: &[(A, U)],
    ) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(DOMAIN);
        context.update(&[number(kind)]);
        let bound = bound.iter();
        let bound = bound.flat_map(|(arn, id)| [arn.as_ref(), id.as_ref()]);
        for part in std::iter::once(document).chain(bound) {
            let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
            context.update(&length.to_be_bytes());
            context.update(part.as_bytes());
        }
        let hash = context.finish();
        let mut text = [b'-'; TEXT_CHARS];
        let kept = hash.as_ref().get(..KEPT_BYTES).unwrap_or_default();
        let _written = URL_SAFE_NO_PAD.encode(kept, Out::from_slice(&mut text));
        Self(text)
    }

    /// Reads what [`Self::as_str`] gave.
    pub fn parse(text: &str) -> Option<Self> {
        if text == Self::ALLOW_ALL.as_str() {
            return Some(Self::ALLOW_ALL);
        }
        let good = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let bytes = <[u8; TEXT_CHARS]>::try_from(text.as_bytes()).ok()?;
        bytes.iter().all(good).then_some(Self(bytes))
    }

    /// 12 characters of base64url; `*` for [`Self::ALLOW_ALL`].
    pub fn as_str(&self) -> &str {
        let shown = match self.0 {
            [b'*', ..] => self.0.get(..1),
            _ => self.0.get(..),
        };
        shown
            .and_then(|shown| std::str::from_utf8(shown).ok())
            .unwrap_or_default()
    }
}

impl fmt::Debug for PolicyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A kind's number in what is hashed.
fn number(kind: PolicyKind) -> u8 {
    match kind {
        PolicyKind::Key => 1,
        PolicyKind::Trust => 2,
        PolicyKind::Identity => 3,
        PolicyKind::ServiceControl => 4,
        PolicyKind::ResourceControl => 5,
        PolicyKind::Endpoint => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_counts() {
        let of = |kind, document, bound: &[(&str, &str)]| PolicyDigest::of(kind, document, bound);
        let digests = [
            of(PolicyKind::Key, "a", &[]),
            of(PolicyKind::Identity, "a", &[]),
            of(PolicyKind::Key, "b", &[]),
            of(PolicyKind::Key, "a", &[("b", "c")]),
            of(PolicyKind::Key, "a", &[("bc", "")]),
            of(PolicyKind::Key, "a", &[("b", "c"), ("b", "c")]),
            PolicyDigest::ALLOW_ALL,
        ];
        for (at, one) in digests.iter().enumerate() {
            assert_eq!(PolicyDigest::parse(one.as_str()), Some(*one));
            assert!(!digests[..at].contains(one), "{one:?}");
        }
        for bad in ["", "**", "abc", "abcdefghijk=", "abcdefghijklm"] {
            assert_eq!(PolicyDigest::parse(bad), None, "{bad}");
        }
    }

    /// Stands in audit logs: a change of it needs another domain.
    #[test]
    fn the_form_of_version_1() {
        let digest = PolicyDigest::of(PolicyKind::Key, "{}", &[("arn:x", "AIDA1")]);
        assert_eq!(digest.as_str(), "E6r7z1I8H_2v");
    }
}
