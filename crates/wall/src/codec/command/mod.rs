//! Commands as frames.

mod lend;
mod read;
mod write;

use keystead_types::{
    EncryptionAlgorithm, KeySpec, MacAlgorithm, MessageType, Plaintext, Region, SigningAlgorithm,
    Timestamp, WrappingAlgorithm, WrappingKeySpec,
};

use super::{FrameId, ProtocolError, frame};
use crate::{Command, Delivery, KeyBinding, Supply, WrappedKey};

/// Appends a command as one frame. The whole space is reserved first, so that a plaintext is not
/// left behind in a buffer that moved.
///
/// Errors: [`ProtocolError::TooLong`]; nothing is appended then.
pub fn encode_command(
    command: &Command<'_>,
    id: FrameId,
    out: &mut Vec<u8>,
) -> Result<(), ProtocolError> {
    frame::encode(command, id, out)
}

/// Reads a command of one whole frame (without its length). Allocates no more than the frame's
/// size; every byte must be used.
///
/// Errors: [`ProtocolError`] for anything that [`encode_command`] would not have written.
pub fn decode_command(frame: &[u8]) -> Result<(FrameId, CommandBuf<'_>), ProtocolError> {
    let (id, kind, mut reader) = frame::open(frame)?;
    let command = read::read_command(kind, &mut reader)?;
    reader.finish()?;
    Ok((id, command))
}

/// A key as it came out of a frame.
#[derive(Debug)]
pub struct KeyBuf {
    binding: KeyBinding,
    wrapped: WrappedKey,
}

/// One side of a message as it came out of a frame.
#[derive(Debug)]
pub struct CipherBuf<'a> {
    key: KeyBuf,
    algorithm: EncryptionAlgorithm,
    context: &'a [u8],
}

/// A decoded [`Command`]: small parts are owned, contexts and blobs stay in the frame, plaintexts
/// are copied into wiped memory. See there for the fields.
#[derive(Debug)]
#[expect(missing_docs, reason = "the variants and fields are those of Command")]
pub enum CommandBuf<'a> {
    Encrypt {
        cipher: CipherBuf<'a>,
        plaintext: Plaintext,
    },
    Decrypt {
        cipher: CipherBuf<'a>,
        ciphertext: &'a [u8],
        recipient: Option<&'a [u8]>,
    },
    ReEncrypt {
        source: CipherBuf<'a>,
        ciphertext: &'a [u8],
        destination: CipherBuf<'a>,
    },
    GenerateDataKey {
        key: KeyBuf,
        context: &'a [u8],
        length: u16,
        delivery: Delivery<'a>,
    },
    GenerateKeyPair {
        key: KeyBuf,
        context: &'a [u8],
        spec: KeySpec,
        delivery: Delivery<'a>,
        supply: Supply,
    },
    GenerateRandom {
        length: u16,
        recipient: Option<&'a [u8]>,
    },
    Sign {
        key: KeyBuf,
        algorithm: SigningAlgorithm,
        message_type: MessageType,
        message: &'a [u8],
    },
    Verify {
        key: KeyBuf,
        algorithm: SigningAlgorithm,
        message_type: MessageType,
        message: &'a [u8],
        signature: &'a [u8],
    },
    GenerateMac {
        key: KeyBuf,
        algorithm: MacAlgorithm,
        message: &'a [u8],
    },
    VerifyMac {
        key: KeyBuf,
        algorithm: MacAlgorithm,
        message: &'a [u8],
        mac: &'a [u8],
    },
    DeriveSharedSecret {
        key: KeyBuf,
        public_key: &'a [u8],
        recipient: Option<&'a [u8]>,
    },
    Encapsulate {
        key: KeyBuf,
    },
    Decapsulate {
        key: KeyBuf,
        ciphertext: &'a [u8],
    },
    GenerateKey {
        binding: KeyBinding,
        supply: Supply,
    },
    PrepareImport {
        target: KeyBinding,
        algorithm: WrappingAlgorithm,
        wrapping_spec: WrappingKeySpec,
        valid_to: Timestamp,
        supply: Supply,
    },
    ImportKey {
        target: KeyBinding,
        token: &'a [u8],
        now: Timestamp,
        encrypted: &'a [u8],
    },
    ExportKey {
        key: KeyBuf,
        to: Region,
    },
    AdoptKey {
        binding: KeyBinding,
        from: Region,
        transport: &'a [u8],
    },
    SealSecret {
        region: Region,
        label: &'a [u8],
        secret: Plaintext,
    },
    OpenSecret {
        region: Region,
        label: &'a [u8],
        sealed: &'a [u8],
    },
    CreateDomain {
        region: Region,
    },
    OpenDomain {
        region: Region,
        sealed: &'a [u8],
    },
}

/// Kinds of command frames. Never used anew for another command.
mod kind {
    pub(super) const ENCRYPT: u8 = 1;
    pub(super) const DECRYPT: u8 = 2;
    pub(super) const RE_ENCRYPT: u8 = 3;
    pub(super) const GENERATE_DATA_KEY: u8 = 4;
    pub(super) const GENERATE_RANDOM: u8 = 5;
    pub(super) const GENERATE_KEY: u8 = 6;
    pub(super) const SEAL_SECRET: u8 = 7;
    pub(super) const OPEN_SECRET: u8 = 8;
    pub(super) const CREATE_DOMAIN: u8 = 9;
    pub(super) const OPEN_DOMAIN: u8 = 10;
    pub(super) const SIGN: u8 = 11;
    pub(super) const VERIFY: u8 = 12;
    pub(super) const GENERATE_MAC: u8 = 13;
    pub(super) const VERIFY_MAC: u8 = 14;
    pub(super) const DERIVE_SHARED_SECRET: u8 = 15;
    pub(super) const ENCAPSULATE: u8 = 16;
    pub(super) const DECAPSULATE: u8 = 17;
    pub(super) const GENERATE_KEY_PAIR: u8 = 18;
    pub(super) const PREPARE_IMPORT: u8 = 19;
    pub(super) const IMPORT_KEY: u8 = 20;
    pub(super) const EXPORT_KEY: u8 = 21;
    pub(super) const ADOPT_KEY: u8 = 22;
}

/// What becomes of a secret: kept inside.
pub(super) const DELIVERY_WITHHELD: u8 = 0;
/// What becomes of a secret: answered in clear.
pub(super) const DELIVERY_CLEAR: u8 = 1;
/// What becomes of a secret: answered for a recipient only.
pub(super) const DELIVERY_ENVELOPED: u8 = 2;
/// Where an RSA key may come from: from those made ahead.
const SUPPLY_PREPARED: u8 = 0;
/// Where an RSA key may come from: made if need be.
const SUPPLY_MADE: u8 = 1;
