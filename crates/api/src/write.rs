//! Writers from typed members to JSON text.

use keystead_types::{EncryptionContext, Timestamp};

/// An object being written; absent members are simply not written.
pub(crate) struct Object<'o> {
    out: &'o mut Vec<u8>,
    empty: bool,
}

impl<'o> Object<'o> {
    /// Opens the object.
    pub(crate) fn begin(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, empty: true }
    }

    /// Writes a member's name, which needs no escaping, and gives the place for its value.
    pub(crate) fn member(&mut self, name: &str) -> &mut Vec<u8> {
        if !self.empty {
            self.out.push(b',');
        }
        self.empty = false;
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// Writes a member unless its value turns out to be `{}`.
    pub(crate) fn member_unless_empty(&mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) {
        let (len, empty) = (self.out.len(), self.empty);
        let out = self.member(name);
        let start = out.len();
        write(out);
        if out.get(start..) == Some(b"{}") {
            self.out.truncate(len);
            self.empty = empty;
        }
    }

    /// Closes the object.
    pub(crate) fn end(self) {
        self.out.push(b'}');
    }
}

/// Writes a string.
pub(crate) fn text(out: &mut Vec<u8>, text: &str) {
    let escaped = |chunk| below(chunk, b' ') | same(chunk, b'"') | same(chunk, b'\\');
    if !any(text.as_bytes(), escaped) {
        out.reserve(text.len() + 2);
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
        return;
    }
    // Serializing a str into a Vec cannot fail.
    let _ = serde_json::to_writer(out, text);
}

/// True if `odd` finds something in the bytes, of which it is shown eight at a time; those at the end
/// may be shown twice.
fn any(bytes: &[u8], odd: impl Fn(u64) -> u64) -> bool {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let odd = |chunk: &[u8; 8]| odd(u64::from_ne_bytes(*chunk));
    let found = match bytes.last_chunk() {
        Some(last) => {
            let (chunks, _) = bytes.as_chunks();
            chunks
                .iter()
                .fold(odd(last), |seen, chunk| seen | odd(chunk))
        }
        None => {
            let mut chunk = [b'a'; 8];
            chunk
                .iter_mut()
                .zip(bytes)
                .for_each(|(to, from)| *to = *from);
            odd(&chunk)
        }
    };
    found & HIGH != 0
}

/// For [`any`]: one of the bytes is below the limit, which is at most 128.
fn below(chunk: u64, limit: u8) -> u64 {
    chunk.wrapping_sub(ONES * u64::from(limit)) & !chunk
}

/// For [`any`]: one of the bytes is this one.
fn same(chunk: u64, byte: u8) -> u64 {
    below(chunk ^ (ONES * u64::from(byte)), 1)
}

const ONES: u64 = 0x0101_0101_0101_0101;

/// Writes an integer.
pub(crate) fn number(out: &mut Vec<u8>, number: u32) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Writes a boolean.
pub(crate) fn flag(out: &mut Vec<u8>, flag: bool) {
    out.extend_from_slice(if flag { b"true" } else { b"false" });
}

/// Writes bytes in standard, padded base64.
pub(crate) fn blob(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    base64_simd::STANDARD.encode_append(bytes, out);
    out.push(b'"');
}

/// Writes a moment as seconds since the Unix epoch with up to three decimals.
pub(crate) fn time(out: &mut Vec<u8>, time: Timestamp) {
    let millis = time.as_millis();
    if millis < 0 {
        out.push(b'-');
    }
    let millis = millis.unsigned_abs();
    let mut digits = itoa::Buffer::new();
    out.extend_from_slice(digits.format(millis / 1000).as_bytes());
    let thousandths = millis % 1000;
    if thousandths == 0 {
        return;
    }
    // 1000 + n has the leading zeros that n lacks.
    let text = digits.format(1000 + thousandths).trim_end_matches('0');
    out.push(b'.');
    out.extend_from_slice(text.as_bytes().get(1..).unwrap_or_default());
}

/// Writes an encryption context as an object, in the order of its keys.
pub(crate) fn context(out: &mut Vec<u8>, context: &EncryptionContext) {
    out.push(b'{');
    for (index, (name, value)) in context.pairs().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        text(out, name);
        out.push(b':');
        text(out, value);
    }
    out.push(b'}');
}

/// Writes a list.
pub(crate) fn list<T>(out: &mut Vec<u8>, items: &[T], write: impl Fn(&mut Vec<u8>, &T)) {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_at_every_place_is_written_as_serde_json_writes_it() {
        let odd = (0..0x80).map(char::from).chain(['é', '\u{2028}', '😀']);
        for odd in odd {
            for (before, behind) in [(0, 0), (3, 0), (4, 1), (15, 0), (16, 3), (20, 20)] {
                let plain = "abcdefghijklmnopqrstuvwxyz";
                let value = format!("{}{odd}{}", &plain[..before], &plain[..behind]);
                let mut out = Vec::new();
                text(&mut out, &value);
                assert_eq!(out, serde_json::to_vec(&value).unwrap(), "{value:?}");
            }
        }
    }
}
