//! One question to all policies, and its answer.

use std::cell::Cell;
use std::sync::Arc;

use keystead_identity::{GlobalContext, Membership, Standing};
use keystead_policy::{
    Case, Decision, Denial, Granted, Kind, KnownKey, Outcomes, Policy, Request, decide,
    decide_noting,
};
use keystead_store::records::KeyRecord;
use keystead_types::{AccountId, AliasName, Fault, KeyManager, Principal, Timestamp, partition_of};

use crate::context::{KmsContext, Late, Wanted};
use crate::facts::Facts;
use crate::limits::DAY_MILLIS;
use crate::lookup::Stage;
use crate::site::Site;

/// May the caller do this to that?
pub(super) struct Question<'a> {
    pub(super) action: &'static str,
    /// The resource's ARN, or `*`.
    pub(super) resource: &'a str,
    /// Whose it is.
    pub(super) account: AccountId,
    /// The policy of the resource, if it has one that takes part.
    pub(super) policy: Option<&'a Policy>,
    /// The key in question, if there is one.
    pub(super) key: Option<&'a KeyRecord>,
    /// The alias by which the request named it.
    pub(super) alias: Option<&'a AliasName>,
    pub(super) facts: &'a Facts<'a>,
    /// Whose policies are asked.
    pub(super) sides: Sides,
}

/// Whose policies are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sides {
    /// All of them.
    Both,
    /// The caller's and those of its account: what a stranger may know anyway.
    Caller,
    /// All but the key's: the caller's account has issued what it asks for, and may take it back
    /// from a key of any account.
    Issuer,
}

/// What takes part in an answer besides the question, read once for an action.
pub(super) struct Parties {
    /// None for who is gone, or is another one of the same name.
    standing: Option<Arc<Standing>>,
    own: Membership,
    /// The organisation's word on the resource's account, when that is another.
    theirs: Option<Membership>,
    /// Its word on the account for which a service calls.
    source: Option<Membership>,
    now: Timestamp,
}

impl Parties {
    /// Whether the caller is still who its credential says.
    pub(super) fn is_known(&self) -> bool {
        self.standing.is_some()
    }

    pub(super) fn of(stage: &Stage<'_>, resource_account: AccountId) -> Self {
        let identities = stage.site.identities();
        let own = stage.caller.account;
        let theirs = own != resource_account;
        let source = stage.origin.source.as_ref();
        let source = source.and_then(|source| source.account);
        Self {
            standing: identities.standing(stage.bearer),
            own: identities.membership(own),
            theirs: theirs.then(|| identities.membership(resource_account)),
            source: source.map(|account| identities.membership(account)),
            now: stage.now,
        }
    }
}

/// A question with all that takes part in its answer.
pub(super) struct Asking<'a> {
    pub(super) stage: &'a Stage<'a>,
    pub(super) question: &'a Question<'a>,
    pub(super) parties: &'a Parties,
}

impl Asking<'_> {
    /// Decides, as far as `late` suffices: what is wanted beyond it may change the decision.
    pub(super) fn decide(&self, grant: Granted, late: &Late) -> (Decision, Wanted) {
        let Some(standing) = &self.parties.standing else {
            let denied = Decision::Denied(Denial::Implicit(Kind::Identity));
            return (denied, Wanted::default());
        };
        self.with(standing, grant, late, decide)
    }

    /// The same; notes what becomes of every statement.
    pub(super) fn decide_noting(
        &self,
        grant: Granted,
        late: &Late,
        outcomes: &mut Outcomes,
    ) -> (Decision, Wanted) {
        let Some(standing) = &self.parties.standing else {
            return self.decide(grant, late);
        };
        let noting =
            |case: &Case<'_>, request: &Request<'_>| decide_noting(case, request, outcomes);
        self.with(standing, grant, late, noting)
    }

    /// Runs with all policies that take part; not for who is gone, who has none.
    pub(super) fn with_policies<T>(
        &self,
        grant: Granted,
        late: &Late,
        run: impl FnOnce(&Case<'_>, &Request<'_>) -> T,
    ) -> Option<T> {
        let standing = self.parties.standing.as_ref()?;
        Some(self.with(standing, grant, late, run).0)
    }

    /// Runs with the case and the request that this question makes.
    fn with<T>(
        &self,
        standing: &Standing,
        grant: Granted,
        late: &Late,
        run: impl FnOnce(&Case<'_>, &Request<'_>) -> T,
    ) -> (T, Wanted) {
        let Self {
            stage,
            question,
            parties,
        } = *self;
        let resource_control = match &parties.theirs {
            _ if question.sides == Sides::Caller || beyond_resource_control(question) => &[],
            Some(theirs) => &*theirs.resource_control,
            None => &*parties.own.resource_control,
        };
        let service = matches!(stage.caller.principal, Principal::Service { .. });
        let endpoint = stage.origin.endpoint.as_deref();
        let case = Case {
            resource: question.policy.filter(|_| question.sides == Sides::Both),
            identity: &standing.policies,
            boundary: standing.boundary.as_ref(),
            session: stage.bearer.session_policies.as_deref(),
            // A service is no principal of the account that it acts for.
            service_control: match service {
                true => &[],
                false => &parties.own.service_control,
            },
            resource_control,
            endpoint: endpoint.and_then(|endpoint| endpoint.policy.as_ref()),
            grant,
        };
        let context = self.context(standing, late);
        let request = Request {
            principal: &stage.caller.principal,
            partition: partition_of(stage.site.region()),
            action: question.action,
            resource: question.resource,
            resource_account: match question.sides {
                Sides::Issuer => stage.caller.account,
                Sides::Both | Sides::Caller => question.account,
            },
            unique_id: stage.bearer.holder_id(),
            context: &context,
        };
        let answer = run(&case, &request);
        (answer, context.wanted.get())
    }

    /// Names of the condition keys of tags, which a context cannot list: the key's and the caller's.
    pub(super) fn tag_names(&self) -> Vec<String> {
        let of_key = self.question.key.map(|key| key.tags.as_slice());
        let of_key = of_key.unwrap_or_default().iter();
        let of_key = of_key.map(|(key, _)| format!("{}{key}", KnownKey::ResourceTag.name()));
        let standing = self.parties.standing.as_deref();
        let late = Late::default();
        let of_caller = standing.map(|standing| {
            let context = self.context(standing, &late);
            context.global.principal_tag_keys().collect::<Vec<_>>()
        });
        of_key.chain(of_caller.into_iter().flatten()).collect()
    }

    fn context<'c>(&'c self, standing: &'c Standing, late: &'c Late) -> KmsContext<'c> {
        let Self {
            stage,
            question,
            parties,
        } = *self;
        let caller = stage.caller;
        KmsContext {
            global: GlobalContext {
                bearer: stage.bearer,
                standing,
                membership: &parties.own,
                origin: stage.origin,
                partition: partition_of(stage.site.region()),
                region: stage.site.region().as_str(),
                now: parties.now,
                resource_account: Some(question.account),
                resource_membership: Some(parties.theirs.as_ref().unwrap_or(&parties.own)),
                source_membership: parties.source.as_ref(),
                resource_tags: None,
                request_tags: None,
                tag_keys: None,
            },
            facts: question.facts,
            key: question.key,
            account: caller.account,
            region: stage.site.region(),
            principal: &caller.principal,
            via: via(stage),
            alias: question.alias,
            // Whether two keys are one is told by the keys, of which a stranger learns nothing.
            same_key: stage.same_key.filter(|_| question.sides == Sides::Both),
            attested: stage.attested(),
            late,
            wanted: Cell::new(Wanted::default()),
        }
    }
}

/// The services through which a request came.
fn via<'a>(stage: &Stage<'a>) -> &'a [Arc<str>] {
    let session = stage.caller.session.as_deref();
    session
        .map(|session| session.via.as_slice())
        .unwrap_or_default()
}

/// RCPs do not reach AWS managed keys and kms:RetireGrant. Source: Organizations User Guide,
/// "Resource control policies (RCPs)", "Resources and entities not restricted by RCPs".
fn beyond_resource_control(question: &Question<'_>) -> bool {
    let managed = question
        .key
        .is_some_and(|key| key.manager == KeyManager::Aws);
    managed || question.action == "kms:RetireGrant"
}

/// Reads what a policy asked for of a key.
pub(super) async fn read(
    site: &Site,
    key: &KeyRecord,
    wanted: Wanted,
    late: &mut Late,
) -> Result<(), Fault> {
    if wanted.aliases {
        let most = site.quotas().aliases_per_key.saturating_add(1);
        let page = site
            .records()
            .aliases_of(key.account, key.key_id, None, most);
        let (aliases, _) = page.await.map_err(Fault::internal)?;
        late.aliases = Some(aliases.into_iter().map(|alias| alias.name).collect());
    }
    if wanted.idle_days {
        let name = (key.account, key.key_id);
        let used = site.last_use(name, key.created).await?;
        let since = used.map_or(key.created, |used| used.at);
        let idle = site.now().as_millis().saturating_sub(since.as_millis());
        late.idle_days = Some(idle.max(0) / DAY_MILLIS);
    }
    Ok(())
}
