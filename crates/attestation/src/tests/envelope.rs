//! The COSE_Sign1 message: header, signature, bytes around it.

use super::*;

const ES384: [u8; 4] = [0xa1, 0x01, 0x38, 0x22];

/// A message with these headers whose signature covers them.
fn message(protected: &[u8], unprotected: Vec<u8>) -> Vec<u8> {
    let payload = encode::map(&document().members(chain()));
    encode::array(&[
        encode::bytes(protected),
        unprotected,
        encode::bytes(&payload),
        encode::bytes(&chain().signature(protected, &payload)),
    ])
}

#[test]
fn the_algorithm_is_es384_and_protected() {
    let empty = || encode::map(&[]);
    assert!(check(&message(&ES384, empty())).is_ok());
    let others: [&[u8]; 8] = [
        &[0xa1, 0x01, 0x26],                               // ES256
        &[0xa1, 0x01, 0x38, 0x23],                         // ES512
        &[0xa1, 0x01, 0x27],                               // EdDSA
        &[],                                               // nothing
        &[0xa0],                                           // an empty map
        &[0xa1, 0x01, 0x39, 0x00, 0x22],                   // a longer encoding
        &[0xa2, 0x01, 0x38, 0x22, 0x02, 0x81, 0x18, 0x63], // and something critical
        &[0xa1, 0x01, 0x38, 0x22, 0x00],                   // bytes behind it
    ];
    for protected in others {
        let result = check(&message(protected, empty()));
        assert_eq!(result, Err(DocumentError::Algorithm), "{protected:02x?}");
    }
    // The algorithm in the unprotected header, alone and besides.
    let result = check(&message(&[], ES384.to_vec()));
    assert_eq!(result, Err(DocumentError::Algorithm));
    let result = check(&message(&ES384, ES384.to_vec()));
    assert_eq!(result, Err(DocumentError::Envelope));
}

#[test]
fn every_altered_byte_of_the_signature_is_refused() {
    let whole = document().sign(chain());
    for at in whole.len() - 96..whole.len() {
        let mut altered = whole.clone();
        altered[at] ^= 1;
        assert_eq!(check(&altered), Err(DocumentError::Signature), "{at}");
    }
}

#[test]
fn altered_bytes_elsewhere_are_refused() {
    let whole = document().sign(chain());
    for at in (0..whole.len() - 96).step_by(7) {
        for bit in [0x01, 0x80] {
            let mut altered = whole.clone();
            altered[at] ^= bit;
            assert!(check(&altered).is_err(), "byte {at} with {bit:#x}");
        }
    }
    for at in 0..12 {
        let mut altered = whole.clone();
        altered[at] ^= 1;
        assert!(check(&altered).is_err(), "byte {at}");
    }
}

#[test]
fn a_signature_covers_its_own_payload() {
    let mut other = document();
    other.pcrs.insert(0, vec![0x11; 48]);
    let (one, other) = (document().sign(chain()), other.sign(chain()));
    assert_eq!(one.len(), other.len());
    let at = one.len() - 96;
    let swapped = [&one[..at], &other[at..]].concat();
    assert_eq!(check(&swapped), Err(DocumentError::Signature));
}

#[test]
fn a_signature_of_zeros_or_of_another_length_is_refused() {
    let payload = encode::map(&document().members(chain()));
    let good = chain().signature(&ES384, &payload);
    let long = [good.as_slice(), &[0]].concat();
    for signature in [&[0; 96][..], &[0xff; 96], &good[..95], &long, &[]] {
        let message = encode::array(&[
            encode::bytes(&ES384),
            encode::map(&[]),
            encode::bytes(&payload),
            encode::bytes(signature),
        ]);
        assert_eq!(check(&message), Err(DocumentError::Signature));
    }
}

#[test]
fn another_shape_is_refused() {
    let parts = [
        encode::bytes(&ES384),
        encode::map(&[]),
        encode::bytes(&[1]),
        encode::bytes(&[0; 96]),
    ];
    let [protected, unprotected, payload, signature] = parts;
    let three = [protected.clone(), unprotected.clone(), payload.clone()];
    let mut five = three.to_vec();
    five.extend([signature.clone(), encode::null()]);
    let detached = [
        protected.clone(),
        unprotected.clone(),
        encode::null(),
        signature.clone(),
    ];
    for items in [&three[..], &five, &detached, &[]] {
        let result = check(&encode::array(items));
        assert_eq!(result, Err(DocumentError::Envelope));
    }
    // An array, a header and a payload of indefinite length.
    let whole = [&protected[..], &unprotected, &payload, &signature].concat();
    let open_array = [&[0x9f], &whole[..], &[0xff]].concat();
    let open_header = [&[0x84], &protected[..], &[0xbf, 0xff], &payload, &signature].concat();
    let open_bytes = [
        &[0x84],
        &protected[..],
        &unprotected,
        &[0x5f, 0x41, 0x01, 0xff],
        &signature,
    ]
    .concat();
    for open in [open_array, open_header, open_bytes] {
        assert_eq!(check(&open), Err(DocumentError::Envelope));
    }
}

#[test]
fn bytes_behind_the_message_are_refused() {
    for tail in [&[0x00][..], &[0xf6], &[0xff], &document().sign(chain())] {
        let long = [&document().sign(chain()), tail].concat();
        assert_eq!(check(&long), Err(DocumentError::Encoding));
    }
}
