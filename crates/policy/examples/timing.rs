//! Times evaluation: `cargo run --release -p keystead-policy --example timing`.

use std::fmt::Write as _;
use std::hint::black_box;
use std::io::{self, Write as _};
use std::time::Instant;

use keystead_policy::{NoContext, Policy, PolicyKind, Request, default_key_policy};
use keystead_types::{AccountId, Principal};

const RUNS: u32 = 200_000;

/// 100 statements in nearly 32 KiB; only the last is about the caller.
fn large_policy() -> String {
    let mut text = r#"{"Version":"2012-10-17","Statement":["#.to_owned();
    for number in 0..100 {
        let name = if number == 99 {
            "caller".to_owned()
        } else {
            format!("team{number}/user")
        };
        let comma = if number == 0 { "" } else { "," };
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            r#"{comma}{{"Effect":"Allow","Principal":{{"AWS":["arn:aws:iam::111122223333:user/{name}","arn:aws:iam::444455556666:root","arn:aws:sts::111122223333:assumed-role/w/s{number}"]}},"Action":["kms:Encrypt","kms:GenerateDataKey*","kms:De?rypt"],"Resource":"arn:aws:kms:*:key/*"}}"#
        );
    }
    text.push_str("]}");
    text
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let account = AccountId::parse("111122223333")?;
    let name = "caller".into();
    let principal = Principal::User { account, name };
    let request = Request {
        principal: &principal,
        partition: "aws",
        action: "kms:Decrypt",
        resource: "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        resource_account: account,
        unique_id: None,
        context: &NoContext,
    };
    for (label, document) in [
        ("default", default_key_policy("aws", account)),
        ("100 statements", large_policy()),
        ("100 statements, all about the caller", {
            large_policy().replace("444455556666:root", "111122223333:root")
        }),
    ] {
        let start = Instant::now();
        let policy = Policy::compile(PolicyKind::Key, &document)?;
        let compiled = start.elapsed();
        let start = Instant::now();
        for _ in 0..RUNS {
            black_box(policy.evaluate(black_box(&request)));
        }
        let each = start.elapsed() / RUNS;
        let bytes = document.len();
        writeln!(
            io::stdout(),
            "{label}: {bytes} bytes, compile {compiled:?}, evaluate {each:?}, {:?}",
            policy.evaluate(&request)
        )?;
    }
    Ok(())
}
