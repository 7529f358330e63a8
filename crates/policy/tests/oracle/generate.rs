//! Generated documents: each element fits the request at hand about as often as it barely
//! misses it.

use keystead_policy::{Granted, Named, PolicyKind};
use keystead_types::Principal;
use serde_json::{Map, Value, json};

use crate::decision::World;
use crate::document::{Document, Question};
use crate::requests::{Area, has_policies, unique_id};
use crate::situations::condition;
use crate::vocabulary::{
    ACCOUNTS, ACTION_PATTERNS, Dice, PARTITIONS, PROVIDERS, RESOURCE_PATTERNS, ROLES, SERVICES,
    SESSIONS, TRUST_ACTION_PATTERNS, USERS,
};

/// Chance that an element is made to fit, percent.
const FIT: usize = 72;
/// Largest document: below the smallest limit, 5,120 characters for guardrails.
const SIZE_MAX_BYTES: usize = 5_000;

/// What a document is meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bent {
    /// Gives permissions, and sometimes takes some.
    Grants,
    /// Allows everything, and sometimes takes something.
    Guards,
}

/// Everything that takes part in a request like this one.
pub(crate) fn world(dice: &mut Dice, area: Area, target: &Question) -> World {
    let mut make = |kind, bent| document(dice, kind, bent, area, target);
    let resource = match area {
        Area::Key => make(PolicyKind::Key, Bent::Grants),
        Area::Role => make(PolicyKind::Trust, Bent::Grants),
    };
    // Root users and services have no policies of their own.
    let principal = &target.asker.principal;
    let own = has_policies(&target.asker);
    let service = matches!(principal, Principal::Service { .. });
    let some = |dice: &mut Dice, percent: usize| dice.chance(percent) && own;
    let list = |dice: &mut Dice, count: usize, kind, bent| -> Vec<Document> {
        (0..count)
            .map(|_| document(dice, kind, bent, area, target))
            .collect()
    };
    let identities = if own { dice.below(3) } else { 0 };
    let identity = list(dice, identities, PolicyKind::Identity, Bent::Grants);
    let boundary = some(dice, 25).then(|| {
        let bent = if dice.chance(50) {
            Bent::Guards
        } else {
            Bent::Grants
        };
        document(dice, PolicyKind::Identity, bent, area, target)
    });
    let session = some(dice, 25).then(|| {
        let (count, bent) = (
            1 + dice.below(2),
            if dice.chance(50) {
                Bent::Guards
            } else {
                Bent::Grants
            },
        );
        list(dice, count, PolicyKind::Identity, bent)
    });
    let levels = |dice: &mut Dice, percent: usize, kind| -> Vec<Vec<Document>> {
        let count = if dice.chance(percent) {
            1 + dice.below(2)
        } else {
            0
        };
        let level = |dice: &mut Dice| -> Vec<Document> {
            let count = 1 + dice.below(2);
            (0..count)
                .map(|_| guardrail(dice, kind, area, target))
                .collect()
        };
        (0..count).map(|_| level(dice)).collect()
    };
    let service_control = if service {
        Vec::new()
    } else {
        levels(dice, 20, PolicyKind::ServiceControl)
    };
    let resource_control = levels(dice, 15, PolicyKind::ResourceControl);
    let endpoint = dice
        .chance(12)
        .then(|| document(dice, PolicyKind::Endpoint, Bent::Guards, area, target));
    let granted = if area == Area::Key && dice.chance(15) {
        Granted::To(grantee(dice, principal))
    } else {
        Granted::No
    };
    World {
        resource: dice.chance(88).then_some(resource),
        identity,
        boundary,
        session,
        service_control,
        resource_control,
        endpoint,
        granted,
    }
}

fn grantee(dice: &mut Dice, principal: &Principal) -> Named {
    match principal {
        Principal::RoleSession { .. } => {
            *dice.pick(&[Named::Principal, Named::Role, Named::Account])
        }
        Principal::Root { .. } | Principal::Service { .. } => Named::Principal,
        _ => *dice.pick(&[Named::Principal, Named::Account]),
    }
}

/// A guardrail: mostly the one that allows everything; a resource control policy that is not can
/// only deny.
fn guardrail(dice: &mut Dice, kind: PolicyKind, area: Area, target: &Question) -> Document {
    let full = dice.chance(75);
    if kind == PolicyKind::ResourceControl && full {
        let json = json!({"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}});
        // The attached full allowance is made by whoever attaches it, not by a customer's kind.
        return Document {
            kind: PolicyKind::Endpoint,
            json,
            bindings: Vec::new(),
        };
    }
    document(dice, kind, Bent::Guards, area, target)
}

/// A document of a size that every kind may have.
fn document(
    dice: &mut Dice,
    kind: PolicyKind,
    bent: Bent,
    area: Area,
    target: &Question,
) -> Document {
    loop {
        let document = any_document(dice, kind, bent, area, target);
        if document.json.to_string().len() <= SIZE_MAX_BYTES {
            return document;
        }
    }
}

fn any_document(
    dice: &mut Dice,
    kind: PolicyKind,
    bent: Bent,
    area: Area,
    target: &Question,
) -> Document {
    let mut statements = Vec::new();
    if bent == Bent::Guards && kind != PolicyKind::ResourceControl && dice.chance(72) {
        let mut all = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
        if kind == PolicyKind::Endpoint {
            all["Principal"] = json!("*");
        }
        statements.push(all);
    }
    let more = match bent {
        Bent::Grants => 1 + dice.below(3),
        Bent::Guards => usize::from(dice.chance(35)) + usize::from(statements.is_empty()),
    };
    for _ in 0..more {
        let deny = match bent {
            _ if kind == PolicyKind::ResourceControl => true,
            Bent::Grants => dice.chance(18),
            Bent::Guards => dice.chance(55),
        };
        let version = statements.len();
        let statement = statement(dice, kind, deny, area, target);
        statements.insert(dice.below(version + 1), statement);
    }
    let mut json = Map::new();
    match dice.below(10) {
        0 => None,
        1 => Some("2008-10-17"),
        _ => Some("2012-10-17"),
    }
    .map(|version| json.insert("Version".to_owned(), version.into()));
    let single = statements.len() == 1 && dice.chance(30);
    let all = if single {
        statements.remove(0)
    } else {
        Value::Array(statements)
    };
    json.insert("Statement".to_owned(), all);
    let json = Value::Object(json);
    let bindings = bindings(dice, &json);
    Document {
        kind,
        json,
        bindings,
    }
}

/// Binds some of the users and roles that a document names to unique ids.
fn bindings(dice: &mut Dice, json: &Value) -> Vec<(String, String)> {
    let text = json.to_string();
    let mut bindings = Vec::new();
    for account in ACCOUNTS {
        let users = USERS.map(|name| ("AIDA", "user", name));
        let roles = ROLES.map(|name| ("AROA", "role", name));
        for (prefix, kind, name) in users.into_iter().chain(roles) {
            let arn = format!("arn:aws:iam::{account}:{kind}/{name}");
            if text.contains(&format!("\"{arn}\"")) && dice.chance(50) {
                let generation = usize::from(dice.chance(20));
                bindings.push((arn, unique_id(prefix, account, name, generation)));
            }
        }
    }
    bindings
}

fn statement(
    dice: &mut Dice,
    kind: PolicyKind,
    deny: bool,
    area: Area,
    target: &Question,
) -> Value {
    let mut statement = Map::new();
    let mut put = |name: &str, value: Value| statement.insert(name.to_owned(), value);
    put("Effect", if deny { "Deny" } else { "Allow" }.into());
    let lonely = kind == PolicyKind::Key && dice.chance(2);
    match kind {
        PolicyKind::Identity | PolicyKind::ServiceControl => {}
        PolicyKind::ResourceControl => {
            put("Principal", "*".into());
        }
        PolicyKind::Trust => {
            put("Principal", principals(dice, 30, target));
        }
        PolicyKind::Key | PolicyKind::Endpoint => {
            let not = deny && dice.chance(20);
            let name = if not { "NotPrincipal" } else { "Principal" };
            put(name, principals(dice, 4, target));
        }
    }
    if !lonely {
        let without_not = matches!(kind, PolicyKind::ResourceControl | PolicyKind::Trust);
        let not = !without_not && dice.chance(12);
        put(
            if not { "NotAction" } else { "Action" },
            actions(dice, kind, area, not, target),
        );
    }
    if kind != PolicyKind::Trust && !(lonely && dice.chance(50)) {
        let not = dice.chance(12);
        put(
            if not { "NotResource" } else { "Resource" },
            resources(dice, not, target),
        );
    }
    if dice.chance(if deny { 55 } else { 40 }) {
        put("Condition", condition(dice, kind, target));
    }
    Value::Object(statement)
}

/// One value as such or in a list; seldom in a long one, among values that nothing has.
pub(crate) fn one_or_many(
    dice: &mut Dice,
    mut values: Vec<Value>,
    filler: impl Fn(usize) -> String,
) -> Value {
    if dice.chance(3) {
        let count = 5 + dice.below(60);
        values.extend((0..count).map(|number| filler(number * 7 % 100).into()));
        let by = dice.below(values.len());
        values.rotate_left(by);
        return Value::Array(values);
    }
    if values.len() == 1 && dice.chance(60) {
        values.remove(0)
    } else {
        Value::Array(values)
    }
}

fn actions(dice: &mut Dice, kind: PolicyKind, area: Area, not: bool, target: &Question) -> Value {
    let count = 1 + dice.below(2);
    let action = |dice: &mut Dice| -> Value {
        let fit = dice.chance(FIT) != not;
        match (area, kind) {
            (Area::Role, PolicyKind::Trust) if fit => target.action.clone(),
            (Area::Role, PolicyKind::Trust) => dice.text(&TRUST_ACTION_PATTERNS),
            _ if fit && dice.chance(40) => target.action.clone(),
            (Area::Key, _) if fit => "kms:*".to_owned(),
            (Area::Role, _) if fit => "sts:*".to_owned(),
            (Area::Role, _) if dice.chance(50) => dice.text(&TRUST_ACTION_PATTERNS),
            _ => dice.text(&ACTION_PATTERNS),
        }
        .into()
    };
    let values = (0..count).map(|_| action(dice)).collect();
    let service = target.action.split(':').next().unwrap();
    one_or_many(dice, values, |number| format!("{service}:Filler{number}"))
}

fn resources(dice: &mut Dice, not: bool, target: &Question) -> Value {
    let count = 1 + dice.below(2);
    let resource = |dice: &mut Dice| -> Value {
        match dice.chance(FIT) != not {
            true if dice.chance(60) => "*".into(),
            // A star in the name that is asked for would be a wildcard here, which fits as well.
            true => target.resource.clone().into(),
            false => dice.text(&RESOURCE_PATTERNS).into(),
        }
    };
    let values = (0..count).map(|_| resource(dice)).collect();
    let own = &target.resource;
    one_or_many(dice, values, |number| format!("{own}-{number:02}"))
}

fn principals(dice: &mut Dice, providers: usize, target: &Question) -> Value {
    if dice.chance(6) {
        return "*".into();
    }
    let (mut aws, mut services, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..1 + dice.below(3) {
        match (dice.chance(60), &target.asker.principal) {
            (true, Principal::Service { name }) => services.push((**name).into()),
            (true, principal) => aws.push(fitting(dice, principal).into()),
            (false, _) if dice.chance(12) => services.push(dice.text(&SERVICES).into()),
            (false, _) if dice.chance(providers) => others.push(dice.text(&PROVIDERS).into()),
            (false, _) => aws.push(any_principal(dice).into()),
        }
    }
    let mut map = Map::new();
    for (name, values) in [("AWS", aws), ("Service", services), ("Federated", others)] {
        if !values.is_empty() {
            let filler = |number| match name {
                "AWS" => format!("arn:aws:iam::111122223333:user/filler{number}"),
                _ => format!("filler{number}.amazonaws.com"),
            };
            map.insert(name.to_owned(), one_or_many(dice, values, filler));
        }
    }
    Value::Object(map)
}

/// An entry of the `AWS` list that names this caller in one of the ways.
fn fitting(dice: &mut Dice, principal: &Principal) -> String {
    let account = principal.account().unwrap();
    match (dice.below(10), principal) {
        (0, _) => "*".to_owned(),
        (1, _) => account.to_string(),
        (2 | 3, _) => format!("arn:aws:iam::{account}:root"),
        (4..=6, Principal::RoleSession { role, .. }) => {
            format!("arn:aws:iam::{account}:role/{role}")
        }
        (_, principal) => principal.arn("aws").to_string(),
    }
}

fn any_principal(dice: &mut Dice) -> String {
    let (partition, account) = (dice.text(&PARTITIONS), dice.text(&ACCOUNTS));
    let (user, role) = (dice.text(&USERS), dice.text(&ROLES));
    let (short, session) = (role.rsplit('/').next().unwrap(), dice.text(&SESSIONS));
    match dice.below(8) {
        0 => account,
        1 => format!("arn:{partition}:iam::{account}:root"),
        2 | 3 => format!("arn:{partition}:iam::{account}:user/{user}"),
        4 | 5 => format!("arn:{partition}:iam::{account}:role/{role}"),
        6 => format!("arn:{partition}:sts::{account}:assumed-role/{short}/{session}"),
        _ => format!("arn:{partition}:sts::{account}:federated-user/alice"),
    }
}
