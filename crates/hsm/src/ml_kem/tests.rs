use super::*;

/// Spec, bytes of the raw public key, bytes of a ciphertext. Source: FIPS 203, table 3.
const SETS: [(KeySpec, usize, usize); 3] = [
    (KeySpec::MlKem512, 800, 768),
    (KeySpec::MlKem768, 1184, 1088),
    (KeySpec::MlKem1024, 1568, 1568),
];

/// DER of id-alg-ml-kem-512, -768 and -1024: 2.16.840.1.101.3.4.4.1, .2, .3. Source: RFC 9935.
fn oid(spec: KeySpec) -> [u8; 11] {
    let last = match spec {
        KeySpec::MlKem512 => 1,
        KeySpec::MlKem768 => 2,
        _ => 3,
    };
    [6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 4, last]
}

#[test]
fn sizes_and_encodings_are_the_standards() {
    for (spec, public_bytes, ciphertext_bytes) in SETS {
        let public = public_key(spec, &[7; 64]).unwrap();
        assert_eq!(public.len(), public_bytes + 22);
        assert_eq!(public[6..17], oid(spec));
        assert_eq!(public[17..22], [3, 0x82, public[19], public[20], 0]);

        let private = pkcs8(spec, &[7; 64]).unwrap();
        let head = [0x30, 84, 2, 1, 0, 0x30, 11];
        let tail = [4, 66, 0x80, 64];
        let want = [&head[..], &oid(spec), &tail, &[7; 64]].concat();
        assert_eq!(private.to_vec(), want);
        assert_eq!(private.len(), 86);

        let (ciphertext, secret) = encapsulate(spec, &[7; 64]).unwrap();
        assert_eq!((ciphertext.len(), secret.len()), (ciphertext_bytes, 32));
    }
}

#[test]
fn what_is_encapsulated_is_decapsulated() {
    for (spec, ..) in SETS {
        let (one, secret) = encapsulate(spec, &[7; 64]).unwrap();
        let (two, other) = encapsulate(spec, &[7; 64]).unwrap();
        assert_ne!(one, two);
        assert_ne!(secret.expose(), other.expose());
        let opened = decapsulate(spec, &[7; 64], &one).unwrap();
        assert_eq!(opened.expose(), secret.expose());
    }
}

/// FIPS 203, algorithm 18: the secret of a bad ciphertext depends on `z`, the second half of the
/// seed, and on the ciphertext, and tells nothing else.
#[test]
fn a_ciphertext_of_another_key_gives_another_secret() {
    for (spec, _, ciphertext_bytes) in SETS {
        let (mut ciphertext, secret) = encapsulate(spec, &[7; 64]).unwrap();
        ciphertext[5] ^= 1;
        let rejected = decapsulate(spec, &[7; 64], &ciphertext).unwrap();
        assert_eq!(rejected.len(), 32);
        assert_ne!(rejected.expose(), secret.expose());
        let again = decapsulate(spec, &[7; 64], &ciphertext).unwrap();
        assert_eq!(again.expose(), rejected.expose());
        let other_z = [[7; 32], [8; 32]].concat();
        let other = decapsulate(spec, &other_z, &ciphertext).unwrap();
        assert_ne!(other.expose(), rejected.expose());
        for length in [0, 1, ciphertext_bytes - 1, ciphertext_bytes + 1] {
            let refused = decapsulate(spec, &[7; 64], &vec![0; length]);
            assert_eq!(refused.err(), Some(Refusal::InvalidCiphertext));
        }
    }
}

#[test]
fn keys_are_random_seeds_with_their_public_key() {
    let arena = Arena::new().unwrap();
    for (spec, ..) in SETS {
        let (one, two) = (
            generate(spec, &arena).unwrap(),
            generate(spec, &arena).unwrap(),
        );
        assert_eq!(one.bytes.expose().len(), 64);
        assert_ne!(one.bytes.expose(), two.bytes.expose());
        let public = public_key(spec, one.bytes.expose()).unwrap();
        assert_eq!(one.public_key, Some(public));
    }
}

#[test]
fn other_specs_and_lengths_are_refused() {
    let arena = Arena::new().unwrap();
    for spec in KeySpec::ALL.iter().copied() {
        if SETS.iter().any(|(known, ..)| *known == spec) {
            let invalid = Some(Refusal::WrappedKeyDamaged);
            for length in [0, 32, 63, 65] {
                let bytes = vec![7; length];
                assert_eq!(public_key(spec, &bytes).err(), invalid);
                assert_eq!(pkcs8(spec, &bytes).err(), invalid);
                assert_eq!(encapsulate(spec, &bytes).err(), invalid);
            }
        } else {
            let unsupported = Some(Refusal::UnsupportedSpec);
            assert_eq!(generate(spec, &arena).err(), unsupported);
            assert_eq!(public_key(spec, &[7; 64]).err(), unsupported);
            assert_eq!(pkcs8(spec, &[7; 64]).err(), unsupported);
            assert_eq!(encapsulate(spec, &[7; 64]).err(), unsupported);
            assert_eq!(decapsulate(spec, &[7; 64], &[0; 768]).err(), unsupported);
        }
    }
}
