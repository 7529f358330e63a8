//! Which roots are taken.

use super::*;
use crate::{RootsError, limits};
use aws_lc_rs::digest::{SHA256, digest};
use rcgen::{
    BasicConstraints, CertificateParams, IsCa, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    PKCS_ECDSA_P384_SHA384,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

const AWS_PEM: &str = include_str!("../../roots/aws-nitro-root-g1.pem");

/// Source: AWS Nitro Enclaves user guide, "Verifying the root of trust".
const AWS_SHA256: &str = "641A0321A3E244EFE456463195D606317ED7CDCC3C1756E09893F3C68F79BB5B";

fn refusal(pem: &[u8]) -> RootsError {
    TrustedRoots::none().with_pem(pem).unwrap_err()
}

#[test]
fn the_root_of_aws_has_the_fingerprint_that_aws_states() {
    let der = CertificateDer::from_pem_slice(AWS_PEM.as_bytes()).unwrap();
    let fingerprint = digest(&SHA256, &der);
    let hex: String = fingerprint
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect();
    assert_eq!(hex, AWS_SHA256);
    let roots = TrustedRoots::aws();
    assert!(!roots.is_empty());
    assert!(roots.find(&der).is_some());
    assert!(TrustedRoots::none().is_empty());
}

#[test]
fn several_roots_and_one_twice() {
    let other = Chain::new(NOW);
    let both = format!("{AWS_PEM}\n{}", chain().root_pem());
    let roots = TrustedRoots::none().with_pem(both.as_bytes()).unwrap();
    let roots = roots.with_pem(AWS_PEM.as_bytes()).unwrap();
    assert!(verify(&document().sign(chain()), &roots, NOW, MAX_AGE).is_ok());
    let result = verify(&document().sign(&other), &roots, NOW, MAX_AGE);
    assert_eq!(result, Err(DocumentError::Untrusted));
    let many = AWS_PEM.repeat(40);
    assert!(roots.with_pem(many.as_bytes()).is_ok());
}

#[test]
fn too_many_roots() {
    let pem: String = (0..=limits::ROOTS_MAX)
        .map(|_| root(&PKCS_ECDSA_P384_SHA384, |_| {}).0)
        .collect();
    assert_eq!(refusal(pem.as_bytes()), RootsError::TooMany);
    assert_eq!(refusal(&[b'\n'; 65_537]), RootsError::TooLong);
}

#[test]
fn a_damaged_copy_of_a_root() {
    // Some published copies of AWS's root differ in bytes of the key.
    let der = CertificateDer::from_pem_slice(AWS_PEM.as_bytes()).unwrap();
    let key = der.windows(2).position(|two| two == [0x00, 0x04]).unwrap();
    for at in [key + 2, key + 50, key + 97, der.len() - 1] {
        let mut copy = der.to_vec();
        copy[at] ^= 1;
        let refused = refusal(pem("CERTIFICATE", &copy).as_bytes());
        assert_eq!(refused, RootsError::NotSelfSigned(1), "{at}");
    }
}

#[test]
fn texts_without_a_root() {
    assert_eq!(refusal(b""), RootsError::Empty);
    assert_eq!(refusal(b"no certificate"), RootsError::Empty);
    let cut = &AWS_PEM.as_bytes()[..200];
    assert_eq!(refusal(cut), RootsError::Pem);
    let garbage = pem("CERTIFICATE", &[0x30, 0x03, 1, 2, 3]);
    assert_eq!(refusal(garbage.as_bytes()), RootsError::Unreadable(1));
    let long = pem("CERTIFICATE", &[0x30; 1025]);
    assert_eq!(refusal(long.as_bytes()), RootsError::TooLarge(1));
    let key = pem("PRIVATE KEY", &[0x30, 0]);
    let both = format!("{AWS_PEM}{key}");
    assert_eq!(refusal(both.as_bytes()), RootsError::NotCertificates);
}

#[test]
fn certificates_that_are_no_roots() {
    let leaf = pem("CERTIFICATE", &chain().certificates[3]);
    let second = format!("{AWS_PEM}{leaf}");
    assert_eq!(refusal(second.as_bytes()), RootsError::NotAuthority(2));
    let between = pem("CERTIFICATE", &chain().certificates[1]);
    assert_eq!(refusal(between.as_bytes()), RootsError::NotSelfSigned(1));
    let (p256, _) = root(&PKCS_ECDSA_P256_SHA256, |_| {});
    assert_eq!(refusal(p256.as_bytes()), RootsError::NotSelfSigned(1));
    let (no_ca, _) = root(&PKCS_ECDSA_P384_SHA384, |p| p.is_ca = IsCa::NoCa);
    assert_eq!(refusal(no_ca.as_bytes()), RootsError::NotAuthority(1));
    let (no_usage, _) = root(&PKCS_ECDSA_P384_SHA384, |p| {
        p.key_usages = vec![KeyUsagePurpose::CrlSign];
    });
    assert_eq!(refusal(no_usage.as_bytes()), RootsError::NotAuthority(1));
}

fn root(
    algorithm: &'static rcgen::SignatureAlgorithm,
    alter: impl FnOnce(&mut CertificateParams),
) -> (String, KeyPair) {
    let key = KeyPair::generate_for(algorithm).unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    alter(&mut params);
    (params.self_signed(&key).unwrap().pem(), key)
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = base64(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).collect();
    let lines: Vec<_> = lines
        .iter()
        .map(|l| std::str::from_utf8(l).unwrap())
        .collect();
    let body = lines.join("\n");
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let mut group = [0; 3];
        group[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
        for n in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * n)) as usize & 63];
            out.push(if n <= chunk.len() {
                char::from(digit)
            } else {
                '='
            });
        }
    }
    out
}
