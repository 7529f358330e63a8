//! Writers from typed members to XML elements. Names are those of the model and need no escaping.

use keystead_types::{RequestId, Timestamp};

use crate::audit::civil;
use crate::limits::ANSWER_ROOM_BYTES;

/// Writes a whole answer: `<NameResponse xmlns="…">`, the members within `wrapper` if there is
/// one, and the request's id.
pub(crate) fn answer(
    namespace: &str,
    name: &str,
    wrapper: Option<&str>,
    request_id: &RequestId,
    members: impl FnOnce(&mut Vec<u8>),
) -> Vec<u8> {
    let mut out = Vec::with_capacity(ANSWER_ROOM_BYTES);
    document(&mut out, &format!("{name}Response"), namespace, |out| {
        match wrapper {
            Some(wrapper) => within(out, wrapper, members),
            None => members(out),
        }
        within(out, "ResponseMetadata", |out| {
            text(out, "RequestId", request_id.as_str());
        });
    });
    out
}

/// Writes the outermost element, with its namespace.
pub(crate) fn document(
    out: &mut Vec<u8>,
    name: &str,
    namespace: &str,
    inner: impl FnOnce(&mut Vec<u8>),
) {
    out.extend_from_slice(format!("<{name} xmlns=\"{namespace}\">").as_bytes());
    inner(out);
    close(out, name);
}

/// Writes an element around others.
pub(crate) fn within(out: &mut Vec<u8>, name: &str, inner: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'<');
    out.extend_from_slice(name.as_bytes());
    out.push(b'>');
    inner(out);
    close(out, name);
}

fn close(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b"</");
    out.extend_from_slice(name.as_bytes());
    out.push(b'>');
}

/// Writes a text. What XML 1.0 cannot hold, not even as a reference, becomes U+FFFD.
/// Source: XML 1.0, sections 2.2 and 2.11 (a carriage return must be a reference to survive).
pub(crate) fn text(out: &mut Vec<u8>, name: &str, text: &str) {
    within(out, name, |out| {
        for c in text.chars() {
            match c {
                '&' => out.extend_from_slice(b"&amp;"),
                '<' => out.extend_from_slice(b"&lt;"),
                '>' => out.extend_from_slice(b"&gt;"),
                '"' => out.extend_from_slice(b"&quot;"),
                '\'' => out.extend_from_slice(b"&#39;"),
                '\r' => out.extend_from_slice(b"&#xD;"),
                '\t' | '\n' | ' '..='\u{fffd}' | '\u{10000}'.. => {
                    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                _ => out.extend_from_slice("\u{fffd}".as_bytes()),
            }
        }
    });
}

/// Writes an integer.
pub(crate) fn number(out: &mut Vec<u8>, name: &str, number: u32) {
    within(out, name, |out| crate::write::number(out, number));
}

/// Writes a boolean.
pub(crate) fn flag(out: &mut Vec<u8>, name: &str, flag: bool) {
    within(out, name, |out| crate::write::flag(out, flag));
}

/// Writes a moment to the second: `2026-01-02T03:04:05Z`. Source: ISO 8601.
pub(crate) fn time(out: &mut Vec<u8>, name: &str, time: Timestamp) {
    let seconds = time.as_seconds();
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z");
    within(out, name, |out| out.extend_from_slice(text.as_bytes()));
}

/// Writes a list; `write` writes one element, named `member`.
pub(crate) fn list<T>(
    out: &mut Vec<u8>,
    name: &str,
    items: &[T],
    write: impl Fn(&mut Vec<u8>, &T),
) {
    within(out, name, |out| {
        items.iter().for_each(|item| write(out, item))
    });
}

/// Writes a map; `write` writes one pair as `key` and `value`.
pub(crate) fn map<K, V>(
    out: &mut Vec<u8>,
    name: &str,
    pairs: &[(K, V)],
    write: impl Fn(&mut Vec<u8>, &(K, V)),
) {
    list(out, name, pairs, |out, pair| {
        within(out, "entry", |out| write(out, pair));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_xml_cannot_hold_does_not_get_in() {
        assert_eq!(
            shown(|out| text(out, "A", "<b a=\"1\" c='2'>&]]>\r\n\t")),
            "<A>&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;]]&gt;&#xD;\n\t</A>"
        );
        assert_eq!(
            shown(|out| text(out, "A", "\0\u{8}\u{b}\u{1f}\u{fffe}\u{ffff}é😀\u{7f}")),
            "<A>\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}é😀\u{7f}</A>"
        );
    }

    /// Expected values from `date -u -d @<seconds> +%FT%TZ`.
    #[test]
    fn moments_are_iso_8601() {
        let shown = |millis| shown(|out| time(out, "T", Timestamp::from_millis(millis)));
        assert_eq!(shown(0), "<T>1970-01-01T00:00:00Z</T>");
        assert_eq!(shown(1_767_323_045_999), "<T>2026-01-02T03:04:05Z</T>");
        assert_eq!(shown(951_827_696_000), "<T>2000-02-29T12:34:56Z</T>");
    }
}
