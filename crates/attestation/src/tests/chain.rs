//! The certificate path.

use super::*;
use crate::fixture::{LEAF, ROOT};
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384,
};
use time::Duration;

/// The result for a chain in which one certificate was altered.
fn altered(
    which: usize,
    mut alter: impl FnMut(&mut CertificateParams),
) -> Result<Attested, DocumentError> {
    let chain = Chain::altered(NOW, |number, params| {
        if number == which {
            alter(params);
        }
    });
    check_chain(&chain)
}

/// The result for a bundle of these certificates under our root.
fn bundled(certificates: &[&[u8]]) -> Result<Attested, DocumentError> {
    let items: Vec<_> = certificates.iter().map(|der| encode::bytes(der)).collect();
    check_member("cabundle", encode::array(&items))
}

fn parts() -> [&'static [u8]; 4] {
    let all = &chain().certificates;
    [&all[0], &all[1], &all[2], &all[3]]
}

#[test]
fn a_root_that_is_not_trusted() {
    let own = Chain::new(NOW);
    let document = document().sign(&own);
    assert_eq!(check(&document), Err(DocumentError::Untrusted));
    let result = verify(&document, &TrustedRoots::aws(), NOW, MAX_AGE);
    assert_eq!(result, Err(DocumentError::Untrusted));
    let result = verify(&document, &TrustedRoots::none(), NOW, MAX_AGE);
    assert_eq!(result, Err(DocumentError::Untrusted));
}

#[test]
fn a_trusted_root_at_the_head_of_a_foreign_path() {
    // The attacker puts our root before a chain of theirs, whose names are the same.
    let mut own = Chain::new(NOW);
    own.certificates[ROOT] = parts()[0].to_vec();
    assert_eq!(check(&document().sign(&own)), Err(DocumentError::Path));
    // And with their own root between.
    let own = Chain::new(NOW);
    let [_, one, two, leaf] = [0, 1, 2, 3].map(|n| own.certificates[n].as_slice());
    let mut members = document().members(&own);
    for (key, value) in &mut members {
        if *key == encode::text("cabundle") {
            let bundle = [parts()[0], &own.certificates[0], one, two];
            *value = encode::array(&bundle.map(encode::bytes));
        }
    }
    assert!(!leaf.is_empty());
    let result = check(&own.sign(&encode::map(&members)));
    assert_eq!(result, Err(DocumentError::Path));
}

#[test]
fn the_bundle_is_the_path_in_order() {
    let [root, one, two, leaf] = parts();
    assert!(bundled(&[root, one, two]).is_ok());
    let path = Err(DocumentError::Path);
    assert_eq!(bundled(&[root, one]), path);
    assert_eq!(bundled(&[root, two]), path);
    assert_eq!(bundled(&[root]), path);
    assert_eq!(bundled(&[root, two, one]), path);
    assert_eq!(bundled(&[root, one, one, two]), path);
    assert_eq!(bundled(&[root, root, one, two]), path);
    assert_eq!(bundled(&[one, two]), Err(DocumentError::Untrusted));
    assert_eq!(bundled(&[one, two, root]), Err(DocumentError::Untrusted));
    let signer_above = bundled(&[root, one, two, leaf]);
    assert_eq!(signer_above, Err(DocumentError::Certificate));
    assert_eq!(
        bundled(&[root, one, &[0x30, 0]]),
        Err(DocumentError::Certificate)
    );
}

#[test]
fn every_certificate_is_valid_now() {
    for number in ROOT..=LEAF {
        let expired = altered(number, |p| p.not_after = p.not_before + Duration::MINUTE);
        assert_eq!(expired, Err(DocumentError::Validity), "{number}");
        let early = altered(number, |p| p.not_before += Duration::HOUR * 2);
        assert_eq!(early, Err(DocumentError::Validity), "{number}");
    }
    // The bounds themselves belong to the validity.
    for number in ROOT..=LEAF {
        let first = altered(number, |p| p.not_before += Duration::HOUR);
        assert!(first.is_ok(), "{number}: {first:?}");
        let last = altered(number, |p| p.not_after = p.not_before + Duration::HOUR);
        assert!(last.is_ok(), "{number}: {last:?}");
    }
}

#[test]
fn the_signer_is_no_authority() {
    let unfit = Err(DocumentError::Certificate);
    let ca = altered(LEAF, |p| {
        p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)
    });
    assert_eq!(ca, unfit);
    let ca = altered(LEAF, |p| {
        p.is_ca = IsCa::Ca(BasicConstraints::Constrained(0))
    });
    assert_eq!(ca, unfit);
    let both = altered(LEAF, |p| p.key_usages.push(KeyUsagePurpose::KeyCertSign));
    assert_eq!(both, unfit);
    let other = altered(LEAF, |p| p.key_usages = vec![KeyUsagePurpose::KeyAgreement]);
    assert_eq!(other, unfit);
    assert_eq!(altered(LEAF, |p| p.key_usages.clear()), unfit);
    assert!(altered(LEAF, |p| p.is_ca = IsCa::NoCa).is_ok());
}

#[test]
fn the_others_are_authorities() {
    for number in ROOT + 1..LEAF {
        let unfit = Err(DocumentError::Certificate);
        assert_eq!(altered(number, |p| p.is_ca = IsCa::NoCa), unfit);
        assert_eq!(altered(number, |p| p.is_ca = IsCa::ExplicitNoCa), unfit);
        assert_eq!(altered(number, |p| p.key_usages.clear()), unfit);
        let signer = altered(number, |p| {
            p.key_usages = vec![KeyUsagePurpose::DigitalSignature]
        });
        assert_eq!(signer, unfit);
    }
}

#[test]
fn path_lengths() {
    let limited = |number: usize, len: u8| {
        altered(number, |p| {
            p.is_ca = IsCa::Ca(BasicConstraints::Constrained(len))
        })
    };
    for (number, below) in [(ROOT, 2), (1, 1), (2, 0)] {
        assert!(limited(number, below).is_ok(), "{number}");
        if below > 0 {
            let exceeded = limited(number, below - 1);
            assert_eq!(exceeded, Err(DocumentError::Path), "{number}");
        }
    }
}

#[test]
fn purposes_that_do_not_fit() {
    for number in ROOT + 1..=LEAF {
        let tls = altered(number, |p| {
            p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        });
        assert_eq!(tls, Err(DocumentError::Path), "{number}");
        let any = altered(number, |p| {
            p.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any];
        });
        assert!(any.is_ok(), "{number}");
    }
}

#[test]
fn a_critical_extension_that_nobody_knows() {
    for number in ROOT + 1..=LEAF {
        let critical = altered(number, |p| {
            let mut extension =
                rcgen::CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99999], vec![5, 0]);
            extension.set_criticality(true);
            p.custom_extensions.push(extension);
        });
        assert!(
            matches!(
                critical,
                Err(DocumentError::Path | DocumentError::Certificate)
            ),
            "{number}: {critical:?}"
        );
    }
}

#[test]
fn a_signer_of_another_key_or_another_issuer() {
    let root_key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let root = params.self_signed(&root_key).unwrap();
    let issuer = Issuer::new(params, root_key);
    let roots = TrustedRoots::none()
        .with_pem(root.pem().as_bytes())
        .unwrap();
    let check_key = |key: &KeyPair| {
        let mut params = CertificateParams::default();
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let leaf = params.signed_by(key, &issuer).unwrap();
        let mut members = document().members(chain());
        for (name, value) in &mut members {
            if *name == encode::text("certificate") {
                *value = encode::bytes(leaf.der());
            } else if *name == encode::text("cabundle") {
                *value = encode::array(&[encode::bytes(root.der())]);
            }
        }
        verify(&chain().sign(&encode::map(&members)), &roots, NOW, MAX_AGE)
    };
    let p256 = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    assert_eq!(check_key(&p256), Err(DocumentError::Certificate));
    // A good path, but the document is signed by another key.
    let p384 = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    assert_eq!(check_key(&p384), Err(DocumentError::Signature));
}
