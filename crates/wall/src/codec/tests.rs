mod parts;

use keystead_types::{
    AccountId, EncryptionAlgorithm, Hex32, KeyId, KeySpec, KeyUsage, Origin, Plaintext, Region,
};
use proptest::prelude::*;

use super::frame::open;
use super::*;
use crate::limits::{CONTEXT_MAX_BYTES, FIELD_MAX_BYTES, FRAME_MAX_BYTES};
use crate::{Cipher, Command, KeyBinding, KeyHandle, Outcome, Receipt, Reply, WrappedKey};
use parts::{REFUSALS, binding, bytes, parts, shown, shown_outcome};

fn framed(out: &[u8]) -> &[u8] {
    let len = u32::from_be_bytes(out[..4].try_into().unwrap());
    assert_eq!(usize::try_from(len).unwrap(), out.len() - 4);
    &out[4..]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn every_command_round_trips_and_has_one_length(parts in parts(), id in any::<u64>()) {
        for command in parts.commands() {
            let mut out = Vec::new();
            encode_command(&command, FrameId(id), &mut out).unwrap();
            let frame = framed(&out);
            let (got, decoded) = decode_command(frame).unwrap();
            prop_assert_eq!(got, FrameId(id));
            prop_assert_eq!(shown(&decoded.lend()), shown(&command));
            for cut in 0..frame.len() {
                prop_assert!(decode_command(&frame[..cut]).is_err());
            }
            let mut longer = frame.to_vec();
            longer.push(0);
            prop_assert_eq!(decode_command(&longer).unwrap_err(), ProtocolError::TrailingBytes);
        }
    }

    #[test]
    fn every_outcome_round_trips_and_has_one_length(parts in parts(), id in any::<u64>()) {
        for outcome in parts.outcomes() {
            let mut out = Vec::new();
            encode_outcome(&outcome, FrameId(id), &mut out).unwrap();
            let frame = framed(&out);
            let (got, decoded) = decode_outcome(frame).unwrap();
            prop_assert_eq!(got, FrameId(id));
            prop_assert_eq!(shown_outcome(&decoded), shown_outcome(&outcome));
            for cut in 0..frame.len() {
                prop_assert!(decode_outcome(&frame[..cut]).is_err());
            }
            let mut longer = frame.to_vec();
            longer.push(0);
            prop_assert_eq!(decode_outcome(&longer).unwrap_err(), ProtocolError::TrailingBytes);
        }
    }

    /// A changed byte is refused, or is a command that encodes to exactly these bytes.
    #[test]
    fn the_encoding_is_canonical(parts in parts(), at in any::<proptest::sample::Index>(), flip in 1_u8..) {
        for command in parts.commands() {
            let mut out = Vec::new();
            encode_command(&command, FrameId(3), &mut out).unwrap();
            let mut frame = framed(&out).to_vec();
            let at = at.index(frame.len());
            frame[at] ^= flip;
            if let Ok((id, decoded)) = decode_command(&frame) {
                let mut again = Vec::new();
                encode_command(&decoded.lend(), id, &mut again).unwrap();
                prop_assert_eq!(framed(&again), &frame[..]);
            }
        }
    }

    #[test]
    fn the_encoding_of_answers_is_canonical(parts in parts(), at in any::<proptest::sample::Index>(), flip in 1_u8..) {
        for outcome in parts.outcomes() {
            let mut out = Vec::new();
            encode_outcome(&outcome, FrameId(3), &mut out).unwrap();
            let mut frame = framed(&out).to_vec();
            let at = at.index(frame.len());
            frame[at] ^= flip;
            if let Ok((id, decoded)) = decode_outcome(&frame) {
                let mut again = Vec::new();
                encode_outcome(&decoded, id, &mut again).unwrap();
                prop_assert_eq!(framed(&again), &frame[..]);
            }
        }
    }

    #[test]
    fn every_kind_of_frame_is_among_those_tested(parts in parts()) {
        let kinds = |encoded: Vec<Vec<u8>>| -> Vec<u8> {
            let mut kinds: Vec<u8> = encoded.iter().map(|out| framed(out)[8]).collect();
            kinds.sort_unstable();
            kinds.dedup();
            kinds
        };
        let commands = parts.commands().iter().map(|command| {
            let mut out = Vec::new();
            encode_command(command, FrameId(0), &mut out).unwrap();
            out
        }).collect();
        prop_assert_eq!(kinds(commands), (1..=22).collect::<Vec<u8>>());
        let outcomes = parts.outcomes().iter().map(|outcome| {
            let mut out = Vec::new();
            encode_outcome(outcome, FrameId(0), &mut out).unwrap();
            out
        }).collect();
        prop_assert_eq!(kinds(outcomes), (0x80..=0x8b).collect::<Vec<u8>>());
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(mut frame in bytes(400), kind in 0_u8..0x90) {
        let _ = decode_command(&frame);
        let _ = decode_outcome(&frame);
        let _ = check_hello(&frame);
        if let Some(byte) = frame.get_mut(8) {
            *byte = kind;
        }
        let _ = decode_command(&frame);
        let _ = decode_outcome(&frame);
    }

    #[test]
    fn a_stream_cut_anywhere_gives_the_same_frames(
        parts in parts(),
        sizes in proptest::collection::vec(1_usize..700, 1..50),
    ) {
        let mut stream = Vec::new();
        encode_hello(&mut stream).unwrap();
        for (id, command) in (0..).zip(parts.commands()) {
            encode_command(&command, FrameId(id), &mut stream).unwrap();
        }
        let mut buffer = FrameBuffer::new();
        let mut rest = &stream[..];
        let mut seen = Vec::new();
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let space = buffer.space();
            let count = (*size).min(rest.len()).min(space.len());
            space[..count].copy_from_slice(&rest[..count]);
            buffer.filled(count);
            rest = &rest[count..];
            while let Some(frame) = buffer.next_frame().unwrap() {
                seen.extend_from_slice(&u32::try_from(frame.len()).unwrap().to_be_bytes());
                seen.extend_from_slice(frame);
            }
        }
        prop_assert_eq!(seen, stream);
        prop_assert!(!buffer.has_partial_frame());
    }

    #[test]
    fn two_bindings_with_one_form_are_equal(one in binding(), two in binding()) {
        let (mut a, mut b) = (Vec::new(), Vec::new());
        one.canonical(&mut a);
        two.canonical(&mut b);
        prop_assert_eq!(one == two, a == b);
        let mut reader = wire::Reader::new(&a);
        prop_assert_eq!(KeyBinding::read(&mut reader), Ok(one));
        prop_assert!(reader.finish().is_ok());
    }
}

#[test]
fn a_binding_has_these_bytes_in_version_one() {
    let binding = KeyBinding {
        region: Region::parse("eu-west-1").unwrap(),
        account: AccountId::parse("111122223333").unwrap(),
        key_id: KeyId::parse("mrk-1234abcd12ab34cd56ef1234567890ab").unwrap(),
        spec: KeySpec::SymmetricDefault,
        usage: KeyUsage::EncryptDecrypt,
        origin: Origin::AwsKms,
        material_id: Hex32([0xa5; 32]),
    };
    let mut out = Vec::new();
    binding.canonical(&mut out);
    let hex: String = out.iter().map(|b| format!("{b:02x}")).collect();
    let golden = "010965752d776573742d3119df6690e5011234abcd12ab34cd56ef1234567890ab080201";
    assert_eq!(hex, format!("{golden}{}", "a5".repeat(32)));
}

#[test]
fn frames_have_these_bytes_in_version_three() {
    let mut out = Vec::new();
    encode_hello(&mut out).unwrap();
    let command = Command::GenerateRandom {
        length: 0x0102,
        recipient: Some(b"rec"),
    };
    encode_command(&command, FrameId(0x0a0b), &mut out).unwrap();
    let golden = b"\0\0\0\x0f\0\0\0\0\0\0\0\0\0KSWL\0\x03\
        \0\0\0\x13\0\0\0\0\0\0\x0a\x0b\x05\x01\x02\x01\0\0\0\x03rec";
    assert_eq!(out, golden);
}

#[test]
fn refusals_keep_their_numbers() {
    for (number, refusal) in (1..).zip(REFUSALS) {
        let outcome = Outcome {
            result: Err(refusal),
            receipt: Receipt {
                epoch: 1,
                lane: 0,
                counter: 1,
                digest: [0; 16],
            },
        };
        let mut out = Vec::new();
        encode_outcome(&outcome, FrameId(1), &mut out).unwrap();
        assert_eq!(out.last(), Some(&number), "{refusal}");
    }
}

#[test]
fn a_greeting_of_another_version_is_told_from_nonsense() {
    let mut out = Vec::new();
    encode_hello(&mut out).unwrap();
    let frame = framed(&out).to_vec();
    assert_eq!(check_hello(&frame), Ok(()));
    let mut other = frame.clone();
    *other.last_mut().unwrap() = 1;
    assert_eq!(check_hello(&other), Err(ProtocolError::WrongVersion));
    assert_eq!(open(&frame).unwrap().1, 0);
    assert_eq!(
        decode_command(&frame).unwrap_err(),
        ProtocolError::UnknownKind
    );
    let mut longer = frame;
    longer.push(0);
    assert_eq!(check_hello(&longer), Err(ProtocolError::TrailingBytes));
}

#[test]
fn lengths_beyond_their_limits_are_refused_before_anything_is_allocated() {
    // Encrypt with a context that claims to be 4 GiB long.
    let region = Region::parse("eu-west-1").unwrap();
    let mut out = Vec::new();
    let command = Command::OpenDomain {
        region: &region,
        sealed: &[1],
    };
    encode_command(&command, FrameId(0), &mut out).unwrap();
    let mut frame = framed(&out).to_vec();
    let at = frame.len() - 5;
    frame[at..at + 4].copy_from_slice(&u32::MAX.to_be_bytes());
    assert_eq!(decode_command(&frame).unwrap_err(), ProtocolError::TooLong);
    frame[at..at + 4].copy_from_slice(&2_u32.to_be_bytes());
    assert_eq!(
        decode_command(&frame).unwrap_err(),
        ProtocolError::Truncated
    );

    let mut buffer = FrameBuffer::new();
    let too_long = u32::try_from(FRAME_MAX_BYTES + 1).unwrap().to_be_bytes();
    buffer.space()[..4].copy_from_slice(&too_long);
    buffer.filled(4);
    assert_eq!(buffer.next_frame(), Err(ProtocolError::TooLong));
}

#[test]
fn the_largest_fields_fit_and_larger_ones_leave_the_buffer_alone() {
    let region = Region::parse("eu-west-1").unwrap();
    let binding = KeyBinding {
        region,
        account: AccountId::parse("111122223333").unwrap(),
        key_id: KeyId::from_random([1; 16]),
        spec: KeySpec::SymmetricDefault,
        usage: KeyUsage::EncryptDecrypt,
        origin: Origin::AwsKms,
        material_id: Hex32([0; 32]),
    };
    let wrapped = WrappedKey(vec![1; FIELD_MAX_BYTES]);
    let key = KeyHandle {
        binding: &binding,
        wrapped: &wrapped,
    };
    let (context, blob) = (vec![2; CONTEXT_MAX_BYTES], vec![3; FIELD_MAX_BYTES]);
    let largest = |context| {
        let cipher = Cipher {
            key,
            algorithm: EncryptionAlgorithm::SymmetricDefault,
            context,
        };
        Command::ReEncrypt {
            source: cipher,
            ciphertext: &blob,
            destination: cipher,
        }
    };
    let mut stream = Vec::new();
    encode_command(&largest(&context), FrameId(1), &mut stream).unwrap();

    let mut buffer = FrameBuffer::new();
    let mut rest = &stream[..];
    while !rest.is_empty() {
        assert_eq!(buffer.next_frame(), Ok(None));
        let space = buffer.space();
        let count = space.len().min(rest.len());
        space[..count].copy_from_slice(&rest[..count]);
        buffer.filled(count);
        rest = &rest[count..];
    }
    assert!(decode_command(buffer.next_frame().unwrap().unwrap()).is_ok());

    let before = stream.clone();
    let larger = vec![2; CONTEXT_MAX_BYTES + 1];
    let error = encode_command(&largest(&larger), FrameId(1), &mut stream);
    assert_eq!(error, Err(ProtocolError::TooLong));
    assert_eq!(stream, before);
}

#[test]
fn used_bytes_are_overwritten() {
    let plaintext = Plaintext::new(b"very secret bytes".to_vec());
    let outcome = Outcome {
        result: Ok(Reply::Plaintext(plaintext)),
        receipt: Receipt {
            epoch: 1,
            lane: 0,
            counter: 1,
            digest: [0; 16],
        },
    };
    let mut stream = Vec::new();
    encode_outcome(&outcome, FrameId(1), &mut stream).unwrap();
    let mut buffer = FrameBuffer::new();
    buffer.space()[..stream.len()].copy_from_slice(&stream);
    buffer.filled(stream.len());
    assert!(buffer.next_frame().unwrap().is_some());
    buffer.compact();
    assert!(buffer.space().iter().all(|byte| *byte == 0));
}
