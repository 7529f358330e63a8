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
    let plain = |byte: u8| (0x20..0x7f).contains(&byte) && byte != b'"' && byte != b'\\';
    // A fold has no early exit, so that the compiler can test many bytes at once.
    if text.bytes().fold(true, |all, byte| all & plain(byte)) {
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

/// Appends bytes as lower-case hex digits.
pub(crate) fn hex(out: &mut Vec<u8>, bytes: &[u8]) {
    let digit = |nibble: u8| nibble + if nibble < 10 { b'0' } else { b'a' - 10 };
    out.extend(
        bytes
            .iter()
            .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]),
    );
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
