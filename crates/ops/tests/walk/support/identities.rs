//! Accounts and identities as a test sets them.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, RwLock};

use keystead_identity::{Bearer, Identities, Membership, Named, Standing};
use keystead_policy::{Level, NamedPolicy, Policy, PolicyKind};
use keystead_types::{AccountId, Principal};
use serde_json::{Value, json};

/// Every user and role exists and has no policies, until a test says otherwise.
#[derive(Default)]
pub(crate) struct People {
    known: RwLock<Known>,
    /// The explanations that were sealed.
    pub(crate) sealed: Mutex<Vec<String>>,
}

#[derive(Default)]
struct Known {
    standings: HashMap<String, Arc<Standing>>,
    gone: HashSet<String>,
    ids: HashMap<String, Arc<str>>,
    memberships: HashMap<AccountId, Membership>,
}

/// `111122223333:user/alice`, `111122223333:role/worker`; none for roots and services.
fn holder(principal: &Principal) -> Option<String> {
    match principal {
        Principal::User { account, name } => Some(format!("{account}:user/{name}")),
        Principal::RoleSession { account, role, .. } => Some(format!("{account}:role/{role}")),
        _ => None,
    }
}

/// A compiled identity policy, boundary or session policy.
pub(crate) fn identity_policy(name: &str, statements: &[Value]) -> NamedPolicy {
    named_policy(PolicyKind::Identity, name, statements)
}

/// A compiled policy of a kind.
pub(crate) fn named_policy(kind: PolicyKind, name: &str, statements: &[Value]) -> NamedPolicy {
    let document = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    NamedPolicy {
        name: name.into(),
        policy: Arc::new(Policy::compile(kind, &document).unwrap()),
    }
}

/// One Allow of everything, as FullAWSAccess.
pub(crate) fn full_access(kind: PolicyKind) -> NamedPolicy {
    let statement = match kind {
        PolicyKind::ResourceControl => {
            json!({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"})
        }
        _ => json!({"Effect": "Allow", "Action": "*", "Resource": "*"}),
    };
    // The full access that is built in is not a document that anybody may write.
    let kind = match kind {
        PolicyKind::ResourceControl => PolicyKind::Endpoint,
        other => other,
    };
    named_policy(kind, "arn:aws:organizations::aws:policy/full", &[statement])
}

/// One level of guardrails.
pub(crate) fn level(policies: Vec<NamedPolicy>) -> Level {
    policies.into()
}

/// A standing with identity policies and perhaps a boundary.
pub(crate) fn standing(policies: Vec<NamedPolicy>, boundary: Option<NamedPolicy>) -> Standing {
    Standing {
        policies: policies.into(),
        boundary,
        ..Standing::default()
    }
}

impl People {
    /// Gives a user or role its standing.
    pub(crate) fn set(&self, principal: &Principal, standing: Standing) {
        let name = holder(principal).unwrap();
        let mut known = self.known.write().unwrap();
        known.standings.insert(name, Arc::new(standing));
    }

    /// Gives a user or role its one identity policy; without statements none.
    pub(crate) fn allow(&self, principal: &Principal, statements: &[Value]) {
        let name = format!("arn:aws:iam::{}#own", holder(principal).unwrap());
        let policies = match statements {
            [] => vec![],
            _ => vec![identity_policy(&name, statements)],
        };
        self.set(principal, standing(policies, None));
    }

    /// Gives a user or role a unique id: a new one of the same name gets another.
    pub(crate) fn identify(&self, principal: &Principal, unique_id: &str) {
        let name = holder(principal).unwrap();
        let mut known = self.known.write().unwrap();
        known.gone.remove(&name);
        known.ids.insert(name, unique_id.into());
    }

    /// Deletes a user or role.
    pub(crate) fn remove(&self, principal: &Principal) {
        let name = holder(principal).unwrap();
        let mut known = self.known.write().unwrap();
        known.ids.remove(&name);
        known.standings.remove(&name);
        known.gone.insert(name);
    }

    /// Sets what the organisation says of an account.
    pub(crate) fn join(&self, account: AccountId, membership: Membership) {
        self.known
            .write()
            .unwrap()
            .memberships
            .insert(account, membership);
    }
}

impl Identities for People {
    fn standing(&self, bearer: &Bearer) -> Option<Arc<Standing>> {
        let caller = &bearer.caller;
        let Some(name) = holder(&caller.principal) else {
            return Some(Arc::default());
        };
        let known = self.known.read().unwrap();
        let other = known
            .ids
            .get(&name)
            .is_some_and(|id| caller.unique_id.as_ref() != Some(id));
        if other || known.gone.contains(&name) {
            return None;
        }
        Some(known.standings.get(&name).cloned().unwrap_or_default())
    }

    fn membership(&self, account: AccountId) -> Membership {
        let known = self.known.read().unwrap();
        known.memberships.get(&account).cloned().unwrap_or_default()
    }

    fn find(&self, principal: &Principal) -> Named {
        let Some(name) = holder(principal) else {
            return Named::Exists(None);
        };
        let known = self.known.read().unwrap();
        if known.gone.contains(&name) {
            return Named::Unknown;
        }
        // Sessions are not bound.
        if matches!(principal, Principal::RoleSession { session, .. } if !session.is_empty()) {
            return Named::Exists(None);
        }
        Named::Exists(known.ids.get(&name).cloned())
    }

    fn holder(&self, unique_id: &str) -> Option<(AccountId, Arc<str>)> {
        let known = self.known.read().unwrap();
        let (name, _) = known.ids.iter().find(|(_, id)| &***id == unique_id)?;
        let (account, name) = name.split_once(':')?;
        Some((AccountId::parse(account).ok()?, name.into()))
    }

    fn seal_message(&self, _: AccountId, explanation: &[u8]) -> Option<String> {
        let text = String::from_utf8(explanation.to_vec()).unwrap();
        let mut sealed = self.sealed.lock().unwrap();
        sealed.push(text);
        Some(format!("sealed-{}", sealed.len()))
    }
}
