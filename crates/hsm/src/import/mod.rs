//! Import of key material: wrapping keys and tokens, unwrapping, and the parsing of what came
//! out. Source: KMS Developer Guide, "Importing key material for AWS KMS keys".

pub(crate) mod material;
mod pkcs8;
mod rsa_check;
mod token;
mod unwrap;

use std::sync::Arc;

use keystead_types::{KeySpec, Origin, Timestamp, WrappingAlgorithm, WrappingKeySpec};
use keystead_wall::{KeyBinding, Refusal, Reply};

use crate::arena::Arena;
use crate::domains::Domains;
use crate::material::Fresh;
use crate::wrapping;
use token::Terms;

/// Gives a client what it needs to wrap material for a KMS key. Answer:
/// [`Reply::ImportParameters`].
///
/// `wrapping_key`: a new key of `wrapping_spec`; nothing but the token keeps it.
///
/// Refusals: `WrongUsage`, `InvalidArgument` (the key's material does not come from outside, or
/// material of its spec is not wrapped so), `DomainMissing`.
pub(crate) fn prepare(
    domains: &Domains,
    target: &KeyBinding,
    algorithm: WrappingAlgorithm,
    wrapping_spec: WrappingKeySpec,
    valid_to: Timestamp,
    wrapping_key: Fresh,
) -> Result<Reply, Refusal> {
    check(domains, target, algorithm, wrapping_spec)?;
    let public_key = wrapping_key.public_key.ok_or(Refusal::InvalidArgument)?;
    let terms = Terms {
        algorithm,
        wrapping_spec,
        valid_to,
    };
    let token = token::seal(domains, target, terms, &wrapping_key.bytes)?;
    Ok(Reply::ImportParameters { public_key, token })
}

/// Takes material in. A token may serve more than once while it lasts. Answer:
/// [`Reply::NewKey`]; the same key, however it was encoded, has the same material id.
///
/// Refusals: `ImportTokenInvalid`, `ImportTokenExpired`, `InvalidCiphertext` (does not unwrap),
/// `MaterialInvalid` (not material of the spec), `WrongUsage`, `InvalidArgument`, `DomainMissing`.
pub(crate) fn import(
    domains: &Domains,
    arena: &Arc<Arena>,
    target: &KeyBinding,
    token: &[u8],
    now: Timestamp,
    encrypted: &[u8],
) -> Result<Reply, Refusal> {
    let (terms, key) = token::open(domains, arena, target, token, now)?;
    check(domains, target, terms.algorithm, terms.wrapping_spec)?;
    let unwrapped = unwrap::unwrap(arena, terms.algorithm, &key, encrypted)?;
    // The tests of an RSA key take long: no more memory for keys is held meanwhile than is needed.
    drop(key);
    let fresh = material::parse(target.spec, unwrapped.expose(), arena)?;
    wrapping::wrap_fresh(domains, target, &fresh)
}

/// The spec of the key pair that is a wrapping key.
pub(crate) fn key_spec(wrapping_spec: WrappingKeySpec) -> KeySpec {
    match wrapping_spec {
        WrappingKeySpec::Rsa2048 => KeySpec::Rsa2048,
        WrappingKeySpec::Rsa3072 => KeySpec::Rsa3072,
        WrappingKeySpec::Rsa4096 => KeySpec::Rsa4096,
        WrappingKeySpec::Sm2 => KeySpec::Sm2,
    }
}

/// Whether the key takes material that is wrapped so. The core asks before it takes a wrapping
/// key from those made ahead.
pub(crate) fn check(
    domains: &Domains,
    target: &KeyBinding,
    algorithm: WrappingAlgorithm,
    wrapping_spec: WrappingKeySpec,
) -> Result<(), Refusal> {
    wrapping::check_new(domains, target, &[Origin::External])?;
    match target.spec.imports_with(algorithm, wrapping_spec) {
        true => Ok(()),
        false => Err(Refusal::InvalidArgument),
    }
}

#[cfg(test)]
mod tests;
