//! The engine against a second evaluator that is naive, slow and written from AWS's
//! documentation alone: no compiled form, everything allocated, nothing shared with the engine
//! but the types of its interface.
//!
//! `KEYSTEAD_ORACLE_CASES` sets how many cases run in all (100,000 by default; `cargo xtask
//! oracle` runs 10,000,000), `KEYSTEAD_ORACLE_SEED` where they begin.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, and shows its figures"
)]

#[path = "oracle/conditions.rs"]
mod conditions;
#[path = "oracle/decision.rs"]
mod decision;
#[path = "oracle/differ.rs"]
mod differ;
#[path = "oracle/document.rs"]
mod document;
#[path = "oracle/engine.rs"]
mod engine;
#[path = "oracle/facts.rs"]
mod facts;
#[path = "oracle/generate.rs"]
mod generate;
#[path = "oracle/principals.rs"]
mod principals;
#[path = "oracle/requests.rs"]
mod requests;
#[path = "oracle/situations.rs"]
mod situations;
#[path = "oracle/text.rs"]
mod text;
#[path = "oracle/values.rs"]
mod values;
#[path = "oracle/vocabulary.rs"]
mod vocabulary;

use differ::Census;

/// Tests that share the cases, so that several processors work.
const SHARES: u64 = 4;
const DEFAULT_CASES: usize = 100_000;
const DEFAULT_SEED: u64 = 0x6b65_7973_7465_6164;

fn from_environment<T: std::str::FromStr>(name: &str, default: T) -> T {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name} is no number")),
        Err(_) => default,
    }
}

fn share(number: u64) {
    let cases = from_environment("KEYSTEAD_ORACLE_CASES", DEFAULT_CASES);
    let cases = cases.div_ceil(usize::try_from(SHARES).unwrap());
    let seed = from_environment("KEYSTEAD_ORACLE_SEED", DEFAULT_SEED);
    let tell = std::env::var_os("KEYSTEAD_ORACLE_PROGRESS").is_some();
    let mut untold = 0;
    let census = differ::run(seed ^ number.rotate_right(8), cases, |done| {
        untold += done;
        if tell && untold >= 1_000 {
            println!("\noracle-progress {untold}");
            untold = 0;
        }
    });
    let line = |(what, count): (&String, &usize)| format!("{what}={count}");
    let figures: Vec<String> = census.iter().map(line).collect();
    println!("\noracle-figures {}", figures.join(";"));
    if cases >= 5_000 {
        well_spread(&census);
    }
}

/// The generator has not rotted: every answer, every way to be named and both outcomes of every
/// operator are frequent.
fn well_spread(census: &Census) {
    let seen = |what: &str| census.get(what).copied().unwrap_or_default();
    let cases = seen("cases");
    let at_least = |what: String, least: usize| {
        assert!(
            seen(&what) >= least,
            "{what}: {} of {cases} cases, fewer than {least}: {census:#?}",
            seen(&what)
        );
    };
    at_least("allowed".to_owned(), cases * 15 / 100);
    at_least("denied explicitly".to_owned(), cases * 15 / 100);
    at_least("denied implicitly".to_owned(), cases * 15 / 100);
    for kind in [
        "Identity",
        "Resource",
        "Boundary",
        "Session",
        "ServiceControl",
        "ResourceControl",
        "Endpoint",
    ] {
        at_least(format!("explicitly by {kind}"), cases / 400);
        at_least(format!("implicitly by {kind}"), cases / 400);
    }
    for verdict in [
        "Denied",
        "NotMatched",
        "Principal",
        "Role",
        "Everyone",
        "Account",
    ] {
        at_least(format!("verdict {verdict}"), cases / 200);
    }
    let operators = [
        &situations::STRINGS[..],
        &situations::ARN_OPERATORS,
        &situations::NUMERICS,
        &situations::DATES,
        &situations::ADDRESSES,
        &["Bool", "BinaryEquals", "Null"],
        &["one", "ForAllValues", "ForAnyValue", "IfExists"],
    ];
    for operator in operators.into_iter().flatten() {
        for met in [true, false] {
            at_least(format!("{operator} {met}"), cases / 1_000);
        }
    }
}

#[test]
fn engine_and_oracle_agree_in_the_first_quarter() {
    share(0);
}

#[test]
fn engine_and_oracle_agree_in_the_second_quarter() {
    share(1);
}

#[test]
fn engine_and_oracle_agree_in_the_third_quarter() {
    share(2);
}

#[test]
fn engine_and_oracle_agree_in_the_fourth_quarter() {
    share(3);
}
