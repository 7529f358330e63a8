//! The `Authorization` header taken apart.

use crate::bytes::{any, below, same, split, split_once};
use crate::limits::{ACCESS_KEY_ID_MAX_BYTES, AUTHORIZATION_MAX_BYTES};
use crate::rejection::{Missing, Rejection, echo};

/// The one algorithm that is verified.
pub(crate) const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// The last element of a credential scope.
pub(crate) const TERMINATOR: &str = "aws4_request";

/// The three parts of the header, each present exactly once.
pub(crate) struct Authorization<'a> {
    pub(crate) scope: Scope<'a>,
    /// `a;b;c`, unchecked.
    pub(crate) signed_headers: &'a str,
    /// Unchecked.
    pub(crate) signature: &'a str,
}

/// The `Credential` part: an access key id and a scope. Only the key id's form is checked.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    /// The whole part, `<key id>/<date>/<region>/<service>/<terminator>`.
    pub(crate) credential: &'a str,
    /// The part without the key id and its slash, as it stands in the string to sign.
    pub(crate) text: &'a str,
    pub(crate) access_key_id: &'a str,
    pub(crate) date: &'a str,
    pub(crate) region: &'a str,
    pub(crate) service: &'a str,
    pub(crate) terminator: &'a str,
}

impl<'a> Authorization<'a> {
    /// Takes `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`; the parts in any
    /// order, spaces around commas optional. `has_date` is whether the request has a date
    /// header: its absence is told together with absent parts.
    pub(crate) fn parse(value: &'a [u8], has_date: bool) -> Result<Self, Rejection> {
        let hidden = |chunk| below(chunk, b' ') | same(chunk, 0x7f) | chunk;
        let text = match std::str::from_utf8(value) {
            Ok(text) if text.len() <= AUTHORIZATION_MAX_BYTES && !any(value, hidden) => text,
            _ => "",
        };
        let (scheme, parts) = split_once(text, b' ').unwrap_or((text, ""));
        if scheme != ALGORITHM {
            return Err(other_scheme(scheme, has_date));
        }
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        let bare = parts.bytes().all(|b| b == b' ');
        let parts = split(parts, b',').filter(|_| !bare);
        for part in parts.map(|part| part.trim_matches(' ')) {
            let Some((name, value)) = split_once(part, b'=') else {
                return Err(Rejection::NotKeyValue(echo(part.as_bytes())));
            };
            let place = match name {
                "Credential" => &mut credential,
                "SignedHeaders" => &mut signed_headers,
                "Signature" => &mut signature,
                _ => return Err(Rejection::UnexpectedPart(echo(name.as_bytes()))),
            };
            if place.replace(value).is_some() {
                return Err(Rejection::UnexpectedPart(echo(name.as_bytes())));
            }
        }
        let some = |part: Option<&'a str>| part.filter(|value| !value.is_empty());
        let parts = (some(credential), some(signed_headers), some(signature));
        if let ((Some(credential), Some(signed_headers), Some(signature)), true) = (parts, has_date)
        {
            return Ok(Self {
                scope: Scope::parse(credential)?,
                signed_headers,
                signature,
            });
        }
        Err(Rejection::Incomplete {
            missing: Missing {
                credential: parts.0.is_none(),
                signed_headers: parts.1.is_none(),
                signature: parts.2.is_none(),
                date: !has_date,
            },
            authorization: echo(text.as_bytes()),
        })
    }
}

/// Another AWS algorithm is named back; of any other scheme only the scheme's name is, because
/// its value may be somebody's password.
fn other_scheme(scheme: &str, has_date: bool) -> Rejection {
    if scheme.starts_with("AWS4-") {
        return Rejection::Algorithm(echo(scheme.as_bytes()));
    }
    let name = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    let shown = scheme.len() <= 16 && scheme.bytes().all(name);
    Rejection::Incomplete {
        missing: Missing {
            credential: true,
            signature: true,
            signed_headers: true,
            date: !has_date,
        },
        authorization: echo(if shown { scheme.as_bytes() } else { b"..." }),
    }
}

impl<'a> Scope<'a> {
    /// Takes five elements between slashes, the first a well-formed access key id.
    fn parse(credential: &'a str) -> Result<Self, Rejection> {
        Self::split(credential).ok_or_else(|| Rejection::Credential(echo(credential.as_bytes())))
    }

    fn split(credential: &'a str) -> Option<Self> {
        let (access_key_id, text) = split_once(credential, b'/')?;
        let mut elements = split(text, b'/');
        let scope = Self {
            credential,
            text,
            access_key_id,
            date: elements.next()?,
            region: elements.next()?,
            service: elements.next()?,
            terminator: elements.next()?,
        };
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let good = (1..=ACCESS_KEY_ID_MAX_BYTES).contains(&access_key_id.len())
            && access_key_id.bytes().all(allowed)
            && elements.next().is_none();
        good.then_some(scope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCOPE: &str = "AKID_1/20150830/us-east-1/kms/aws4_request";

    fn parse(text: &str) -> Result<Authorization<'_>, Rejection> {
        Authorization::parse(text.as_bytes(), true)
    }

    fn refusal(text: &str) -> Rejection {
        parse(text).err().unwrap()
    }

    #[test]
    fn parts_come_in_any_order_and_spacing() {
        for text in [
            format!("AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders=a;b, Signature=00"),
            format!("AWS4-HMAC-SHA256 Signature=00,SignedHeaders=a;b,Credential={SCOPE}"),
            format!("AWS4-HMAC-SHA256   SignedHeaders=a;b ,  Signature=00 , Credential={SCOPE} "),
        ] {
            let parsed = parse(&text).unwrap();
            assert_eq!(parsed.signed_headers, "a;b");
            assert_eq!(parsed.signature, "00");
            assert_eq!(parsed.scope.credential, SCOPE);
            assert_eq!(parsed.scope.text, "20150830/us-east-1/kms/aws4_request");
            assert_eq!(parsed.scope.access_key_id, "AKID_1");
            assert_eq!(parsed.scope.date, "20150830");
            assert_eq!(parsed.scope.region, "us-east-1");
            assert_eq!(parsed.scope.service, "kms");
            assert_eq!(parsed.scope.terminator, "aws4_request");
        }
    }

    #[test]
    fn missing_parts_are_all_named() {
        let missing = |text, has_date| match Authorization::parse(text, has_date) {
            Err(Rejection::Incomplete { missing, .. }) => missing,
            _ => panic!("not refused as incomplete"),
        };
        let all = Missing {
            credential: true,
            signature: true,
            signed_headers: true,
            date: true,
        };
        for text in [
            "",
            "AWS4-HMAC-SHA256",
            "Basic eDp5",
            "Credential=x",
            "\n",
            "é",
        ] {
            assert_eq!(missing(text.as_bytes(), false), all, "{text}");
        }
        let empty = "AWS4-HMAC-SHA256 Credential=, SignedHeaders=a, Signature=";
        let some = Missing {
            signed_headers: false,
            date: false,
            ..all
        };
        assert_eq!(missing(empty.as_bytes(), true), some);
    }

    #[test]
    fn secrets_of_other_schemes_are_not_repeated() {
        for text in [
            "Basic c2VjcmV0",
            "Bearer c2VjcmV0",
            "c2VjcmV0c2VjcmV0c2VjcmV0",
        ] {
            assert!(!refusal(text).fault().to_string().contains("c2VjcmV0"));
        }
    }

    #[test]
    fn repeated_unknown_and_bare_parts_are_refused() {
        let good = format!("AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders=a, Signature=00");
        let twice = format!("{good}, Signature=00");
        assert_eq!(
            refusal(&twice),
            Rejection::UnexpectedPart("Signature".into())
        );
        let unknown = format!("{good}, Extra=1");
        assert_eq!(refusal(&unknown), Rejection::UnexpectedPart("Extra".into()));
        let bare = format!("{good}, Extra");
        assert_eq!(refusal(&bare), Rejection::NotKeyValue("Extra".into()));
        let trailing = format!("{good},");
        assert_eq!(refusal(&trailing), Rejection::NotKeyValue("".into()));
        let sigv4a = good.replace("HMAC-SHA256", "ECDSA-P256-SHA256");
        assert_eq!(
            refusal(&sigv4a),
            Rejection::Algorithm("AWS4-ECDSA-P256-SHA256".into())
        );
    }

    #[test]
    fn credentials_have_five_elements_and_a_plain_key_id() {
        let long = format!("{}/1/2/3/4", "A".repeat(129));
        for bad in [
            "A",
            "A/1/2/3",
            "A/1/2/3/4/5",
            "/1/2/3/4",
            "A.B/1/2/3/4",
            "A B/1/2/3/4",
            &long,
        ] {
            let text = format!("AWS4-HMAC-SHA256 Credential={bad}, SignedHeaders=a, Signature=0");
            assert_eq!(refusal(&text), Rejection::Credential(bad.into()));
        }
    }
}
