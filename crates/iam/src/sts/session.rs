//! What sessions have in common: their length, policies, tags and credentials.

use keystead_api::sts::model::{Credentials, PolicyDescriptorType, Tag};
use keystead_identity::{IssueError, IssuedCredentials, SessionLimits, World};
use keystead_policy::limits::SESSION_POLICY_MAX_CHARS;
use keystead_policy::{Policy, PolicyKind};
use keystead_types::{AccountId, Fault, FaultKind, SessionContext, Timestamp};

use super::limits::{
    CHAINED_SESSION_MAX_SECONDS, ROLE_SESSION_DEFAULT_SECONDS, SESSION_POLICY_ARNS_MAX,
    SESSION_TAGS_MAX,
};

/// Seconds of a role's session. `chained`: temporary credentials assume it.
///
/// Errors: ValidationError beyond the role's maximum, or beyond an hour when chained.
pub(crate) fn role_seconds(asked: Option<u32>, max: u32, chained: bool) -> Result<u32, Fault> {
    let seconds = asked.unwrap_or(ROLE_SESSION_DEFAULT_SECONDS);
    if chained && seconds > CHAINED_SESSION_MAX_SECONDS {
        return Err(Fault::validation(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by \
             role chaining.",
        ));
    }
    if seconds > max {
        return Err(Fault::validation(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    Ok(seconds)
}

/// From `now`, in whole seconds, for `seconds`.
pub(crate) fn term(now: Timestamp, seconds: u32) -> (Timestamp, Timestamp) {
    let issued = Timestamp::from_millis(now.as_seconds().saturating_mul(1000));
    (issued, issued.plus_millis(i64::from(seconds) * 1000))
}

/// The session policies of a request; `None` when it has none.
///
/// Errors: MalformedPolicyDocument; ValidationError for too many ARNs, one that is not there or
/// one of another account than the session's.
pub(crate) fn limits(
    inline: Option<&String>,
    arns: Option<&Vec<PolicyDescriptorType>>,
    account: AccountId,
    world: &World,
) -> Result<Option<SessionLimits>, Fault> {
    check_policy_arns(arns)?;
    let arns = arns.map(Vec::as_slice).unwrap_or_default();
    if inline.is_none() && arns.is_empty() {
        return Ok(None);
    }
    if let Some(document) = inline {
        // The model leaves the length of AssumeRole's to the service.
        if document.chars().count() > SESSION_POLICY_MAX_CHARS {
            return Err(Fault::validation(format!(
                "1 validation error detected: Value at 'policy' failed to satisfy constraint: \
                 Member must have length less than or equal to {SESSION_POLICY_MAX_CHARS}"
            )));
        }
        Policy::compile(PolicyKind::Identity, document).map_err(|error| error.fault())?;
    }
    let mut managed: Vec<String> = Vec::new();
    for arn in arns.iter().filter_map(|descriptor| descriptor.arn.as_ref()) {
        let foreign = world
            .customer_policy(arn)
            .is_some_and(|policy| policy.record.account != account);
        if foreign || world.managed_policy(arn).is_none() {
            return Err(Fault::validation(format!(
                "The policy ARN {arn} does not exist or is not attachable."
            )));
        }
        if !managed.contains(arn) {
            managed.push(arn.clone());
        }
    }
    Ok(Some(SessionLimits {
        inline: inline.cloned(),
        managed,
    }))
}

/// Whether a text may be a session's name or source identity: 2 to 64 of `[\w+=,.@-]`.
/// Source: STS model, `roleSessionNameType`, `sourceIdentityType`.
pub(crate) fn is_name(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b);
    (2..=64).contains(&text.len()) && text.bytes().all(allowed)
}

/// Errors: ValidationError for too many managed session policies; the model sets no bound.
pub(crate) fn check_policy_arns(arns: Option<&Vec<PolicyDescriptorType>>) -> Result<(), Fault> {
    if arns.map_or(0, Vec::len) > SESSION_POLICY_ARNS_MAX {
        return Err(Fault::validation(format!(
            "The number of session policy ARNs exceeds {SESSION_POLICY_ARNS_MAX}."
        )));
    }
    Ok(())
}

/// Session tags.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tags {
    /// Those of the request.
    pub(crate) brought: Vec<(Box<str>, Box<str>)>,
    /// All of the session: inherited ones first.
    pub(crate) all: Vec<(Box<str>, Box<str>)>,
    /// Those that go on to the next role.
    pub(crate) transitive: Vec<Box<str>>,
}

fn same_key(one: &str, other: &str) -> bool {
    one == other || one.to_lowercase() == other.to_lowercase()
}

/// The tags of a new session: those of the request, and the transitive ones of the session that
/// asks.
///
/// Errors: ValidationError for a key that stands twice, begins with `aws:`, is inherited already
/// or is transitive without being a tag of the request; for more than 50.
pub(crate) fn tags(
    request: Option<&Vec<Tag>>,
    transitive: Option<&Vec<String>>,
    caller: Option<&SessionContext>,
) -> Result<Tags, Fault> {
    let mut tags = Tags::default();
    for tag in request.into_iter().flatten() {
        if tag.key.to_lowercase().starts_with("aws:") {
            return Err(Fault::validation(
                "aws: prefixed tag key names are not allowed for external use.",
            ));
        }
        if tags.brought.iter().any(|(key, _)| same_key(key, &tag.key)) {
            return Err(Fault::validation(
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            ));
        }
        tags.brought
            .push((tag.key.as_str().into(), tag.value.as_str().into()));
    }
    if let Some(caller) = caller {
        for key in &caller.transitive_tags {
            if tags.brought.iter().any(|(own, _)| same_key(own, key)) {
                return Err(Fault::validation(
                    "One of the specified tag keys is already set as a transitive tag of the \
                     calling session.",
                ));
            }
            let inherited = caller.tags.iter().filter(|(own, _)| same_key(own, key));
            tags.all.extend(inherited.cloned());
            tags.transitive.push(key.clone());
        }
    }
    for key in transitive.into_iter().flatten() {
        if !tags.brought.iter().any(|(own, _)| same_key(own, key)) {
            return Err(Fault::validation(
                "The specified transitive tag key must be included in the requested tags.",
            ));
        }
        if !tags.transitive.iter().any(|own| same_key(own, key)) {
            tags.transitive.push(key.as_str().into());
        }
    }
    tags.all.extend(tags.brought.iter().cloned());
    if tags.all.len() > SESSION_TAGS_MAX {
        return Err(Fault::validation(format!(
            "A session has at most {SESSION_TAGS_MAX} tags."
        )));
    }
    Ok(tags)
}

/// The answer's member of that name. The secret leaves here.
///
/// Errors: an internal failure for a secret that is no text, which the HSM process never makes.
pub(crate) fn credentials(issued: &IssuedCredentials) -> Result<Credentials, Fault> {
    let secret = std::str::from_utf8(issued.secret.expose()).map_err(Fault::internal)?;
    Ok(Credentials {
        access_key_id: issued.access_key_id.to_string(),
        expiration: issued.expiration,
        secret_access_key: secret.to_owned(),
        session_token: issued.token.clone(),
    })
}

/// `PackedPolicySize`: only of sessions with policies or tags.
pub(crate) fn packed(issued: &IssuedCredentials) -> Option<u32> {
    (issued.packed_percent > 0).then_some(issued.packed_percent)
}

/// Why no session was issued, in AWS's words.
pub(crate) fn not_issued(error: IssueError) -> Fault {
    match error {
        IssueError::TooLarge(percent) => Fault::new(
            FaultKind::PackedPolicyTooLarge,
            format!(
                "Packed policy consumes {percent}% of allotted space, please use smaller policy."
            ),
        ),
        IssueError::Document(error) => Fault::new(
            FaultKind::MalformedPolicyDocument,
            "The session policy is malformed.",
        )
        .because(error),
        IssueError::NoSuchPolicy(arn) => Fault::validation(format!(
            "The policy ARN {arn} does not exist or is not attachable."
        )),
        IssueError::Directory(error) => Fault::internal(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(key: &str, value: &str) -> Tag {
        Tag {
            key: key.to_owned(),
            value: value.to_owned(),
        }
    }

    fn pair(key: &str, value: &str) -> (Box<str>, Box<str>) {
        (key.into(), value.into())
    }

    #[test]
    fn lengths_of_role_sessions() {
        assert_eq!(role_seconds(None, 43_200, false).unwrap(), 3_600);
        assert_eq!(role_seconds(Some(43_200), 43_200, false).unwrap(), 43_200);
        assert_eq!(role_seconds(Some(3_600), 43_200, true).unwrap(), 3_600);
        let text = |fault: Fault| fault.message().unwrap().to_owned();
        assert_eq!(
            text(role_seconds(Some(3_601), 43_200, true).unwrap_err()),
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by \
             role chaining."
        );
        assert_eq!(
            text(role_seconds(Some(3_601), 3_600, false).unwrap_err()),
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        );
    }

    #[test]
    fn terms_are_whole_seconds() {
        let (issued, expires) = term(Timestamp::from_millis(1_999), 900);
        assert_eq!((issued.as_millis(), expires.as_millis()), (1_000, 901_000));
    }

    #[test]
    fn transitive_tags_go_on_and_cannot_be_replaced() {
        let mut caller =
            SessionContext::plain(Timestamp::from_millis(0), Timestamp::from_millis(1));
        caller.tags = vec![pair("Team", "red"), pair("own", "x")];
        caller.transitive_tags = vec!["team".into()];
        let next = tags(
            Some(&vec![tag("stage", "prod")]),
            Some(&vec!["STAGE".to_owned()]),
            Some(&caller),
        )
        .unwrap();
        assert_eq!(next.all, [pair("Team", "red"), pair("stage", "prod")]);
        assert_eq!(next.brought, [pair("stage", "prod")]);
        assert_eq!(
            next.transitive,
            ["team".into(), "STAGE".into()] as [Box<str>; 2]
        );

        assert!(tags(Some(&vec![tag("TEAM", "blue")]), None, Some(&caller)).is_err());
        assert!(tags(None, Some(&vec!["stage".to_owned()]), Some(&caller)).is_err());
        assert!(tags(Some(&vec![tag("a", "1"), tag("A", "2")]), None, None).is_err());
        assert!(tags(Some(&vec![tag("AWS:x", "1")]), None, None).is_err());
    }
}
