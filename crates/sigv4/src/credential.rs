//! The secrets that signatures are checked against.

use std::fmt;
use std::sync::Arc;

use keystead_types::Timestamp;
use zeroize::Zeroizing;

/// A secret access key: wiped on drop, never printed, not comparable with `==`.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over.
    pub fn new(text: impl Into<Zeroizing<String>>) -> Self {
        Self(text.into())
    }

    /// Shows the text, to derive a signing key of it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

/// What makes a credential temporary.
pub struct Session {
    /// The token that each request must carry in `x-amz-security-token`.
    pub token: String,
    /// From this moment on the credential is expired.
    pub expires: Timestamp,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("token", &"redacted")
            .field("expires", &self.expires)
            .finish()
    }
}

/// An access key that may sign, and whose it is. It has no `Debug`.
pub struct Credential<I> {
    /// Who signs with it; cheap to clone.
    pub identity: I,
    /// The secret access key.
    pub secret: Secret,
    /// Present for temporary credentials only.
    pub session: Option<Session>,
}

/// Where credentials are looked up, once for every request: a revoked one is refused at once.
///
/// While a credential is unchanged, return clones of the same `Arc`: derived signing keys are
/// kept for that very allocation, so a changed secret (a new `Arc`) can never meet an old key,
/// and an implementer that builds a new `Arc` each time pays the derivation each time.
pub trait Credentials<I>: Send + Sync {
    /// The live credential with this access key id. `token` is the session token that came with
    /// the request, if one did: a temporary credential may be found in it. Revoked, deactivated
    /// and unknown ones are `None`; expired sessions may be returned, the verifier refuses them,
    /// and it compares the token with the credential's own.
    fn find(&self, access_key_id: &str, token: Option<&[u8]>) -> Option<Arc<Credential<I>>>;
}
