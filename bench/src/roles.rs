//! What it costs to be nobody special: Encrypt as a session of a role, beside the root user.

use crate::load::{self, Counts, Shape};
use crate::process::Server;
use crate::run::{signer, start_keystead};
use crate::signer::Signer;
use crate::workload::{Caller, Operation, Sample, Workload};
use crate::{bodies, limits, report};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The keystead binary
    #[arg(long)]
    keystead: PathBuf,
    /// Seconds measured per caller and round
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Rounds; in each round every caller has its turn
    #[arg(long, default_value_t = 2)]
    rounds: u32,
    /// Grants on the key, for other roles
    #[arg(long, default_value_t = 1_000)]
    grants: u32,
    /// Fail when a target is missed, not only when a request fails
    #[arg(long)]
    require_targets: bool,
}

/// The development server's account.
const ACCOUNT: &str = "000000000000";

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Root,
    /// A role that the key policy leaves to its account, and an identity policy allows.
    ByPolicy,
    /// A role that only a grant allows.
    ByGrant,
}

impl Who {
    const ALL: [Self; 3] = [Self::Root, Self::ByPolicy, Self::ByGrant];

    fn name(self) -> &'static str {
        match self {
            Self::Root => "root user",
            Self::ByPolicy => "role, by key policy and identity policy",
            Self::ByGrant => "role, by a grant",
        }
    }

    fn role(self) -> &'static str {
        match self {
            Self::Root => "",
            Self::ByPolicy => "by-policy",
            Self::ByGrant => "by-grant",
        }
    }
}

/// Measures and prints.
///
/// # Errors
/// When the server does not start, a request fails, or a required target is missed.
pub(crate) async fn run(args: &Args) -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let server = start_keystead(&args.keystead, folder.path(), &[]).await?;
    let mut root = Caller::open(&server.address, signer()).await?;
    let workload = bodies::prepare(&mut root, Operation::Encrypt).await?;
    let body: serde_json::Value = serde_json::from_str(workload.bodies.first().map_or("", |b| b))?;
    let key = body
        .get("KeyId")
        .and_then(|id| id.as_str())
        .unwrap_or_default();
    let mut signers = Vec::new();
    for who in Who::ALL {
        signers.push((who, identity(&server, &mut root, who, key).await?));
    }
    let granted = signers.last().map_or_else(signer, |(_, of)| of.clone());
    server.rested().await?;
    let before = alone(&server, &granted, &workload).await?;
    for number in 0..args.grants {
        grant(&mut root, key, &format!("other-{}", number % 10), number).await?;
    }
    server.rested().await?;
    let after = alone(&server, &granted, &workload).await?;
    let shape = Shape {
        connections: limits::OTHERS_CONNECTIONS,
        warm_up: limits::WARM_UP,
        measured: Duration::from_secs(args.seconds),
    };
    let mut counted = Who::ALL
        .map(|_| Counts::new())
        .into_iter()
        .collect::<io::Result<Vec<_>>>()?;
    for _ in 0..args.rounds {
        for ((_, signer), counts) in signers.iter().zip(&mut counted) {
            let cpu = || server.cpu();
            counts.add(load::run(&server.address, signer, &workload, shape, cpu).await?)?;
        }
    }
    println!(
        "Encrypt, c={}, {} grants on the key:",
        shape.connections,
        args.grants + 1
    );
    println!("| caller | requests/s | p50 µs | p99 µs | CPU µs/request | errors |");
    println!("|---|---:|---:|---:|---:|---:|");
    for ((who, _), counts) in signers.iter().zip(&counted) {
        println!("| {} | {} |", who.name(), report::cells(counts));
        if let Some(error) = &counts.first_error {
            return Err(io::Error::other(format!("{}: {error}", who.name())));
        }
    }
    let more = after - before;
    let mut missed = more >= limits::GRANTS_MICROS_MAX;
    println!(
        "{} {} grants on the key instead of one, c=1: p50 {more:+.1} µs (target below {:+.0})",
        if missed { "MISSED" } else { "holds " },
        args.grants + 1,
        limits::GRANTS_MICROS_MAX
    );
    let of_root = counted.first().map_or(0.0, Counts::rate);
    for ((who, _), counts) in signers.iter().zip(&counted).skip(1) {
        let share = counts.rate() / of_root.max(f64::EPSILON);
        let holds = share >= limits::ROLE_SHARE_MIN;
        missed |= !holds;
        println!(
            "{} {}: {:.0} % of the root user's rate (target at least {:.0} %)",
            if holds { "holds " } else { "MISSED" },
            who.name(),
            100.0 * share,
            100.0 * limits::ROLE_SHARE_MIN
        );
    }
    if missed && args.require_targets {
        return Err(io::Error::other("a target was missed"));
    }
    Ok(())
}

/// The median answer to a client that is alone, in microseconds.
async fn alone(server: &Server, signer: &Signer, workload: &Workload) -> io::Result<f64> {
    let shape = Shape {
        connections: 1,
        warm_up: limits::WARM_UP,
        measured: Duration::from_secs(4),
    };
    let counts = load::run(&server.address, signer, workload, shape, || server.cpu()).await?;
    match counts.first_error {
        None => Ok(counts.latency_micros(0.5)),
        Some(error) => Err(io::Error::other(error)),
    }
}

/// Makes the identity and what allows it, and signs in.
async fn identity(server: &Server, root: &mut Caller, who: Who, key: &str) -> io::Result<Signer> {
    if who == Who::Root {
        return Ok(signer());
    }
    let mut iam = Caller::open(&server.address, signer().for_query("iam")).await?;
    // The root user cannot assume roles; a user can.
    let user = format!("user-{}", who.role());
    let query = |action: &str, more: &str| format!("Action={action}&Version=2010-05-08{more}");
    let create = query("CreateUser", &format!("&UserName={user}"));
    iam.call("iam:CreateUser", &create).await?;
    let create = query("CreateAccessKey", &format!("&UserName={user}"));
    let made = iam.call("iam:CreateAccessKey", &create).await?;
    let credentials = Signer::new(
        &element(&made, "AccessKeyId")?,
        &element(&made, "SecretAccessKey")?,
        "us-east-1",
    );
    let trust = escaped(&format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{{"AWS":"arn:aws:iam::{ACCOUNT}:user/{user}"}}}}]}}"#
    ));
    let role = who.role();
    let create = format!("&RoleName={role}&AssumeRolePolicyDocument={trust}");
    iam.call("iam:CreateRole", &query("CreateRole", &create))
        .await?;
    match who {
        Who::ByGrant => grant(root, key, role, 0).await?,
        _ => {
            let policy = escaped(&format!(
                r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":["kms:Encrypt","kms:Decrypt","kms:GenerateDataKey*"],"Resource":"arn:aws:kms:us-east-1:{ACCOUNT}:key/{key}","Condition":{{"StringEquals":{{"kms:EncryptionContext:tenant":"bench"}}}}}}]}}"#
            ));
            let put = format!("&RoleName={role}&PolicyName=use&PolicyDocument={policy}");
            iam.call("iam:PutRolePolicy", &query("PutRolePolicy", &put))
                .await?;
        }
    }
    let mut sts = Caller::open(&server.address, credentials.for_query("sts")).await?;
    let arn = escaped(&format!("arn:aws:iam::{ACCOUNT}:role/{role}"));
    let assume =
        format!("Action=AssumeRole&Version=2011-06-15&RoleArn={arn}&RoleSessionName=bench");
    let session = sts.call("sts:AssumeRole", &assume).await?;
    Ok(signer().with_session(
        &element(&session, "AccessKeyId")?,
        &element(&session, "SecretAccessKey")?,
        element(&session, "SessionToken")?,
    ))
}

/// Grants Encrypt and Decrypt to a role; to one that does not exist, by its account's ARN and a
/// constraint that is never met.
async fn grant(root: &mut Caller, key: &str, role: &str, number: u32) -> io::Result<()> {
    let (grantee, context) = match role.starts_with("other") {
        true => (
            format!("arn:aws:iam::11112222{:04}:root", number % 10_000),
            "nobody",
        ),
        false => (format!("arn:aws:iam::{ACCOUNT}:role/{role}"), "bench"),
    };
    let body = format!(
        r#"{{"KeyId":"{key}","GranteePrincipal":"{grantee}","Operations":["Encrypt","Decrypt"],"Constraints":{{"EncryptionContextSubset":{{"tenant":"{context}"}}}}}}"#
    );
    root.call(&bodies::target("CreateGrant"), &body).await?;
    Ok(())
}

/// The text of the first element of that name in an answer in XML.
fn element(answer: &Sample, name: &str) -> io::Result<String> {
    let found = answer
        .body
        .split_once(&format!("<{name}>"))
        .and_then(|(_, rest)| rest.split_once("</"));
    let text = found.map(|(text, _)| text.to_owned());
    text.ok_or_else(|| io::Error::other(format!("no {name} in {}", answer.body)))
}

/// Percent-encodes everything but letters and digits.
fn escaped(text: &str) -> String {
    let byte = |b: u8| match b.is_ascii_alphanumeric() {
        true => char::from(b).to_string(),
        false => format!("%{b:02X}"),
    };
    text.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_and_texts_escaped() {
        let body = "<A><AccessKeyId>ASIA</AccessKeyId><B>b</B></A>".to_owned();
        let answer = Sample {
            headers: Vec::new(),
            body,
        };
        assert_eq!(element(&answer, "AccessKeyId").unwrap(), "ASIA");
        assert_eq!(element(&answer, "B").unwrap(), "b");
        assert!(element(&answer, "C").is_err());
        assert_eq!(escaped("a:b/{é"), "a%3Ab%2F%7B%C3%A9");
    }
}
