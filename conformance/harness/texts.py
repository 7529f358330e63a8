"""Error texts, from reference/errors.md, reference/key-states.md and reference/authorization.md."""

import json

NO_SUCH_ID = "00000000-0000-4000-8000-000000000000"
ALIAS_REFUSED = "Key Aliases are not supported for this operation."
ALIAS_PREFIX = (
    'Alias must start with the prefix "alias/". Please see '
    "https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html"
)
DRY_RUN = "The request would have succeeded, but the DryRun option is set."
INCORRECT_KEY = "The key ID in the request does not identify a CMK that can perform this operation."
LOCKOUT = "The new key policy will not allow you to update the key policy in the future."
BAD_PRINCIPAL = "Policy contains a statement with one or more invalid principals."
BAD_PRINCIPAL_ARN = "An ARN in the specified key policy is invalid."
ONE_SIZE = "Please specify either number of bytes or key spec."
SIGNATURE = (
    "The request signature we calculated does not match the signature you provided. Check your "
    "AWS Secret Access Key and signing method. Consult the service documentation for details."
)


def no_such_key(arn):
    """NotFoundException of a well-formed id."""
    return f"Key '{arn}' does not exist"


def bad_key_id(value):
    """NotFoundException of an id of no known form."""
    return f"Invalid keyId '{value}'"


def no_such_alias(arn):
    """NotFoundException of an alias."""
    return f"Alias {arn} is not found."


def disabled(arn):
    """DisabledException."""
    return f"{arn} is disabled."


def pending_deletion(arn):
    """KMSInvalidStateException of a key that waits for its deletion."""
    return f"{arn} is pending deletion."


def not_pending_deletion(arn):
    """KMSInvalidStateException of CancelKeyDeletion."""
    return f"{arn} is not pending deletion."


def invalid(*details):
    """ValidationException with its count of details."""
    noun = "error" if len(details) == 1 else "errors"
    return f"{len(details)} validation {noun} detected: " + "; ".join(details)


def constraint(path, rule, value=...):
    """One detail; without a value the member is a blob or sensitive."""
    shown = "Value" if value is ... else ("Value null" if value is None else f"Value '{value}'")
    return f"{shown} at '{path}' failed to satisfy constraint: {rule}"


def missing(path):
    """Detail of a required member that is absent."""
    return constraint(path, "Member must not be null", None)


def min_length(count):
    """Rule of the shortest length."""
    return f"Member must have length greater than or equal to {count}"


def max_length(count):
    """Rule of the longest length."""
    return f"Member must have length less than or equal to {count}"


def min_value(number):
    """Rule of the smallest number."""
    return f"Member must have value greater than or equal to {number}"


def max_value(number):
    """Rule of the largest number."""
    return f"Member must have value less than or equal to {number}"


def pattern(text):
    """Rule of a regular expression."""
    return f"Member must satisfy regular expression pattern: {text}"


def denied(principal, action, resource, reason):
    """AccessDeniedException."""
    return (
        f"User: {principal} is not authorized to perform: kms:{action} on resource: {resource} "
        f"{reason}"
    )


def no_resource_policy(principal, action, resource):
    """AccessDeniedException: the key policy does not allow it."""
    reason = f"because no resource-based policy allows the kms:{action} action"
    return denied(principal, action, resource, reason)


def explicit_deny(principal, action, resource):
    """AccessDeniedException: the key policy denies it."""
    return denied(principal, action, resource, "with an explicit deny in a resource-based policy")


def ciphertext_denied(principal, action="Decrypt"):
    """AccessDeniedException of a blob whose key is absent, foreign or out of reach."""
    return (
        f"User: {principal} is not authorized to perform: kms:{action} on the resource associated "
        "with this ciphertext because the resource does not exist in this Region, no "
        "resource-based policies allow access, or a resource-based policy explicitly denies access"
    )


def policy(*statements, **members):
    """A policy document as JSON text."""
    return json.dumps({"Version": "2012-10-17", **members, "Statement": list(statements)})


def allow(principal, action="kms:*", resource="*", **members):
    """An Allow statement; the principal is an account id, an ARN or `*`."""
    return {
        "Effect": "Allow",
        "Principal": principal if isinstance(principal, dict) else {"AWS": principal},
        "Action": action,
        "Resource": resource,
        **members,
    }


def deny(principal, action, resource="*", **members):
    """A Deny statement."""
    return {**allow(principal, action, resource, **members), "Effect": "Deny"}
