//! Page markers: opaque, authenticated, bound to caller, operation and filter. A marker of
//! another account, Region, operation or filter, or a changed one, is refused.

use aws_lc_rs::hmac;
use base64_simd::URL_SAFE_NO_PAD;
use keystead_types::{Fault, FaultKind};

use crate::limits::MARKER_MAX_CHARS;

const TAG_BYTES: usize = 16;
const VERSION: u8 = 1;

/// What a marker is bound to.
pub(crate) struct Scope<'a> {
    pub(crate) key: &'a hmac::Key,
    pub(crate) parts: [&'a str; 4],
}

impl Scope<'_> {
    fn tag(&self, position: &str) -> hmac::Tag {
        let mut context = hmac::Context::with_key(self.key);
        context.update(&[VERSION]);
        for part in self.parts.iter().copied().chain([position]) {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        context.sign()
    }

    /// Makes the marker that continues after `position`.
    pub(crate) fn seal(&self, position: &str) -> String {
        let tag = self.tag(position);
        let tag = tag.as_ref().get(..TAG_BYTES).unwrap_or_default();
        let bytes = [&[VERSION], tag, position.as_bytes()].concat();
        URL_SAFE_NO_PAD.encode_to_string(bytes)
    }

    /// The position of a marker.
    ///
    /// Errors: InvalidMarkerException for every marker that [`Self::seal`] did not make in this
    /// scope.
    pub(crate) fn open(&self, marker: &str) -> Result<String, Fault> {
        self.position(marker)
            .ok_or_else(|| Fault::new(FaultKind::InvalidMarker, "The marker is not valid."))
    }

    fn position(&self, marker: &str) -> Option<String> {
        if marker.len() > MARKER_MAX_CHARS {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode_to_vec(marker).ok()?;
        let (&version, rest) = bytes.split_first()?;
        let (tag, position) = rest.split_at_checked(TAG_BYTES)?;
        let position = std::str::from_utf8(position).ok()?;
        let expected = self.tag(position);
        let expected = expected.as_ref().get(..TAG_BYTES)?;
        let equal = aws_lc_rs::constant_time::verify_slices_are_equal(tag, expected).is_ok();
        (version == VERSION && equal).then(|| position.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(key: &hmac::Key, parts: [&str; 4], marker: &str) -> Option<String> {
        Scope { key, parts }.open(marker).ok()
    }

    #[test]
    fn a_marker_opens_in_its_scope_only() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
        let scope = ["ListKeys", "111122223333", "eu-west-1", ""];
        let marker = Scope {
            key: &key,
            parts: scope,
        }
        .seal("position");
        assert_eq!(open(&key, scope, &marker).as_deref(), Some("position"));
        for at in 0..4 {
            let mut other = scope;
            other[at] = "other";
            assert_eq!(open(&key, other, &marker), None);
        }
        let other_key = hmac::Key::new(hmac::HMAC_SHA256, &[8; 32]);
        assert_eq!(open(&other_key, scope, &marker), None);
    }

    #[test]
    fn damaged_markers_are_refused() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
        let scope = ["ListKeys", "111122223333", "eu-west-1", ""];
        let marker = Scope {
            key: &key,
            parts: scope,
        }
        .seal("position");
        for at in 0..marker.len() {
            let mut bytes = marker.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(
                open(&key, scope, &String::from_utf8(bytes).unwrap()),
                None,
                "at {at}"
            );
            assert_eq!(open(&key, scope, &marker[..at]), None, "cut at {at}");
        }
        assert_eq!(open(&key, scope, &"A".repeat(MARKER_MAX_CHARS + 1)), None);
    }
}
