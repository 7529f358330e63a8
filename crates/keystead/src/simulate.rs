//! `keystead simulate`: asks a running server what a principal may do.

use std::path::PathBuf;

use http::Method;
use keystead_types::Clock;

use crate::client::{Call, Credentials, Element, Reach, Signing, Trust, Url, send, settings};
use crate::clock::SystemClock;
use crate::logging::say;

/// Largest answer that is read. Ours.
const ANSWER_MAX_BYTES: usize = 16 * 1024 * 1024;
/// Where IAM is signed for: it is global.
const IAM_REGION: &str = "us-east-1";

/// Options of `keystead simulate`.
#[derive(clap::Args)]
#[command(
    after_help = "Signs with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, and needs \
    permission for iam:SimulatePrincipalPolicy."
)]
pub(crate) struct Options {
    #[arg(
        help = "The server, such as https://kms.example.com",
        long,
        value_name = "URL",
        env = "AWS_ENDPOINT_URL_IAM"
    )]
    endpoint: String,
    /// The user, group or role.
    #[arg(long, value_name = "ARN")]
    principal: String,
    /// What it would do, such as kms:Decrypt; may be repeated.
    #[arg(long = "action", value_name = "ACTION", required = true, num_args = 1..)]
    actions: Vec<String>,
    /// To what; `*` when absent, which only statements for every resource allow; may be repeated.
    #[arg(long = "resource", value_name = "ARN", num_args = 1..)]
    resources: Vec<String>,
    /// Values of condition keys, such as kms:ViaService=s3.eu-central-1.amazonaws.com; several
    /// values of one key with commas between them; may be repeated.
    #[arg(long = "context", value_name = "KEY=VALUE", num_args = 1..)]
    context: Vec<String>,
    /// A file with the resource's policy.
    #[arg(long, value_name = "FILE")]
    resource_policy: Option<PathBuf>,
    /// The authorities of the server's certificate, as PEM; the system's when absent.
    #[arg(long, value_name = "FILE", env = "AWS_CA_BUNDLE")]
    ca: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Asks, and prints the answer.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let url = Url::parse(&options.endpoint)?;
    let body = form(options)?;
    let credentials = Credentials::from_environment()?;
    let signing = Signing {
        credentials: &credentials,
        service: "iam",
        region: IAM_REGION,
        now: SystemClock.now(),
    };
    let kind = "application/x-www-form-urlencoded; charset=utf-8";
    let headers = signing.post(&url, kind, body.as_bytes());
    let trust = options.ca.clone().map_or(Trust::System, Trust::File);
    let tls = url.is_https().then(|| settings(&trust, None)).transpose()?;
    let call = Call {
        method: Method::POST,
        url: &url,
        headers,
        body: body.into_bytes(),
        tls,
        answer_max_bytes: ANSWER_MAX_BYTES,
        reach: Reach::Anywhere,
    };
    let answer = crate::client::block_on(send(call))??;
    let text = String::from_utf8_lossy(&answer.body);
    let read = Element::read(&text);
    let read = read.ok_or_else(|| format!("status {} without XML", answer.status))?;
    if !answer.status.is_success() {
        let error = read.child("Error");
        let part = |name| error.map_or("", |error| error.text_of(name));
        return Err(format!("{}: {}", part("Code"), part("Message")));
    }
    let result = read.child("SimulatePrincipalPolicyResult");
    let results = result.ok_or("the answer has no result")?;
    let results: Vec<Found> = results.members("EvaluationResults").map(found).collect();
    if options.json {
        let shown = serde_json::to_string_pretty(&results).map_err(|error| error.to_string())?;
        say(shown);
        return Ok(());
    }
    results.iter().for_each(tell);
    Ok(())
}

/// The request's form. Source: IAM API reference, SimulatePrincipalPolicy.
fn form(options: &Options) -> Result<String, String> {
    let mut pairs = vec![
        ("Action".to_owned(), "SimulatePrincipalPolicy".to_owned()),
        ("Version".to_owned(), "2010-05-08".to_owned()),
        ("PolicySourceArn".to_owned(), options.principal.clone()),
    ];
    for (at, action) in options.actions.iter().enumerate() {
        pairs.push((format!("ActionNames.member.{}", at + 1), action.clone()));
    }
    for (at, resource) in options.resources.iter().enumerate() {
        pairs.push((format!("ResourceArns.member.{}", at + 1), resource.clone()));
    }
    for (at, entry) in options.context.iter().enumerate() {
        let (key, values) = entry
            .split_once('=')
            .ok_or_else(|| format!("--context {entry} is not of the form key=value"))?;
        let values: Vec<&str> = values.split(',').collect();
        let kind = if values.len() > 1 {
            "stringList"
        } else {
            "string"
        };
        let prefix = format!("ContextEntries.member.{}", at + 1);
        pairs.push((format!("{prefix}.ContextKeyName"), key.to_owned()));
        pairs.push((format!("{prefix}.ContextKeyType"), kind.to_owned()));
        for (at, value) in values.iter().enumerate() {
            let name = format!("{prefix}.ContextKeyValues.member.{}", at + 1);
            pairs.push((name, (*value).to_owned()));
        }
    }
    if let Some(path) = &options.resource_policy {
        let policy = std::fs::read_to_string(path)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        pairs.push(("ResourcePolicy".to_owned(), policy));
    }
    let pairs = pairs.iter();
    let pairs: Vec<String> = pairs
        .map(|(name, value)| format!("{name}={}", encoded(value)))
        .collect();
    Ok(pairs.join("&"))
}

fn encoded(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    value
        .bytes()
        .map(|byte| match plain(byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}

/// One answer: what about one action on one resource.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    action: String,
    resource: String,
    decision: String,
    matched_statements: Vec<Matched>,
    missing_context_values: Vec<String>,
}

/// A statement that took part.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Matched {
    policy: String,
    kind: String,
    start: String,
    end: String,
}

fn found(member: &Element) -> Found {
    let text = |name| member.text_of(name).to_owned();
    let place = |statement: &Element, name| {
        let line = statement.child(name).map_or("", |at| at.text_of("Line"));
        let column = statement.child(name).map_or("", |at| at.text_of("Column"));
        format!("{line}:{column}")
    };
    Found {
        action: text("EvalActionName"),
        resource: text("EvalResourceName"),
        decision: text("EvalDecision"),
        matched_statements: member
            .members("MatchedStatements")
            .map(|statement| Matched {
                policy: statement.text_of("SourcePolicyId").to_owned(),
                kind: statement.text_of("SourcePolicyType").to_owned(),
                start: place(statement, "StartPosition"),
                end: place(statement, "EndPosition"),
            })
            .collect(),
        missing_context_values: member
            .members("MissingContextValues")
            .map(|value| value.text().to_owned())
            .collect(),
    }
}

fn tell(found: &Found) {
    let Found {
        action,
        resource,
        decision,
        matched_statements,
        missing_context_values,
    } = found;
    say(format!("{decision:<13} {action} on {resource}"));
    for Matched {
        policy,
        kind,
        start,
        end,
    } in matched_statements
    {
        say(format!(
            "              by {policy} ({kind}), from {start} to {end}"
        ));
    }
    if !missing_context_values.is_empty() {
        let keys = missing_context_values.join(", ");
        say(format!("              no values given for: {keys}"));
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn options(more: &[&str]) -> Options {
        let base = [
            "x",
            "--endpoint",
            "http://h",
            "--principal",
            "arn:aws:iam::1:role/r",
        ];
        Line::parse_from(base.iter().chain(more)).options
    }

    #[test]
    fn the_form_says_what_was_asked() {
        let more = [
            "--action",
            "kms:Decrypt",
            "kms:Encrypt",
            "--context",
            "aws:a=1,2",
            "kms:b=x y",
        ];
        let form = form(&options(&more)).unwrap();
        for part in [
            "Action=SimulatePrincipalPolicy&",
            "&PolicySourceArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&",
            "&ActionNames.member.2=kms%3AEncrypt&",
            "&ContextEntries.member.1.ContextKeyType=stringList&",
            "&ContextEntries.member.1.ContextKeyValues.member.2=2&",
            "&ContextEntries.member.2.ContextKeyValues.member.1=x%20y",
        ] {
            assert!(form.contains(part), "{part} {form}");
        }
    }

    #[test]
    fn what_is_no_pair_is_refused() {
        let error = form(&options(&["--action", "a:b", "--context", "x"])).unwrap_err();
        assert!(error.contains("key=value"));
    }

    #[test]
    fn answers_are_understood() {
        let text = "<R><EvaluationResults><member><EvalActionName>kms:Decrypt</EvalActionName>\
            <EvalResourceName>*</EvalResourceName><EvalDecision>implicitDeny</EvalDecision>\
            <MatchedStatements><member><SourcePolicyId>p</SourcePolicyId><StartPosition><Line>1</Line>\
            <Column>2</Column></StartPosition></member></MatchedStatements>\
            <MissingContextValues><member>aws:x</member></MissingContextValues></member></EvaluationResults></R>";
        let read = Element::read(text).unwrap();
        let found: Vec<Found> = read.members("EvaluationResults").map(found).collect();
        assert_eq!(found[0].decision, "implicitDeny");
        assert_eq!(found[0].matched_statements[0].start, "1:2");
        assert_eq!(found[0].missing_context_values, ["aws:x"]);
    }
}
