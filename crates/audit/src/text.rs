//! JSON text that stays on one line and sends nothing to a terminal.
//!
//! Beside what JSON demands, these are escaped: all control characters (C1 and DEL too), line and
//! paragraph separators, and the characters that change the direction of text. A record that is
//! shown with `cat` can then neither fake a line nor move the cursor.

/// Appends `text` as a JSON string with its quotes.
pub(crate) fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    inside(out, text);
    out.push(b'"');
}

/// Appends `text` as a part of a JSON string, without quotes.
pub(crate) fn inside(out: &mut Vec<u8>, text: &str) {
    let not_ascii = |chunk| same(chunk, 0x7f) | chunk;
    let escaped = |chunk| below(chunk, b' ') | same(chunk, b'"') | same(chunk, b'\\');
    if !any(text.as_bytes(), |chunk| not_ascii(chunk) | escaped(chunk)) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    for character in text.chars() {
        match character {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            other => character_or_escape(out, other),
        }
    }
}

/// Makes one valid JSON value safe for a line: white space between tokens that is a control
/// character becomes a space, and the characters named above become escapes. For valid JSON the
/// value stays the same, because control characters occur only between tokens there and others
/// only inside strings.
pub(crate) fn one_line(json: Vec<u8>) -> Vec<u8> {
    let plain = |byte: u8| (0x20..0x7f).contains(&byte);
    // A fold has no early exit, so that the compiler can test many bytes at once.
    if json.iter().fold(true, |all, &byte| all & plain(byte)) {
        return json;
    }
    let mut out = Vec::with_capacity(json.len() + 16);
    for character in String::from_utf8_lossy(&json).chars() {
        if character < ' ' {
            out.push(b' ');
        } else {
            character_or_escape(&mut out, character);
        }
    }
    out
}

/// Whether the bytes have the outline of one JSON object on one line.
pub(crate) fn is_one_object(json: &[u8]) -> bool {
    json.starts_with(b"{")
        && json.ends_with(b"}")
        && json.iter().fold(true, |all, &byte| all & (byte >= b' '))
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

/// Appends bytes as lower-case hex digits.
pub(crate) fn hex(out: &mut Vec<u8>, bytes: &[u8]) {
    let digit = |nibble: u8| nibble + if nibble < 10 { b'0' } else { b'a' - 10 };
    let start = out.len();
    out.resize(start + 2 * bytes.len(), b'0');
    let (pairs, _) = out.get_mut(start..).unwrap_or_default().as_chunks_mut();
    for (pair, byte) in pairs.iter_mut().zip(bytes) {
        *pair = [digit(byte >> 4), digit(byte & 15)];
    }
}

/// Appends a decimal number.
pub(crate) fn number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// The longest start of `text` with at most `max_bytes` bytes.
pub(crate) fn at_most(text: &str, max_bytes: usize) -> &str {
    let end = text.floor_char_boundary(max_bytes);
    text.get(..end).unwrap_or_default()
}

fn character_or_escape(out: &mut Vec<u8>, character: char) {
    if acts(character) {
        // Everything that acts is below U+10000: one escape is enough.
        let code = u32::from(character);
        out.extend_from_slice(b"\\u");
        for shift in [12, 8, 4, 0] {
            let digit = char::from_digit(code >> shift & 0xf, 16).unwrap_or('0');
            out.extend(u8::try_from(digit));
        }
    } else {
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

/// Characters that act on a terminal or a viewer instead of being shown.
fn acts(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{61c}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_odd_byte_is_seen_wherever_it_stands() {
        for length in 1..70 {
            for at in 0..length {
                let mut text = "a".repeat(length).into_bytes();
                text[at] = b'"';
                let mut expected = text.clone();
                expected.insert(at, b'\\');
                let mut out = Vec::new();
                inside(&mut out, std::str::from_utf8(&text).unwrap());
                assert_eq!(out, expected);
                text[at] = 0x1f;
                text.insert(0, b'{');
                text.push(b'}');
                assert!(!is_one_object(&text));
                text[at + 1] = b' ';
                assert!(is_one_object(&text));
            }
        }
    }

    #[test]
    fn hex_digits_are_appended() {
        let mut out = b"x".to_vec();
        hex(&mut out, &[0x00, 0x9a, 0xff]);
        hex(&mut out, &[]);
        assert_eq!(out, b"x009aff");
    }
}
