//! What the front end may ask of the HSM process, and what comes back.

use keystead_types::{
    EncryptionAlgorithm, KeySpec, MacAlgorithm, MaterialId, MessageType, Plaintext, Region,
    SigningAlgorithm, Timestamp, WrappingAlgorithm, WrappingKeySpec,
};

use crate::{KeyBinding, Receipt, WrappedKey};

/// A wrapped key with the binding under which it must open.
#[derive(Debug, Clone, Copy)]
pub struct KeyHandle<'a> {
    /// The binding that the key record states.
    pub binding: &'a KeyBinding,
    /// The wrapped material.
    pub wrapped: &'a WrappedKey,
}

/// How one side of a message is sealed: key, algorithm, context.
#[derive(Debug, Clone, Copy)]
pub struct Cipher<'a> {
    /// The key. For `SYMMETRIC_DEFAULT` the current material when sealing, and the material that
    /// the ciphertext header names when opening.
    pub key: KeyHandle<'a>,
    /// The algorithm; it must go with the key's spec.
    pub algorithm: EncryptionAlgorithm,
    /// Canonical bytes of the encryption context; empty for asymmetric keys.
    pub context: &'a [u8],
}

/// What becomes of a secret that a command makes beside its ciphertext.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery<'a> {
    /// It stays inside.
    Withheld,
    /// It is answered in clear.
    Clear,
    /// It is answered as CMS EnvelopedData for an attested RSA public key (DER SPKI).
    Enveloped(&'a [u8]),
}

/// Where RSA keys, which take long to make, may come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Supply {
    /// Only from those made ahead: [`Refusal::NonePrepared`](crate::Refusal) when there are none.
    Prepared,
    /// Made now if need be; such commands have a lane of their own.
    Made,
}

/// One request to the HSM process. Borrowed, so that it is written straight into the frame.
#[derive(Debug)]
pub enum Command<'a> {
    /// Seal a plaintext of 1–4096 bytes. Answer: [`Reply::Ciphertext`].
    Encrypt {
        /// The key and how it seals.
        cipher: Cipher<'a>,
        /// The caller's plaintext.
        plaintext: &'a Plaintext,
    },
    /// Open a ciphertext. Answer: [`Reply::Plaintext`], or [`Reply::Enveloped`] for a recipient.
    Decrypt {
        /// The key and how it opens.
        cipher: Cipher<'a>,
        /// The whole blob, header included.
        ciphertext: &'a [u8],
        /// The attested public key (DER SPKI) that alone may read the answer.
        recipient: Option<&'a [u8]>,
    },
    /// Open under one key and seal under another; the plaintext stays inside.
    /// Answer: [`Reply::Ciphertext`].
    ReEncrypt {
        /// How it opens.
        source: Cipher<'a>,
        /// The whole blob, header included.
        ciphertext: &'a [u8],
        /// How it is sealed again.
        destination: Cipher<'a>,
    },
    /// Make 1–1024 random bytes and seal them under a symmetric key. Answer: [`Reply::DataKey`].
    GenerateDataKey {
        /// The current material of the key.
        key: KeyHandle<'a>,
        /// Canonical bytes of the encryption context.
        context: &'a [u8],
        /// Bytes to make.
        length: u16,
        /// What becomes of the data key in clear.
        delivery: Delivery<'a>,
    },
    /// Make a key pair and seal its private key (DER PKCS#8) under a symmetric key.
    /// Answer: [`Reply::KeyPair`].
    GenerateKeyPair {
        /// The current material of the key.
        key: KeyHandle<'a>,
        /// Canonical bytes of the encryption context.
        context: &'a [u8],
        /// Type of the pair.
        spec: KeySpec,
        /// What becomes of the private key in clear.
        delivery: Delivery<'a>,
        /// Where an RSA key may come from.
        supply: Supply,
    },
    /// Make 1–1024 random bytes. Answer: [`Reply::Plaintext`], or [`Reply::Enveloped`] for a
    /// recipient.
    GenerateRandom {
        /// Bytes to make.
        length: u16,
        /// As for `Decrypt`.
        recipient: Option<&'a [u8]>,
    },
    /// Sign a message of 1–4096 bytes. Answer: [`Reply::Signature`].
    Sign {
        /// The key.
        key: KeyHandle<'a>,
        /// The algorithm; it must go with the key's spec.
        algorithm: SigningAlgorithm,
        /// What the message is.
        message_type: MessageType,
        /// The message, its digest, or mu.
        message: &'a [u8],
    },
    /// Verify a signature. Answer: [`Reply::Done`] if it is right.
    Verify {
        /// The key.
        key: KeyHandle<'a>,
        /// The algorithm; it must go with the key's spec.
        algorithm: SigningAlgorithm,
        /// What the message is.
        message_type: MessageType,
        /// The message, its digest, or mu.
        message: &'a [u8],
        /// The signature.
        signature: &'a [u8],
    },
    /// Authenticate a message of 1–4096 bytes. Answer: [`Reply::Signature`].
    GenerateMac {
        /// The key.
        key: KeyHandle<'a>,
        /// The algorithm; it must go with the key's spec.
        algorithm: MacAlgorithm,
        /// The message.
        message: &'a [u8],
    },
    /// Compare a MAC, in constant time and whole. Answer: [`Reply::Done`] if it is right.
    VerifyMac {
        /// The key.
        key: KeyHandle<'a>,
        /// The algorithm; it must go with the key's spec.
        algorithm: MacAlgorithm,
        /// The message.
        message: &'a [u8],
        /// The MAC.
        mac: &'a [u8],
    },
    /// ECDH. Answer: [`Reply::Plaintext`] with the x coordinate, or [`Reply::Enveloped`].
    DeriveSharedSecret {
        /// The key.
        key: KeyHandle<'a>,
        /// The other side's public key, DER SPKI on the same curve.
        public_key: &'a [u8],
        /// As for `Decrypt`.
        recipient: Option<&'a [u8]>,
    },
    /// ML-KEM encapsulation. Answer: [`Reply::Encapsulated`].
    Encapsulate {
        /// The key.
        key: KeyHandle<'a>,
    },
    /// ML-KEM decapsulation with implicit rejection. Answer: [`Reply::Plaintext`].
    Decapsulate {
        /// The key.
        key: KeyHandle<'a>,
        /// The encapsulated secret.
        ciphertext: &'a [u8],
    },
    /// Make new key material for `binding`, whose `material_id` is ignored: the answer names the
    /// real one. Answer: [`Reply::NewKey`].
    GenerateKey {
        /// What the new material will be bound to.
        binding: &'a KeyBinding,
        /// Where an RSA key may come from.
        supply: Supply,
    },
    /// Make a wrapping key pair for an import into a KMS key.
    /// Answer: [`Reply::ImportParameters`].
    PrepareImport {
        /// The KMS key; its `material_id` is ignored.
        target: &'a KeyBinding,
        /// How the material will be wrapped.
        algorithm: WrappingAlgorithm,
        /// The wrapping key to make.
        wrapping_spec: WrappingKeySpec,
        /// When the token ends.
        valid_to: Timestamp,
        /// Where the wrapping key may come from.
        supply: Supply,
    },
    /// Unwrap imported key material. Answer: [`Reply::NewKey`]; the same material under the same
    /// KMS key always has the same id.
    ImportKey {
        /// The KMS key; its `material_id` is ignored.
        target: &'a KeyBinding,
        /// What `PrepareImport` answered.
        token: &'a [u8],
        /// The present moment, for the token's end.
        now: Timestamp,
        /// The material, wrapped as the token says.
        encrypted: &'a [u8],
    },
    /// Seal the material of a multi-Region key for another Region's HSM process.
    /// Answer: [`Reply::Sealed`].
    ExportKey {
        /// The material of a key whose id begins with `mrk-`.
        key: KeyHandle<'a>,
        /// The Region that may open it.
        to: &'a Region,
    },
    /// Open what another Region's `ExportKey` sealed and wrap it here. Answer: [`Reply::NewKey`].
    AdoptKey {
        /// The key as it will be bound here; only its Region differs from the exported one's.
        binding: &'a KeyBinding,
        /// The Region that exported.
        from: &'a Region,
        /// What `ExportKey` answered.
        transport: &'a [u8],
    },
    /// Seal a small secret of the server itself (the secret of an access key) under the Region's
    /// domain key. Answer: [`Reply::Sealed`].
    SealSecret {
        /// Region whose domain key seals.
        region: &'a Region,
        /// What the secret belongs to; must be the same to open.
        label: &'a [u8],
        /// The secret, at most 1024 bytes.
        secret: &'a Plaintext,
    },
    /// Open what [`Command::SealSecret`] sealed. Answer: [`Reply::Plaintext`].
    OpenSecret {
        /// Region whose domain key sealed.
        region: &'a Region,
        /// What the secret belongs to.
        label: &'a [u8],
        /// The sealed secret.
        sealed: &'a [u8],
    },
    /// Make a new domain key for a Region and load it. Answer: [`Reply::Sealed`], the domain key
    /// wrapped under the root of trust, to be stored and given back to `OpenDomain`.
    CreateDomain {
        /// The Region.
        region: &'a Region,
    },
    /// Load a Region's domain key. Answer: [`Reply::Done`].
    OpenDomain {
        /// The Region.
        region: &'a Region,
        /// What `CreateDomain` returned.
        sealed: &'a [u8],
    },
}

/// A secret as [`Delivery`] asked for it.
#[derive(Debug)]
pub enum Delivered {
    /// It stayed inside.
    Withheld,
    /// In clear.
    Clear(Plaintext),
    /// CMS EnvelopedData for the recipient.
    Enveloped(Vec<u8>),
}

/// A successful answer of the HSM process.
#[derive(Debug)]
pub enum Reply {
    /// A ciphertext blob in the format of `docs/formats/ciphertext.md`, or what an asymmetric
    /// algorithm made.
    Ciphertext(Vec<u8>),
    /// Bytes for the caller.
    Plaintext(Plaintext),
    /// Bytes for an attested recipient: CMS EnvelopedData.
    Enveloped(Vec<u8>),
    /// A data key, sealed, and delivered as asked.
    DataKey {
        /// The sealed data key.
        ciphertext: Vec<u8>,
        /// The data key.
        plaintext: Delivered,
    },
    /// A key pair, its private key sealed, and delivered as asked.
    KeyPair {
        /// The sealed private key.
        ciphertext: Vec<u8>,
        /// The private key, DER PKCS#8.
        plaintext: Delivered,
        /// The public key, DER SPKI.
        public_key: Vec<u8>,
    },
    /// A signature or a MAC.
    Signature(Vec<u8>),
    /// A shared secret and its encapsulation.
    Encapsulated {
        /// The encapsulation, for the other side.
        ciphertext: Vec<u8>,
        /// The secret, 32 bytes.
        secret: Plaintext,
    },
    /// New key material, wrapped.
    NewKey {
        /// The id of the material.
        material_id: MaterialId,
        /// The material under the domain key, bound to the binding with this id.
        wrapped: WrappedKey,
        /// The public key (DER SPKI) of asymmetric material.
        public_key: Option<Vec<u8>>,
    },
    /// What a client needs to wrap material for an import.
    ImportParameters {
        /// The wrapping public key, DER SPKI.
        public_key: Vec<u8>,
        /// Opaque to the client, at most 6144 bytes; layout in `docs/formats/import-token.md`.
        token: Vec<u8>,
    },
    /// A sealed secret, domain key or transport.
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
