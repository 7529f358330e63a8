//! Whether this caller may do this to this key now. [`keystead_policy::decide`] alone decides; here
//! is gathered what takes part, and what a refused caller is told. Deny is the default and wins.
//!
//! Source: KMS Developer Guide, "Determining access to AWS KMS keys"; IAM User Guide, "Policy
//! evaluation logic".

mod explained;
mod granted;
mod question;
mod refusal;
mod words;

use keystead_policy::{Decision, Denial, Granted, Kind, Outcomes, Policy};
use keystead_store::records::{GrantConstraints, GrantRecord, KeyRecord};
use keystead_types::{AccountId, AliasArn, AliasName, Caller, Fault, KeyArn, Principal};

use crate::context::Late;
use crate::entry::KeyEntry;
use crate::facts::{Facts, GrantFacts, Pairs};
use crate::lookup::Stage;
use explained::{Explanation, Known};
use question::{Asking, Parties, Question, Sides};

pub(crate) use refusal::{stranger, unreachable_ciphertext};

/// How the request named the key; refusals are worded accordingly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject<'a> {
    /// By a `KeyId` member.
    Named {
        /// Its alias, if it was named by one.
        alias: Option<&'a AliasName>,
    },
    /// By a ciphertext only.
    Ciphertext,
}

/// An answer, and what the audit record and the caller are told of it.
struct Answer {
    decision: Decision,
    explanation: Explanation,
}

impl Answer {
    fn denial(&self) -> Option<&Denial> {
        match &self.decision {
            Decision::Allowed(_) => None,
            Decision::Denied(denial) => Some(denial),
        }
    }
}

/// Allows an action on a key, or says why not.
pub(crate) async fn key(
    stage: &mut Stage<'_>,
    action: &'static str,
    key: &KeyEntry,
    subject: Subject<'_>,
) -> Result<(), Fault> {
    let record = key.record();
    let own = record.account == stage.caller.account;
    let alias = match subject {
        Subject::Named { alias } => alias,
        Subject::Ciphertext => None,
    };
    if !is_outsider(stage.caller, record.account) {
        let question = Question {
            action,
            resource: key.arn_text(),
            account: record.account,
            policy: Some(key.policy()),
            key: Some(record),
            alias,
            facts: stage.facts,
            sides: Sides::Both,
        };
        let answer = ask(stage, &question, key).await?;
        match note(stage, answer) {
            Ok(()) => return Ok(()),
            Err(denied) if own && subject != Subject::Ciphertext => {
                return Err(refusal::own(stage, action, key.arn_text(), &denied));
            }
            // The whole explanation of what is the caller's own is on record.
            Err(_) if own => return Err(refusal::own_ciphertext(stage, action, key.arn())),
            Err(_) => {}
        }
    }
    // From here on the key may as well not exist.
    Err(match subject {
        Subject::Ciphertext => unreachable_ciphertext(stage, action, key.arn()),
        Subject::Named { alias: None } => stranger(stage, action, key.arn_text()),
        // The key behind another account's alias is not for the caller to learn.
        Subject::Named { alias: Some(name) } => {
            let arn = AliasArn {
                region: key.arn().region.clone(),
                account: key.arn().account,
                name: name.clone(),
            };
            stranger(stage, action, &arn.to_string())
        }
    })
}

/// A service uses the keys of the account that it acts for only, so that no account can have it
/// use another's.
fn is_outsider(caller: &Caller, owner: AccountId) -> bool {
    let service = matches!(caller.principal, Principal::Service { .. });
    service && owner != caller.account
}

/// Asks all policies, and then the grants on the key if these can still make a difference.
async fn ask(stage: &Stage<'_>, question: &Question<'_>, key: &KeyEntry) -> Result<Answer, Fault> {
    let parties = Parties::of(stage, question.account);
    let asking = Asking {
        stage,
        question,
        parties: &parties,
    };
    let mut late = Late::default();
    let mut grant = None;
    let mut unfit = None;
    let mut outcomes = Outcomes::new();
    let mut decision = settle(&asking, Granted::No, &mut late, &mut outcomes).await?;
    if let Decision::Denied(denial) = &decision
        && can_be_mended(denial)
        && parties.is_known()
    {
        grant = Box::pin(granted::granted(
            stage,
            key,
            question.action,
            question.facts,
        ))
        .await?;
        if let Some(found) = &grant {
            let granted = Granted::To(found.named);
            decision = settle(&asking, granted, &mut late, &mut outcomes).await?;
        } else if question.account == stage.caller.account {
            let why = granted::unfit(stage, key, question.action, question.facts);
            unfit = Some(Box::pin(why).await?);
        }
    }
    let said = grant.map_or(Granted::No, |found| Granted::To(found.named));
    let known = Known {
        grant_id: grant.map(|found| found.grant_id),
        unfit,
        denial: None,
    };
    let told = (said, &late, &known);
    Ok(explained::answer(&asking, decision, told, outcomes))
}

/// Asks all policies, with what grants say. `denied` overrules every Allow, in what is told too.
async fn ask_once(
    stage: &Stage<'_>,
    question: &Question<'_>,
    grant: Granted,
    denied: Option<Denial>,
) -> Result<Answer, Fault> {
    let parties = Parties::of(stage, question.account);
    let asking = Asking {
        stage,
        question,
        parties: &parties,
    };
    let mut late = Late::default();
    let mut outcomes = Outcomes::new();
    let decision = settle(&asking, grant, &mut late, &mut outcomes).await?;
    let decision = denied.clone().map_or(decision, Decision::Denied);
    let known = Known {
        denial: denied,
        ..Known::default()
    };
    let told = (grant, &late, &known);
    Ok(explained::answer(&asking, decision, told, outcomes))
}

/// Decides once everything that a policy asks for is there.
async fn settle(
    asking: &Asking<'_>,
    grant: Granted,
    late: &mut Late,
    outcomes: &mut Outcomes,
) -> Result<Decision, Fault> {
    loop {
        let (decision, wanted) = asking.decide_noting(grant, late, outcomes);
        match asking.question.key {
            Some(key) if wanted.any() => {
                question::read(asking.stage.site, key, wanted, late).await?;
            }
            _ => return Ok(decision),
        }
    }
}

/// Whether a grant can make up for what is missing: an Allow of a policy, not what guardrails and
/// endpoints leave out, and never a Deny.
fn can_be_mended(denial: &Denial) -> bool {
    match denial {
        Denial::Explicit(_) => false,
        Denial::Implicit(kind) => match kind {
            Kind::Identity | Kind::Resource | Kind::Boundary | Kind::Session => true,
            Kind::ServiceControl | Kind::ResourceControl | Kind::Endpoint => false,
        },
    }
}

/// A refusal with its explanation.
struct Denied {
    denial: Denial,
    sealed: Vec<u8>,
}

/// Notes an answer in the audit record; a denial without explanation is noted by who refuses.
fn note(stage: &mut Stage<'_>, answer: Answer) -> Result<(), Denied> {
    let Explanation { recorded, sealed } = answer.explanation;
    if !recorded.is_empty() {
        stage.entry.authorization(recorded);
    }
    match answer.decision {
        Decision::Allowed(_) => Ok(()),
        Decision::Denied(denial) => Err(Denied { denial, sealed }),
    }
}

/// Whether the policy of an AWS managed key of the caller's account, which is not made yet, would
/// let the caller do this.
pub(crate) async fn may_use_managed(
    stage: &Stage<'_>,
    policy: &Policy,
    action: &'static str,
    record: &KeyRecord,
    arn: &KeyArn,
) -> Result<bool, Fault> {
    let question = Question {
        action,
        resource: &arn.to_string(),
        account: record.account,
        policy: Some(policy),
        key: Some(record),
        alias: None,
        facts: stage.facts,
        sides: Sides::Both,
    };
    let answer = ask_once(stage, &question, Granted::No, None).await?;
    Ok(answer.decision.is_allowed())
}

/// Allows the retirement of a grant: by its retiring principal, by its grantee if the grant says
/// so, and by the account that issued it, whose identity policies delegate that. A key policy can
/// forbid it, and cannot allow it. Source: KMS API reference, RetireGrant.
pub(crate) async fn retirement(
    stage: &mut Stage<'_>,
    action: &'static str,
    key: &KeyEntry,
    grant: &GrantRecord,
) -> Result<(), Fault> {
    if is_outsider(stage.caller, key.record().account) {
        return Err(stranger(stage, action, key.arn_text()));
    }
    let own = key.record().account == stage.caller.account;
    let none = GrantConstraints::default();
    let constraints = grant.constraints.as_ref().unwrap_or(&none);
    let facts = Facts {
        grant: Some(GrantFacts {
            subset: Pairs::of_stored(constraints.encryption_context_subset.as_deref()),
            equals: Pairs::of_stored(constraints.encryption_context_equals.as_deref()),
            ..GrantFacts::default()
        }),
        ..*stage.facts
    };
    let question = Question {
        action,
        resource: key.arn_text(),
        account: key.record().account,
        policy: Some(key.policy()),
        key: Some(key.record()),
        alias: None,
        facts: &facts,
        sides: Sides::Both,
    };
    let party = granted::may_retire(stage, grant);
    let answer = ask_to_retire(stage, &question, party, grant).await?;
    match note(stage, answer) {
        Ok(()) => Ok(()),
        Err(denied) if own => Err(refusal::own(stage, action, key.arn_text(), &denied)),
        Err(_) => Err(stranger(stage, action, key.arn_text())),
    }
}

/// Denies of all policies count, of Allows only those of the issuing account's identity policies.
async fn ask_to_retire(
    stage: &Stage<'_>,
    question: &Question<'_>,
    party: Granted,
    grant: &GrantRecord,
) -> Result<Answer, Fault> {
    let answer = ask_once(stage, question, party, None).await?;
    if party != Granted::No || matches!(answer.denial(), Some(Denial::Explicit(_))) {
        return Ok(answer);
    }
    let service = matches!(stage.caller.principal, Principal::Service { .. });
    if stage.caller.account == grant.issuing_account && !service {
        let by_identity = Question {
            sides: Sides::Issuer,
            ..*question
        };
        return ask_once(stage, &by_identity, Granted::No, None).await;
    }
    // An Allow of the key's policy does not count, and must not be told as what decided.
    let denied = Denial::Implicit(Kind::Resource);
    ask_once(stage, question, party, Some(denied)).await
}

/// Allows an action that names no key, and another that goes with it: only policies of the
/// caller's account decide.
pub(crate) fn account_wide(stage: &mut Stage<'_>, action: &'static str) -> Result<(), Fault> {
    let facts = stage.facts;
    own_account(stage, action, facts.resource.unwrap_or("*"))?;
    match facts.also {
        Some(also) => own_account(stage, also, "*"),
        None => Ok(()),
    }
}

/// Allows an action on an alias of the caller's account.
pub(crate) fn alias(
    stage: &mut Stage<'_>,
    action: &'static str,
    name: &AliasName,
) -> Result<(), Fault> {
    let arn = AliasArn {
        region: stage.site.region().clone(),
        account: stage.caller.account,
        name: name.clone(),
    };
    own_account(stage, action, &arn.to_string())
}

fn own_account(stage: &mut Stage<'_>, action: &'static str, resource: &str) -> Result<(), Fault> {
    let question = Question {
        action,
        resource,
        account: stage.caller.account,
        policy: None,
        key: None,
        alias: None,
        facts: stage.facts,
        sides: Sides::Both,
    };
    let answer = answer(stage, &question);
    note(stage, answer).map_err(|denied| refusal::own(stage, action, resource, &denied))
}

/// The answer to a question about no key: nothing has to be read for it.
fn answer(stage: &Stage<'_>, question: &Question<'_>) -> Answer {
    let parties = Parties::of(stage, question.account);
    let asking = Asking {
        stage,
        question,
        parties: &parties,
    };
    let late = Late::default();
    let mut outcomes = Outcomes::new();
    let (decision, _) = asking.decide_noting(Granted::No, &late, &mut outcomes);
    let told = (Granted::No, &late, &Known::default());
    explained::answer(&asking, decision, told, outcomes)
}

/// Whether the caller could still replace the policy of a key of their own under `policy`.
/// Source: KMS API reference, PutKeyPolicy, BypassPolicyLockoutSafetyCheck.
pub(crate) fn can_replace_policy(
    stage: &Stage<'_>,
    policy: &Policy,
    record: &KeyRecord,
    arn: &KeyArn,
) -> bool {
    let facts = Facts {
        policy_name: Some("default"),
        ..Facts::none()
    };
    let question = Question {
        action: "kms:PutKeyPolicy",
        resource: &arn.to_string(),
        account: arn.account,
        policy: Some(policy),
        key: Some(record),
        alias: None,
        facts: &facts,
        sides: Sides::Both,
    };
    let parties = Parties::of(stage, arn.account);
    let asking = Asking {
        stage,
        question: &question,
        parties: &parties,
    };
    let (decision, _) = asking.decide(Granted::No, &Late::default());
    decision.is_allowed()
}
