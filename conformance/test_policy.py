"""Key policies: storage, grammar, lockout, evaluation. reference/authorization.md."""

import json
import time

import pytest

from harness import texts
from harness.texts import allow, deny, policy

BYTES_MAX = 32768
ROOM = "kms:PutKeyPolicy"
MALFORMED = "MalformedPolicyDocumentException"


def put(caller, key, text, **named):
    """Puts a policy; returns the answer."""
    return caller.call("PutKeyPolicy", named, KeyId=key, Policy=text)


def replaced(caller, *statements):
    """A new key with these statements only; returns its metadata."""
    meta = caller.key()
    answer = put(caller, meta["KeyId"], policy(*statements))
    assert answer.status == 200, answer.raw
    return meta


def test_default_policy(caller):
    out = caller.ok("GetKeyPolicy", KeyId=caller.key_id())
    assert out["PolicyName"] == "default"
    assert json.loads(out["Policy"]) == {
        "Version": "2012-10-17",
        "Id": "key-default-1",
        "Statement": [
            {
                "Sid": "Enable IAM User Permissions",
                "Effect": "Allow",
                "Principal": {"AWS": caller.root},
                "Action": "kms:*",
                "Resource": "*",
            }
        ],
    }


def test_policy_of_a_new_key(caller):
    text = policy(allow(caller.root), Id="mine")
    key = caller.key_id(Policy=text)
    assert caller.ok("GetKeyPolicy", KeyId=key, PolicyName="default")["Policy"] == text


def test_text_is_kept_as_sent(caller):
    meta = caller.key()
    text = json.dumps(json.loads(policy(allow(caller.account))), indent=3) + "\n\t "
    answer = put(caller, meta["Arn"], text, PolicyName="default")
    assert answer.status == 200 and answer.raw in (b"", b"{}")
    assert caller.ok("GetKeyPolicy", KeyId=meta["KeyId"])["Policy"] == text


def test_names_of_policies(caller):
    key = caller.key_id()
    out = caller.ok("ListKeyPolicies", KeyId=key)
    assert out == {"PolicyNames": ["default"], "Truncated": False}
    message = caller.fails("NotFoundException", "GetKeyPolicy", KeyId=key, PolicyName="other")
    assert message == "No such policy exists"
    caller.fails("NotFoundException", "GetKeyPolicy", KeyId=key, PolicyName="AWS_RAM")
    answer = put(caller, key, policy(allow(caller.root)), PolicyName="AWS_RAM")
    assert answer.code == "ValidationException"
    assert answer.message == "The AWS_RAM policy can only be managed by the RAM service"
    answer = put(caller, key, policy(allow(caller.root)), PolicyName="other")
    assert answer.status == 400, answer.raw


def test_only_what_is_allowed(caller):
    meta = replaced(caller, allow(caller.root, [ROOM, "kms:GetKeyPolicy", "kms:Encrypt"]))
    key, arn = meta["KeyId"], meta["Arn"]
    blob = caller.encrypt(key, b"x")
    for operation, members in [
        ("Decrypt", {"KeyId": key, "CiphertextBlob": blob}),
        ("DescribeKey", {"KeyId": key}),
        ("DisableKey", {"KeyId": key}),
        ("GenerateDataKey", {"KeyId": key, "KeySpec": "AES_256"}),
        ("ListResourceTags", {"KeyId": key}),
        ("ListKeyPolicies", {"KeyId": key}),
        ("ScheduleKeyDeletion", {"KeyId": key}),
        ("CreateAlias", {"TargetKeyId": key, "AliasName": "alias/no"}),
    ]:
        message = caller.fails("AccessDeniedException", operation, members)
        if operation == "Decrypt":
            assert "not authorized to perform: kms:Decrypt" in message
        else:
            assert message == texts.no_resource_policy(caller.root, operation, arn)


def test_an_explicit_deny_wins(caller):
    meta = replaced(caller, allow(caller.root), deny("*", ["kms:Encrypt", "kms:List*"]))
    key, arn = meta["KeyId"], meta["Arn"]
    for operation, members in [
        ("Encrypt", {"Plaintext": b"x"}),
        ("ListKeyPolicies", {}),
        ("ListResourceTags", {}),
        ("ListKeyRotations", {}),
    ]:
        message = caller.fails("AccessDeniedException", operation, members, KeyId=key)
        assert message == texts.explicit_deny(caller.root, operation, arn)
    caller.ok("DescribeKey", KeyId=key)


def test_reencrypt_needs_both_sides(caller):
    source = replaced(caller, allow(caller.root), deny(caller.root, "kms:ReEncryptFrom"))
    target = replaced(caller, allow(caller.root), deny(caller.root, "kms:ReEncryptTo"))
    plain = caller.key()
    blob = caller.encrypt(source["KeyId"], b"x")
    members = {"CiphertextBlob": blob, "DestinationKeyId": plain["KeyId"]}
    message = caller.fails("AccessDeniedException", "ReEncrypt", members)
    assert "kms:ReEncryptFrom" in message
    blob = caller.encrypt(plain["KeyId"], b"x")
    members = {"CiphertextBlob": blob, "DestinationKeyId": target["KeyId"]}
    message = caller.fails("AccessDeniedException", "ReEncrypt", members)
    assert message == texts.explicit_deny(caller.root, "ReEncryptTo", target["Arn"])
    members = {
        "CiphertextBlob": caller.encrypt(target["KeyId"], b"x"),
        "DestinationKeyId": source["KeyId"],
    }
    caller.ok("ReEncrypt", members)


def test_update_alias_needs_the_old_and_the_new_key(caller):
    closed = replaced(caller, allow(caller.root), deny(caller.root, "kms:UpdateAlias"))
    plain = caller.key()
    caller.ok("CreateAlias", AliasName="alias/from", TargetKeyId=closed["KeyId"])
    caller.ok("CreateAlias", AliasName="alias/to", TargetKeyId=plain["KeyId"])
    for name, target in [("alias/from", plain), ("alias/to", closed)]:
        message = caller.fails(
            "AccessDeniedException", "UpdateAlias", AliasName=name, TargetKeyId=target["KeyId"]
        )
        assert message == texts.explicit_deny(caller.root, "UpdateAlias", closed["Arn"])


def test_delete_alias_needs_the_key(caller):
    closed = replaced(caller, allow(caller.root), deny(caller.root, "kms:DeleteAlias"))
    caller.ok("CreateAlias", AliasName="alias/stays", TargetKeyId=closed["KeyId"])
    caller.fails("AccessDeniedException", "DeleteAlias", AliasName="alias/stays")
    caller.ok("DescribeKey", KeyId="alias/stays")


@pytest.mark.parametrize("action", ["kms:*", "KMS:dEcRyPt", "kms:De?rypt", "kms:D*t", "*"])
def test_actions_match_without_case_and_with_wildcards(caller, action):
    meta = replaced(caller, allow(caller.root, ["kms:Encrypt", ROOM]), allow(caller.root, action))
    assert caller.decrypt(caller.encrypt(meta["KeyId"], b"x")) == b"x"


@pytest.mark.parametrize("action", ["kms:Decryp", "kms:Decrypt?", "kms:De??rypt", "kms:*Decrypts"])
def test_actions_that_do_not_match(caller, action):
    meta = replaced(caller, allow(caller.root, ["kms:Encrypt", ROOM]), allow(caller.root, action))
    blob = caller.encrypt(meta["KeyId"], b"x")
    caller.fails("AccessDeniedException", "Decrypt", CiphertextBlob=blob)


def test_letters_that_only_look_alike_do_not_match(caller):
    meta = caller.key()
    caller.ok(
        "PutKeyPolicy",
        KeyId=meta["KeyId"],
        Policy=policy(allow(caller.root, ["kms:Encrypt", ROOM])),
    )
    blob = caller.encrypt(meta["KeyId"], b"x")
    for action in ["\u212ams:Decrypt", "kms:Decrypt\u0000", "km\u017f:Decrypt"]:
        text = policy(allow(caller.root, ["kms:Encrypt", ROOM]), allow(caller.root, action))
        answer = put(caller, meta["KeyId"], text)  # json.dumps escapes, so the text is ASCII
        assert answer.status == 200 or answer.code == MALFORMED, answer.raw
        caller.fails("AccessDeniedException", "Decrypt", CiphertextBlob=blob)


def test_resources_of_a_key_policy(caller):
    meta = caller.key()
    key, arn = meta["KeyId"], meta["Arn"]
    keep = allow(caller.root, [ROOM])
    for resource, works in [
        ("*", True),
        (arn, True),
        ([caller.arn(texts.NO_SUCH_ID), arn], True),
        (arn[:-1] + "?", True),
        ("arn:aws:kms:*:*:key/*", True),
        (caller.arn(texts.NO_SUCH_ID), False),
        (arn[:-1], False),
        (arn.replace(key, key.upper()), False),
    ]:
        caller.ok(
            "PutKeyPolicy", KeyId=key, Policy=policy(keep, allow(caller.root, "kms:*", resource))
        )
        answer = caller.call("DescribeKey", KeyId=key)
        assert (answer.status == 200) is works, (resource, answer.raw)


@pytest.mark.parametrize("absent", ["Action", "Resource"])
def test_a_statement_without_action_or_resource_is_dead(caller, absent):
    meta = caller.key()
    dead = {name: value for name, value in allow(caller.root).items() if name != absent}
    text = policy(allow(caller.root, ROOM), dead)
    assert put(caller, meta["KeyId"], text).status == 200
    caller.fails("AccessDeniedException", "DescribeKey", KeyId=meta["KeyId"])


def test_principal_forms_of_the_account(caller):
    for principal in [
        caller.account,
        caller.root,
        "*",
        [caller.account, "arn:aws:iam::000000000000:root"],
    ]:
        meta = replaced(caller, allow(principal))
        caller.ok("DescribeKey", KeyId=meta["KeyId"])
    text = policy({**allow(caller.root), "Principal": "*"})
    assert put(caller, caller.key_id(), text).status == 200


def test_lockout_check(caller, stranger):
    key = caller.key_id()
    before = caller.ok("GetKeyPolicy", KeyId=key)["Policy"]
    for statement in [
        allow(caller.root, "kms:Encrypt"),
        allow(stranger.root),
        allow(caller.root, "kms:*", caller.arn(texts.NO_SUCH_ID)),
    ]:
        answer = put(caller, key, policy(statement))
        assert (answer.code, answer.message) == (MALFORMED, texts.LOCKOUT), answer.raw
        answer = caller.call("CreateKey", Policy=policy(statement))
        assert (answer.code, answer.message) == (MALFORMED, texts.LOCKOUT), answer.raw
    answer = put(caller, key, policy(allow(caller.root), deny("*", ROOM)))
    assert (answer.code, answer.message) == (MALFORMED, texts.LOCKOUT), answer.raw
    assert caller.ok("GetKeyPolicy", KeyId=key)["Policy"] == before


def test_lockout_check_can_be_bypassed(caller):
    key = caller.key_id()
    text = policy(allow(caller.root, "kms:DescribeKey"))
    assert put(caller, key, text, BypassPolicyLockoutSafetyCheck=True).status == 200
    caller.ok("DescribeKey", KeyId=key)
    assert put(caller, key, policy(allow(caller.root))).code == "AccessDeniedException"
    made = caller.key(Policy=text, BypassPolicyLockoutSafetyCheck=True)
    caller.fails("AccessDeniedException", "GetKeyPolicy", KeyId=made["KeyId"])


def malformed_policies(root):
    """Policies that the grammar refuses, by name."""
    good = allow(root)
    one = json.dumps(good)
    return {
        "no json": "{",
        "not an object": "[]",
        "a string": '"x"',
        "trailing comma": policy(good)[:-1] + ",}",
        "trailing garbage": policy(good) + "x",
        "no statement": '{"Version":"2012-10-17"}',
        "no principal": policy({key: good[key] for key in good if key != "Principal"}),
        "no effect": policy({key: good[key] for key in good if key != "Effect"}),
        "bad effect": policy({**good, "Effect": "allow"}),
        "action and not action": policy({**good, "NotAction": "kms:Encrypt"}),
        "principal and not principal": policy({**good, "NotPrincipal": {"AWS": root}}),
        "duplicate sid": policy({**good, "Sid": "a"}, {**good, "Sid": "a"}),
        "unknown element": policy({**good, "Extra": "x"}),
        "unknown top element": policy(good, Extra="x"),
        "unknown version": policy(good, Version="2030-10-17"),
        "duplicate effect": policy(good).replace(
            '"Effect": "Allow"', '"Effect": "Deny", "Effect": "Allow"'
        ),
        "duplicate statement": f'{{"Version":"2012-10-17","Statement":[{one}],"Statement":[{one}]}}',
        "number as action": policy({**good, "Action": 1}),
        "unknown operator": policy({**good, "Condition": {"StringSounds": {"aws:userid": "x"}}}),
        "condition that is a list": policy({**good, "Condition": [{}]}),
        "operator of a text": policy({**good, "Condition": {"StringEquals": "x"}}),
        "condition on null": policy({**good, "Condition": {"StringEquals": {"aws:userid": None}}}),
        "set operator of Null": policy(
            {**good, "Condition": {"NullIfExists": {"aws:userid": "true"}}}
        ),
        "deep nesting": '{"Version":"2012-10-17","Statement":' + "[" * 5000 + "]" * 5000 + "}",
    }


@pytest.mark.parametrize("name", sorted(malformed_policies("")))
def test_malformed_documents(caller, name):
    key = caller.key_id()
    text = malformed_policies(caller.root)[name]
    for answer in (put(caller, key, text), caller.call("CreateKey", Policy=text)):
        assert answer.status == 400 and answer.code == MALFORMED, answer.raw
    assert json.loads(caller.ok("GetKeyPolicy", KeyId=key)["Policy"])["Id"] == "key-default-1"


@pytest.mark.parametrize("kind", ["user", "role"])
def test_users_and_roles_must_exist(caller, kind):
    arn = f"arn:aws:iam::{caller.account}:{kind}/nobody"
    answer = put(caller, caller.key_id(), policy(allow(caller.root), allow(arn)))
    assert (answer.code, answer.message) == (MALFORMED, texts.BAD_PRINCIPAL), answer.raw


@pytest.mark.parametrize(
    "principal, codes",
    [
        ("arn:aws:iam::{a}:user/*", {MALFORMED, "InvalidArnException"}),
        ("not an arn", {MALFORMED, "InvalidArnException"}),
        ("arn:aws:iam::12345:root", {MALFORMED, "InvalidArnException"}),
        ("arn:aws:s3:::bucket", {MALFORMED, "InvalidArnException"}),
    ],
)
def test_principals_that_do_not_resolve(caller, principal, codes):
    arn = principal.format(a=caller.account)
    answer = put(caller, caller.key_id(), policy(allow(caller.root), allow(arn)))
    assert answer.code in codes, answer.raw
    texts_by_code = {MALFORMED: texts.BAD_PRINCIPAL, "InvalidArnException": texts.BAD_PRINCIPAL_ARN}
    assert answer.message == texts_by_code[answer.code]


def test_size_limit(caller):
    key = caller.key_id()
    text = policy(allow(caller.root))
    assert put(caller, key, text + " " * (BYTES_MAX - len(text))).status == 200
    longer = text + " " * (BYTES_MAX - len(text) + 1)
    assert put(caller, key, longer).code == "LimitExceededException"
    assert caller.call("CreateKey", Policy=longer).code == "LimitExceededException"
    # The limit counts bytes: these characters take two each.
    wide = policy(allow(caller.root), Id="é" * 16350)
    wide = json.dumps(json.loads(wide), ensure_ascii=False)
    assert len(wide) < BYTES_MAX < len(wide.encode())
    assert put(caller, key, wide).code == "LimitExceededException"
    assert put(caller, key, text + " " * 131072).code == "ValidationException"
    assert put(caller, key, "").code == "ValidationException"


def test_characters_outside_the_pattern(caller):
    key = caller.key_id()
    for char in ("\u0100", "\u0000", "\u0008", "\U0001f511"):
        text = policy(allow(caller.root), Id="X").replace("X", char)
        assert put(caller, key, text).code == "ValidationException"
    fine = policy(allow(caller.root), Id="X").replace("X", "ÿ~")
    assert put(caller, key, fine).status == 200


@pytest.mark.timeout(20)
def test_hostile_patterns_take_linear_time(caller):
    key = caller.key_id()
    pattern = "arn:aws:kms:*:*:key/" + "*a" * 900 + "b"
    statements = [allow(caller.root), *[allow(caller.root, "kms:*", pattern) for _ in range(12)]]
    caller.ok("PutKeyPolicy", KeyId=key, Policy=policy(*statements, deny("*", "k" + "*m" * 900)))
    start = time.monotonic()
    for _ in range(20):
        caller.ok("DescribeKey", KeyId=key)
    assert time.monotonic() - start < 2


def test_many_statements_are_bounded(caller):
    key = caller.key_id()
    tiny = {"Effect": "Allow", "Principal": "*", "Action": "kms:Sign", "Resource": "*"}
    count = (BYTES_MAX - 400) // (len(json.dumps(tiny, separators=(",", ":"))) + 1)
    text = json.dumps(
        {"Version": "2012-10-17", "Statement": [allow(caller.root)] + [tiny] * count},
        separators=(",", ":"),
    )
    answer = put(caller, key, text)
    assert answer.status == 200 or answer.code in (MALFORMED, "LimitExceededException")
    start = time.monotonic()
    for _ in range(50):
        caller.ok("DescribeKey", KeyId=key)
    assert time.monotonic() - start < 2


def test_operations_without_a_key_ignore_key_policies(caller):
    replaced(caller, allow(caller.root, ROOM), deny("*", ["kms:ListKeys", "kms:GenerateRandom"]))
    caller.ok("ListKeys")
    caller.ok("ListAliases")
    caller.ok("GenerateRandom", NumberOfBytes=8)


def test_a_change_counts_at_once(caller):
    meta = caller.key()
    key = meta["KeyId"]
    closed = policy(allow(caller.root), deny("*", "kms:Encrypt"))
    for _ in range(20):
        caller.encrypt(key, b"x")
        caller.ok("PutKeyPolicy", KeyId=key, Policy=closed)
        caller.fails("AccessDeniedException", "Encrypt", KeyId=key, Plaintext=b"x")
        caller.ok("PutKeyPolicy", KeyId=key, Policy=policy(allow(caller.root)))
