//! B5: every single bit of a signed request counts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests say what is wrong by panicking"
)]

mod signing;

use signing::{Draft, Keys, NOW, answer, verifier};

/// Refused, and with the code that a reader of AWS's errors expects.
fn refused(draft: &Draft, what: &str) -> (&'static str, String) {
    match draft.verify_with(&verifier(), NOW, &Keys::example()) {
        Err(why) => answer(&why),
        Ok(_) => panic!("verified although {what}"),
    }
}

#[test]
fn every_bit_of_the_body() {
    let good = Draft::kms().sign();
    for at in 0..good.body.len() * 8 {
        let mut bad = good.clone();
        bad.body[at / 8] ^= 1 << (at % 8);
        assert_eq!(
            refused(&bad, "a body bit is flipped").0,
            "InvalidSignatureException"
        );
    }
    let mut longer = good.clone();
    longer.body.push(0);
    refused(&longer, "the body is longer");
    let mut shorter = good;
    shorter.body.pop();
    refused(&shorter, "the body is shorter");
}

/// Date, scope, signed names and signature stand in `Authorization`.
#[test]
fn every_bit_of_the_authorization() {
    let good = Draft::kms().sign();
    let line = good
        .headers
        .iter()
        .position(|(n, _)| n == "authorization")
        .unwrap();
    let len = good.headers[line].1.len();
    let signature_from = len - 64;
    for at in 0..len * 8 {
        let mut bad = good.clone();
        let byte = &mut bad.headers[line].1[at / 8];
        *byte ^= 1 << (at % 8);
        let visible = (b' '..=b'~').contains(byte);
        let (code, _) = refused(&bad, &format!("bit {at} of the authorization is flipped"));
        if at / 8 >= signature_from && visible {
            assert_eq!(code, "InvalidSignatureException", "bit {at}");
        }
    }
}

#[test]
fn every_bit_of_every_signed_header() {
    let good = Draft::kms()
        .with("x-amz-meta", "a b")
        .with("accept", "c")
        .sign();
    for line in 0..good.headers.len() - 1 {
        let (name, value) = good.headers[line].clone();
        for at in 0..value.len() * 8 {
            let mut bad = good.clone();
            bad.headers[line].1[at / 8] ^= 1 << (at % 8);
            let (code, _) = refused(&bad, &format!("bit {at} of {name} is flipped"));
            let expected = match name.as_str() {
                "x-amz-date" => code,
                _ => "InvalidSignatureException",
            };
            assert_eq!(code, expected, "bit {at} of {name}");
        }
        for at in 0..name.len() * 8 {
            let mut bytes = name.clone().into_bytes();
            bytes[at / 8] ^= 1 << (at % 8);
            let Ok(other) = String::from_utf8(bytes) else {
                continue;
            };
            let mut bad = good.clone();
            bad.headers[line].0 = other;
            refused(&bad, &format!("bit {at} of the name {name} is flipped"));
        }
        let mut bad = good.clone();
        bad.headers.remove(line);
        refused(&bad, &format!("{name} is gone"));
    }
}

#[test]
fn method_path_and_query() {
    let mut good = Draft::kms();
    good.query = Some("a=1&b=2".into());
    let good = good.sign();
    assert!(good.verify().is_ok());
    for bad in [
        Draft {
            method: "GET".into(),
            ..good.clone()
        },
        Draft {
            path: "/x".into(),
            ..good.clone()
        },
        Draft {
            path: "//".into(),
            ..good.clone()
        },
        Draft {
            path: "/./".into(),
            ..good.clone()
        },
        Draft {
            path: "".into(),
            ..good.clone()
        },
        Draft {
            query: None,
            ..good.clone()
        },
        Draft {
            query: Some("a=1".into()),
            ..good.clone()
        },
        Draft {
            query: Some("a=1&b=3".into()),
            ..good.clone()
        },
        Draft {
            query: Some("a=1&b=2&c=3".into()),
            ..good.clone()
        },
        Draft {
            query: Some("a=1&b=2&b=3".into()),
            ..good.clone()
        },
        Draft {
            query: Some("a=1&B=2".into()),
            ..good.clone()
        },
    ] {
        assert_eq!(
            refused(&bad, "its target changed").0,
            "InvalidSignatureException"
        );
    }
}

/// The order of lines does not matter, the order of equal names does.
#[test]
fn the_order_of_header_lines() {
    let good = Draft::kms().with("a", "1").with("a", "2").sign();
    let mut turned = good.clone();
    turned.headers.rotate_left(2);
    assert!(turned.verify().is_ok());
    let mut swapped = good.clone();
    let last = swapped.headers.len() - 2;
    swapped.headers.swap(last - 1, last);
    refused(&swapped, "two equal names changed places");
    let joined = good.without("a").with("a", "1,2");
    assert!(joined.verify().is_ok());
}

#[test]
fn spaces_are_collapsed_and_nothing_else() {
    let good = Draft::kms().with("a", "  x   y \"p  q\" ").sign();
    assert!(good.verify().is_ok());
    for same in ["x y \"p q\"", " x  y  \"p    q\"", "\tx y \"p q\"\t"] {
        assert!(
            good.clone().without("a").with("a", same).verify().is_ok(),
            "{same}"
        );
    }
    for other in [
        "xy \"p q\"",
        "x y \"pq\"",
        "x\ty \"p q\"",
        "x y 'p q'",
        "X y \"p q\"",
        "x\u{a0}y \"p q\"",
    ] {
        refused(&good.clone().without("a").with("a", other), other);
    }
}
