//! The elements of a statement: `Principal`, `Action`, `Resource`, `Condition` and their `Not…`
//! forms, as the grammar of each kind of policy takes them.

use crate::condition::Condition;
use crate::context::KnownKey;
use crate::error::{PolicyError, PolicyErrorKind};
use crate::evaluate::PolicyKind;
use crate::json::{Json, Members};
use crate::limits::{
    CONDITIONS_PER_STATEMENT_MAX, ECHO_MAX_CHARS, QUESTION_GROUPS_PER_POLICY_MAX,
    VALUES_PER_LIST_MAX,
};
use crate::operator::{Operator, Set};
use crate::principal::{NamedPrincipal, Partition};
use crate::statement::{Actions, Polarity, Resources};
use crate::variable::{Pattern, Version, Wild};
use crate::wildcard::Wildcard;

/// What the elements of one document share.
pub(crate) struct Scope {
    pub(crate) kind: PolicyKind,
    version: Version,
    question_groups: usize,
}

impl Scope {
    pub(crate) fn new(kind: PolicyKind, version: Version) -> Self {
        Self {
            kind,
            version,
            question_groups: 0,
        }
    }

    fn count_questions(&mut self, groups: usize) -> Result<(), PolicyError> {
        self.question_groups = self.question_groups.saturating_add(groups);
        if self.question_groups > QUESTION_GROUPS_PER_POLICY_MAX {
            return Err(PolicyError::too_many(
                "groups of ? between two *",
                QUESTION_GROUPS_PER_POLICY_MAX,
            ));
        }
        Ok(())
    }
}

pub(crate) fn read_principals(principal: Json) -> Result<Box<[NamedPrincipal]>, PolicyError> {
    let nobody = || {
        PolicyError::new(
            PolicyErrorKind::InvalidPrincipals,
            "Principal must be * or an object that names a principal",
        )
    };
    let members = match principal {
        Json::Text(text) if text == "*" => return Ok(Box::new([NamedPrincipal::Everyone])),
        Json::Object(members) => members,
        _ => return Err(nobody()),
    };
    let mut entries = Vec::new();
    for (kind, values) in members {
        let parse: fn(&str) -> Result<NamedPrincipal, PolicyError> = match kind.as_str() {
            "AWS" => NamedPrincipal::parse_aws,
            "Service" => NamedPrincipal::parse_service,
            "Federated" => |text| Ok(NamedPrincipal::parse_federated(text)),
            "CanonicalUser" => |_| Ok(NamedPrincipal::NoCaller),
            _ => return Err(unknown(&kind)),
        };
        let values = texts(&kind, values)?;
        if values.iter().any(String::is_empty) {
            return Err(nobody());
        }
        for value in &values {
            entries.push(parse(value).map_err(|error| {
                // IAM writes the type of every principal but AWS in capitals.
                let kind = kind.to_ascii_uppercase();
                let value = shortened(value);
                error.says(format!(
                    "Invalid principal in policy: \"{kind}\":\"{value}\""
                ))
            })?);
        }
    }
    if entries.is_empty() {
        return Err(nobody());
    }
    Ok(entries.into())
}

pub(crate) fn read_actions(
    scope: &mut Scope,
    members: &mut Members,
) -> Result<Actions, PolicyError> {
    let (polarity, values) = read_list(scope, members, "Action", "NotAction", "actions")?;
    let mut patterns = Vec::with_capacity(values.len());
    for action in &values {
        if scope.kind != PolicyKind::Key {
            check_action(action)?;
        }
        if scope.kind == PolicyKind::Trust && !starts_with_sts(action) {
            let why = "a trust policy has only actions of sts.";
            let text = "AssumeRole policy may only specify STS AssumeRole actions.";
            return Err(PolicyError::grammar(why).says(text));
        }
        let pattern = Wildcard::compile(&action.to_ascii_lowercase())?;
        scope.count_questions(pattern.question_groups())?;
        patterns.push(pattern);
    }
    if scope.kind == PolicyKind::ResourceControl && polarity == Polarity::AllBut {
        let why = "a resource control policy takes no NotAction.";
        return Err(PolicyError::grammar(why));
    }
    let patterns = patterns.into();
    Ok(Actions { polarity, patterns })
}

fn starts_with_sts(action: &str) -> bool {
    let service = action.split_once(':').map(|(service, _)| service);
    service.is_some_and(|service| service.eq_ignore_ascii_case("sts"))
}

/// The form that IAM demands of an action: `*` or a service prefix, one colon and a name.
fn check_action(action: &str) -> Result<(), PolicyError> {
    let refuse = |why: &'static str, text: String| Err(PolicyError::grammar(why).says(text));
    let Some((vendor, name)) = action.split_once(':') else {
        return match action {
            "*" => Ok(()),
            _ => refuse(
                "an action has no service prefix.",
                "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.".into(),
            ),
        };
    };
    if name.contains(':') {
        let text = "Actions/Condition can contain only one colon.";
        return refuse("an action has two colons.", text.into());
    }
    let letter = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    if vendor != "*" && (vendor.is_empty() || !vendor.bytes().all(letter)) {
        let text = format!("Vendor {} is not valid", shortened(vendor));
        return refuse("an action's service prefix is none.", text);
    }
    Ok(())
}

pub(crate) fn read_resources(
    scope: &mut Scope,
    members: &mut Members,
) -> Result<Resources, PolicyError> {
    let (polarity, values) = read_list(scope, members, "Resource", "NotResource", "resources")?;
    let mut patterns = Vec::with_capacity(values.len());
    for resource in &values {
        if scope.kind != PolicyKind::Key {
            check_resource(resource)?;
        }
        let pattern = Pattern::compile(resource, scope.version, Wild::Yes)?;
        scope.count_questions(pattern.question_groups())?;
        patterns.push(pattern);
    }
    let patterns = patterns.into();
    Ok(Resources { polarity, patterns })
}

/// The form that IAM demands of a resource: `*`, or an ARN with a partition that exists (or a
/// wildcard) and a service. What follows the service is not looked at.
fn check_resource(resource: &str) -> Result<(), PolicyError> {
    if resource == "*" {
        return Ok(());
    }
    let refuse = |why: &'static str, text: String| Err(PolicyError::grammar(why).says(text));
    let shown = shortened(resource);
    let Some(rest) = resource.strip_prefix("arn:") else {
        let text = format!("Resource {shown} must be in ARN format or \"*\".");
        return refuse("a resource is no ARN.", text);
    };
    let mut fields = rest.splitn(3, ':');
    let partition = fields.next().unwrap_or_default();
    if !partition.contains(['*', '?', '$']) && Partition::parse(partition).is_none() {
        let text = format!(
            "Partition \"{}\" is not valid for resource \"{shown}\".",
            shortened(partition)
        );
        return refuse("a resource is of a partition that does not exist.", text);
    }
    match (fields.next(), fields.next()) {
        (Some(service), Some(_)) if !service.is_empty() => Ok(()),
        // `arn:*` and `arn:aws:*` reach over the colons.
        (None, None) if partition.ends_with('*') => Ok(()),
        (Some(service), None) if service.ends_with('*') => Ok(()),
        _ => {
            let text = "Resource vendor must be fully qualified and cannot contain regexes.";
            refuse("a resource names no service.", text.into())
        }
    }
}

/// The values of an element and whether they are those meant or those not meant. An absent
/// element, or an empty list, is an error except in key policies, where its statement is dead.
fn read_list(
    scope: &Scope,
    members: &mut Members,
    only: &'static str,
    all_but: &'static str,
    what: &str,
) -> Result<(Polarity, Vec<String>), PolicyError> {
    let (polarity, values) = match take_one_of(members, only, all_but)? {
        Some((polarity, values)) => {
            let name = match polarity {
                Polarity::Only => only,
                Polarity::AllBut => all_but,
            };
            (polarity, texts(name, values)?)
        }
        None => (Polarity::Only, Vec::new()),
    };
    if values.is_empty() && polarity == Polarity::AllBut {
        // Read literally it would mean everything, which nobody writes on purpose.
        return Err(PolicyError::grammar(format!("{all_but} is empty."))
            .says_unless_key(scope.kind, format!("Policy statement must contain {what}.")));
    }
    if values.is_empty() && scope.kind != PolicyKind::Key {
        return Err(PolicyError::grammar(format!("it has no {only}."))
            .says(format!("Policy statement must contain {what}.")));
    }
    Ok((polarity, values))
}

/// `{operator: {key: value or values}}`. An empty object, of operators or of keys, is no condition. An
/// empty list of values is refused: whether it stands for never or for always is nowhere said.
pub(crate) fn read_conditions(
    scope: &mut Scope,
    condition: Option<Json>,
) -> Result<Box<[Condition]>, PolicyError> {
    let operators = match condition {
        None => return Ok(Box::default()),
        Some(Json::Object(operators)) => operators,
        Some(_) => return Err(PolicyError::grammar("Condition must be an object.")),
    };
    let mut conditions = Vec::new();
    for (name, keys) in operators {
        let Some(operator) = Operator::parse(&name) else {
            let name = shortened(&name);
            return Err(PolicyError::grammar(format!("Unknown operator {name:?}.")));
        };
        let Json::Object(keys) = keys else {
            return Err(PolicyError::grammar(format!("{name} must be an object.")));
        };
        for (key, values) in keys {
            let values = condition_values(&name, values)?;
            let condition = Condition::compile(&name, operator, &key, &values, scope.version)?;
            check_condition(scope, &condition)?;
            conditions.push(condition);
            if conditions.len() > CONDITIONS_PER_STATEMENT_MAX {
                return Err(PolicyError::too_many(
                    "conditions in one statement",
                    CONDITIONS_PER_STATEMENT_MAX,
                ));
            }
        }
    }
    Ok(conditions.into())
}

fn check_condition(scope: &mut Scope, condition: &Condition) -> Result<(), PolicyError> {
    scope.count_questions(condition.question_groups())?;
    if scope.kind == PolicyKind::Key
        && condition.set() == Some(Set::All)
        && condition.key().known() == Some(KnownKey::EncryptionContext)
    {
        // Source: KMS Developer Guide, "kms:EncryptionContext:context-key".
        let text = "OverlyPermissiveCondition:EncryptionContext: Using the ForAllValues set \
                    operator with a single-valued condition key matches requests without the \
                    specified encryption context or with an unspecified encryption context. \
                    To fix, remove ForAllValues.";
        return Err(PolicyError::grammar(text).says(text));
    }
    Ok(())
}

fn condition_values(operator: &str, values: Json) -> Result<Vec<String>, PolicyError> {
    let items = match values {
        Json::List(items) => items,
        one => vec![one],
    };
    if items.is_empty() {
        return Err(PolicyError::grammar(format!(
            "a key of {operator} has no values."
        )));
    }
    if items.len() > VALUES_PER_LIST_MAX {
        return Err(PolicyError::too_many(
            "values in one list",
            VALUES_PER_LIST_MAX,
        ));
    }
    let text = |item| match item {
        Json::Text(text) | Json::Scalar(text) => Ok(text),
        Json::List(_) | Json::Object(_) | Json::Null => Err(PolicyError::grammar(format!(
            "a value of {operator} must be a string, a number, a boolean or a list of them."
        ))),
    };
    items.into_iter().map(text).collect()
}

/// Takes whichever of two members is present; both together are refused.
pub(crate) fn take_one_of(
    members: &mut Members,
    only: &'static str,
    all_but: &'static str,
) -> Result<Option<(Polarity, Json)>, PolicyError> {
    match (members.remove(only), members.remove(all_but)) {
        (Some(_), Some(_)) => Err(PolicyError::grammar(format!(
            "{only} and {all_but} exclude each other."
        ))),
        (Some(value), None) => Ok(Some((Polarity::Only, value))),
        (None, Some(value)) => Ok(Some((Polarity::AllBut, value))),
        (None, None) => Ok(None),
    }
}

pub(crate) fn take_text(members: &mut Members, name: &str) -> Result<Option<String>, PolicyError> {
    match members.remove(name) {
        None => Ok(None),
        Some(Json::Text(text)) => Ok(Some(text)),
        Some(_) => Err(PolicyError::grammar(format!("{name} must be a string."))),
    }
}

/// One string or a list of strings.
fn texts(name: &str, value: Json) -> Result<Vec<String>, PolicyError> {
    let items = match value {
        Json::List(items) => items,
        one => vec![one],
    };
    if items.len() > VALUES_PER_LIST_MAX {
        return Err(PolicyError::too_many(
            "values in one list",
            VALUES_PER_LIST_MAX,
        ));
    }
    let text = |item| match item {
        Json::Text(text) => Ok(text),
        _ => Err(PolicyError::grammar(format!(
            "{name} must be a string or a list of strings."
        ))),
    };
    items.into_iter().map(text).collect()
}

pub(crate) fn refuse_unknown(members: &Members) -> Result<(), PolicyError> {
    members
        .keys()
        .next()
        .map_or(Ok(()), |name| Err(unknown(name)))
}

fn unknown(name: &str) -> PolicyError {
    PolicyError::grammar(format!("Unknown element {:?}.", shortened(name)))
}

/// An untrusted text for a message: short, and without control characters.
fn shortened(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().take(ECHO_MAX_CHARS).map(plain).collect()
}
