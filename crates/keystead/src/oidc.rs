//! The keys of OIDC issuers, for AssumeRoleWithWebIdentity: from files, or from the issuers over
//! HTTPS.
//!
//! Source: OpenID Connect Discovery 1.0, 4.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::Method;
use keystead_iam::{
    JwksError, JwksSource, KEY_SET_MAX_BYTES, KeySetFreshness, KeySetFuture, StsParts,
};
use rustls::ClientConfig;
use serde::Deserialize;

use crate::client::{Call, Reach, Trust, Url, send, settings};
use crate::config::{Oidc, OidcKeys};

/// How long a fetched key set is used. Ours: a key that its issuer withdrew is trusted no longer.
const KEPT: Duration = Duration::from_secs(3600);
/// The shortest time between two looks at the same issuer or file. Ours: tokens with unknown keys
/// cost nobody more.
const PAUSE: Duration = Duration::from_secs(60);
/// Most issuers whose keys are kept; then all are forgotten. Ours.
const ISSUERS_MAX: usize = 1000;
/// Where an issuer tells of itself.
const DISCOVERY: &str = "/.well-known/openid-configuration";

/// What STS needs. Reads the files.
pub(crate) fn sts(oidc: &Oidc, files: &[OidcKeys]) -> Result<StsParts, String> {
    let mut known = HashMap::new();
    for OidcKeys { issuer, file } in files {
        let name = issuer.strip_prefix("https://").ok_or_else(|| {
            format!("OIDC issuer {issuer:?} does not look like https://accounts.example.com")
        })?;
        let keys = read(file)?;
        let slot = Slot::filled(keys);
        let place = Place::File(file.clone());
        known.insert(trimmed(name).to_owned(), (place, Arc::new(slot)));
    }
    let fetch = match oidc.fetch_keys {
        false => None,
        true => {
            let trust = oidc.authorities.clone();
            let trust = trust.map_or(Trust::System, Trust::File);
            Some(Arc::new(Fetching {
                tls: settings(&trust, None)?,
                private_hosts: oidc.private_hosts.clone(),
            }))
        }
    };
    Ok(StsParts::new(Arc::new(KeySets {
        known,
        fetch,
        fetched: Mutex::default(),
    })))
}

/// Issuers are compared without a slash at the end.
fn trimmed(issuer: &str) -> &str {
    issuer.strip_suffix('/').unwrap_or(issuer)
}

/// All key sets.
struct KeySets {
    known: HashMap<String, (Place, Arc<Slot>)>,
    /// How issuers without a file are asked; `None` when they are not.
    fetch: Option<Arc<Fetching>>,
    fetched: Mutex<HashMap<String, Arc<Slot>>>,
}

/// Where a key set comes from.
enum Place {
    File(PathBuf),
    Issuer(Arc<Fetching>),
}

/// How issuers are asked. Who makes a provider names the issuer, and the issuer names the place of
/// its keys: neither is to look at our network.
struct Fetching {
    tls: Arc<ClientConfig>,
    /// Hosts, with their port if it is not 443, that may be anywhere.
    private_hosts: Vec<String>,
}

/// The key set of one issuer. Whoever holds the lock looks; the others wait for what is found.
struct Slot(tokio::sync::Mutex<Found>);

#[derive(Default)]
struct Found {
    keys: Option<(Arc<[u8]>, Instant)>,
    looked: Option<Instant>,
}

impl Slot {
    fn filled(keys: Arc<[u8]>) -> Self {
        Self(tokio::sync::Mutex::new(Found {
            keys: Some((keys, Instant::now())),
            looked: None,
        }))
    }

    async fn get(
        &self,
        place: &Place,
        issuer: &str,
        freshness: KeySetFreshness,
    ) -> Result<Arc<[u8]>, JwksError> {
        let mut found = self.0.lock().await;
        let now = Instant::now();
        let is_young = |since: Option<Instant>, age| {
            since.is_some_and(|since| now.saturating_duration_since(since) < age)
        };
        let since = found.keys.as_ref().map(|(_, at)| *at);
        let usable = match place {
            // A file stays true until somebody writes another.
            Place::File(_) => since.is_some(),
            Place::Issuer(_) => is_young(since, KEPT),
        };
        let wanted = !usable || freshness == KeySetFreshness::Fetched;
        if wanted && !is_young(found.looked, PAUSE) {
            found.looked = Some(now);
            let looked = match place {
                Place::File(path) => read(path),
                Place::Issuer(how) => fetch(issuer, how).await,
            };
            match looked {
                Ok(keys) => found.keys = Some((keys, now)),
                Err(problem) if usable => {
                    tracing::warn!(
                        issuer,
                        problem,
                        "the keys of an OIDC issuer stay as they were"
                    );
                }
                Err(problem) => {
                    found.keys = None;
                    return Err(JwksError::Unreachable(problem.into()));
                }
            }
        } else if !usable {
            let problem = "it could not be fetched a moment ago";
            return Err(JwksError::Unreachable(problem.into()));
        }
        let keys = found.keys.as_ref().map(|(keys, _)| keys.clone());
        keys.ok_or(JwksError::Unknown)
    }
}

impl JwksSource for KeySets {
    fn key_set<'a>(&'a self, issuer: &'a str, freshness: KeySetFreshness) -> KeySetFuture<'a> {
        Box::pin(async move {
            let name = trimmed(issuer);
            if let Some((place, slot)) = self.known.get(name) {
                return slot.get(place, issuer, freshness).await;
            }
            let how = self.fetch.as_ref().ok_or(JwksError::Unknown)?;
            let slot = {
                let mut fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
                if fetched.len() >= ISSUERS_MAX && !fetched.contains_key(name) {
                    fetched.clear();
                }
                let new = || Arc::new(Slot(tokio::sync::Mutex::default()));
                fetched.entry(name.to_owned()).or_insert_with(new).clone()
            };
            slot.get(&Place::Issuer(how.clone()), issuer, freshness)
                .await
        })
    }
}

fn read(path: &PathBuf) -> Result<Arc<[u8]>, String> {
    let shown = path.display();
    let failed = |error: &dyn std::fmt::Display| format!("cannot use the key set {shown}: {error}");
    let text = std::fs::read(path).map_err(|error| failed(&error))?;
    if text.len() > KEY_SET_MAX_BYTES {
        return Err(failed(&format!(
            "it has more than {KEY_SET_MAX_BYTES} bytes"
        )));
    }
    serde_json::from_slice::<KeySet>(&text).map_err(|error| failed(&error))?;
    Ok(text.into())
}

/// Enough of a key set to know one.
#[derive(Deserialize)]
struct KeySet {
    #[serde(rename = "keys")]
    _keys: Vec<serde::de::IgnoredAny>,
}

/// What an issuer tells of itself.
#[derive(Deserialize)]
struct Discovered {
    issuer: String,
    jwks_uri: String,
}

/// Asks the issuer for its key set. Redirects are not followed.
async fn fetch(issuer: &str, how: &Fetching) -> Result<Arc<[u8]>, String> {
    let text = get(&format!("https://{}{DISCOVERY}", trimmed(issuer)), how).await?;
    let told: Discovered = serde_json::from_slice(&text)
        .map_err(|error| format!("the issuer's configuration: {error}"))?;
    let own = told.issuer.strip_prefix("https://").map(trimmed);
    if own != Some(trimmed(issuer)) {
        return Err("the issuer's configuration is of another issuer".to_owned());
    }
    let keys = get(&told.jwks_uri, how).await?;
    serde_json::from_slice::<KeySet>(&keys).map_err(|error| format!("its key set: {error}"))?;
    Ok(keys.into())
}

async fn get(url: &str, how: &Fetching) -> Result<Vec<u8>, String> {
    let url = Url::parse(url)?;
    if !url.is_https() {
        return Err("the issuer names a place that is not https".to_owned());
    }
    let call = Call {
        method: Method::GET,
        url: &url,
        headers: vec![("accept".to_owned(), "application/json".to_owned())],
        body: Vec::new(),
        tls: Some(how.tls.clone()),
        answer_max_bytes: KEY_SET_MAX_BYTES,
        reach: match how.private_hosts.contains(&url.authority()) {
            true => Reach::Anywhere,
            false => Reach::Public,
        },
    };
    let answer = send(call).await?;
    if !answer.status.is_success() {
        return Err(format!("{} answered {}", url.authority(), answer.status));
    }
    Ok(answer.body)
}

#[cfg(test)]
mod tests;
