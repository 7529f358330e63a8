//! The query string: canonical form, and no second set of credentials in it.

use crate::canonical::Canonical;
use crate::limits::{QUERY_MAX_BYTES, QUERY_PARAMETERS_MAX};
use crate::rejection::Rejection;

/// The parameters of a query string, percent-encoded anew and sorted.
#[derive(Default)]
pub(crate) struct Parameters {
    sorted: Vec<(Vec<u8>, Vec<u8>)>,
    credentials: bool,
}

impl Parameters {
    /// Takes a query string without its `?`.
    ///
    /// A name that comes twice (in any case), an empty name, a broken percent escape and a bare
    /// `+` (a space to some readers, a plus to others) are refused: another reader could see
    /// other parameters than the ones that were signed. Query credentials are reported before
    /// any of that.
    pub(crate) fn parse(query: Option<&str>) -> Result<Self, Rejection> {
        const REFUSED: Rejection = Rejection::NotCanonical("query");
        let query = query.unwrap_or_default();
        if query.is_empty() {
            return Ok(Self::default());
        }
        if query.len() > QUERY_MAX_BYTES {
            return Err(REFUSED);
        }
        let mut found = Self::default();
        let mut folded = Vec::new();
        let mut good = true;
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (Some(name), Some(value)) = (decode(name), decode(value)) else {
                good = false;
                continue;
            };
            let lower = name.to_ascii_lowercase();
            found.credentials |= lower.starts_with(b"x-amz-") || lower == b"awsaccesskeyid";
            good &= !name.is_empty();
            found.sorted.push((encode(&name, b""), encode(&value, b"")));
            folded.push(lower);
        }
        folded.sort_unstable();
        good &= folded.len() <= QUERY_PARAMETERS_MAX;
        good &= !folded.windows(2).any(|pair| pair.first() == pair.last());
        if !good && !found.credentials {
            return Err(REFUSED);
        }
        found.sorted.sort_unstable();
        Ok(found)
    }

    /// True for a presigned request, or one that puts any `X-Amz-` parameter where a header
    /// belongs.
    pub(crate) fn carry_credentials(&self) -> bool {
        self.credentials
    }

    /// Writes `name=value` pairs joined by `&`.
    pub(crate) fn write(&self, out: &mut Canonical) {
        for (at, (name, value)) in self.sorted.iter().enumerate() {
            if at > 0 {
                out.push(b"&");
            }
            out.push(name);
            out.push(b"=");
            out.push(value);
        }
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            b'+' => return None,
            other => other,
        });
    }
    Some(out)
}

/// The value of a hex digit of either case.
pub(crate) fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Percent-encodes all but `A-Z a-z 0-9 - . _ ~` and the bytes of `kept`, with upper-case hex.
pub(crate) fn encode(bytes: &[u8], kept: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or(b'0');
    let mut out = Vec::with_capacity(bytes.len());
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) || kept.contains(byte) {
            out.push(*byte);
        } else {
            out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 0x0f)]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(query: &str) -> String {
        let parameters = Parameters::parse(Some(query)).unwrap();
        let pairs = parameters.sorted.iter().map(|(name, value)| {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            format!("{}={}", text(name), text(value))
        });
        pairs.collect::<Vec<_>>().join("&")
    }

    #[test]
    fn parameters_are_encoded_and_sorted_by_encoded_name() {
        assert_eq!(canonical("b=2&a=%2f%20é&B2"), "B2=&a=%2F%20%C3%A9&b=2");
        assert_eq!(canonical("p-3=3&p=2&%e1%88%b4=1"), "%E1%88%B4=1&p=2&p-3=3");
        assert_eq!(canonical("a==b="), "a=%3Db%3D");
        assert_eq!(canonical(""), "");
    }

    #[test]
    fn ambiguous_queries_are_refused() {
        for bad in [
            "a=1&a=1",
            "a=1&A=2",
            "a=1&%61=2",
            "=1",
            "&",
            "a=1&",
            "a=%2",
            "a=%zz",
            "a=1+2",
            "%",
        ] {
            let refused = Parameters::parse(Some(bad)).err();
            assert_eq!(refused, Some(Rejection::NotCanonical("query")), "{bad}");
        }
        let many: Vec<_> = (0..129).map(|n| format!("p{n}=1")).collect();
        assert!(Parameters::parse(Some(&many.join("&"))).is_err());
        assert!(Parameters::parse(Some(&"a".repeat(8193))).is_err());
    }

    #[test]
    fn credentials_are_seen_in_any_spelling() {
        for query in [
            "X-Amz-Signature=00",
            "a=1&x-amz-credential=x",
            "X%2dAmz%2DAlgorithm=AWS4-HMAC-SHA256",
            "X-Amz-Date=1&X-Amz-Date=2",
            "AWSAccessKeyId=x",
        ] {
            assert!(
                Parameters::parse(Some(query)).unwrap().carry_credentials(),
                "{query}"
            );
        }
        assert!(
            !Parameters::parse(Some("Amz=1"))
                .unwrap()
                .carry_credentials()
        );
    }
}
