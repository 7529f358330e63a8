//! Multi-Region keys on their way from one Region's HSM process to another's. Layout in
//! `docs/formats/transport.md`.

use std::sync::Arc;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::signature::{KeyPair, RsaKeyPair};
use keystead_types::{KeySpec, Region};
use keystead_wall::{KeyBinding, KeyHandle, Refusal, Reply};

use crate::aead;
use crate::arena::{Arena, KeyMaterial};
use crate::domains::Domains;
use crate::limits::{AES_256_KEY_BYTES, TRANSPORT_NONCE_BYTES};
use crate::material::{self, Fresh};
use crate::roots::RootOfTrust;
use crate::{ec, edwards, halt, ml_dsa, ml_kem, sm2, wrapping};

const VERSION: u8 = 1;
const LABEL: &[u8] = b"keystead transport v1";
/// How the id of every multi-Region key begins. Source: KMS Developer Guide, "Multi-Region keys".
const MULTI_REGION: &str = "mrk-";

/// Seals a multi-Region key for one other Region. Answer: [`Reply::Sealed`].
///
/// Refusals: `WrongUsage` (a single-Region key), `InvalidArgument` (it is there already),
/// `WrappedKeyDamaged`, `DomainMissing`.
pub(crate) fn export(
    domains: &Domains,
    root: &dyn RootOfTrust,
    arena: &Arc<Arena>,
    key: KeyHandle<'_>,
    to: &Region,
) -> Result<Reply, Refusal> {
    check(key.binding, &key.binding.region, to)?;
    let material = wrapping::unwrap_material(domains, arena, key)?;
    let mut nonce = [0; TRANSPORT_NONCE_BYTES];
    aead::random(&mut nonce).unwrap_or_else(|_| halt());
    let mut out = vec![VERSION];
    out.extend_from_slice(&nonce);
    let sealing = derive(root, arena, &key.binding.region, to, &nonce);
    let aad = associated(to, key.binding);
    aead::seal_box(sealing.expose(), &aad, material.expose(), &mut out).unwrap_or_else(|_| halt());
    Ok(Reply::Sealed(out))
}

/// Opens what [`export`] sealed in `from` and wraps it in the binding's Region. Answer:
/// [`Reply::NewKey`] with the material id of the binding.
///
/// Refusals: `TransportBroken` (damaged, or of or for another key or Region), `WrongUsage`,
/// `InvalidArgument`, `DomainMissing`.
pub(crate) fn adopt(
    domains: &Domains,
    root: &dyn RootOfTrust,
    arena: &Arc<Arena>,
    binding: &KeyBinding,
    from: &Region,
    transport: &[u8],
) -> Result<Reply, Refusal> {
    const BROKEN: Refusal = Refusal::TransportBroken;
    let to = &binding.region;
    check(binding, from, to)?;
    let (version, rest) = transport.split_first().ok_or(BROKEN)?;
    let (nonce, sealed) = rest.split_first_chunk().ok_or(BROKEN)?;
    let len = aead::box_len(sealed).ok_or(BROKEN)?;
    if *version != VERSION || !material::lengths(binding.spec).contains(&len) {
        return Err(BROKEN);
    }
    let exported = KeyBinding {
        region: from.clone(),
        ..binding.clone()
    };
    let opening = derive(root, arena, from, to, nonce);
    let mut bytes = KeyMaterial::zeroed(arena, len).unwrap_or_else(|| halt());
    let aad = associated(to, &exported);
    aead::open_box(opening.expose(), &aad, sealed, bytes.expose_mut()).map_err(|_| BROKEN)?;
    let id = wrapping::material_id(binding.spec, bytes.expose(), &binding.key_id);
    if id != binding.material_id {
        return Err(BROKEN);
    }
    let public_key = public_key(binding.spec, bytes.expose(), arena).map_err(|_| BROKEN)?;
    wrapping::wrap_fresh(domains, binding, &Fresh { bytes, public_key })
}

fn check(binding: &KeyBinding, from: &Region, to: &Region) -> Result<(), Refusal> {
    if !binding.key_id.as_str().starts_with(MULTI_REGION) {
        return Err(Refusal::WrongUsage);
    }
    if from == to {
        return Err(Refusal::InvalidArgument);
    }
    Ok(())
}

/// The key of one transport. The nonce makes it one of its own, so it never seals twice.
fn derive(
    root: &dyn RootOfTrust,
    arena: &Arc<Arena>,
    from: &Region,
    to: &Region,
    nonce: &[u8; TRANSPORT_NONCE_BYTES],
) -> KeyMaterial {
    let mut context = Vec::with_capacity(96);
    write_region(&mut context, from);
    write_region(&mut context, to);
    context.extend_from_slice(nonce);
    let mut key = KeyMaterial::zeroed(arena, AES_256_KEY_BYTES).unwrap_or_else(|| halt());
    root.derive(LABEL, &context, &mut key)
        .unwrap_or_else(|_| halt());
    key
}

/// Label, version, target Region, canonical binding of the exported key, its own Region included.
fn associated(to: &Region, exported: &KeyBinding) -> Vec<u8> {
    let mut out = [LABEL, &[0, VERSION]].concat();
    write_region(&mut out, to);
    exported.canonical(&mut out);
    out
}

/// A Region's name, framed by its length.
fn write_region(out: &mut Vec<u8>, region: &Region) {
    let name = region.as_str().as_bytes();
    out.push(u8::try_from(name.len()).unwrap_or_else(|_| halt()));
    out.extend_from_slice(name);
}

/// The public key of material in its wrapped form; `None` for symmetric and HMAC keys.
fn public_key(spec: KeySpec, bytes: &[u8], arena: &Arc<Arena>) -> Result<Option<Vec<u8>>, Refusal> {
    use KeySpec as S;
    match spec {
        S::SymmetricDefault | S::Hmac224 | S::Hmac256 | S::Hmac384 | S::Hmac512 => Ok(None),
        S::Rsa2048 | S::Rsa3072 | S::Rsa4096 => {
            let key = RsaKeyPair::from_pkcs8(bytes).map_err(|_| Refusal::WrappedKeyDamaged)?;
            let public = key.public_key().as_der().unwrap_or_else(|_| halt());
            Ok(Some(public.as_ref().to_vec()))
        }
        S::EccNistP256 | S::EccNistP384 | S::EccNistP521 | S::EccSecgP256k1 => {
            ec::from_scalar(spec, bytes, arena).map(|fresh| fresh.public_key)
        }
        S::EccNistEdwards25519 => edwards::public_key(spec, bytes).map(Some),
        S::MlDsa44 | S::MlDsa65 | S::MlDsa87 => ml_dsa::public_key(spec, bytes).map(Some),
        S::MlKem512 | S::MlKem768 | S::MlKem1024 => ml_kem::public_key(spec, bytes).map(Some),
        S::Sm2 => sm2::public_key(spec, bytes).map(Some),
    }
}

#[cfg(test)]
mod tests;
