//! Times evaluation: `cargo run --release -p keystead-policy --example timing`. Ends with an
//! error when a bound of its table is not kept; the best of several runs counts, because the
//! machine may be busy.

use std::fmt::Write as _;
use std::hint::black_box;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use keystead_policy::{
    ConditionKey, Context, KnownKey, Policy, PolicyKind, Presence, Request, Value,
    default_key_policy,
};
use keystead_types::{AccountId, Principal};

const RUNS: u32 = 5_000;
const REPEATS: u32 = 20;

/// What a request through a service carries.
struct Facts {
    tag: String,
}

impl Context for Facts {
    fn values(&self, key: &ConditionKey, each: &mut dyn FnMut(Value<'_>)) -> Presence {
        each(match key.known() {
            Some(KnownKey::ViaService) => Value::Text("s3.eu-west-1.amazonaws.com"),
            Some(KnownKey::CallerAccount) => Value::Text("111122223333"),
            Some(KnownKey::SecureTransport) => Value::Flag(true),
            Some(KnownKey::UserName) => Value::Text("caller"),
            Some(KnownKey::EncryptionContext) => Value::Text(&self.tag),
            _ => return Presence::Absent,
        });
        Presence::Single
    }
}

/// 100 statements in nearly 32 KiB; all have conditions. Only the last is about the caller, or
/// all are and only the last one's conditions hold.
fn large_policy(all_about_the_caller: bool) -> String {
    let mut text = r#"{"Version":"2012-10-17","Statement":["#.to_owned();
    for number in 0..100 {
        let (name, team) = match number {
            99 => ("caller".to_owned(), "blue".to_owned()),
            _ if all_about_the_caller => ("caller".to_owned(), format!("t{number}")),
            _ => (format!("team{number}/user"), "blue".to_owned()),
        };
        let comma = if number == 0 { "" } else { "," };
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            r#"{comma}{{"Effect":"Allow","Principal":{{"AWS":["arn:aws:iam::111122223333:user/{name}","arn:aws:iam::444455556666:root"]}},"Action":["kms:Encrypt","kms:De?rypt"],"Resource":"arn:aws:kms:*:key/*","Condition":{{"Bool":{{"aws:SecureTransport":"true"}},"StringLike":{{"kms:EncryptionContext:team":"{team}*"}}}}}}"#
        );
    }
    text.push_str("]}");
    text
}

/// One statement whose conditions are as slow as the limits let them be.
fn hostile_policy() -> String {
    let pattern = format!("*{}b*", "a?".repeat(63));
    let patterns = vec![format!("\"{pattern}\""); 2].join(",");
    let variables = vec![r#""*${kms:EncryptionContext:x}b*""#; 800].join(",");
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{{"StringLike":{{"kms:EncryptionContext:x":[{patterns},{variables}]}}}}}}}}"#
    )
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let account = AccountId::parse("111122223333")?;
    let name = "caller".into();
    let principal = Principal::User { account, name };
    let usual = Facts {
        tag: "blue-1".into(),
    };
    let long = Facts {
        tag: "a".repeat(8192),
    };
    let mut kept = true;
    for (label, document, context, bound, runs) in [
        (
            "default",
            default_key_policy("aws", account),
            &usual,
            Duration::from_micros(1),
            RUNS,
        ),
        (
            "100 statements with conditions",
            large_policy(false),
            &usual,
            Duration::from_micros(20),
            RUNS,
        ),
        (
            "100 statements, all about the caller",
            large_policy(true),
            &usual,
            Duration::from_micros(20),
            RUNS,
        ),
        (
            "hostile patterns on 8 KiB",
            hostile_policy(),
            &long,
            Duration::from_millis(20),
            1,
        ),
    ] {
        let request = Request {
            principal: &principal,
            partition: "aws",
            action: "kms:Decrypt",
            resource: "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            resource_account: account,
            unique_id: None,
            context,
        };
        let start = Instant::now();
        let policy = Policy::compile(PolicyKind::Key, &document)?;
        let compiled = start.elapsed();
        let once = || {
            let start = Instant::now();
            for _ in 0..runs {
                black_box(policy.evaluate(black_box(&request)));
            }
            start.elapsed() / runs
        };
        let best = (0..REPEATS).map(|_| once()).min().unwrap_or_default();
        let (bytes, verdict) = (document.len(), policy.evaluate(&request));
        kept &= best < bound;
        writeln!(
            io::stdout(),
            "{label}: {bytes} bytes, compile {compiled:?}, evaluate {best:?} (bound {bound:?}), {verdict:?}"
        )?;
    }
    if kept {
        Ok(())
    } else {
        Err("a bound was not kept".into())
    }
}
