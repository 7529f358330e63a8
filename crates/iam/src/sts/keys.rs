//! The keys of identity providers: where they come from, and which of them verifies a token.
//!
//! Sources: RFC 7517 (key sets), RFC 7518 (algorithms), RFC 8037 (Ed25519).

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use aws_lc_rs::signature::{self, EcdsaVerificationAlgorithm, RsaParameters};
use aws_lc_rs::signature::{RsaPublicKeyComponents, UnparsedPublicKey};
use base64_simd::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::limits::{
    KEY_SET_KEYS_MAX, KEY_SET_MAX_BYTES, KEYS_OF_AN_ID_MAX, RSA_MODULUS_MAX_BITS,
    RSA_MODULUS_MIN_BITS,
};

/// How fresh a key set must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeySetFreshness {
    /// One that was fetched before will do.
    Kept,
    /// A key was not in it: fetch it again, unless that was done a moment ago.
    Fetched,
}

/// Why there is no key set.
#[derive(Debug)]
pub enum JwksError {
    /// The issuer is not known here, and is not to be asked.
    Unknown,
    /// It could not be fetched or read.
    Unreachable(Box<dyn Error + Send + Sync>),
}

impl fmt::Display for JwksError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("no key set is configured for the issuer"),
            Self::Unreachable(cause) => write!(f, "the issuer's key set: {cause}"),
        }
    }
}

impl Error for JwksError {}

/// The text of a key set (RFC 7517), on its way.
pub type KeySetFuture<'a> = Pin<Box<dyn Future<Output = Result<Arc<[u8]>, JwksError>> + Send + 'a>>;

/// Where the keys of identity providers come from: files, or the providers' addresses.
pub trait JwksSource: Send + Sync {
    /// The key set of an issuer, named without scheme as in the provider's record:
    /// `accounts.example.com/path`. It is asked for only when an account has that provider.
    fn key_set<'a>(&'a self, issuer: &'a str, freshness: KeySetFreshness) -> KeySetFuture<'a>;
}

/// A source that knows no issuer.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoJwks;

impl JwksSource for NoJwks {
    fn key_set<'a>(&'a self, _: &'a str, _: KeySetFreshness) -> KeySetFuture<'a> {
        Box::pin(async { Err(JwksError::Unknown) })
    }
}

/// A signature algorithm of a token. `none` and the symmetric ones are not among them: what
/// verifies a token is a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    Es512,
    EdDsa,
}

/// What an algorithm needs of a key.
enum Needs {
    Rsa(&'static RsaParameters),
    Curve(&'static str, usize, &'static EcdsaVerificationAlgorithm),
    Ed25519,
}

impl Algorithm {
    /// The name of RFC 7518, exactly.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "RS256" => Self::Rs256,
            "RS384" => Self::Rs384,
            "RS512" => Self::Rs512,
            "PS256" => Self::Ps256,
            "PS384" => Self::Ps384,
            "PS512" => Self::Ps512,
            "ES256" => Self::Es256,
            "ES384" => Self::Es384,
            "ES512" => Self::Es512,
            "EdDSA" => Self::EdDsa,
            _ => return None,
        })
    }

    fn needs(self) -> Needs {
        match self {
            Self::Rs256 => Needs::Rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
            Self::Rs384 => Needs::Rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
            Self::Rs512 => Needs::Rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
            Self::Ps256 => Needs::Rsa(&signature::RSA_PSS_2048_8192_SHA256),
            Self::Ps384 => Needs::Rsa(&signature::RSA_PSS_2048_8192_SHA384),
            Self::Ps512 => Needs::Rsa(&signature::RSA_PSS_2048_8192_SHA512),
            Self::Es256 => Needs::Curve("P-256", 32, &signature::ECDSA_P256_SHA256_FIXED),
            Self::Es384 => Needs::Curve("P-384", 48, &signature::ECDSA_P384_SHA384_FIXED),
            Self::Es512 => Needs::Curve("P-521", 66, &signature::ECDSA_P521_SHA512_FIXED),
            Self::EdDsa => Needs::Ed25519,
        }
    }
}

/// A key of a set. Private members are not read.
#[derive(Deserialize)]
pub(crate) struct Key {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<serde_json::Value>,
}

/// The keys of a set with an id, whatever they are for. `None` if the text is no key set. Keys
/// that cannot be read are left out, as RFC 7517 section 5 asks, and so are those beyond the first
/// few of the id.
pub(crate) fn with_id(key_set: &[u8], id: &str) -> Option<Vec<Key>> {
    if key_set.len() > KEY_SET_MAX_BYTES {
        return None;
    }
    let set: KeySet = serde_json::from_slice(key_set).ok()?;
    let keys = set.keys.into_iter().take(KEY_SET_KEYS_MAX);
    let read = keys.filter_map(|key| serde_json::from_value::<Key>(key).ok());
    let named = read.filter(|key| key.kid.as_deref() == Some(id));
    Some(named.take(KEYS_OF_AN_ID_MAX).collect())
}

fn decoded(text: Option<&String>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode_to_vec(text?.as_bytes()).ok()
}

impl Key {
    /// Whether `signature` is one of `message` under this key and algorithm. A key that is not of
    /// the algorithm's kind, or is for something else, verifies nothing.
    pub(crate) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        self.is_for(algorithm)
            && self
                .check(algorithm, message, signature)
                .is_some_and(|good| good)
    }

    fn is_for(&self, algorithm: Algorithm) -> bool {
        let purpose = self.purpose.as_deref().is_none_or(|own| own == "sig");
        let operations = self.key_ops.as_ref();
        let operations = operations.is_none_or(|own| own.iter().any(|one| one == "verify"));
        let named = self.alg.as_deref();
        purpose && operations && named.is_none_or(|own| Algorithm::parse(own) == Some(algorithm))
    }

    fn check(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Option<bool> {
        Some(match algorithm.needs() {
            Needs::Rsa(parameters) if self.kty == "RSA" => {
                let n = decoded(self.n.as_ref())?;
                let bits = n.len().checked_mul(8)?;
                if !(RSA_MODULUS_MIN_BITS..=RSA_MODULUS_MAX_BITS).contains(&bits) {
                    return None;
                }
                let e = decoded(self.e.as_ref())?;
                let key = RsaPublicKeyComponents { n, e };
                key.verify(parameters, message, signature).is_ok()
            }
            Needs::Curve(curve, length, parameters)
                if self.kty == "EC" && self.crv.as_deref() == Some(curve) =>
            {
                let x = decoded(self.x.as_ref()).filter(|x| x.len() == length)?;
                let y = decoded(self.y.as_ref()).filter(|y| y.len() == length)?;
                // SEC 1, section 2.3.3: an uncompressed point.
                let point = [&[4], x.as_slice(), &y].concat();
                let key = UnparsedPublicKey::new(parameters, point);
                key.verify(message, signature).is_ok()
            }
            Needs::Ed25519 if self.kty == "OKP" && self.crv.as_deref() == Some("Ed25519") => {
                let x = decoded(self.x.as_ref())?;
                let key = UnparsedPublicKey::new(&signature::ED25519, x);
                key.verify(message, signature).is_ok()
            }
            _ => false,
        })
    }
}
