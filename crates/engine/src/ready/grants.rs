//! Grants on a key: made, listed, revoked, retired.

use aws_lc_rs::digest;
use keystead_policy::NamedPrincipal;
use keystead_store::records::{GrantConstraints, GrantParty, GrantRecord};
use keystead_store::{Change, Versioned};
use keystead_types::{
    AccountId, Fault, FaultKind, GrantId, GrantOperation, Hex32, KeyId, Principal, partition_of,
};

use super::{Page, Ready, Window};
use crate::authorize;
use crate::grant_token::{self, NamedGrant};
use crate::grants;
use crate::target::{AccountWide, AnyUse, HeldGrant, Listing, OneKey, Target};

/// What CreateGrant asks for.
pub struct NewGrant {
    /// A name, for which the same request makes no second grant.
    pub name: Option<String>,
    /// Who may use it.
    pub grantee: GrantParty,
    /// Who may retire it.
    pub retiring: Option<GrantParty>,
    /// What it allows.
    pub operations: Vec<GrantOperation>,
    /// When it allows it; pairs sorted by key.
    pub constraints: Option<GrantConstraints>,
}

/// Which grants of a key a listing shows.
#[derive(Default)]
pub struct GrantPage {
    /// Only this grant.
    pub grant_id: Option<GrantId>,
    /// Only those of this grantee.
    pub grantee: Option<GrantParty>,
}

impl Ready<'_, OneKey<AnyUse>> {
    /// Makes a grant, or finds the one that the same request with the same name made. Gives its
    /// id and a new token.
    ///
    /// Errors: LimitExceededException at the key's quota of grants.
    /// InvalidArnException for a user or role that does not exist.
    pub async fn create_grant(&mut self, new: NewGrant) -> Result<(GrantId, String), Fault> {
        let held = self.held.clone();
        let key = held.record();
        let (account, key_id) = (key.account, key.key_id);
        let issuer = self.caller().account;
        let site = self.stage.site;
        let bind = |party: &GrantParty| grants::bind(site.identities(), party);
        let grantee_id = bind(&new.grantee)?;
        let retiring_id = match &new.retiring {
            Some(party) => bind(party)?,
            None => None,
        };
        let bound = [grantee_id.as_deref(), retiring_id.as_deref()];
        let fingerprint = new.name.as_ref().map(|_| fingerprint(issuer, &new, bound));
        if let Some(fingerprint) = fingerprint {
            let known = site
                .records()
                .grant_by_fingerprint(account, key_id, &fingerprint)
                .await
                .map_err(Fault::internal)?;
            if let Some(known) = known {
                let grant_id = known.value.grant_id;
                return Ok((grant_id, self.grant_token(grant_id)));
            }
        }
        let most = site.quotas().grants_per_key;
        let count = site.grants().count(site.records(), (account, key_id), most);
        if count.await? >= most {
            let arn = held.arn_text();
            return Err(Fault::new(
                FaultKind::LimitExceeded,
                format!("The key {arn} already has {most} grants, the most that a key may have."),
            ));
        }
        let mut random = [0; 32];
        site.entropy().fill(&mut random);
        let grant_id = Hex32(random);
        let retiring_digest = new.retiring.as_ref().map(GrantParty::digest);
        let record = GrantRecord {
            grant_id,
            account,
            key_id,
            name: new.name,
            grantee: new.grantee,
            grantee_id,
            retiring: new.retiring,
            retiring_id,
            operations: new.operations,
            constraints: new.constraints,
            issuing_account: issuer,
            created: self.now(),
            fingerprint,
            retiring_digest,
        };
        self.changes.push(Change::PutGrant {
            record,
            key: held.revision(),
        });
        Ok((grant_id, self.grant_token(grant_id)))
    }

    fn grant_token(&self, grant_id: GrantId) -> String {
        let (site, key) = (self.stage.site, self.held.record());
        let grant = NamedGrant {
            account: key.account,
            key_id: key.key_id,
            grant_id,
        };
        grant_token::seal(site.marker_key(), site.entropy(), &grant)
    }

    /// A page of the key's grants in order of their ids. A page may be short when a grantee is
    /// asked for.
    pub async fn grants(
        &self,
        window: &Window,
        shown: &GrantPage,
        filter: &str,
    ) -> Result<Page<GrantRecord>, Fault> {
        let (account, key_id) = (self.held.record().account, self.held.record().key_id);
        if let Some(grant_id) = shown.grant_id {
            let found = self.stage.site.records().grant(account, key_id, grant_id);
            let found = found.await.map_err(Fault::internal)?;
            let items = found.into_iter().map(|grant| self.listed(grant.value));
            let items = items.filter(|grant| shows(shown, grant)).collect();
            return Ok(Page { items, next: None });
        }
        let after = match &window.after {
            Some(text) => Some(Hex32::parse(text).map_err(Fault::internal)?),
            None => None,
        };
        let records = self.stage.site.records();
        let page = records.grants_of(account, key_id, after, window.limit);
        let (found, more) = page.await.map_err(Fault::internal)?;
        let items = found.into_iter().map(|grant| self.listed(grant.value));
        let mut page = self.page(items.collect(), more, filter, |grant: &GrantRecord| {
            grant.grant_id.to_string()
        });
        page.items.retain(|grant| shows(shown, grant));
        Ok(page)
    }

    /// Mints the removal of one of the key's grants.
    ///
    /// Errors: NotFoundException.
    pub async fn revoke_grant(&mut self, grant_id: GrantId) -> Result<(), Fault> {
        let key = self.held.record();
        let records = self.stage.site.records();
        let found = records.grant(key.account, key.key_id, grant_id).await;
        let found = found.map_err(Fault::internal)?;
        let grant = found.ok_or_else(|| no_grant(&grant_id))?;
        self.changes.push(removal(&grant));
        Ok(())
    }
}

fn shows(shown: &GrantPage, grant: &GrantRecord) -> bool {
    shown
        .grantee
        .as_ref()
        .is_none_or(|one| grant.grantee == *one)
}

impl Ready<'_, HeldGrant> {
    /// Mints the removal of the grant.
    pub fn retire(&mut self) {
        let change = removal(&self.held.grant);
        self.changes.push(change);
    }

    /// The grant.
    pub fn grant(&self) -> &GrantRecord {
        &self.held.grant.value
    }
}

impl Ready<'_, AccountWide<Listing>> {
    /// A page of the grants, on keys of any account, that a principal may retire.
    ///
    /// Errors: AccessDeniedException for a principal of another account; only services may ask
    /// about services. Source: KMS API reference, ListRetirableGrants.
    pub async fn retirable_grants(
        &mut self,
        window: &Window,
        retiring: &GrantParty,
        filter: &str,
    ) -> Result<Page<GrantRecord>, Fault> {
        self.may_list(retiring)?;
        let after = match &window.after {
            Some(text) => Some(position_of(text).ok_or_else(|| Fault::internal("a position"))?),
            None => None,
        };
        let records = self.stage.site.records();
        let digest = retiring.digest();
        let page = records.grants_by_retiring(&digest, after, window.limit);
        let (found, more) = page.await.map_err(Fault::internal)?;
        let items = found.into_iter().map(|grant| grant.value).collect();
        let mut page = self.page(items, more, filter, |grant: &GrantRecord| {
            format!("{} {} {}", grant.account, grant.key_id, grant.grant_id)
        });
        // Not those of an earlier user or role of the same name.
        let now = grants::bind(self.stage.site.identities(), retiring).ok();
        page.items.retain(|grant| {
            let bound = grant.retiring_id.as_ref();
            bound.is_none_or(|bound| now.as_ref().is_some_and(|now| now.as_ref() == Some(bound)))
        });
        page.items = page
            .items
            .into_iter()
            .map(|grant| self.listed(grant))
            .collect();
        Ok(page)
    }
}

impl Ready<'_, AccountWide<Listing>> {
    fn may_list(&mut self, retiring: &GrantParty) -> Result<(), Fault> {
        let caller = self.caller();
        let allowed = match retiring {
            GrantParty::Principal(arn) => {
                let named = NamedPrincipal::parse_principal_arn(arn);
                named.and_then(|one| one.account()) == Some(caller.account)
            }
            GrantParty::Service(name) => {
                matches!(&caller.principal, Principal::Service { name: own } if **own == **name)
            }
        };
        if allowed {
            return Ok(());
        }
        let (action, resource) = ("kms:ListRetirableGrants", retiring.text());
        Err(authorize::stranger(&mut self.stage, action, resource))
    }
}

fn position_of(text: &str) -> Option<(AccountId, KeyId, GrantId)> {
    let mut parts = text.split(' ');
    let account = AccountId::parse(parts.next()?).ok()?;
    let key_id = KeyId::parse(parts.next()?).ok()?;
    let grant_id = Hex32::parse(parts.next()?).ok()?;
    Some((account, key_id, grant_id))
}

fn removal(grant: &Versioned<GrantRecord>) -> Change {
    Change::RemoveGrant {
        account: grant.value.account,
        key_id: grant.value.key_id,
        grant_id: grant.value.grant_id,
        previous: grant.modified,
    }
}

pub(crate) fn no_grant(grant_id: &GrantId) -> Fault {
    Fault::new(
        FaultKind::NotFound,
        format!("Grant ID {grant_id} not found"),
    )
}

impl<T: Target> Ready<'_, T> {
    /// A grant as it is listed: users and roles by the ARN that they have now, or by their unique id
    /// once they are gone.
    fn listed(&self, grant: GrantRecord) -> GrantRecord {
        let site = self.stage.site;
        grants::shown(site.identities(), partition_of(site.region()), grant)
    }

    /// A principal of a grant, by the ARN of an account, user, role, role session or federated
    /// user of this Region's partition.
    ///
    /// Errors: InvalidArnException for every other text.
    pub fn grant_principal(&self, arn: &str) -> Result<GrantParty, Fault> {
        let here = partition_of(self.region());
        let named = NamedPrincipal::parse_principal_arn(arn);
        let partition = named.and_then(|named| named.partition());
        if partition.is_some_and(|partition| partition.as_str() == here) {
            return Ok(GrantParty::Principal(arn.to_owned()));
        }
        Err(grants::no_principal(arn))
    }

    /// Checks that every grant token of a request is one of ours.
    ///
    /// Errors: InvalidGrantTokenException.
    pub fn check_grant_tokens(&self, tokens: &[String]) -> Result<(), Fault> {
        let key = self.stage.site.marker_key();
        let mut tokens = tokens.iter();
        tokens.try_for_each(|token| grant_token::open(key, token).map(|_| ()))
    }
}

/// What two requests of one account with the same parameters have in common, and with the same
/// users and roles behind them.
fn fingerprint(issuer: AccountId, new: &NewGrant, bound: [Option<&str>; 2]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    let mut part = |text: &str| {
        context.update(&(text.len() as u64).to_be_bytes());
        context.update(text.as_bytes());
    };
    let party = |party: &GrantParty| match party {
        GrantParty::Principal(text) => format!("p{text}"),
        GrantParty::Service(text) => format!("s{text}"),
    };
    part(issuer.as_str());
    part(new.name.as_deref().unwrap_or_default());
    part(&party(&new.grantee));
    part(&new.retiring.as_ref().map(party).unwrap_or_default());
    let mut operations: Vec<_> = new.operations.iter().map(|one| one.as_str()).collect();
    operations.sort_unstable();
    part(&operations.join(","));
    let none = GrantConstraints::default();
    let constraints = new.constraints.as_ref().unwrap_or(&none);
    for (name, pairs) in [
        ("subset", &constraints.encryption_context_subset),
        ("equals", &constraints.encryption_context_equals),
    ] {
        let pairs = pairs.as_deref();
        part(name);
        part(
            &pairs
                .map(|pairs| pairs.len().to_string())
                .unwrap_or_default(),
        );
        for (key, value) in pairs.unwrap_or_default() {
            part(key);
            part(value);
        }
    }
    part(constraints.source_arn.as_deref().unwrap_or_default());
    // Nothing for grants without users and roles, as ever.
    for (place, id) in ["grantee", "retiring"].into_iter().zip(bound) {
        if let Some(id) = id {
            part(place);
            part(id);
        }
    }
    finish(context)
}

fn finish(context: digest::Context) -> [u8; 32] {
    let digest = context.finish();
    // SHA-256 has 32 bytes.
    digest.as_ref().first_chunk().copied().unwrap_or_default()
}
