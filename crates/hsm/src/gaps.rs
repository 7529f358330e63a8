//! What AWS-LC can do and `aws-lc-rs` does not offer: Ed25519ph, ML-DSA over a message's
//! representative (external mu), ML-KEM keys from their seed, the test of primes. The second of
//! the two modules of this crate with `unsafe` code, and the only one that calls the C library
//! itself.
//!
//! Keys are owned by [`Key`], contexts by [`Context`] and [`Digest`]; each frees what it owns, and
//! AWS-LC wipes memory when it frees it (`OPENSSL_free`). Every length that C code writes to or
//! reads from is that of the slice passed beside it.
#![allow(
    unsafe_code,
    reason = "gaps of aws-lc-rs; see invariant 7 of ARCHITECTURE.md"
)]

use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

use aws_lc_sys as c;
use keystead_types::{KeySpec, Plaintext};
use zeroize::Zeroizing;

use crate::aead::Failed;
use crate::limits::{
    ED25519_PRIVATE_BYTES, ED25519_PUBLIC_BYTES, ED25519_SIGNATURE_BYTES, ML_DSA_MU_BYTES,
    ML_DSA_SEED_BYTES, ML_KEM_SECRET_BYTES, ML_KEM_SEED_BYTES, PQ_PRIVATE_DER_MAX_BYTES,
    PQ_PUBLIC_DER_MAX_BYTES, PRIMALITY_ROUNDS, SHA_512_BYTES, ml_dsa_signature_bytes,
    ml_kem_ciphertext_bytes,
};

/// What AWS-LC answers when it did what it was asked.
const DONE: c_int = 1;

fn done(answer: c_int) -> Result<(), Failed> {
    if answer == DONE { Ok(()) } else { Err(Failed) }
}

/// An `EVP_PKEY` that this value owns.
struct Key(NonNull<c::EVP_PKEY>);

// SAFETY: AWS-LC binds no key to a thread; the reference count is atomic.
unsafe impl Send for Key {}
// SAFETY: after it is made the key is only read: signing, verifying and (de)capsulating take it
// const or count a reference atomically.
unsafe impl Sync for Key {}

impl Drop for Key {
    fn drop(&mut self) {
        // SAFETY: the one reference that this value owns.
        unsafe { c::EVP_PKEY_free(self.0.as_ptr()) }
    }
}

/// An `EVP_PKEY_CTX` that this value owns.
struct Context(NonNull<c::EVP_PKEY_CTX>);

impl Context {
    /// For one use of the key, of which it holds a reference.
    fn of(key: &Key) -> Result<Self, Failed> {
        // SAFETY: a valid key; no engine.
        let context = unsafe { c::EVP_PKEY_CTX_new(key.0.as_ptr(), ptr::null_mut()) };
        NonNull::new(context).map(Self).ok_or(Failed)
    }

    fn as_ptr(&self) -> *mut c::EVP_PKEY_CTX {
        self.0.as_ptr()
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: made by EVP_PKEY_CTX_new or _new_id and freed once, here.
        unsafe { c::EVP_PKEY_CTX_free(self.0.as_ptr()) }
    }
}

/// An `EVP_MD_CTX` that this value owns.
struct Digest(NonNull<c::EVP_MD_CTX>);

impl Digest {
    fn new() -> Result<Self, Failed> {
        // SAFETY: takes nothing; null when out of memory.
        let context = unsafe { c::EVP_MD_CTX_new() };
        NonNull::new(context).map(Self).ok_or(Failed)
    }

    fn as_ptr(&self) -> *mut c::EVP_MD_CTX {
        self.0.as_ptr()
    }
}

impl Drop for Digest {
    fn drop(&mut self) {
        // SAFETY: made by EVP_MD_CTX_new and freed once, here.
        unsafe { c::EVP_MD_CTX_free(self.0.as_ptr()) }
    }
}

/// How AWS-LC writes a key.
type Marshal = unsafe extern "C" fn(*mut c::CBB, *const c::EVP_PKEY) -> c_int;

impl Key {
    /// Writes the key to the beginning of `out` and gives the number of bytes.
    fn marshal(&self, out: &mut [u8], marshal: Marshal) -> Result<usize, Failed> {
        let mut builder = MaybeUninit::<c::CBB>::uninit();
        let builder = builder.as_mut_ptr();
        let mut len = 0;
        // SAFETY: the builder writes to `out` alone and refuses when it is full; it owns nothing
        // that would have to be freed. It is initialised by the first call, which cannot fail.
        unsafe {
            done(c::CBB_init_fixed(builder, out.as_mut_ptr(), out.len()))?;
            done(marshal(builder, self.0.as_ptr()))?;
            done(c::CBB_finish(builder, ptr::null_mut(), &raw mut len))?;
        }
        Ok(len)
    }

    /// DER SubjectPublicKeyInfo.
    fn public_key(&self) -> Result<Vec<u8>, Failed> {
        let mut out = vec![0; PQ_PUBLIC_DER_MAX_BYTES];
        let len = self.marshal(&mut out, c::EVP_marshal_public_key)?;
        out.truncate(len);
        Ok(out)
    }

    /// DER PKCS#8, the seed in it.
    fn pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, Failed> {
        let mut out = Zeroizing::new(vec![0; PQ_PRIVATE_DER_MAX_BYTES]);
        let len = self.marshal(&mut out, c::EVP_marshal_private_key)?;
        out.truncate(len);
        Ok(out)
    }
}

/// An ML-DSA private key, ready to sign.
pub(crate) struct MlDsaKey {
    key: Key,
    signature_bytes: usize,
}

impl MlDsaKey {
    /// Expands the seed (FIPS 204, algorithm 6).
    ///
    /// Errors: `spec` is not ML-DSA, or the library fails.
    pub(crate) fn from_seed(spec: KeySpec, seed: &[u8; ML_DSA_SEED_BYTES]) -> Result<Self, Failed> {
        let nid = match spec {
            KeySpec::MlDsa44 => c::NID_MLDSA44,
            KeySpec::MlDsa65 => c::NID_MLDSA65,
            KeySpec::MlDsa87 => c::NID_MLDSA87,
            _ => return Err(Failed),
        };
        // SAFETY: reads the seed; gives a new key or null. A key of the seed's length is one.
        let key = unsafe { c::EVP_PKEY_pqdsa_new_raw_private_key(nid, seed.as_ptr(), seed.len()) };
        Ok(Self {
            key: NonNull::new(key).map(Key).ok_or(Failed)?,
            signature_bytes: ml_dsa_signature_bytes(spec).ok_or(Failed)?,
        })
    }

    /// DER SubjectPublicKeyInfo.
    pub(crate) fn public_key(&self) -> Result<Vec<u8>, Failed> {
        self.key.public_key()
    }

    /// DER PKCS#8 in seed form.
    pub(crate) fn pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, Failed> {
        self.key.pkcs8()
    }

    /// Signs a message with fresh randomness and an empty context (FIPS 204, algorithm 2).
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Failed> {
        let digest = Digest::new()?;
        let mut signature = vec![0; self.signature_bytes];
        let mut len = signature.len();
        // SAFETY: a fresh context that the first call ties to the key (no hash, no engine; the
        // pointer that it could give out is not asked for). The second reads the message and
        // writes at most `len` bytes.
        unsafe {
            done(c::EVP_DigestSignInit(
                digest.as_ptr(),
                ptr::null_mut(),
                ptr::null(),
                ptr::null_mut(),
                self.key.0.as_ptr(),
            ))?;
            done(c::EVP_DigestSign(
                digest.as_ptr(),
                signature.as_mut_ptr(),
                &raw mut len,
                message.as_ptr(),
                message.len(),
            ))?;
        }
        whole(signature, len)
    }

    /// Verifies a signature over a message. Errors: it is not one.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Failed> {
        let digest = Digest::new()?;
        // SAFETY: as in `sign`; the second call only reads.
        unsafe {
            done(c::EVP_DigestVerifyInit(
                digest.as_ptr(),
                ptr::null_mut(),
                ptr::null(),
                ptr::null_mut(),
                self.key.0.as_ptr(),
            ))?;
            done(c::EVP_DigestVerify(
                digest.as_ptr(),
                signature.as_ptr(),
                signature.len(),
                message.as_ptr(),
                message.len(),
            ))
        }
    }

    /// Signs a message's representative, with fresh randomness (FIPS 204, algorithm 7 from line 7
    /// on).
    pub(crate) fn sign_mu(&self, mu: &[u8; ML_DSA_MU_BYTES]) -> Result<Vec<u8>, Failed> {
        let context = Context::of(&self.key)?;
        let mut signature = vec![0; self.signature_bytes];
        let mut len = signature.len();
        // SAFETY: a context of a valid key, initialised by the first call; the second reads mu
        // and writes at most `len` bytes.
        unsafe {
            done(c::EVP_PKEY_sign_init(context.as_ptr()))?;
            done(c::EVP_PKEY_sign(
                context.as_ptr(),
                signature.as_mut_ptr(),
                &raw mut len,
                mu.as_ptr(),
                mu.len(),
            ))?;
        }
        whole(signature, len)
    }

    /// Verifies a signature over a message's representative. Errors: it is not one.
    pub(crate) fn verify_mu(
        &self,
        mu: &[u8; ML_DSA_MU_BYTES],
        signature: &[u8],
    ) -> Result<(), Failed> {
        let context = Context::of(&self.key)?;
        // SAFETY: as in `sign_mu`; the second call only reads.
        unsafe {
            done(c::EVP_PKEY_verify_init(context.as_ptr()))?;
            done(c::EVP_PKEY_verify(
                context.as_ptr(),
                signature.as_ptr(),
                signature.len(),
                mu.as_ptr(),
                mu.len(),
            ))
        }
    }
}

/// The bytes if C code filled them all.
fn whole(bytes: Vec<u8>, written: usize) -> Result<Vec<u8>, Failed> {
    if written == bytes.len() {
        Ok(bytes)
    } else {
        Err(Failed)
    }
}

/// An ML-KEM key pair.
pub(crate) struct MlKemKey {
    key: Key,
    ciphertext_bytes: usize,
}

impl MlKemKey {
    /// Expands the seed `d || z` (FIPS 203, algorithm 16).
    ///
    /// Errors: `spec` is not ML-KEM, or the library fails.
    pub(crate) fn from_seed(spec: KeySpec, seed: &[u8; ML_KEM_SEED_BYTES]) -> Result<Self, Failed> {
        let nid = match spec {
            KeySpec::MlKem512 => c::NID_MLKEM512,
            KeySpec::MlKem768 => c::NID_MLKEM768,
            KeySpec::MlKem1024 => c::NID_MLKEM1024,
            _ => return Err(Failed),
        };
        // SAFETY: takes a number and no engine; null when out of memory.
        let context = unsafe { c::EVP_PKEY_CTX_new_id(c::EVP_PKEY_KEM, ptr::null_mut()) };
        let context = NonNull::new(context).map(Context).ok_or(Failed)?;
        let mut key = ptr::null_mut();
        let mut len = seed.len();
        // SAFETY: a fresh context, initialised and given its parameters first; the last call
        // reads `len` bytes of the seed and puts a new key into `key`.
        unsafe {
            done(c::EVP_PKEY_keygen_init(context.as_ptr()))?;
            done(c::EVP_PKEY_CTX_kem_set_params(context.as_ptr(), nid))?;
            done(c::EVP_PKEY_keygen_deterministic(
                context.as_ptr(),
                &raw mut key,
                seed.as_ptr(),
                &raw mut len,
            ))?;
        }
        Ok(Self {
            key: NonNull::new(key).map(Key).ok_or(Failed)?,
            ciphertext_bytes: ml_kem_ciphertext_bytes(spec).ok_or(Failed)?,
        })
    }

    /// DER SubjectPublicKeyInfo.
    pub(crate) fn public_key(&self) -> Result<Vec<u8>, Failed> {
        self.key.public_key()
    }

    /// DER PKCS#8 in seed form.
    pub(crate) fn pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, Failed> {
        self.key.pkcs8()
    }

    /// A fresh secret and its ciphertext (FIPS 203, algorithm 20).
    pub(crate) fn encapsulate(&self) -> Result<(Vec<u8>, Plaintext), Failed> {
        let context = Context::of(&self.key)?;
        let mut ciphertext = vec![0; self.ciphertext_bytes];
        let mut secret = Zeroizing::new(vec![0; ML_KEM_SECRET_BYTES]);
        let (mut ciphertext_len, mut secret_len) = (ciphertext.len(), secret.len());
        // SAFETY: a context of a valid key; writes at most the two lengths.
        done(unsafe {
            c::EVP_PKEY_encapsulate(
                context.as_ptr(),
                ciphertext.as_mut_ptr(),
                &raw mut ciphertext_len,
                secret.as_mut_ptr(),
                &raw mut secret_len,
            )
        })?;
        if secret_len != secret.len() {
            return Err(Failed);
        }
        let ciphertext = whole(ciphertext, ciphertext_len)?;
        Ok((ciphertext, Plaintext::new(std::mem::take(&mut *secret))))
    }

    /// The secret in a ciphertext, or if it is no good one that looks like any other (FIPS 203,
    /// algorithm 21). Errors: the ciphertext has the wrong length.
    pub(crate) fn decapsulate(&self, ciphertext: &[u8]) -> Result<Plaintext, Failed> {
        if ciphertext.len() != self.ciphertext_bytes {
            return Err(Failed);
        }
        let context = Context::of(&self.key)?;
        let mut secret = Zeroizing::new(vec![0; ML_KEM_SECRET_BYTES]);
        let mut len = secret.len();
        // SAFETY: a context of a valid key; reads the ciphertext (the parameter lacks its const)
        // and writes at most `len` bytes.
        done(unsafe {
            c::EVP_PKEY_decapsulate(
                context.as_ptr(),
                secret.as_mut_ptr(),
                &raw mut len,
                ciphertext.as_ptr().cast_mut(),
                ciphertext.len(),
            )
        })?;
        if len != secret.len() {
            return Err(Failed);
        }
        Ok(Plaintext::new(std::mem::take(&mut *secret)))
    }
}

/// Signs a SHA-512 digest with Ed25519ph and an empty context (RFC 8032, section 5.1.6).
///
/// `private`: seed and public key.
pub(crate) fn ed25519ph_sign(
    digest: &[u8; SHA_512_BYTES],
    private: &[u8; ED25519_PRIVATE_BYTES],
) -> Result<[u8; ED25519_SIGNATURE_BYTES], Failed> {
    let mut signature = [0; ED25519_SIGNATURE_BYTES];
    // SAFETY: arrays of exactly the lengths that the function states; no context.
    done(unsafe {
        c::ED25519ph_sign_digest(
            signature.as_mut_ptr(),
            digest.as_ptr(),
            private.as_ptr(),
            ptr::null(),
            0,
        )
    })?;
    Ok(signature)
}

/// Verifies an Ed25519ph signature over a SHA-512 digest, with an empty context (RFC 8032,
/// section 5.1.7). Errors: it is not one.
pub(crate) fn ed25519ph_verify(
    digest: &[u8; SHA_512_BYTES],
    signature: &[u8; ED25519_SIGNATURE_BYTES],
    public: &[u8; ED25519_PUBLIC_BYTES],
) -> Result<(), Failed> {
    // SAFETY: arrays of exactly the lengths that the function states, only read; no context.
    done(unsafe {
        c::ED25519ph_verify_digest(
            digest.as_ptr(),
            signature.as_ptr(),
            public.as_ptr(),
            ptr::null(),
            0,
        )
    })
}

/// A `BIGNUM` that this value owns.
struct Number(NonNull<c::BIGNUM>);

impl Drop for Number {
    fn drop(&mut self) {
        // SAFETY: the one reference; wiped first, as it may be part of a private key.
        unsafe { c::BN_clear_free(self.0.as_ptr()) }
    }
}

/// Whether a number is prime, big endian: trial division, then [`PRIMALITY_ROUNDS`] rounds of
/// Miller-Rabin (FIPS 186-5, B.3.1).
pub(crate) fn is_prime(number: &[u8]) -> bool {
    let mut is_prime = 0;
    // SAFETY: reads the slice with its length into a new number, which is null when out of memory.
    let number = unsafe { c::BN_bin2bn(number.as_ptr(), number.len(), ptr::null_mut()) };
    let Some(number) = NonNull::new(number).map(Number) else {
        return false;
    };
    // SAFETY: a valid number, only read; the answer goes to a local; without a context the
    // function makes one of its own; no callback.
    let answer = unsafe {
        c::BN_primality_test(
            &raw mut is_prime,
            number.0.as_ptr(),
            PRIMALITY_ROUNDS,
            ptr::null_mut(),
            1,
            ptr::null_mut(),
        )
    };
    done(answer).is_ok() && is_prime == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The prime of secp256k1's field, the Mersenne prime 2^521 - 1, and what is near them.
    #[test]
    fn primes_are_told_from_others() {
        let mut field = [0xff; 32];
        field[27] = 0xfe;
        field[30..].copy_from_slice(&[0xfc, 0x2f]);
        let mut mersenne = [0xff; 66];
        mersenne[0] = 1;
        for prime in [&[2][..], &[3], &[1, 0, 1], &field, &mersenne] {
            assert!(is_prime(prime), "{prime:x?}");
        }
        field[31] -= 2;
        mersenne[65] -= 2;
        // 561 and 41041 pass Fermat's test; 3215031751 passes Miller's for 2, 3, 5 and 7.
        let strong = 3_215_031_751_u32.to_be_bytes();
        for composite in [
            &[][..],
            &[0],
            &[1],
            &[4],
            &[2, 0x31],
            &[0xa0, 0x51],
            &strong,
            &field,
            &mersenne,
        ] {
            assert!(!is_prime(composite), "{composite:x?}");
        }
    }
}
