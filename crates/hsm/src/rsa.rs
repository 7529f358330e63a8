//! RSA (RFC 8017): making, signing, encrypting. A private key is wrapped as PKCS#8, as AWS-LC
//! marshals it.

use std::sync::{Arc, OnceLock};

use aws_lc_rs::digest::Digest;
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPrivateDecryptingKey,
    OaepPublicEncryptingKey, PrivateDecryptingKey,
};
use aws_lc_rs::signature::{
    KeyPair, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RSA_PSS_SHA256,
    RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair, RsaParameters,
};
use keystead_types::{EncryptionAlgorithm, KeySpec, MessageType, Plaintext, SigningAlgorithm};
use keystead_wall::Refusal;
use zeroize::Zeroizing;

use crate::arena::Arena;
use crate::halt;
use crate::material::Fresh;

/// Makes a key; 0.1 to some seconds.
///
/// Refusals: `UnsupportedSpec` (not an RSA spec).
pub(crate) fn generate(spec: KeySpec, arena: &Arc<Arena>) -> Result<Fresh, Refusal> {
    let key = RsaKeyPair::generate(size(spec)?).unwrap_or_else(|_| halt());
    Ok(fresh(&key, arena))
}

/// A key in its wrapped form, with its public key.
pub(crate) fn fresh(key: &RsaKeyPair, arena: &Arc<Arena>) -> Fresh {
    let private = key.as_der().unwrap_or_else(|_| halt());
    let public = key.public_key().as_der().unwrap_or_else(|_| halt());
    Fresh::copied(arena, private.as_ref(), public.as_ref().to_vec())
}

/// The modulus of a spec.
///
/// Refusals: `UnsupportedSpec` (not an RSA spec).
pub(crate) fn size(spec: KeySpec) -> Result<KeySize, Refusal> {
    match spec {
        KeySpec::Rsa2048 => Ok(KeySize::Rsa2048),
        KeySpec::Rsa3072 => Ok(KeySize::Rsa3072),
        KeySpec::Rsa4096 => Ok(KeySize::Rsa4096),
        _ => Err(Refusal::UnsupportedSpec),
    }
}

/// A parsed key for `SIGN_VERIFY`.
pub(crate) struct SigningKey {
    key: RsaKeyPair,
    /// Parsed for each algorithm at its first verification, in the order of [`scheme`].
    public: [OnceLock<ParsedPublicKey>; 6],
}

/// An algorithm as the library names it, and its place among the parsed public keys.
struct Scheme {
    place: usize,
    signing: &'static dyn RsaEncoding,
    verifying: &'static RsaParameters,
}

/// PSS has a salt as long as the digest and MGF1 with the same hash.
fn scheme(algorithm: SigningAlgorithm) -> Result<Scheme, Refusal> {
    use SigningAlgorithm as A;
    let (place, signing, verifying): (_, &'static dyn RsaEncoding, _) = match algorithm {
        A::RsassaPssSha256 => (0, &RSA_PSS_SHA256, &RSA_PSS_2048_8192_SHA256),
        A::RsassaPssSha384 => (1, &RSA_PSS_SHA384, &RSA_PSS_2048_8192_SHA384),
        A::RsassaPssSha512 => (2, &RSA_PSS_SHA512, &RSA_PSS_2048_8192_SHA512),
        A::RsassaPkcs1V15Sha256 => (3, &RSA_PKCS1_SHA256, &RSA_PKCS1_2048_8192_SHA256),
        A::RsassaPkcs1V15Sha384 => (4, &RSA_PKCS1_SHA384, &RSA_PKCS1_2048_8192_SHA384),
        A::RsassaPkcs1V15Sha512 => (5, &RSA_PKCS1_SHA512, &RSA_PKCS1_2048_8192_SHA512),
        _ => return Err(Refusal::WrongUsage),
    };
    Ok(Scheme {
        place,
        signing,
        verifying,
    })
}

impl SigningKey {
    /// Parses the wrapped form.
    ///
    /// Refusals: `WrappedKeyDamaged`.
    pub(crate) fn parse(spec: KeySpec, bytes: &[u8]) -> Result<Self, Refusal> {
        let key = RsaKeyPair::from_pkcs8(bytes).map_err(|_| Refusal::WrappedKeyDamaged)?;
        if key.public_modulus_len() != size(spec)?.len() {
            return Err(Refusal::WrappedKeyDamaged);
        }
        Ok(Self {
            key,
            public: Default::default(),
        })
    }

    /// Signs a message or its digest.
    ///
    /// Refusals: `WrongUsage` (not an algorithm of RSA), `InvalidArgument` (length of the digest),
    /// `WrappedKeyDamaged` (the key does not compute).
    pub(crate) fn sign(
        &self,
        algorithm: SigningAlgorithm,
        message_type: MessageType,
        message: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        let scheme = scheme(algorithm)?;
        let mut signature = vec![0; self.key.public_modulus_len()];
        let made = match digest(algorithm, message_type, message)? {
            Some(digest) => self
                .key
                .sign_digest(scheme.signing, &digest, &mut signature),
            None => self.key.sign(
                scheme.signing,
                &SystemRandom::new(),
                message,
                &mut signature,
            ),
        };
        // Not `halt`: the library also ends here if an imported key does not compute.
        made.map_err(|_| Refusal::WrappedKeyDamaged)?;
        Ok(signature)
    }

    /// Verifies a signature.
    ///
    /// Refusals: those of [`SigningKey::sign`], `SignatureInvalid`.
    pub(crate) fn verify(
        &self,
        algorithm: SigningAlgorithm,
        message_type: MessageType,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), Refusal> {
        let scheme = scheme(algorithm)?;
        let slot = self.public.get(scheme.place).unwrap_or_else(|| halt());
        let public = match slot.get() {
            Some(public) => public,
            None => {
                let parsed = ParsedPublicKey::new(scheme.verifying, self.key.public_key());
                let parsed = parsed.map_err(|_| Refusal::WrappedKeyDamaged)?;
                slot.get_or_init(|| parsed)
            }
        };
        match digest(algorithm, message_type, message)? {
            Some(digest) => public.verify_digest_sig(&digest, signature),
            None => public.verify_sig(message, signature),
        }
        .map_err(|_| Refusal::SignatureInvalid)
    }
}

/// The caller's digest, or nothing for a raw message.
pub(crate) fn digest(
    algorithm: SigningAlgorithm,
    message_type: MessageType,
    message: &[u8],
) -> Result<Option<Digest>, Refusal> {
    use SigningAlgorithm as A;
    use aws_lc_rs::digest::{SHA256, SHA384, SHA512};
    match message_type {
        MessageType::Raw => Ok(None),
        MessageType::ExternalMu => Err(Refusal::InvalidArgument),
        MessageType::Digest => {
            let hash = match algorithm {
                A::RsassaPssSha256 | A::RsassaPkcs1V15Sha256 | A::EcdsaSha256 => &SHA256,
                A::RsassaPssSha384 | A::RsassaPkcs1V15Sha384 | A::EcdsaSha384 => &SHA384,
                A::RsassaPssSha512 | A::RsassaPkcs1V15Sha512 | A::EcdsaSha512 => &SHA512,
                _ => return Err(Refusal::WrongUsage),
            };
            let digest = Digest::import_less_safe(message, hash);
            digest.map(Some).map_err(|_| Refusal::InvalidArgument)
        }
    }
}

/// A parsed key for `ENCRYPT_DECRYPT`.
pub(crate) struct DecryptingKey {
    private: OaepPrivateDecryptingKey,
    public: OaepPublicEncryptingKey,
}

/// The label is empty and MGF1 has the hash of OAEP.
fn oaep(algorithm: EncryptionAlgorithm) -> Result<&'static OaepAlgorithm, Refusal> {
    match algorithm {
        EncryptionAlgorithm::RsaesOaepSha1 => Ok(&OAEP_SHA1_MGF1SHA1),
        EncryptionAlgorithm::RsaesOaepSha256 => Ok(&OAEP_SHA256_MGF1SHA256),
        EncryptionAlgorithm::SymmetricDefault | EncryptionAlgorithm::Sm2Pke => {
            Err(Refusal::WrongUsage)
        }
    }
}

impl DecryptingKey {
    /// Parses the wrapped form.
    ///
    /// Refusals: `WrappedKeyDamaged`.
    pub(crate) fn parse(spec: KeySpec, bytes: &[u8]) -> Result<Self, Refusal> {
        const DAMAGED: Refusal = Refusal::WrappedKeyDamaged;
        let private = PrivateDecryptingKey::from_pkcs8(bytes).map_err(|_| DAMAGED)?;
        if private.key_size_bytes() != size(spec)?.len() {
            return Err(DAMAGED);
        }
        let public = private.public_key();
        Ok(Self {
            private: OaepPrivateDecryptingKey::new(private).map_err(|_| DAMAGED)?,
            public: OaepPublicEncryptingKey::new(public).map_err(|_| DAMAGED)?,
        })
    }

    /// Encrypts.
    ///
    /// Refusals: `WrongUsage` (not an algorithm of RSA), `PlaintextTooLong`.
    pub(crate) fn encrypt(
        &self,
        algorithm: EncryptionAlgorithm,
        plaintext: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        let oaep = oaep(algorithm)?;
        if plaintext.len() > self.public.max_plaintext_size(oaep) {
            return Err(Refusal::PlaintextTooLong);
        }
        let mut out = vec![0; self.public.ciphertext_size()];
        self.public
            .encrypt(oaep, plaintext, &mut out, None)
            .map_err(|_| Refusal::WrappedKeyDamaged)?;
        Ok(out)
    }

    /// Decrypts. Every failure is the same.
    ///
    /// Refusals: `WrongUsage` (not an algorithm of RSA), `InvalidCiphertext`.
    pub(crate) fn decrypt(
        &self,
        algorithm: EncryptionAlgorithm,
        ciphertext: &[u8],
    ) -> Result<Plaintext, Refusal> {
        let oaep = oaep(algorithm)?;
        if ciphertext.len() != self.private.key_size_bytes() {
            return Err(Refusal::InvalidCiphertext);
        }
        let mut out = Zeroizing::new(vec![0; self.private.min_output_size()]);
        let opened = self
            .private
            .decrypt(oaep, ciphertext, &mut out, None)
            .map_err(|_| Refusal::InvalidCiphertext)?;
        if opened.is_empty() {
            // KMS encrypts nothing without bytes, and its answers have at least one.
            return Err(Refusal::InvalidCiphertext);
        }
        Ok(Plaintext::new(opened.to_vec()))
    }
}

/// What verifies signatures of an algorithm, for known answers of others' keys.
#[cfg(test)]
pub(crate) fn verifying(algorithm: SigningAlgorithm) -> Result<&'static RsaParameters, Refusal> {
    Ok(scheme(algorithm)?.verifying)
}
