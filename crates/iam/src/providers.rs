//! OIDC providers.

use std::sync::Arc;

use keystead_api::iam::{self as api, model};
use keystead_identity::HeldProvider;
use keystead_store::IdentityKind;
use keystead_store::records::{IdentityRecord, ProviderRecord};
use keystead_types::Fault;

use crate::asks::{Ask, Asks};
use crate::call::Call;
use crate::limits::{CLIENT_IDS_PER_PROVIDER, PROVIDERS_PER_ACCOUNT, THUMBPRINTS_PER_PROVIDER};
use crate::operation::Operation;
use crate::refusals;
use crate::scene::Scene;
use crate::tags;

/// A provider under exactly that ARN. Names of providers are unique without case, but another
/// spelling is another resource to policies, so it is not found.
///
/// Errors: InvalidInput for what is no such ARN.
fn held<'a>(scene: &Scene<'a>, arn: &str) -> Result<Option<&'a Arc<HeldProvider>>, Fault> {
    let url = scene.provider_url(arn)?;
    let found = scene.account().provider(url);
    Ok(found.filter(|held| *held.arn == *arn))
}

/// A provider as a resource, by its ARN.
///
/// Errors: InvalidInput for what is no such ARN.
pub(crate) fn ask(scene: &Scene<'_>, arn: &str) -> Result<Ask, Fault> {
    let ask = Ask::on(arn);
    Ok(match held(scene, arn)? {
        Some(held) => ask.tagged(&held.record.tags),
        None => ask,
    })
}

/// Errors: NoSuchEntity; InvalidInput.
pub(crate) fn find<'a>(scene: &Scene<'a>, arn: &str) -> Result<&'a Arc<HeldProvider>, Fault> {
    held(scene, arn)?.ok_or_else(|| refusals::no_provider(arn))
}

/// The issuer without its scheme, as ARNs and condition keys name it: a slash at its end belongs to
/// it, for the `iss` of its tokens has it too.
///
/// Errors: InvalidInput. Source: IAM API reference, CreateOpenIDConnectProvider, `Url`.
fn issuer(url: &str) -> Result<String, Fault> {
    let bad = || refusals::invalid("Invalid Open ID Connect Provider URL");
    let rest = url.strip_prefix("https://").ok_or_else(bad)?;
    let (host, path) = match rest.split_once('/') {
        Some((host, path)) => (host, Some(path)),
        None => (rest, None),
    };
    let label = |label: &str| {
        let letter = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        !label.is_empty() && label.bytes().all(letter)
    };
    // No port, query, fragment or user, and nothing that an ARN could not hold.
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/%+=@!$'(),".contains(&b);
    if !host.split('.').all(label) || !path.unwrap_or_default().bytes().all(plain) {
        return Err(bad());
    }
    Ok(match path {
        None => host.to_ascii_lowercase(),
        Some(path) => format!("{}/{path}", host.to_ascii_lowercase()),
    })
}

/// Errors: InvalidInput; LimitExceeded.
fn thumbprints(given: &[String]) -> Result<Vec<String>, Fault> {
    let hex = |text: &String| text.bytes().all(|b| b.is_ascii_hexdigit());
    if !given.iter().all(hex) {
        return Err(refusals::invalid(
            "Thumbprint must be a hexadecimal number.",
        ));
    }
    if given.len() > THUMBPRINTS_PER_PROVIDER {
        return Err(refusals::invalid(
            "Thumbprint list must contain fewer than 5 entries.",
        ));
    }
    Ok(given.iter().map(|text| text.to_ascii_lowercase()).collect())
}

fn too_many_client_ids() -> Fault {
    let quota = "ClientIdsPerOpenIdConnectProvider";
    refusals::quota(quota, CLIENT_IDS_PER_PROVIDER)
}

impl Operation for api::CreateOpenIDConnectProvider {
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        let url = issuer(&input.url)?;
        let tags = input.tags.as_deref().unwrap_or_default();
        let ask = Ask::on(scene.arn(&format!("oidc-provider/{url}"))).bringing(tags::pairs(tags));
        let tagging = ask.clone().action("iam:TagOpenIDConnectProvider");
        let asks = Asks::from(ask);
        Ok(match tags {
            [] => asks,
            _ => asks.and(tagging),
        })
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<Self::Output, Fault> {
        let url = issuer(&input.url)?;
        let tags = tags::given(input.tags.as_deref())?;
        let thumbprints = thumbprints(input.thumbprint_list.as_deref().unwrap_or_default())?;
        let client_ids = input.client_id_list.clone().unwrap_or_default();
        if client_ids.len() > CLIENT_IDS_PER_PROVIDER {
            return Err(too_many_client_ids());
        }
        let account = call.account();
        if account.provider(&url).is_some() {
            return Err(refusals::provider_exists(&url));
        }
        if account.providers().len() >= PROVIDERS_PER_ACCOUNT {
            let quota = "OpenIdConnectProvidersPerAccount";
            return Err(refusals::quota(quota, PROVIDERS_PER_ACCOUNT));
        }
        let arn = call.scene().arn(&format!("oidc-provider/{url}"));
        let answer = api::create_open_id_connect_provider::Output {
            open_id_connect_provider_arn: Some(arn),
            tags: tags::shown(&tags),
        };
        call.put(IdentityRecord::Provider(ProviderRecord {
            account: call.account_id(),
            url,
            client_ids,
            thumbprints,
            created: call.now,
            tags,
        }))?;
        Ok(answer)
    }
}

impl Operation for api::GetOpenIDConnectProvider {
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        Ok(ask(scene, &input.open_id_connect_provider_arn)?.into())
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<Self::Output, Fault> {
        let scene = call.scene();
        let record = &find(&scene, &input.open_id_connect_provider_arn)?.record;
        Ok(api::get_open_id_connect_provider::Output {
            client_id_list: Some(record.client_ids.clone()),
            create_date: Some(record.created),
            tags: tags::shown(&record.tags),
            thumbprint_list: Some(record.thumbprints.clone()),
            url: Some(record.url.clone()),
        })
    }
}

impl Operation for api::ListOpenIDConnectProviders {
    fn asks(_: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        Ok(Ask::on(scene.arn("oidc-provider/*")).into())
    }

    fn run(_: &Self::Input, call: &mut Call<'_, '_>) -> Result<Self::Output, Fault> {
        let providers = call.account().providers();
        let entry = |held: &Arc<HeldProvider>| model::OpenIDConnectProviderListEntry {
            arn: Some(held.arn.to_string()),
        };
        Ok(api::list_open_id_connect_providers::Output {
            open_id_connect_provider_list: Some(providers.map(entry).collect()),
        })
    }
}

impl Operation for api::AddClientIDToOpenIDConnectProvider {
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        Ok(ask(scene, &input.open_id_connect_provider_arn)?.into())
    }

    /// One that is there already stays. Source: IAM API reference: "This operation is idempotent".
    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<(), Fault> {
        let arn = &input.open_id_connect_provider_arn;
        let mut record = find(&call.scene(), arn)?.record.clone();
        if record.client_ids.contains(&input.client_id) {
            return Ok(());
        }
        if record.client_ids.len() >= CLIENT_IDS_PER_PROVIDER {
            return Err(too_many_client_ids());
        }
        record.client_ids.push(input.client_id.clone());
        call.put(IdentityRecord::Provider(record))
    }
}

impl Operation for api::RemoveClientIDFromOpenIDConnectProvider {
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        Ok(ask(scene, &input.open_id_connect_provider_arn)?.into())
    }

    /// One that is not there is removed already. Source: IAM API reference: "This operation is
    /// idempotent".
    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<(), Fault> {
        let arn = &input.open_id_connect_provider_arn;
        let mut record = find(&call.scene(), arn)?.record.clone();
        record.client_ids.retain(|known| *known != input.client_id);
        call.put(IdentityRecord::Provider(record))
    }
}

impl Operation for api::UpdateOpenIDConnectProviderThumbprint {
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        Ok(ask(scene, &input.open_id_connect_provider_arn)?.into())
    }

    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<(), Fault> {
        let arn = &input.open_id_connect_provider_arn;
        let mut record = find(&call.scene(), arn)?.record.clone();
        record.thumbprints = thumbprints(&input.thumbprint_list)?;
        call.put(IdentityRecord::Provider(record))
    }
}

impl Operation for api::DeleteOpenIDConnectProvider {
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault> {
        Ok(ask(scene, &input.open_id_connect_provider_arn)?.into())
    }

    /// One that is not there is deleted already. Source: IAM API reference: "This operation is
    /// idempotent".
    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<(), Fault> {
        let found = held(&call.scene(), &input.open_id_connect_provider_arn)?;
        match found.map(|held| held.record.url.clone()) {
            Some(url) => call.remove(IdentityKind::Provider, &url),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuers_are_https_without_port_query_or_user() {
        assert_eq!(
            issuer("https://Accounts.example.com/").unwrap(),
            "accounts.example.com/"
        );
        assert_eq!(issuer("https://a.b").unwrap(), "a.b");
        assert_eq!(issuer("https://a.b/Id/").unwrap(), "a.b/Id/");
        assert_eq!(issuer("https://a.b/Id/X").unwrap(), "a.b/Id/X");
        for bad in [
            "http://a.b",
            "https://",
            "https://a.b:443",
            "https://u@a.b",
            "https://a.b/?q",
            "https://a.b/x#y",
            "https://a..b",
            "https://a.b/*",
            "https://a.b/ü",
            "a.b",
        ] {
            assert!(issuer(bad).is_err(), "{bad}");
        }
    }
}
