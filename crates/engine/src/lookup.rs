//! From the words of a request to authorized keys. Nothing here hands out a key that
//! [`crate::authorize`] has not allowed for the action at hand.

use std::sync::Arc;

use keystead_attestation::Attested;
use keystead_audit::Entry;
use keystead_identity::{Bearer, Origin};
use keystead_store::Versioned;
use keystead_store::records::AliasRecord;
use keystead_types::{
    AccountId, AliasArn, AliasName, ArnError, Caller, Fault, FaultKind, Hex32, KeyArn, KeyId,
    KeyReference, Region, Timestamp,
};
use keystead_wall::CiphertextHeader;

use crate::authorize::{self, Subject};
use crate::entry::KeyEntry;
use crate::facts::Facts;
use crate::grant_token::{self, NamedGrant};
use crate::managed;
use crate::operation::{CrossAccount, Identifier};
use crate::ready::{Recipient, no_grant};
use crate::site::{Freshness, Site};
use crate::target::{GrantHeld, GrantSelector, KeySelector};

/// What a request carries while its resources are looked up.
pub struct Stage<'s> {
    pub(crate) site: &'s Site,
    /// Who asks.
    pub(crate) bearer: &'s Bearer,
    /// The same, for the many who need no more.
    pub(crate) caller: &'s Caller,
    pub(crate) entry: &'s mut Entry,
    /// The moment for which the request is judged: one for all its checks.
    pub(crate) now: Timestamp,
    pub(crate) freshness: Freshness,
    /// Whether the request only asks whether it would succeed.
    pub(crate) dry_run: bool,
    /// Where the request came from.
    pub(crate) origin: &'s Origin,
    /// What it says of the resource that is looked up.
    pub(crate) facts: &'s Facts<'s>,
    /// The same about the second resource of an operation with two.
    pub(crate) second: &'s Facts<'s>,
    /// Whether two keys that it names are one; only ReEncrypt names two.
    pub(crate) same_key: Option<bool>,
    /// Who alone may read the answer, verified, until the operation takes it.
    pub(crate) recipient: Option<Result<Recipient, Fault>>,
}

impl Stage<'_> {
    /// What the recipient's attestation document says, if it is good.
    pub(crate) fn attested(&self) -> Option<&Attested> {
        let recipient = self.recipient.as_ref()?.as_ref().ok()?;
        Some(recipient.attested())
    }
}

/// Where a request's words point: an account and a key id, or nothing that exists.
struct Pointer {
    arn: KeyArn,
    /// The alias by which the request named the key.
    alias: Option<AliasName>,
}

impl Pointer {
    /// The ARN of what the request named: all that a stranger may learn is what they said.
    fn named(&self) -> String {
        match &self.alias {
            None => self.arn.to_string(),
            Some(name) => AliasArn {
                region: self.arn.region.clone(),
                account: self.arn.account,
                name: name.clone(),
            }
            .to_string(),
        }
    }
}

/// Looks a key up and authorizes the caller for `action` on it.
///
/// Errors: the identifier errors of KMS for keys of the caller's own account; for keys of other
/// accounts AccessDeniedException, the same whether they exist or not.
pub(crate) async fn authorized_key(
    stage: &mut Stage<'_>,
    identifier: Identifier,
    cross_account: CrossAccount,
    action: &'static str,
    selector: KeySelector<'_>,
) -> Result<Arc<KeyEntry>, Fault> {
    match selector {
        KeySelector::Named(text) => {
            let pointer = point(stage, identifier, action, text).await?;
            named(stage, cross_account, action, &pointer).await
        }
        KeySelector::Ciphertext {
            blob,
            named: Some(text),
        } if !names_foreign_maker(stage.caller, text, blob) => {
            let pointer = point(stage, identifier, action, text).await?;
            let key = named(stage, cross_account, action, &pointer).await?;
            // What is no ciphertext at all is refused when it is opened: after usage and state.
            let made_by = |header: &CiphertextHeader| {
                let record = key.record();
                header.account == record.account && header.key_id == record.key_id
            };
            match CiphertextHeader::parse(blob) {
                Some((header, _)) if !made_by(&header) => Err(Fault::new(
                    FaultKind::IncorrectKey,
                    "The key ID in the request does not identify a CMK that can perform this operation.",
                )),
                _ => Ok(key),
            }
        }
        KeySelector::Ciphertext { blob, .. } => by_ciphertext(stage, action, blob).await,
    }
}

/// True for the bare id of another account's key that made the ciphertext, which is where it is
/// then looked for: a bare id alone means the caller's own account.
/// Source: KMS API reference, Decrypt, KeyId.
fn names_foreign_maker(caller: &Caller, text: &str, blob: &[u8]) -> bool {
    let Ok(KeyReference::Id(key_id)) = KeyReference::parse(text) else {
        return false;
    };
    CiphertextHeader::parse(blob)
        .is_some_and(|(header, _)| header.key_id == key_id && header.account != caller.account)
}

/// The key that a selector means, as far as the caller may know that before it is authorized: a
/// guess, for the comparison with another. None for what cannot be a key, and for aliases of other
/// accounts, whose keys are not told.
pub(crate) async fn meant(
    stage: &Stage<'_>,
    selector: &KeySelector<'_>,
) -> Result<Option<(AccountId, KeyId)>, Fault> {
    let text = match selector {
        KeySelector::Named(text) => text,
        KeySelector::Ciphertext { blob, named } => match (CiphertextHeader::parse(blob), named) {
            (Some((header, _)), _) => return Ok(Some((header.account, header.key_id))),
            (None, Some(text)) => text,
            (None, None) => return Ok(None),
        },
    };
    let own = stage.caller.account;
    let name = match KeyReference::parse(text) {
        Ok(KeyReference::Id(key_id)) => return Ok(Some((own, key_id))),
        Ok(KeyReference::Arn(arn)) => return Ok(Some((arn.account, arn.key_id))),
        Ok(KeyReference::Alias(name)) => name,
        Ok(KeyReference::AliasArn(arn)) if arn.account == own => arn.name,
        Ok(KeyReference::AliasArn(_)) | Err(_) => return Ok(None),
    };
    let target = stage.site.alias_target(own, &name, stage.freshness);
    Ok(target.await?.map(|key_id| (own, key_id)))
}

/// The header of a ciphertext of ours.
fn header(blob: &[u8]) -> Result<CiphertextHeader, Fault> {
    CiphertextHeader::parse(blob)
        .map(|(header, _)| header)
        .ok_or_else(|| Fault::bare(FaultKind::InvalidCiphertext))
}

async fn named(
    stage: &mut Stage<'_>,
    cross_account: CrossAccount,
    action: &'static str,
    pointer: &Pointer,
) -> Result<Arc<KeyEntry>, Fault> {
    let KeyArn {
        account, key_id, ..
    } = &pointer.arn;
    let own = *account == stage.caller.account;
    if !own && cross_account == CrossAccount::Refused {
        return Err(authorize::stranger(stage, action, &pointer.named()));
    }
    let key = stage.site.key(*account, *key_id, stage.freshness).await?;
    match key {
        Some(key) => {
            let alias = pointer.alias.as_ref();
            authorize::key(stage, action, &key, Subject::Named { alias }).await?;
            stage.entry.resource(key.arn().clone());
            Ok(key)
        }
        None if own => Err(not_found(&pointer.arn)),
        None => Err(authorize::stranger(stage, action, &pointer.named())),
    }
}

async fn by_ciphertext(
    stage: &mut Stage<'_>,
    action: &'static str,
    blob: &[u8],
) -> Result<Arc<KeyEntry>, Fault> {
    let header = header(blob)?;
    // A ciphertext of a related multi-Region key opens in each of their Regions.
    let here = header.region == *stage.site.region() || header.key_id.is_multi_region();
    let key = if here {
        stage
            .site
            .key(header.account, header.key_id, stage.freshness)
            .await?
    } else {
        None
    };
    let arn = KeyArn {
        region: stage.site.region().clone(),
        account: header.account,
        key_id: header.key_id,
    };
    let key = key.ok_or_else(|| authorize::unreachable_ciphertext(stage, action, &arn))?;
    authorize::key(stage, action, &key, Subject::Ciphertext).await?;
    stage.entry.resource(key.arn().clone());
    Ok(key)
}

/// The grant that a request wants to retire, if the caller may.
///
/// Errors: InvalidGrantTokenException, InvalidGrantIdException, the identifier errors of KMS,
/// NotFoundException for a grant that is gone, AccessDeniedException.
pub(crate) async fn retirable_grant(
    stage: &mut Stage<'_>,
    action: &'static str,
    selector: GrantSelector<'_>,
) -> Result<GrantHeld, Fault> {
    let NamedGrant {
        account,
        key_id,
        grant_id,
    } = match selector {
        GrantSelector::Token(token) => grant_token::open(stage.site.marker_key(), token)?,
        GrantSelector::Named { key, grant_id } => {
            let Pointer { arn, .. } = point(stage, Identifier::KeyOnly, action, key).await?;
            let grant_id = Hex32::parse(grant_id)
                .map_err(|_| Fault::new(FaultKind::InvalidGrantId, "The grant id is not valid."))?;
            NamedGrant {
                account: arn.account,
                key_id: arn.key_id,
                grant_id,
            }
        }
    };
    let arn = KeyArn {
        region: stage.site.region().clone(),
        account,
        key_id,
    };
    let own = account == stage.caller.account;
    let absent = |stage: &mut Stage<'_>, fault: Fault| match own {
        true => fault,
        false => authorize::stranger(stage, action, &arn.to_string()),
    };
    let key = stage.site.key(account, key_id, stage.freshness).await?;
    let Some(key) = key else {
        return Err(absent(stage, not_found(&arn)));
    };
    let grant = stage.site.records().grant(account, key_id, grant_id);
    let Some(grant) = grant.await.map_err(Fault::internal)? else {
        return Err(absent(stage, no_grant(&grant_id)));
    };
    authorize::retirement(stage, action, &key, &grant.value).await?;
    stage.entry.resource(key.arn().clone());
    Ok(GrantHeld { grant, key })
}

/// Reads the `KeyId` member. Existence of a key is not looked at yet, that of an alias is.
async fn point(
    stage: &mut Stage<'_>,
    identifier: Identifier,
    action: &'static str,
    text: &str,
) -> Result<Pointer, Fault> {
    let here = stage.site.region().clone();
    let local = |account, key_id| Pointer {
        arn: KeyArn {
            region: here.clone(),
            account,
            key_id,
        },
        alias: None,
    };
    let reference = match KeyReference::parse(text) {
        Ok(reference) => reference,
        Err(error) => return Err(unreadable(stage, identifier, text, &error)),
    };
    let (account, name) = match reference {
        KeyReference::Id(key_id) => return Ok(local(stage.caller.account, key_id)),
        KeyReference::Arn(arn) => {
            same_region(stage.site, &arn.region)?;
            return Ok(local(arn.account, arn.key_id));
        }
        KeyReference::Alias(_) | KeyReference::AliasArn(_) if identifier == Identifier::KeyOnly => {
            return Err(aliases_refused());
        }
        KeyReference::Alias(name) => (stage.caller.account, name),
        KeyReference::AliasArn(arn) => {
            same_region(stage.site, &arn.region)?;
            (arn.account, arn.name)
        }
    };
    let target = stage.site.alias_target(account, &name, stage.freshness);
    let target = match target.await? {
        None if account == stage.caller.account => {
            // Once per service and account, and large: in a box.
            Box::pin(managed::at_first_use(stage, action, &name)).await?
        }
        found => found,
    };
    match target {
        Some(key_id) => Ok(Pointer {
            alias: Some(name),
            ..local(account, key_id)
        }),
        None if account == stage.caller.account => Err(alias_not_found(stage.site, account, &name)),
        None => {
            let arn = AliasArn {
                region: here,
                account,
                name,
            }
            .to_string();
            Err(authorize::stranger(stage, action, &arn))
        }
    }
}

fn same_region(site: &Site, region: &Region) -> Result<(), Fault> {
    if region == site.region() {
        return Ok(());
    }
    Err(Fault::new(
        FaultKind::NotFound,
        format!("Invalid arn {region}"),
    ))
}

fn unreadable(stage: &Stage<'_>, identifier: Identifier, text: &str, error: &ArnError) -> Fault {
    let alias = text.starts_with(AliasName::PREFIX);
    match error {
        _ if alias && identifier == Identifier::KeyOnly => aliases_refused(),
        _ if alias => {
            let account = stage.caller.account;
            let arn = KeyArn {
                region: stage.site.region().clone(),
                account,
                key_id: KeyId::from_random([0; 16]),
            };
            let arn = arn.to_string();
            let prefix = arn.rsplit_once(':').map_or("", |(prefix, _)| prefix);
            Fault::new(
                FaultKind::NotFound,
                format!("Alias {prefix}:{text} is not found."),
            )
        }
        ArnError::NotAnArn if identifier == Identifier::KeyOnly => {
            Fault::new(FaultKind::InvalidArn, format!("Invalid ARN '{text}'"))
        }
        _ => Fault::new(FaultKind::NotFound, format!("Invalid keyId '{text}'")),
    }
}

fn aliases_refused() -> Fault {
    Fault::new(
        FaultKind::InvalidArn,
        "Key Aliases are not supported for this operation.",
    )
}

fn not_found(arn: &KeyArn) -> Fault {
    Fault::new(FaultKind::NotFound, format!("Key '{arn}' does not exist"))
}

fn alias_not_found(site: &Site, account: AccountId, name: &AliasName) -> Fault {
    let arn = AliasArn {
        region: site.region().clone(),
        account,
        name: name.clone(),
    };
    Fault::new(FaultKind::NotFound, format!("Alias {arn} is not found."))
}

/// An alias of the caller's account, if it exists.
pub(crate) async fn alias(
    stage: &Stage<'_>,
    name: &AliasName,
) -> Result<Option<Versioned<AliasRecord>>, Fault> {
    stage.site.alias(stage.caller.account, name).await
}

/// An alias of the caller's account.
///
/// Errors: NotFoundException `Alias … is not found.`.
pub(crate) async fn existing_alias(
    stage: &Stage<'_>,
    name: &AliasName,
) -> Result<Versioned<AliasRecord>, Fault> {
    let found = alias(stage, name).await?;
    found.ok_or_else(|| alias_not_found(stage.site, stage.caller.account, name))
}

/// The key behind an alias, authorized for `action`; `None` when the key is already gone.
pub(crate) async fn alias_target(
    stage: &mut Stage<'_>,
    action: &'static str,
    alias: &Versioned<AliasRecord>,
) -> Result<Option<Arc<KeyEntry>>, Fault> {
    let AliasRecord {
        account, target, ..
    } = &alias.value;
    let Some(key) = stage.site.key(*account, *target, stage.freshness).await? else {
        return Ok(None);
    };
    authorize::key(stage, action, &key, Subject::Named { alias: None }).await?;
    stage.entry.resource(key.arn().clone());
    Ok(Some(key))
}

/// The key of the caller's own account that a filter names; no permission on it is needed.
///
/// Errors: InvalidArnException for aliases; NotFoundException for what the account does not have.
pub(crate) async fn own_key(stage: &mut Stage<'_>, text: &str) -> Result<KeyId, Fault> {
    let Pointer { arn, .. } = point(stage, Identifier::KeyOnly, "kms:ListAliases", text).await?;
    let own = arn.account == stage.caller.account;
    let known = own
        && stage
            .site
            .key(arn.account, arn.key_id, stage.freshness)
            .await?
            .is_some();
    if known {
        Ok(arn.key_id)
    } else {
        Err(not_found(&arn))
    }
}
