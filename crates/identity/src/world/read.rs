//! How records become what is held: ARNs, and documents compiled.

use std::sync::Arc;

use keystead_policy::{NamedPolicy, Policy, PolicyError, PolicyKind};
use keystead_store::records::{
    GroupRecord, InlinePolicy, PolicyRecord, PolicySet, ProviderRecord, RoleRecord, UserRecord,
};
use keystead_types::AccountId;

use super::World;
use super::held::{
    BadDocument, HeldGroup, HeldPolicy, HeldProvider, HeldRole, HeldUser, default_version,
};

/// What becomes of a document that does not compile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Damaged {
    /// The record is refused: it is new.
    Refused,
    /// It denies everything: it was stored once, by a version that understood it, and may hold a
    /// Deny.
    Denies,
}

/// Makes what is held of records, beside what a world holds already.
pub(super) struct Reader<'w> {
    pub(super) world: &'w World,
    pub(super) damaged: Damaged,
}

impl Reader<'_> {
    fn arn(&self, account: AccountId, resource: &str, path: &str, name: &str) -> Arc<str> {
        let partition = self.world.partition;
        format!("arn:{partition}:iam::{account}:{resource}{path}{name}").into()
    }

    pub(super) fn user(&self, record: UserRecord) -> Result<HeldUser, BadDocument> {
        let arn = self.arn(record.account, "user", &record.path, &record.name);
        let old = self.world.account(record.account).user(&record.name);
        let old = old.map(|old| Before {
            arn: &old.arn,
            policies: &old.record.policies,
            compiled: &old.inline,
        });
        Ok(HeldUser {
            path_name: path_name(&record.path, &record.name),
            inline: self.inline(&arn, &record.policies, old)?,
            arn,
            record,
            standing: Arc::default(),
        })
    }

    pub(super) fn role(&self, record: RoleRecord) -> Result<HeldRole, BadDocument> {
        let arn = self.arn(record.account, "role", &record.path, &record.name);
        let old = self.world.account(record.account).role(&record.name);
        let same = |old: &&Arc<HeldRole>| {
            old.record.trust == record.trust && old.record.trusted_ids == record.trusted_ids
        };
        let trust = match old.filter(same) {
            Some(old) => old.trust.clone(),
            None => {
                let (document, bound) = (&record.trust, &record.trusted_ids);
                let trust = Policy::compile_bound(PolicyKind::Trust, document, bound);
                self.compiled(trust, || format!("{arn}#trust"))?
            }
        };
        let old = old.map(|old| Before {
            arn: &old.arn,
            policies: &old.record.policies,
            compiled: &old.inline,
        });
        Ok(HeldRole {
            path_name: path_name(&record.path, &record.name),
            inline: self.inline(&arn, &record.policies, old)?,
            trust,
            arn,
            record,
            standing: Arc::default(),
        })
    }

    pub(super) fn group(&self, record: GroupRecord) -> Result<HeldGroup, BadDocument> {
        let arn = self.arn(record.account, "group", &record.path, &record.name);
        let old = self.world.account(record.account).group(&record.name);
        let old = old.map(|old| Before {
            arn: &old.arn,
            policies: &old.record.policies,
            compiled: &old.inline,
        });
        Ok(HeldGroup {
            inline: self.inline(&arn, &record.policies, old)?,
            arn,
            record,
        })
    }

    pub(super) fn policy(&self, record: PolicyRecord) -> Result<HeldPolicy, BadDocument> {
        let arn = self.arn(record.account, "policy", &record.path, &record.name);
        let old = self.world.account(record.account).policy(&record.name);
        let document = default_version(&record).map(|version| &*version.document);
        let same = |old: &&Arc<HeldPolicy>| {
            let before = old.default_version().map(|version| &*version.document);
            before == document && old.arn == arn
        };
        let policy = match old.filter(same) {
            Some(old) => old.policy.policy.clone(),
            None => {
                // One without a default version has the empty document, which does not compile.
                let document = document.unwrap_or_default();
                let policy = Policy::compile(PolicyKind::Identity, document);
                self.compiled(policy, || arn.to_string())?
            }
        };
        Ok(HeldPolicy {
            policy: NamedPolicy {
                name: arn.clone(),
                policy,
            },
            arn,
            record,
        })
    }

    pub(super) fn provider(&self, record: ProviderRecord) -> HeldProvider {
        let arn = self.arn(record.account, "oidc-provider", "/", &record.url);
        HeldProvider { arn, record }
    }

    /// The inline policies of an entity; those that did not change stay compiled.
    fn inline(
        &self,
        arn: &Arc<str>,
        set: &PolicySet,
        before: Option<Before<'_>>,
    ) -> Result<Arc<[NamedPolicy]>, BadDocument> {
        let same = |before: &Before<'_>| before.arn == arn && before.policies.inline == set.inline;
        if let Some(before) = before.filter(same) {
            return Ok(before.compiled.clone());
        }
        let one = |policy: &InlinePolicy| {
            let name: Arc<str> = format!("{arn}#{}", policy.name).into();
            let compiled = Policy::compile(PolicyKind::Identity, &policy.document);
            Ok(NamedPolicy {
                policy: self.compiled(compiled, || name.to_string())?,
                name,
            })
        };
        set.inline.iter().map(one).collect()
    }

    fn compiled(
        &self,
        policy: Result<Policy, PolicyError>,
        place: impl FnOnce() -> String,
    ) -> Result<Arc<Policy>, BadDocument> {
        match (policy, self.damaged) {
            (Ok(policy), _) => Ok(Arc::new(policy)),
            (Err(error), Damaged::Refused) => Err(BadDocument {
                place: place(),
                why: error.to_string(),
            }),
            (Err(error), Damaged::Denies) => {
                tracing::error!(policy = place(), %error, "a stored policy document is not understood and denies everything");
                Ok(self.world.deny_all())
            }
        }
    }
}

fn path_name(path: &str, name: &str) -> Arc<str> {
    let path = path.strip_prefix('/').unwrap_or(path);
    format!("{path}{name}").into()
}

/// Compiles a document of a record.
pub(crate) fn compile(
    kind: PolicyKind,
    document: &str,
    place: impl FnOnce() -> String,
) -> Result<Policy, BadDocument> {
    Policy::compile(kind, document).map_err(|error| BadDocument {
        place: place(),
        why: error.to_string(),
    })
}

/// The inline policies that an entity had before.
struct Before<'a> {
    arn: &'a Arc<str>,
    policies: &'a PolicySet,
    compiled: &'a Arc<[NamedPolicy]>,
}
