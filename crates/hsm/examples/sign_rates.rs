//! Signatures a second of processor time: the library alone, and through [`LaneCore::execute`] with
//! everything that the HSM process adds but the socket.
//!
//! `cargo run --release -p keystead-hsm --example sign_rates`
//!
//! [`LaneCore::execute`]: keystead_hsm::LaneCore::execute
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a measurement by hand"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, ML_DSA_65_SIGNING,
    PqdsaKeyPair, RSA_PSS_SHA256, RsaKeyPair,
};
use keystead_hsm::{Core, LaneCore, Root};
use keystead_types::{
    AccountId, Hex32, KeyId, KeySpec, KeyUsage, MessageType, Origin, Region, SigningAlgorithm,
};
use keystead_wall::{Command, KeyBinding, KeyHandle, Reply, Supply};

const MESSAGE: [u8; 64] = [0x5a; 64];
/// Rounds of one side after the other; the middle one counts.
const ROUNDS: usize = 9;
const ROUND: Duration = Duration::from_millis(300);

/// Time that this thread has been on a processor: the machine has other work.
fn on_processor() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split_whitespace().next().unwrap().parse().unwrap())
}

/// Runs one side for a round and gives the rate.
fn rate(work: &mut dyn FnMut()) -> f64 {
    let (began, before) = (Instant::now(), on_processor());
    let mut done = 0_u32;
    while began.elapsed() < ROUND {
        for _ in 0..8 {
            work();
        }
        done += 8;
    }
    f64::from(done) / (on_processor() - before).as_secs_f64()
}

fn middle(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[ROUNDS / 2]
}

fn bare(spec: KeySpec) -> Box<dyn FnMut()> {
    let random = SystemRandom::new();
    let rsa = |size| {
        let key = RsaKeyPair::generate(size).unwrap();
        let mut out = vec![0; key.public_modulus_len()];
        Box::new(move || {
            key.sign(&RSA_PSS_SHA256, &random, &MESSAGE, &mut out)
                .unwrap()
        })
    };
    match spec {
        KeySpec::Rsa2048 => rsa(KeySize::Rsa2048),
        KeySpec::Rsa4096 => rsa(KeySize::Rsa4096),
        KeySpec::EccNistP256 => {
            let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
            let random = SystemRandom::new();
            Box::new(move || drop(key.sign(&random, &MESSAGE).unwrap().as_ref().to_vec()))
        }
        KeySpec::EccNistEdwards25519 => {
            let key = Ed25519KeyPair::generate().unwrap();
            assert_eq!(key.public_key().as_ref().len(), 32);
            Box::new(move || drop(key.sign(&MESSAGE).as_ref().to_vec()))
        }
        KeySpec::MlDsa65 => {
            let key = PqdsaKeyPair::generate(&ML_DSA_65_SIGNING).unwrap();
            let mut out = vec![0; 3309];
            Box::new(move || assert_eq!(key.sign(&MESSAGE, &mut out).unwrap(), 3309))
        }
        other => panic!("{other}"),
    }
}

fn through_the_core(
    lane: &mut LaneCore,
    spec: KeySpec,
    algorithm: SigningAlgorithm,
) -> Box<dyn FnMut() + '_> {
    let mut binding = KeyBinding {
        region: Region::parse("eu-central-1").unwrap(),
        account: AccountId::parse("111122223333").unwrap(),
        key_id: KeyId::from_random([1; 16]),
        spec,
        usage: KeyUsage::SignVerify,
        origin: Origin::AwsKms,
        material_id: Hex32([0; 32]),
    };
    let made = lane.execute(&Command::GenerateKey {
        binding: &binding,
        supply: Supply::Made,
    });
    let Ok(Reply::NewKey {
        material_id,
        wrapped,
        ..
    }) = made.result
    else {
        panic!("no key");
    };
    binding.material_id = material_id;
    Box::new(move || {
        let outcome = lane.execute(&Command::Sign {
            key: KeyHandle {
                binding: &binding,
                wrapped: &wrapped,
            },
            algorithm,
            message_type: MessageType::Raw,
            message: &MESSAGE,
        });
        assert!(outcome.result.is_ok());
    })
}

fn main() {
    let before = on_processor();
    let core = Arc::new(Core::new(&Root::Ephemeral).unwrap());
    let took = on_processor() - before;
    println!("start, with all self-tests: {took:?}");
    let mut lane = core.lane(0).unwrap();
    let region = Region::parse("eu-central-1").unwrap();
    let made = lane.execute(&Command::CreateDomain { region: &region });
    assert!(made.result.is_ok());
    println!("signatures/s          alone   in the HSM   ratio");
    for (spec, algorithm) in [
        (KeySpec::Rsa2048, SigningAlgorithm::RsassaPssSha256),
        (KeySpec::Rsa4096, SigningAlgorithm::RsassaPssSha256),
        (KeySpec::EccNistP256, SigningAlgorithm::EcdsaSha256),
        (
            KeySpec::EccNistEdwards25519,
            SigningAlgorithm::Ed25519Sha512,
        ),
        (KeySpec::MlDsa65, SigningAlgorithm::MlDsaShake256),
    ] {
        let mut alone = bare(spec);
        let mut inside = through_the_core(&mut lane, spec, algorithm);
        let rounds = (0..ROUNDS).map(|_| (rate(&mut *alone), rate(&mut *inside)));
        let (alone, inside): (Vec<_>, Vec<_>) = rounds.unzip();
        let (alone, inside) = (middle(alone), middle(inside));
        let ratio = inside / alone;
        let name = spec.as_str();
        println!("{name:18} {alone:8.0}     {inside:8.0}    {ratio:.3}");
    }
}
