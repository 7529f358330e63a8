//! The import token: the private key that unwraps imported material, with the terms of the
//! import, under the Region's domain key. Layout in `docs/formats/import-token.md`.

use std::sync::Arc;

use keystead_types::{Hex32, Timestamp, WrappingAlgorithm, WrappingKeySpec};
use keystead_wall::{KeyBinding, Refusal};

use crate::aead::{self, BOX_OVERHEAD};
use crate::arena::{Arena, KeyMaterial};
use crate::domains::{DomainKeyId, Domains};
use crate::halt;
use crate::limits::{IMPORT_TOKEN_MAX_BYTES, RSA_SLOT_BYTES};

const VERSION: u8 = 1;
const LABEL: &[u8] = b"keystead import token v1\0";

/// Version, domain key id, wrapping algorithm, wrapping key spec, end.
const HEAD_BYTES: usize = 1 + size_of::<DomainKeyId>() + 1 + 1 + size_of::<i64>();
const _: () = assert!(HEAD_BYTES + BOX_OVERHEAD + RSA_SLOT_BYTES <= IMPORT_TOKEN_MAX_BYTES);

/// What was agreed when the token was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terms {
    /// How the material is wrapped.
    pub(crate) algorithm: WrappingAlgorithm,
    /// What the wrapping key is.
    pub(crate) wrapping_spec: WrappingKeySpec,
    /// The first moment at which the token is no longer good.
    pub(crate) valid_to: Timestamp,
}

/// Seals a wrapping private key in its wrapped form.
///
/// Refusals: `DomainMissing`.
pub(crate) fn seal(
    domains: &Domains,
    target: &KeyBinding,
    terms: Terms,
    key: &KeyMaterial,
) -> Result<Vec<u8>, Refusal> {
    let domain = domains.current(&target.region)?;
    let mut out = Vec::with_capacity(HEAD_BYTES + BOX_OVERHEAD + key.expose().len());
    out.push(VERSION);
    out.extend_from_slice(&domain.id);
    out.extend_from_slice(&[terms.algorithm.code(), terms.wrapping_spec.code()]);
    out.extend_from_slice(&terms.valid_to.as_millis().to_be_bytes());
    let aad = associated(&out, target);
    aead::seal_box(domain.expose(), &aad, key.expose(), &mut out).unwrap_or_else(|_| halt());
    Ok(out)
}

/// Opens a token, of whose terms nothing is believed before it is authenticated.
///
/// Refusals: `ImportTokenInvalid` (damaged, or for another key, account or Region),
/// `ImportTokenExpired`, `DomainMissing`.
pub(crate) fn open(
    domains: &Domains,
    arena: &Arc<Arena>,
    target: &KeyBinding,
    token: &[u8],
    now: Timestamp,
) -> Result<(Terms, KeyMaterial), Refusal> {
    const INVALID: Refusal = Refusal::ImportTokenInvalid;
    let (head, sealed) = token.split_at_checked(HEAD_BYTES).ok_or(INVALID)?;
    let (id, terms) = read_head(head).ok_or(INVALID)?;
    let len = aead::box_len(sealed).filter(|len| (1..=RSA_SLOT_BYTES).contains(len));
    let len = len.ok_or(INVALID)?;
    let domain = domains.by_id(&target.region, id, INVALID)?;
    let mut key = KeyMaterial::zeroed(arena, len).unwrap_or_else(|| halt());
    let aad = associated(head, target);
    aead::open_box(domain.expose(), &aad, sealed, key.expose_mut()).map_err(|_| INVALID)?;
    if now >= terms.valid_to {
        return Err(Refusal::ImportTokenExpired);
    }
    Ok((terms, key))
}

fn read_head(head: &[u8]) -> Option<(DomainKeyId, Terms)> {
    let (version, rest) = head.split_first()?;
    let (id, rest) = rest.split_first_chunk()?;
    let ([algorithm, wrapping_spec], valid_to) = rest.split_first_chunk()?;
    let terms = Terms {
        algorithm: WrappingAlgorithm::from_code(*algorithm)?,
        wrapping_spec: WrappingKeySpec::from_code(*wrapping_spec)?,
        valid_to: Timestamp::from_millis(i64::from_be_bytes(valid_to.try_into().ok()?)),
    };
    (*version == VERSION).then_some((*id, terms))
}

/// Label, head, canonical binding of the KMS key without material: the label keeps tokens apart
/// from wrapped keys and secrets, which are under the same domain key.
fn associated(head: &[u8], target: &KeyBinding) -> Vec<u8> {
    let mut out = [LABEL, head].concat();
    let target = KeyBinding {
        material_id: Hex32([0; 32]),
        ..target.clone()
    };
    target.canonical(&mut out);
    out
}
