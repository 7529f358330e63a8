//! Fields: what a frame, a binding and a header are made of. All numbers big endian.

use std::cell::RefCell;

use keystead_types::{AccountId, Hex32, KeyId, Plaintext, Region};

use super::ProtocolError;
use crate::limits::{FIELD_MAX_BYTES, FRAME_MAX_BYTES, REGION_MAX_BYTES};

/// Where encoded bytes go: a buffer, or a count of them.
pub(crate) trait Sink {
    fn put(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Counts what would be written, so that a buffer that holds plaintext never has to move.
#[derive(Default)]
pub(crate) struct Measure(pub(crate) usize);

impl Sink for Measure {
    fn put(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }
}

/// Writes a length (u32) and the bytes. Errors: longer than `max`.
pub(crate) fn put_bytes(
    out: &mut impl Sink,
    bytes: &[u8],
    max: usize,
) -> Result<(), ProtocolError> {
    if bytes.len() > max {
        return Err(ProtocolError::TooLong);
    }
    let len = u32::try_from(bytes.len()).map_err(|_| ProtocolError::TooLong)?;
    out.put(&len.to_be_bytes());
    out.put(bytes);
    Ok(())
}

/// Writes a flag and, if there are any, the bytes. Errors: longer than `max`.
pub(crate) fn put_optional(
    out: &mut impl Sink,
    bytes: Option<&[u8]>,
    max: usize,
) -> Result<(), ProtocolError> {
    out.put(&[u8::from(bytes.is_some())]);
    match bytes {
        Some(bytes) => put_bytes(out, bytes, max),
        None => Ok(()),
    }
}

/// Writes a length (u8) and the Region's name.
pub(crate) fn put_region(out: &mut impl Sink, region: &Region) {
    let name = region.as_str().as_bytes();
    // A `Region` has at most 32 bytes by construction.
    out.put(&[u8::try_from(name.len()).unwrap_or(u8::MAX)]);
    out.put(name);
}

/// Writes the account number in five bytes; it is below 10^12 and so below 2^40.
pub(crate) fn put_account(out: &mut impl Sink, account: AccountId) {
    let [_, _, _, bytes @ ..] = account.to_number().to_be_bytes();
    out.put(&bytes);
}

/// Form byte of a single-Region key id.
const KEY_ID_UUID: u8 = 0;
/// Form byte of a Multi-Region key id.
const KEY_ID_MRK: u8 = 1;

/// Writes the form of a key id and its 32 hex digits as 16 bytes.
pub(crate) fn put_key_id(out: &mut impl Sink, key_id: &KeyId) {
    let form = if key_id.is_multi_region() {
        KEY_ID_MRK
    } else {
        KEY_ID_UUID
    };
    let mut raw = [form; 17];
    let (_, digits) = raw.split_at_mut(1);
    digits.copy_from_slice(&key_id.to_bytes());
    out.put(&raw);
}

/// Takes fields off the front of a slice; never allocates more than the slice holds.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Bytes not yet taken.
    pub(crate) fn remaining(&self) -> usize {
        self.rest.len()
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], ProtocolError> {
        let (taken, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or(ProtocolError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], ProtocolError> {
        let (taken, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or(ProtocolError::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, ProtocolError> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, ProtocolError> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, ProtocolError> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    pub(crate) fn boolean(&mut self) -> Result<bool, ProtocolError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(ProtocolError::UnknownValue),
        }
    }

    /// A length (u32) of at most `max`, and as many bytes.
    pub(crate) fn bytes(&mut self, max: usize) -> Result<&'a [u8], ProtocolError> {
        let len = usize::try_from(u32::from_be_bytes(self.array()?))
            .map_err(|_| ProtocolError::TooLong)?;
        if len > max.min(FRAME_MAX_BYTES) {
            return Err(ProtocolError::TooLong);
        }
        self.take(len)
    }

    /// A flag and, if it says so, [`Reader::bytes`].
    pub(crate) fn optional(&mut self, max: usize) -> Result<Option<&'a [u8]>, ProtocolError> {
        Ok(match self.boolean()? {
            true => Some(self.bytes(max)?),
            false => None,
        })
    }

    /// The value of a stable number.
    pub(crate) fn code<T>(&mut self, of: impl FnOnce(u8) -> Option<T>) -> Result<T, ProtocolError> {
        of(self.u8()?).ok_or(ProtocolError::UnknownValue)
    }

    pub(crate) fn region(&mut self) -> Result<Region, ProtocolError> {
        let len = usize::from(self.u8()?);
        if len > REGION_MAX_BYTES {
            return Err(ProtocolError::TooLong);
        }
        let name = self.take(len)?;
        region_of(name).ok_or(ProtocolError::UnknownValue)
    }

    pub(crate) fn account(&mut self) -> Result<AccountId, ProtocolError> {
        let [a, b, c, d, e] = self.array()?;
        let number = u64::from_be_bytes([0, 0, 0, a, b, c, d, e]);
        AccountId::from_number(number).ok_or(ProtocolError::UnknownValue)
    }

    pub(crate) fn key_id(&mut self) -> Result<KeyId, ProtocolError> {
        let form = self.u8()?;
        let bytes = self.array()?;
        match form {
            KEY_ID_UUID => Ok(KeyId::single_region_from_bytes(bytes)),
            KEY_ID_MRK => Ok(KeyId::multi_region_from_bytes(bytes)),
            _ => Err(ProtocolError::UnknownValue),
        }
    }

    pub(crate) fn hex32(&mut self) -> Result<Hex32, ProtocolError> {
        Ok(Hex32(self.array()?))
    }

    /// Errors: bytes are left over.
    pub(crate) fn finish(self) -> Result<(), ProtocolError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(ProtocolError::TrailingBytes)
        }
    }
}

/// Takes bytes and copies them into wiped memory.
pub(super) fn read_plaintext(reader: &mut Reader<'_>) -> Result<Plaintext, ProtocolError> {
    Ok(Plaintext::new(reader.bytes(FIELD_MAX_BYTES)?.to_vec()))
}

thread_local! {
    /// The Region that this thread decoded last: a server has few, and sharing its text saves an
    /// allocation per command.
    static LAST_REGION: RefCell<Option<Region>> = const { RefCell::new(None) };
}

fn region_of(name: &[u8]) -> Option<Region> {
    LAST_REGION.with(|last| {
        let mut last = last.borrow_mut();
        if let Some(region) = last.as_ref().filter(|r| r.as_str().as_bytes() == name) {
            return Some(region.clone());
        }
        let region = Region::parse(std::str::from_utf8(name).ok()?).ok()?;
        *last = Some(region.clone());
        Some(region)
    })
}
