//! `keystead explain`: why a request was allowed or denied, from its audit record.

mod documents;
mod facts;
mod recall;
#[cfg(test)]
mod tests;
mod told;

use std::path::{Path, PathBuf};

use keystead_types::RequestId;
use serde_json::Value;

use crate::logging::say;
use documents::{Documents, Places};
use told::told;

/// Options of `keystead explain`.
#[derive(clap::Args)]
#[command(
    after_help = "Every answer carries the id in its header x-amzn-RequestId; the server may go on meanwhile."
)]
pub(crate) struct Options {
    /// The id of the request.
    #[arg(value_name = "REQUEST-ID", value_parser = request_id)]
    request_id: RequestId,
    /// The data directory.
    #[arg(
        long,
        value_name = "DIR",
        env = "KEYSTEAD_DATA_DIR",
        required_unless_present = "audit_dir"
    )]
    data_dir: Option<PathBuf>,
    /// A directory with an audit log, instead of the one in the data directory.
    #[arg(long, value_name = "DIR")]
    audit_dir: Option<PathBuf>,
    /// The server's configuration, for the policies of organization and endpoints; keystead.toml in
    /// the data directory when absent.
    #[arg(long, value_name = "FILE", env = "KEYSTEAD_CONFIG")]
    config: Option<PathBuf>,
    /// A file with the table `[organization]`, as `dev` takes it.
    #[arg(long, value_name = "FILE")]
    organization: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

fn request_id(text: &str) -> Result<RequestId, String> {
    RequestId::parse(text).map_err(|error| error.to_string())
}

/// Finds the record and prints what it says.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let within = options.data_dir.as_ref().map(|dir| dir.join("audit"));
    let dir = options.audit_dir.clone().or(within);
    let dir = dir.ok_or("name a directory with --data-dir")?;
    let id = &options.request_id;
    let record = keystead_audit::find_request(&dir, id)
        .map_err(|error| format!("cannot read the audit log in {}: {error}", dir.display()))?
        .ok_or_else(|| {
            format!(
                "the audit log in {} has no record of request {id}. Requests that were refused before their caller was known (a wrong signature, for one) stand in the server's own log only.",
                dir.display()
            )
        })?;
    let record: Value = serde_json::from_slice(&record)
        .map_err(|error| format!("the record of request {id} is damaged: {error}"))?;
    let (decisions, problems) = recalled(options, &dir, &record)?;
    if options.json {
        let shown = summary(&record, &decisions, &problems);
        say(serde_json::to_string_pretty(&shown).map_err(|error| error.to_string())?);
    } else {
        say(told(&record, &decisions, &problems).trim_end());
    }
    Ok(())
}

/// The decisions of a record with all that can be told of them, and what could not be read for it.
fn recalled(
    options: &Options,
    audit_dir: &Path,
    record: &Value,
) -> Result<(Vec<Value>, Vec<String>), String> {
    let brief = |decision: &Value| decision.pointer("/outcomes").is_some();
    let documents = match &options.data_dir {
        Some(data_dir) if decisions(record).iter().any(brief) => {
            let places = Places {
                data_dir,
                audit_dir,
                config: options.config.as_deref(),
                organization: options.organization.as_deref(),
            };
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            let runtime = runtime.map_err(|error| format!("cannot start a runtime: {error}"))?;
            runtime.block_on(Documents::gather(&places, record))
        }
        _ => Documents::default(),
    };
    let decisions = decisions(record).iter();
    let decisions = decisions.map(|one| recall::recall(record, one, &documents));
    Ok((decisions.collect(), documents.problems))
}

/// A text at a path of members; empty when it is not there.
fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or("")
}

fn list<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    let found = value.pointer(path).and_then(Value::as_array);
    found.map_or(&[], Vec::as_slice)
}

fn decisions(record: &Value) -> &[Value] {
    list(record, "/additionalEventData/keystead/authorization")
}

/// What concerns the decision, of the whole record.
fn summary(record: &Value, decisions: &[Value], problems: &[String]) -> Value {
    let part = |path: &str| record.pointer(path).cloned().unwrap_or(Value::Null);
    serde_json::json!({
        "requestId": part("/requestID"),
        "eventTime": part("/eventTime"),
        "eventSource": part("/eventSource"),
        "eventName": part("/eventName"),
        "awsRegion": part("/awsRegion"),
        "userIdentity": part("/userIdentity"),
        "sourceIPAddress": part("/sourceIPAddress"),
        "vpcEndpointId": part("/vpcEndpointId"),
        "resources": part("/resources"),
        "requestParameters": part("/requestParameters"),
        "errorCode": part("/errorCode"),
        "errorMessage": part("/errorMessage"),
        "decisions": decisions,
        "problems": problems,
    })
}
