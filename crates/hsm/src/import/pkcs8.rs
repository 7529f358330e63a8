//! PKCS#8 private keys from outside: RFC 5208 and RFC 5958, in DER, not encrypted.

use crate::der::{self, Reader};

/// A PrivateKeyInfo or OneAsymmetricKey, taken apart and not yet understood.
pub(crate) struct PrivateKeyInfo<'a> {
    /// The algorithm's object identifier.
    pub(crate) algorithm: &'a [u8],
    /// Its parameters.
    pub(crate) parameters: Reader<'a>,
    /// The private key in the algorithm's own form.
    pub(crate) key: &'a [u8],
    /// The public key of version 2.
    pub(crate) public_key: Option<&'a [u8]>,
}

impl<'a> PrivateKeyInfo<'a> {
    /// Takes one apart. `None`: it is not one, or anything follows it. Attributes are ignored.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut outer = Reader::new(bytes);
        let mut info = outer.nested(der::SEQUENCE)?;
        outer.end()?;
        // Versions 1 and 2 are the numbers 0 and 1. Source: RFC 5958, section 2.
        let has_public_key = match info.unsigned()? {
            [] => false,
            [1] => true,
            _ => return None,
        };
        let mut identifier = info.nested(der::SEQUENCE)?;
        let algorithm = identifier.read(der::OID)?;
        let key = info.read(der::OCTET_STRING)?;
        info.optional(der::CONSTRUCTED_0)?;
        let public_key = match has_public_key {
            true => info.optional(der::CONTEXT_1)?,
            false => None,
        };
        info.end()?;
        let public_key = match public_key {
            Some(bits) => Some(whole_bytes(bits)?),
            None => None,
        };
        Some(Self {
            algorithm,
            parameters: identifier,
            key,
            public_key,
        })
    }
}

/// The bytes of a BIT STRING's content, of whose last none is unused.
pub(crate) fn whole_bytes(bits: &[u8]) -> Option<&[u8]> {
    match bits.split_first()? {
        (0, bytes) => Some(bytes),
        _ => None,
    }
}

/// An ECPrivateKey (RFC 5915).
pub(crate) struct EcPrivateKey<'a> {
    /// The scalar, big endian.
    pub(crate) scalar: &'a [u8],
    /// The curve's object identifier, if it is named here too.
    pub(crate) curve: Option<&'a [u8]>,
    /// The public point, if it is there.
    pub(crate) point: Option<&'a [u8]>,
}

impl<'a> EcPrivateKey<'a> {
    /// Takes one apart. `None`: it is not one, its curve is not a named one, or anything follows.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut outer = Reader::new(bytes);
        let mut key = outer.nested(der::SEQUENCE)?;
        outer.end()?;
        if key.unsigned()? != [1] {
            return None;
        }
        let scalar = key.read(der::OCTET_STRING)?;
        let inside = |tag, found: Option<&'a [u8]>| match found {
            None => Some(None),
            Some(content) => {
                let mut inner = Reader::new(content);
                let value = inner.read(tag)?;
                inner.end()?;
                Some(Some(value))
            }
        };
        let curve = inside(der::OID, key.optional(der::CONSTRUCTED_0)?)?;
        let point = inside(der::BIT_STRING, key.optional(der::CONSTRUCTED_1)?)?;
        key.end()?;
        let point = match point {
            Some(bits) => Some(whole_bytes(bits)?),
            None => None,
        };
        Some(Self {
            scalar,
            curve,
            point,
        })
    }
}
