//! Key material at rest: made, wrapped under the Region's domain key, unwrapped. Layout in
//! `docs/formats/wrapped-key.md`.

use std::sync::Arc;

use aws_lc_rs::hmac;
use keystead_types::{KeyId, KeySpec, KeyUsage, MaterialId, Origin};
use keystead_wall::{KeyBinding, KeyHandle, Refusal, Reply, WrappedKey};

use crate::aead::{self, BOX_OVERHEAD};
use crate::arena::{Arena, KeyMaterial};
use crate::domains::{DomainKeyId, Domains};
use crate::halt;
use crate::limits::AES_256_KEY_BYTES;

/// Version of the wrapped form.
pub(crate) const VERSION: u8 = 1;
const LABEL: &[u8] = b"keystead wrapped key v1\0";
const MATERIAL_ID_INPUT: &[u8] = b"keystead material id v1";

/// Bytes of a wrapped AES-256 key.
pub(crate) const WRAPPED_BYTES: usize =
    1 + size_of::<DomainKeyId>() + BOX_OVERHEAD + AES_256_KEY_BYTES;

/// Makes key material for a binding and wraps it.
///
/// Refusals: `UnsupportedSpec`, `WrongUsage` (the usage does not go with the spec),
/// `InvalidArgument` (the material would not come from here), `DomainMissing`.
pub(crate) fn generate(
    domains: &Domains,
    arena: &Arc<Arena>,
    binding: &KeyBinding,
) -> Result<Reply, Refusal> {
    if binding.spec != KeySpec::SymmetricDefault {
        return Err(Refusal::UnsupportedSpec);
    }
    if binding.usage != KeyUsage::EncryptDecrypt {
        return Err(Refusal::WrongUsage);
    }
    if binding.origin != Origin::AwsKms {
        return Err(Refusal::InvalidArgument);
    }
    let mut material = KeyMaterial::zeroed(arena, AES_256_KEY_BYTES).unwrap_or_else(|| halt());
    aead::random(material.expose_mut()).unwrap_or_else(|_| halt());
    let material_id = material_id(material.expose(), &binding.key_id);
    let binding = KeyBinding {
        material_id,
        ..binding.clone()
    };
    let wrapped = wrap(domains, &binding, material.expose())?;
    Ok(Reply::NewKey {
        material_id,
        wrapped,
    })
}

/// The id of key material: HMAC-SHA-256 under the material over a fixed text and the key id. The
/// same bytes under the same key give the same id; nothing about the bytes follows from it.
pub(crate) fn material_id(material: &[u8], key_id: &KeyId) -> MaterialId {
    let mut mac = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, material));
    mac.update(MATERIAL_ID_INPUT);
    mac.update(key_id.as_str().as_bytes());
    let tag = mac.sign();
    match tag.as_ref().first_chunk() {
        Some(id) => keystead_types::Hex32(*id),
        None => halt(),
    }
}

/// Wraps material under the current domain key of the binding's Region.
fn wrap(domains: &Domains, binding: &KeyBinding, material: &[u8]) -> Result<WrappedKey, Refusal> {
    let domain = domains.current(&binding.region)?;
    let mut aad = Vec::with_capacity(160);
    write_aad(&mut aad, domain.id, binding);
    let mut out = Vec::with_capacity(WRAPPED_BYTES);
    out.push(VERSION);
    out.extend_from_slice(&domain.id);
    aead::seal_box(domain.expose(), &aad, material, &mut out).unwrap_or_else(|_| halt());
    Ok(WrappedKey(out))
}

/// Unwraps an AES-256 key into `out` (32 bytes), which is zeros if this refuses. `aad`: scratch.
///
/// Refusals: `WrappedKeyDamaged`, `DomainMissing`.
pub(crate) fn unwrap(
    domains: &Domains,
    key: KeyHandle<'_>,
    aad: &mut Vec<u8>,
    out: &mut KeyMaterial,
) -> Result<(), Refusal> {
    const DAMAGED: Refusal = Refusal::WrappedKeyDamaged;
    let (version, rest) = key.wrapped.0.split_first().ok_or(DAMAGED)?;
    let (id, sealed) = rest.split_first_chunk().ok_or(DAMAGED)?;
    if *version != VERSION {
        return Err(DAMAGED);
    }
    let domain = domains.by_id(&key.binding.region, *id, DAMAGED)?;
    aad.clear();
    write_aad(aad, *id, key.binding);
    aead::open_box(domain.expose(), aad, sealed, out.expose_mut()).map_err(|_| DAMAGED)
}

/// Label, domain key id, canonical binding. The label keeps wrapped keys apart from sealed
/// secrets, which are under the same domain key.
fn write_aad(out: &mut Vec<u8>, id: DomainKeyId, binding: &KeyBinding) {
    out.extend_from_slice(LABEL);
    out.extend_from_slice(&id);
    binding.canonical(out);
}

#[cfg(test)]
mod tests;
