//! Documents made by the fixture, whole and damaged, and two that AWS signed.

mod accepted;
mod chain;
mod envelope;
mod hostile;
mod payload;
mod roots;

use crate::fixture::{Chain, Document, encode};
use crate::{Attested, DocumentError, TrustedRoots, verify};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeySize, PrivateDecryptingKey};
use keystead_types::Timestamp;
use std::sync::OnceLock;

/// 2026-03-01T12:00:00Z.
const NOW: Timestamp = Timestamp::from_millis(1_772_366_400_000);
const MAX_AGE: i64 = 300_000;

/// A chain that all tests share which do not alter it; keys take a while to make.
fn chain() -> &'static Chain {
    static CHAIN: OnceLock<Chain> = OnceLock::new();
    CHAIN.get_or_init(|| Chain::new(NOW))
}

fn roots_of(chain: &Chain) -> TrustedRoots {
    TrustedRoots::none()
        .with_pem(chain.root_pem().as_bytes())
        .unwrap()
}

/// The DER SubjectPublicKeyInfo of an RSA-2048 key.
fn rsa_2048() -> Vec<u8> {
    static KEY: OnceLock<Vec<u8>> = OnceLock::new();
    KEY.get_or_init(|| {
        let key = PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap();
        key.public_key().as_der().unwrap().as_ref().to_vec()
    })
    .clone()
}

/// An enclave's document with a public key, made now.
fn document() -> Document {
    Document {
        public_key: Some(rsa_2048()),
        ..Document::new(NOW)
    }
}

fn check(bytes: &[u8]) -> Result<Attested, DocumentError> {
    verify(bytes, &roots_of(chain()), NOW, MAX_AGE)
}

/// A document of a chain of its own.
fn check_chain(chain: &Chain) -> Result<Attested, DocumentError> {
    verify(&document().sign(chain), &roots_of(chain), NOW, MAX_AGE)
}

/// A member's name and its value, both encoded.
type Pair = (Vec<u8>, Vec<u8>);

/// A well-signed document whose members were altered.
fn check_members(alter: impl FnOnce(&mut Vec<Pair>)) -> Result<Attested, DocumentError> {
    let mut members = document().members(chain());
    alter(&mut members);
    check(&chain().sign(&encode::map(&members)))
}

/// A well-signed document in which one member has this value.
fn check_member(name: &str, value: Vec<u8>) -> Result<Attested, DocumentError> {
    check_members(|members| {
        let key = encode::text(name);
        let member = members.iter_mut().find(|(k, _)| *k == key);
        member.unwrap().1 = value;
    })
}
