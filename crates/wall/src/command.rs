//! What the front end may ask of the HSM process, and what comes back.

use keystead_types::{MaterialId, Plaintext};

use crate::{KeyBinding, Receipt, WrappedKey};

/// A wrapped key with the binding under which it must open.
#[derive(Debug, Clone, Copy)]
pub struct KeyHandle<'a> {
    /// The binding that the key record states.
    pub binding: &'a KeyBinding,
    /// The wrapped material.
    pub wrapped: &'a WrappedKey,
}

/// One request to the HSM process. Borrowed, so that it is written straight into the frame.
#[derive(Debug)]
pub enum Command<'a> {
    /// Seal a plaintext of 1–4096 bytes. Answer: [`Reply::Ciphertext`].
    Encrypt {
        /// The current material of the key.
        key: KeyHandle<'a>,
        /// Canonical bytes of the encryption context.
        context: &'a [u8],
        /// The caller's plaintext.
        plaintext: &'a Plaintext,
    },
    /// Open a ciphertext. The material must be the one that the ciphertext header names.
    /// Answer: [`Reply::Plaintext`].
    Decrypt {
        /// The material that the ciphertext names.
        key: KeyHandle<'a>,
        /// Canonical bytes of the encryption context.
        context: &'a [u8],
        /// The whole blob, header included.
        ciphertext: &'a [u8],
    },
    /// Open under one key and seal under another; the plaintext stays inside.
    /// Answer: [`Reply::Ciphertext`].
    ReEncrypt {
        /// The material that the ciphertext names.
        source: KeyHandle<'a>,
        /// Canonical bytes of the source's encryption context.
        source_context: &'a [u8],
        /// The whole blob, header included.
        ciphertext: &'a [u8],
        /// The current material of the destination key.
        destination: KeyHandle<'a>,
        /// Canonical bytes of the destination's encryption context.
        destination_context: &'a [u8],
    },
    /// Make 1–1024 random bytes and seal them; return them in clear only if asked.
    /// Answer: [`Reply::DataKey`].
    GenerateDataKey {
        /// The current material of the key.
        key: KeyHandle<'a>,
        /// Canonical bytes of the encryption context.
        context: &'a [u8],
        /// Bytes to make.
        length: u16,
        /// Whether the answer holds the plaintext too.
        with_plaintext: bool,
    },
    /// Make 1–1024 random bytes. Answer: [`Reply::Plaintext`].
    GenerateRandom {
        /// Bytes to make.
        length: u16,
    },
    /// Make new key material for `binding`, whose `material_id` is ignored: the answer names the
    /// real one. Answer: [`Reply::NewKey`].
    GenerateKey {
        /// What the new material will be bound to.
        binding: &'a KeyBinding,
    },
    /// Seal a small secret of the server itself (the secret of an access key) under the Region's
    /// domain key. Answer: [`Reply::Sealed`].
    SealSecret {
        /// Region whose domain key seals.
        region: &'a keystead_types::Region,
        /// What the secret belongs to; must be the same to open.
        label: &'a [u8],
        /// The secret, at most 1024 bytes.
        secret: &'a Plaintext,
    },
    /// Open what [`Command::SealSecret`] sealed. Answer: [`Reply::Plaintext`].
    OpenSecret {
        /// Region whose domain key sealed.
        region: &'a keystead_types::Region,
        /// What the secret belongs to.
        label: &'a [u8],
        /// The sealed secret.
        sealed: &'a [u8],
    },
    /// Make a new domain key for a Region and load it. Answer: [`Reply::Sealed`], the domain key
    /// wrapped under the root of trust, to be stored and given back to `OpenDomain`.
    CreateDomain {
        /// The Region.
        region: &'a keystead_types::Region,
    },
    /// Load a Region's domain key. Answer: [`Reply::Done`].
    OpenDomain {
        /// The Region.
        region: &'a keystead_types::Region,
        /// What `CreateDomain` returned.
        sealed: &'a [u8],
    },
}

/// Which queue a command waits in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Commands of a few microseconds.
    Fast,
    /// Commands that would hold up the fast ones: key generation, asymmetric cryptography,
    /// domain and secret handling. Runs at lower priority.
    Slow,
}

impl Command<'_> {
    /// The queue of this command.
    pub fn lane(&self) -> Lane {
        match self {
            Self::Encrypt { .. }
            | Self::Decrypt { .. }
            | Self::ReEncrypt { .. }
            | Self::GenerateDataKey { .. }
            | Self::GenerateRandom { .. } => Lane::Fast,
            Self::GenerateKey { .. }
            | Self::SealSecret { .. }
            | Self::OpenSecret { .. }
            | Self::CreateDomain { .. }
            | Self::OpenDomain { .. } => Lane::Slow,
        }
    }
}

/// A successful answer of the HSM process.
#[derive(Debug)]
pub enum Reply {
    /// A ciphertext blob in the format of `docs/formats/ciphertext.md`.
    Ciphertext(Vec<u8>),
    /// Bytes for the caller.
    Plaintext(Plaintext),
    /// A data key, sealed, and in clear if it was asked for.
    DataKey {
        /// The sealed data key.
        ciphertext: Vec<u8>,
        /// The data key in clear.
        plaintext: Option<Plaintext>,
    },
    /// New key material, wrapped.
    NewKey {
        /// The id of the material.
        material_id: MaterialId,
        /// The material under the domain key, bound to the binding with this id.
        wrapped: WrappedKey,
    },
    /// A sealed secret or domain key.
    Sealed(Vec<u8>),
    /// Nothing to return.
    Done,
}

/// An answer and the receipt for it. Refusals have a receipt too.
#[derive(Debug)]
pub struct Outcome {
    /// What the HSM answered.
    pub result: Result<Reply, crate::Refusal>,
    /// Its count of the command.
    pub receipt: Receipt,
}
