//! Key material at rest: made, wrapped under the Region's domain key, unwrapped. Layout in
//! `docs/formats/wrapped-key.md`.

use std::sync::Arc;

use aws_lc_rs::hmac;
use keystead_types::{KeyId, KeySpec, MaterialId, Origin};
use keystead_wall::{KeyBinding, KeyHandle, Refusal, Reply, WrappedKey};

use crate::aead::{self, BOX_OVERHEAD};
use crate::arena::{Arena, KeyMaterial};
use crate::domains::{DomainKey, DomainKeyId, Domains};
use crate::halt;
use crate::material::{self, Fresh};

/// Version of the wrapped form.
pub(crate) const VERSION: u8 = 1;
const LABEL: &[u8] = b"keystead wrapped key v1\0";
const MATERIAL_ID_INPUT: &[u8] = b"keystead material id v1";
const MATERIAL_ID_SALT: &[u8] = b"keystead material id key v1";

/// Bytes around the material in a wrapped key.
const OVERHEAD: usize = 1 + size_of::<DomainKeyId>() + BOX_OVERHEAD;

/// Whether new material may be bound so: the usage goes with the spec, and the material comes
/// from where the binding says.
///
/// Refusals: `WrongUsage`, `InvalidArgument` (the origin is not among `origins`), `DomainMissing`.
pub(crate) fn check_new(
    domains: &Domains,
    binding: &KeyBinding,
    origins: &[Origin],
) -> Result<(), Refusal> {
    if !binding.spec.allows(binding.usage) {
        return Err(Refusal::WrongUsage);
    }
    if !origins.contains(&binding.origin) {
        return Err(Refusal::InvalidArgument);
    }
    domains.current(&binding.region).map(|_| ())
}

/// Wraps new material for a binding, whose `material_id` is ignored. Answer: [`Reply::NewKey`].
///
/// Refusals: those of [`check_new`] with both origins of material inside;
/// `MaterialInvalid` (not of a length that the spec has).
pub(crate) fn wrap_fresh(
    domains: &Domains,
    binding: &KeyBinding,
    fresh: &Fresh,
) -> Result<Reply, Refusal> {
    check_new(domains, binding, &[Origin::AwsKms, Origin::External])?;
    let bytes = fresh.bytes.expose();
    if !material::lengths(binding.spec).contains(&bytes.len()) {
        return Err(Refusal::MaterialInvalid);
    }
    let material_id = material_id(binding.spec, bytes, &binding.key_id);
    let binding = KeyBinding {
        material_id,
        ..binding.clone()
    };
    Ok(Reply::NewKey {
        material_id,
        wrapped: wrap(domains, &binding, bytes)?,
        public_key: fresh.public_key.clone(),
    })
}

/// The id of key material: the same bytes under the same key give the same id; nothing about the
/// bytes follows from it. The input is hashed under the material itself if it is for encryption,
/// whose other uses have other inputs, and under a key of its own derived from it (HKDF-Extract,
/// RFC 5869) otherwise: a MAC key answers the MAC of any message to its users.
pub(crate) fn material_id(spec: KeySpec, material: &[u8], key_id: &KeyId) -> MaterialId {
    let key = match spec {
        KeySpec::SymmetricDefault => hmac::Key::new(hmac::HMAC_SHA256, material),
        _ => {
            let extract = hmac::Key::new(hmac::HMAC_SHA256, MATERIAL_ID_SALT);
            let derived = hmac::sign(&extract, material);
            hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref())
        }
    };
    let mut mac = hmac::Context::with_key(&key);
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
    let mut out = Vec::with_capacity(OVERHEAD + material.len());
    out.push(VERSION);
    out.extend_from_slice(&domain.id);
    aead::seal_box(domain.expose(), &aad, material, &mut out).unwrap_or_else(|_| halt());
    Ok(WrappedKey(out))
}

/// A wrapped key taken apart, and the domain key that opens it.
struct Parts<'a> {
    domain: Arc<DomainKey>,
    sealed: &'a [u8],
    len: usize,
}

/// Refusals: `WrappedKeyDamaged`, `DomainMissing`.
fn parts<'a>(domains: &Domains, key: KeyHandle<'a>) -> Result<Parts<'a>, Refusal> {
    const DAMAGED: Refusal = Refusal::WrappedKeyDamaged;
    let (version, rest) = key.wrapped.0.split_first().ok_or(DAMAGED)?;
    let (id, sealed) = rest.split_first_chunk().ok_or(DAMAGED)?;
    let len = aead::box_len(sealed).ok_or(DAMAGED)?;
    if *version != VERSION || !material::lengths(key.binding.spec).contains(&len) {
        return Err(DAMAGED);
    }
    Ok(Parts {
        domain: domains.by_id(&key.binding.region, *id, DAMAGED)?,
        sealed,
        len,
    })
}

/// Unwraps the material of a key of any spec.
///
/// Refusals: `WrappedKeyDamaged`, `DomainMissing`.
pub(crate) fn unwrap_material(
    domains: &Domains,
    arena: &Arc<Arena>,
    key: KeyHandle<'_>,
) -> Result<KeyMaterial, Refusal> {
    let Parts {
        domain,
        sealed,
        len,
    } = parts(domains, key)?;
    let mut out = KeyMaterial::zeroed(arena, len).unwrap_or_else(|| halt());
    let mut aad = Vec::with_capacity(160);
    write_aad(&mut aad, domain.id, key.binding);
    aead::open_box(domain.expose(), &aad, sealed, out.expose_mut())
        .map_err(|_| Refusal::WrappedKeyDamaged)?;
    Ok(out)
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
    let Parts { domain, sealed, .. } = parts(domains, key)?;
    aad.clear();
    write_aad(aad, domain.id, key.binding);
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
