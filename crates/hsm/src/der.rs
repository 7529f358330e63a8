//! The little DER (ITU-T X.690) that this crate reads from outside or writes itself: elements
//! with one-byte tags, definite and minimal lengths, nothing after them.

/// Tags.
pub(crate) const INTEGER: u8 = 0x02;
/// As [`INTEGER`].
pub(crate) const BIT_STRING: u8 = 0x03;
/// As [`INTEGER`].
pub(crate) const OCTET_STRING: u8 = 0x04;
/// As [`INTEGER`].
pub(crate) const NULL: u8 = 0x05;
/// As [`INTEGER`].
pub(crate) const OID: u8 = 0x06;
/// As [`INTEGER`].
pub(crate) const SEQUENCE: u8 = 0x30;
/// As [`INTEGER`].
pub(crate) const SET: u8 = 0x31;
/// A primitive element with context-specific tag 0.
pub(crate) const CONTEXT_0: u8 = 0x80;
/// A primitive element with context-specific tag 1.
pub(crate) const CONTEXT_1: u8 = 0x81;
/// A constructed element with context-specific tag 0.
pub(crate) const CONSTRUCTED_0: u8 = 0xa0;
/// A constructed element with context-specific tag 1.
pub(crate) const CONSTRUCTED_1: u8 = 0xa1;

/// Most bytes of a length after its first. Nothing that comes here is longer than 16 MiB.
const LENGTH_MAX_BYTES: usize = 3;

/// Reads elements one after the other. It keeps no more than a slice, so nested elements cost
/// neither memory nor stack.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader of these bytes.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The content of the next element. `None`: another tag, or not DER.
    pub(crate) fn read(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (found, rest) = self.rest.split_first()?;
        let (len, rest) = length(rest)?;
        let (content, rest) = rest.split_at_checked(len)?;
        if *found != tag {
            return None;
        }
        self.rest = rest;
        Some(content)
    }

    /// The next element if it has that tag. Outer `None`: it has the tag, but is not DER.
    #[expect(clippy::option_option, reason = "not there, and not readable")]
    pub(crate) fn optional(&mut self, tag: u8) -> Option<Option<&'a [u8]>> {
        match self.rest.first() {
            Some(found) if *found == tag => self.read(tag).map(Some),
            _ => Some(None),
        }
    }

    /// The next element, which holds others.
    pub(crate) fn nested(&mut self, tag: u8) -> Option<Reader<'a>> {
        self.read(tag).map(Reader::new)
    }

    /// The magnitude of the next INTEGER, without leading zeros: empty for zero. `None`: it is
    /// negative, or not DER.
    pub(crate) fn unsigned(&mut self) -> Option<&'a [u8]> {
        match self.read(INTEGER)? {
            [] => None,
            [0] => Some(&[]),
            [0, next, ..] if *next < 0x80 => None,
            [0, magnitude @ ..] => Some(magnitude),
            [first, ..] if *first >= 0x80 => None,
            magnitude => Some(magnitude),
        }
    }

    /// `Some` if nothing follows.
    pub(crate) fn end(&self) -> Option<()> {
        self.rest.is_empty().then_some(())
    }
}

/// Reads a definite length in its only DER form.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    if *first < 0x80 {
        return Some((usize::from(*first), rest));
    }
    let count = usize::from(*first & 0x7f);
    if !(1..=LENGTH_MAX_BYTES).contains(&count) {
        return None;
    }
    let (digits, rest) = rest.split_at_checked(count)?;
    let len = digits
        .iter()
        .fold(0_usize, |len, digit| len << 8 | usize::from(*digit));
    let minimal = digits.first() != Some(&0) && len >= 0x80;
    minimal.then_some((len, rest))
}

/// Appends an element whose content is the parts one after the other.
pub(crate) fn put(out: &mut Vec<u8>, tag: u8, parts: &[&[u8]]) {
    let len = parts.iter().map(|part| part.len()).sum::<usize>();
    out.push(tag);
    let digits = len.to_be_bytes();
    let used = digits.iter().position(|digit| *digit != 0);
    let digits = used.and_then(|at| digits.get(at..)).unwrap_or(&[0]);
    match digits {
        [short] if *short < 0x80 => out.push(*short),
        long => {
            // At most eight digits, so the cast cannot cut.
            out.push(0x80 | u8::try_from(long.len()).unwrap_or_default());
            out.extend_from_slice(long);
        }
    }
    for part in parts {
        out.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for len in [0, 1, 127, 128, 255, 256, 65_535, 65_536] {
            let content = vec![7; len];
            let mut out = Vec::new();
            put(&mut out, OCTET_STRING, &[&content]);
            let mut reader = Reader::new(&out);
            assert_eq!(reader.optional(SEQUENCE), Some(None));
            assert_eq!(reader.read(OCTET_STRING), Some(content.as_slice()));
            assert_eq!(reader.end(), Some(()));
        }
    }

    #[test]
    fn only_der_is_read() {
        let read = |bytes: &[u8]| Reader::new(bytes).read(OCTET_STRING).map(<[u8]>::to_vec);
        assert_eq!(read(&[4, 1, 9]), Some(vec![9]));
        for bad in [
            &[][..],
            &[4],
            &[4, 1],
            &[5, 0],
            &[4, 0x80, 0, 0],
            &[4, 0x81, 1, 9],
            &[4, 0x82, 0, 0x80],
            &[4, 0x84, 0, 0, 0, 1, 9],
            &[4, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[4, 0xff],
            &[0x24, 3, 4, 1, 9],
        ] {
            assert_eq!(read(bad), None, "{bad:x?}");
        }
        let integer = |bytes: &[u8]| Reader::new(bytes).unsigned().map(<[u8]>::to_vec);
        assert_eq!(integer(&[2, 1, 0]), Some(vec![]));
        assert_eq!(integer(&[2, 2, 0, 0x80]), Some(vec![0x80]));
        assert_eq!(integer(&[2, 1, 0x7f]), Some(vec![0x7f]));
        for bad in [&[2, 0][..], &[2, 2, 0, 1], &[2, 1, 0x80], &[2, 2, 0, 0]] {
            assert_eq!(integer(bad), None, "{bad:x?}");
        }
    }
}
