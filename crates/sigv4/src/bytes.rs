//! Looking through header values many bytes at a time, and gathering pieces before they are hashed.

/// Room for the pieces of a usual request.
const BLOCK: usize = 512;

/// True if `odd` finds something in the bytes, of which it is shown eight at a time; those at the end
/// may be shown twice.
pub(crate) fn any(bytes: &[u8], odd: impl Fn(u64) -> u64) -> bool {
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
pub(crate) fn below(chunk: u64, limit: u8) -> u64 {
    chunk.wrapping_sub(ONES * u64::from(limit)) & !chunk
}

/// For [`any`]: one of the bytes is this one.
pub(crate) fn same(chunk: u64, byte: u8) -> u64 {
    below(chunk ^ (ONES * u64::from(byte)), 1)
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Where a byte stands first.
fn find(bytes: &[u8], wanted: u8) -> Option<usize> {
    let (chunks, _) = bytes.as_chunks();
    let mut before = 0;
    for chunk in chunks {
        let found = same(u64::from_le_bytes(*chunk), wanted) & HIGH;
        if found != 0 {
            // The lowest mark is the first such byte; only those above it can be wrong.
            return Some(before + usize::try_from(found.trailing_zeros() / 8).ok()?);
        }
        before += chunk.len();
    }
    let rest = bytes.get(before..)?;
    Some(before + rest.iter().position(|b| *b == wanted)?)
}

/// The parts before and behind the first such ASCII character.
pub(crate) fn split_once(text: &str, at: u8) -> Option<(&str, &str)> {
    let end = find(text.as_bytes(), at)?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}

/// All parts between such ASCII characters, as [`str::split`] gives them.
pub(crate) fn split(text: &str, at: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let (part, behind) = match split_once(text, at) {
            Some((part, behind)) => (part, Some(behind)),
            None => (text, None),
        };
        rest = behind;
        Some(part)
    })
}

/// Pieces one behind the other, because a call of the hash costs more than a copy.
pub(crate) struct Block {
    bytes: [u8; BLOCK],
    used: usize,
}

impl Block {
    pub(crate) fn new() -> Self {
        Self {
            bytes: [0; BLOCK],
            used: 0,
        }
    }

    /// Takes a piece, or none of it and says `false` when there is no room.
    pub(crate) fn put(&mut self, piece: &[u8]) -> bool {
        let end = self.used + piece.len();
        let room = self.bytes.get_mut(self.used..end);
        let fits = room.is_some();
        if let Some(room) = room {
            room.copy_from_slice(piece);
            self.used = end;
        }
        fits
    }

    /// The pieces so far.
    pub(crate) fn filled(&self) -> &[u8] {
        self.bytes.get(..self.used).unwrap_or_default()
    }

    /// Forgets the pieces.
    pub(crate) fn clear(&mut self) {
        self.used = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_parts_agree_with_the_standard_library() {
        let texts = [
            "",
            "a",
            ";",
            "a;b",
            ";;",
            "a;",
            "0123456789abcdef;0123456789abcdefg",
        ];
        let long = "x".repeat(100) + ";" + &"é;".repeat(20);
        for text in texts.into_iter().chain([long.as_str()]) {
            for (from, _) in text.char_indices() {
                let text = &text[from..];
                assert_eq!(find(text.as_bytes(), b';'), text.find(';'), "{text}");
                assert_eq!(split_once(text, b';'), text.split_once(';'), "{text}");
                let parts: Vec<&str> = split(text, b';').collect();
                assert_eq!(parts, text.split(';').collect::<Vec<_>>(), "{text}");
            }
        }
        assert_eq!(split("", b';').count(), 1);
    }

    #[test]
    fn every_byte_is_judged_right_wherever_it_stands() {
        for length in 1..40 {
            for at in 0..length {
                for byte in 0..=u8::MAX {
                    let mut bytes = vec![b'a'; length];
                    bytes[at] = byte;
                    assert_eq!(any(&bytes, |chunk| below(chunk, b'!')), byte < b'!');
                    assert_eq!(any(&bytes, |chunk| same(chunk, 0x7f)), byte == 0x7f);
                    assert_eq!(any(&bytes, |chunk| chunk), byte >= 0x80);
                }
            }
        }
        assert!(!any(b"", |chunk| below(chunk, b'!')));
    }

    #[test]
    fn a_block_takes_whole_pieces_only() {
        let mut block = Block::new();
        assert!(block.put(&[1; BLOCK - 1]));
        assert!(!block.put(&[2; 2]));
        assert!(block.put(&[3]));
        assert_eq!(block.filled().len(), BLOCK);
        assert!(!block.put(&[4]));
        assert!(block.put(&[]));
        block.clear();
        assert!(block.filled().is_empty());
    }
}
