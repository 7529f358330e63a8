//! `keystead credential-process`: a session for a client certificate, in the form that AWS
//! clients take from programs.

use std::path::PathBuf;

use http::Method;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::client::{Call, Identity, Reach, Trust, Url, send, settings};
use crate::logging::say;

/// Largest answer that is read. Ours.
const ANSWER_MAX_BYTES: usize = 256 * 1024;

/// Options of `keystead credential-process`.
#[derive(clap::Args)]
#[command(
    after_help = "In ~/.aws/config: credential_process = keystead credential-process --endpoint \
    https://kms.example.com --certificate host.pem --key host.key --role-arn ARN"
)]
pub(crate) struct Options {
    #[arg(
        help = "The server, such as https://kms.example.com",
        long,
        value_name = "URL"
    )]
    endpoint: String,
    /// The certificate to show, with its intermediates, as PEM.
    #[arg(long, value_name = "FILE")]
    certificate: PathBuf,
    /// Its private key, as PEM.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The role.
    #[arg(long, value_name = "ARN")]
    role_arn: String,
    /// The trust anchor, when the certificate could come from several.
    #[arg(long, value_name = "ARN")]
    trust_anchor_arn: Option<String>,
    /// How long the session may be; an hour when absent.
    #[arg(long, value_name = "SECONDS")]
    duration_seconds: Option<u32>,
    /// The session's name, where the server lets clients choose it.
    #[arg(long, value_name = "NAME")]
    session_name: Option<String>,
    /// The authorities of the server's certificate, as PEM; the system's when absent.
    #[arg(long, value_name = "FILE", env = "AWS_CA_BUNDLE")]
    ca: Option<PathBuf>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Asked<'a> {
    role_arn: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    trust_anchor_arn: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_seconds: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role_session_name: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answered {
    credential_set: Vec<Set>,
}

#[derive(Deserialize)]
struct Set {
    credentials: Given,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Given {
    access_key_id: String,
    #[serde(deserialize_with = "wiped")]
    secret_access_key: Zeroizing<String>,
    #[serde(deserialize_with = "wiped")]
    session_token: Zeroizing<String>,
    expiration: String,
}

fn wiped<'d, D: serde::Deserializer<'d>>(from: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(from).map(Zeroizing::new)
}

/// Source: AWS SDKs and Tools Reference Guide, "Process credential provider".
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shown<'a> {
    version: u8,
    access_key_id: &'a str,
    secret_access_key: &'a str,
    session_token: &'a str,
    expiration: &'a str,
}

/// Asks for a session and prints its credentials.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let url = Url::parse(&options.endpoint)?;
    if !url.is_https() {
        return Err(format!(
            "{} is not https: a certificate can be shown over TLS only",
            options.endpoint
        ));
    }
    let asked = Asked {
        role_arn: &options.role_arn,
        trust_anchor_arn: options.trust_anchor_arn.as_deref(),
        duration_seconds: options.duration_seconds,
        role_session_name: options.session_name.as_deref(),
    };
    let body = serde_json::to_vec(&asked).map_err(|error| error.to_string())?;
    let identity = Identity {
        certificate: options.certificate.clone(),
        key: options.key.clone(),
    };
    let trust = options.ca.clone().map_or(Trust::System, Trust::File);
    let url = url.with_path("/sessions");
    let call = Call {
        method: Method::POST,
        url: &url,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body,
        tls: Some(settings(&trust, Some(&identity))?),
        answer_max_bytes: ANSWER_MAX_BYTES,
        reach: Reach::Anywhere,
    };
    let answer = crate::client::block_on(send(call))??;
    let body = Zeroizing::new(answer.body);
    if !answer.status.is_success() {
        let text: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        let message = text.get("message").and_then(|text| text.as_str());
        let message = message.unwrap_or("no reason was given");
        return Err(format!("{}: {message}", answer.status));
    }
    say(shown(&body)?.as_str());
    Ok(())
}

/// The credentials of an answer, in the form that AWS clients take.
fn shown(body: &[u8]) -> Result<Zeroizing<String>, String> {
    let answered: Answered = serde_json::from_slice(body)
        .map_err(|error| format!("the answer has no credentials: {error}"))?;
    let set = answered.credential_set.first();
    let given = &set.ok_or("the answer has no credentials")?.credentials;
    let shown = Shown {
        version: 1,
        access_key_id: &given.access_key_id,
        secret_access_key: &given.secret_access_key,
        session_token: &given.session_token,
        expiration: &given.expiration,
    };
    let text = serde_json::to_string(&shown).map_err(|error| error.to_string())?;
    Ok(Zeroizing::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_take_the_form_of_processes() {
        let body = br#"{"credentialSet":[{"assumedRoleUser":{},"credentials":{"accessKeyId":"ASIA",
            "secretAccessKey":"s","sessionToken":"t","expiration":"2026-01-02T03:04:05Z"}}]}"#;
        assert_eq!(
            shown(body).unwrap().as_str(),
            r#"{"Version":1,"AccessKeyId":"ASIA","SecretAccessKey":"s","SessionToken":"t","Expiration":"2026-01-02T03:04:05Z"}"#
        );
        assert!(shown(br#"{"credentialSet":[]}"#).is_err());
        assert!(shown(b"{}").is_err());
    }
}
