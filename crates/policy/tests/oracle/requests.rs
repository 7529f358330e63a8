//! Generated requests, and requests that differ from them in one point.

use keystead_types::{AccountId, Principal};

use crate::document::Question;
use crate::facts::{Entry, Fact, Facts};
use crate::principals::Asker;
use crate::vocabulary::{
    ACCOUNTS, ACTIONS, ADDRESSES, ARNS, BYTES, Dice, KEYS, MOMENT_TEXTS, MOMENTS, NUMBERS,
    RESOURCES, ROLES, SERVICES, SESSIONS, TEXTS, TRUST_ACTIONS, Type, USERS,
};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Area {
    /// An action on a key.
    Key,
    /// A role, by its trust policy.
    Role,
}

/// The unique id of a user or role; `generation` counts namesakes.
pub(crate) fn unique_id(prefix: &str, account: &str, name: &str, generation: usize) -> String {
    let letters = name.replace('/', "0");
    format!("{prefix}{}{letters}{generation}", &account[..1])
}

pub(crate) fn asker(dice: &mut Dice) -> Asker {
    // Mostly of the account that has most of the keys.
    let account = ACCOUNTS[usize::from(dice.chance(30))];
    let id = AccountId::parse(account).unwrap();
    let generation = usize::from(dice.chance(12));
    let known = dice.chance(95);
    let (principal, unique) = match dice.below(20) {
        0 | 1 => (Principal::Root { account: id }, None),
        2..=9 => {
            let name = dice.text(&USERS);
            let unique = unique_id("AIDA", account, former(dice, &name, &USERS), generation);
            let name = name.into();
            (Principal::User { account: id, name }, Some(unique))
        }
        10..=16 => {
            let role = dice.text(&ROLES);
            let unique = unique_id("AROA", account, former(dice, &role, &ROLES), generation);
            let (role, session) = (role.into(), dice.text(&SESSIONS).into());
            let principal = Principal::RoleSession {
                account: id,
                role,
                session,
            };
            (principal, Some(unique))
        }
        17 => {
            let name = "alice".into();
            (Principal::FederatedUser { account: id, name }, None)
        }
        _ => {
            let name = dice.text(&SERVICES).into();
            (Principal::Service { name }, None)
        }
    };
    Asker {
        principal,
        unique_id: unique.filter(|_| known),
        provider: None,
        partition: if dice.chance(4) { "aws-cn" } else { "aws" }.to_owned(),
    }
}

/// The name that the holder had when it was created: seldom another than now.
fn former<'a>(dice: &mut Dice, name: &'a str, names: &[&'static str]) -> &'a str {
    if dice.chance(4) {
        dice.name(names)
    } else {
        name
    }
}

/// Whether a caller can have identity policies, a boundary and session policies.
pub(crate) fn has_policies(asker: &Asker) -> bool {
    !matches!(
        asker.principal,
        Principal::Root { .. } | Principal::Service { .. }
    )
}

/// Another caller, for whom the same policies can be.
fn other_asker(dice: &mut Dice, of: &Asker) -> Asker {
    loop {
        let other = asker(dice);
        if has_policies(&other) == has_policies(of) {
            return other;
        }
    }
}

fn fact(dice: &mut Dice, kind: Type) -> Fact {
    match kind {
        Type::Text => Fact::Text(dice.text(&TEXTS)),
        Type::Arn => Fact::Text(dice.text(&ARNS)),
        Type::Number if dice.chance(15) => Fact::Text(dice.text(&["7", "7.5", "x", "8.0"])),
        Type::Number => Fact::Number(*dice.pick(&NUMBERS)),
        Type::Flag if dice.chance(20) => Fact::Text(dice.text(&["true", "True", "false", "yes"])),
        Type::Flag => Fact::Flag(dice.chance(50)),
        Type::Moment if dice.chance(12) => Fact::Text(match dice.chance(75) {
            true => dice.text(&MOMENT_TEXTS),
            false => "yesterday".to_owned(),
        }),
        Type::Moment => Fact::Moment(*dice.pick(&MOMENTS)),
        Type::Seconds => Fact::Number(dice.pick(&MOMENTS).div_euclid(1000)),
        Type::Address if dice.chance(12) => Fact::Text(match dice.chance(75) {
            true => dice.text(&ADDRESSES),
            false => "somewhere".to_owned(),
        }),
        Type::Address => Fact::Address(dice.pick(&ADDRESSES).parse().unwrap()),
        Type::Bytes => Fact::Text(dice.text(&BYTES)),
    }
}

fn entry(dice: &mut Dice, (name, kind, multi): (&str, Type, bool)) -> Entry {
    let count = if multi { dice.below(4) } else { 1 };
    Entry {
        name: name.to_owned(),
        multi,
        values: (0..count).map(|_| fact(dice, kind)).collect(),
    }
}

/// A request.
pub(crate) fn question(dice: &mut Dice, area: Area) -> Question {
    let mut facts = Facts::default();
    for key in KEYS {
        if dice.chance(65) {
            facts.0.push(entry(dice, key));
        }
    }
    let (action, resource) = pair(dice, area);
    Question {
        asker: asker(dice),
        action,
        resource_account: owner(&resource),
        resource,
        facts,
    }
}

fn pair(dice: &mut Dice, area: Area) -> (String, String) {
    match area {
        Area::Key if dice.chance(55) => (dice.text(&ACTIONS), RESOURCES[0].to_owned()),
        Area::Key => (dice.text(&ACTIONS), dice.text(&RESOURCES)),
        Area::Role => {
            let role = "arn:aws:iam::111122223333:role/worker";
            (dice.text(&TRUST_ACTIONS), role.to_owned())
        }
    }
}

fn owner(resource: &str) -> String {
    resource.split(':').nth(4).unwrap().to_owned()
}

/// The same request but for one point.
pub(crate) fn neighbour(dice: &mut Dice, area: Area, of: &Question) -> Question {
    let mut next = of.clone();
    match dice.below(8) {
        0 => next.asker = other_asker(dice, &of.asker),
        1 => next.action = pair(dice, area).0,
        2 => {
            next.resource = pair(dice, area).1;
            next.resource_account = owner(&next.resource);
        }
        3 => {
            if let Principal::RoleSession { session, .. } = &mut next.asker.principal {
                *session = dice.text(&SESSIONS).into();
            } else {
                next.asker.unique_id = None;
            }
        }
        _ => {
            let key = *dice.pick(&KEYS);
            next.facts.0.retain(|entry| entry.name != key.0);
            if dice.chance(75) {
                next.facts.0.push(entry(dice, key));
            }
        }
    }
    next
}
