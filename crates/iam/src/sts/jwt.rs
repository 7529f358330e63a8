//! Web identity tokens: signed JSON Web Tokens (RFC 7515, RFC 7519, OpenID Connect Core 2).

use base64_simd::URL_SAFE_NO_PAD;
use keystead_types::{Fault, FaultKind, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::keys::{Algorithm, with_id};
use super::limits::{CLAIM_MAX_CHARS, SUBJECT_MAX_CHARS, TOKEN_AUDIENCES_MAX, TOKEN_SKEW_SECONDS};

/// A token in its parts. Nothing in it is true before [`Token::verified_by`] said so.
pub(crate) struct Token<'t> {
    algorithm: Algorithm,
    key_id: String,
    claims: Claims,
    signed: &'t [u8],
    signature: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    /// Extensions that must be understood: none is.
    crit: Option<Value>,
    b64: Option<Value>,
}

/// The claims that mean something here; the same name twice is refused.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Claims {
    iss: Option<String>,
    sub: Option<String>,
    aud: Option<OneOrMore>,
    azp: Option<String>,
    exp: Option<Seconds>,
    nbf: Option<Seconds>,
    iat: Option<Seconds>,
    amr: Option<OneOrMore>,
    #[serde(rename = "https://aws.amazon.com/tags")]
    tags: Option<TokenTags>,
    #[serde(rename = "https://aws.amazon.com/source_identity")]
    source_identity: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    fn as_slice(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::More(more) => more,
        }
    }
}

/// A NumericDate: whole seconds, or with a fraction, which is cut.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(untagged)]
enum Seconds {
    Whole(i64),
    Fraction(f64),
}

impl Seconds {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float becomes the nearest integer that there is"
    )]
    fn get(self) -> i64 {
        match self {
            Self::Whole(seconds) => seconds,
            Self::Fraction(seconds) => seconds.floor() as i64,
        }
    }
}

/// Session tags in a token. Source: IAM User Guide, "Pass session tags in AWS STS".
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct TokenTags {
    #[serde(default)]
    pub(crate) principal_tags: Map<String, Value>,
    #[serde(default)]
    pub(crate) transitive_tag_keys: Vec<String>,
}

fn invalid(text: impl Into<std::borrow::Cow<'static, str>>) -> Fault {
    Fault::new(FaultKind::InvalidIdentityToken, text)
}

fn not_a_token() -> Fault {
    invalid(
        "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access \
         Token)",
    )
}

impl<'t> Token<'t> {
    /// Takes a token apart.
    ///
    /// Errors: InvalidIdentityToken for what is not three parts of base64url without padding with
    /// a JSON header and JSON claims; for an algorithm that is none of the public-key ones; for a
    /// header without key id, or with extensions.
    pub(crate) fn parse(text: &'t str) -> Result<Self, Fault> {
        let (signed, signature) = text.rsplit_once('.').ok_or_else(not_a_token)?;
        let (header, claims) = signed.split_once('.').ok_or_else(not_a_token)?;
        let part = |part: &str| {
            let decoded = URL_SAFE_NO_PAD.decode_to_vec(part.as_bytes());
            decoded.map_err(|_| not_a_token())
        };
        let header: Header = serde_json::from_slice(&part(header)?).map_err(|_| not_a_token())?;
        if header.crit.is_some() || header.b64.is_some() {
            return Err(invalid("The token's header has extensions."));
        }
        // A token with a type of its own, such as at+jwt, was issued for something else.
        // Source: RFC 8725, section 3.11.
        let other = |kind: &String| kind.to_ascii_lowercase().ends_with("+jwt");
        if header.typ.as_ref().is_some_and(other) {
            return Err(not_a_token());
        }
        let algorithm = Algorithm::parse(&header.alg)
            .ok_or_else(|| invalid("The token is not signed with a supported algorithm."))?;
        let key_id = header.kid.filter(|kid| !kid.is_empty());
        let key_id = key_id.ok_or_else(|| invalid("The token's header has no key ID."))?;
        Ok(Self {
            algorithm,
            key_id,
            claims: serde_json::from_slice(&part(claims)?).map_err(|_| not_a_token())?,
            signed: signed.as_bytes(),
            signature: part(signature)?,
        })
    }

    /// Who says that it issued the token: a URL.
    ///
    /// Errors: InvalidIdentityToken without such a claim.
    pub(crate) fn issuer(&self) -> Result<&str, Fault> {
        required(self.claims.iss.as_deref(), "iss")
    }

    /// Whether a key set has a key of the token's id; `None` if it is no key set.
    pub(crate) fn has_key(&self, key_set: &[u8]) -> Option<bool> {
        Some(!with_id(key_set, &self.key_id)?.is_empty())
    }

    /// The claims, once a key of the set verified the signature.
    ///
    /// Errors: InvalidIdentityToken.
    pub(crate) fn verified_by(self, key_set: &[u8]) -> Result<Claims, Fault> {
        let keys = with_id(key_set, &self.key_id).ok_or_else(no_key)?;
        if keys.is_empty() {
            return Err(no_key());
        }
        let good = keys
            .iter()
            .any(|key| key.verifies(self.algorithm, self.signed, &self.signature));
        if good {
            return Ok(self.claims);
        }
        Err(invalid("The signature of the token is not valid."))
    }
}

/// What is said when no key can be had.
pub(crate) fn no_key() -> Fault {
    invalid(
        "Couldn't retrieve verification key from your identity provider,  please reference \
         AssumeRoleWithWebIdentity documentation for requirements",
    )
}

fn required<'c>(claim: Option<&'c str>, name: &str) -> Result<&'c str, Fault> {
    let present = claim.filter(|claim| !claim.is_empty());
    present.ok_or_else(|| invalid(format!("Missing a required claim: {name}")))
}

/// What a token proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proven {
    /// `sub`
    pub(crate) subject: String,
    /// The audience that the provider's record has: `azp` where there is one, else of `aud`.
    pub(crate) audience: String,
    /// By name of condition key, after the issuer: `sub`, `aud`, `amr`, `oaud`.
    pub(crate) claims: Vec<(&'static str, String)>,
}

impl Claims {
    /// Checks what the claims say, for a provider with these audiences.
    ///
    /// Errors: ExpiredTokenException; InvalidIdentityToken for a claim that is missing or too
    /// long, a token from the future, and another audience.
    pub(crate) fn check(&self, client_ids: &[String], now: Timestamp) -> Result<Proven, Fault> {
        let now = now.as_seconds();
        let moment = |claim: Option<Seconds>, name: &str| {
            let claim = claim.map(Seconds::get);
            claim.ok_or_else(|| invalid(format!("Missing a required claim: {name}")))
        };
        let expires = moment(self.exp, "exp")?;
        if now >= expires {
            return Err(Fault::new(
                FaultKind::WebTokenExpired,
                format!(
                    "Token expired: current date/time {now} must be before the expiration \
                     date/time {expires}"
                ),
            ));
        }
        let latest = now.saturating_add(TOKEN_SKEW_SECONDS);
        let begins = self.nbf.map_or(i64::MIN, Seconds::get);
        if moment(self.iat, "iat")? > latest || begins > latest {
            return Err(invalid("The token is not valid yet."));
        }
        let subject = required(self.sub.as_deref(), "sub")?;
        if subject.chars().count() > SUBJECT_MAX_CHARS {
            return Err(invalid("The subject of the token is too long."));
        }
        let audiences = self.audiences(client_ids)?;
        let audience = audiences.first().cloned().unwrap_or_default();
        let mut claims = vec![("sub", subject.to_owned())];
        claims.extend(audiences.into_iter().map(|own| ("aud", own)));
        if self.azp.is_some() {
            let original = self.aud.iter().flat_map(|aud| aud.as_slice());
            claims.extend(original.map(|own| ("oaud", own.clone())));
        }
        let methods = self.amr.iter().flat_map(|amr| amr.as_slice());
        claims.extend(methods.map(|own| ("amr", own.clone())));
        if claims
            .iter()
            .any(|(_, value)| value.chars().count() > CLAIM_MAX_CHARS)
        {
            return Err(invalid("A claim of the token is too long."));
        }
        Ok(Proven {
            subject: subject.to_owned(),
            audience,
            claims,
        })
    }

    /// The audiences of the token that the provider's record has, at least one.
    fn audiences(&self, client_ids: &[String]) -> Result<Vec<String>, Fault> {
        let own = self
            .aud
            .as_ref()
            .map(OneOrMore::as_slice)
            .unwrap_or_default();
        if own.is_empty() || own.iter().all(String::is_empty) {
            return Err(invalid("Missing a required claim: aud"));
        }
        if own.len() > TOKEN_AUDIENCES_MAX {
            return Err(invalid("The token has too many audiences."));
        }
        // The party to which a token was issued counts, not for whom it was meant besides.
        let own = self.azp.as_ref().map_or(own, std::slice::from_ref);
        let known: Vec<String> = own
            .iter()
            .filter(|aud| !aud.is_empty() && client_ids.contains(aud))
            .cloned()
            .collect();
        if known.is_empty() {
            return Err(invalid("Incorrect token audience"));
        }
        Ok(known)
    }

    /// Session tags that the provider sets.
    pub(crate) fn tags(&self) -> Option<&TokenTags> {
        self.tags.as_ref()
    }

    /// The source identity that the provider sets.
    pub(crate) fn source_identity(&self) -> Option<&str> {
        self.source_identity.as_deref()
    }
}
