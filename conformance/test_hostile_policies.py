"""Policies that are made to be slow, to be read in two ways, or to be lost on the way.
reference/formats/hostile-inputs.md; traps of policy languages."""

import json
import threading
import time

import pytest

from harness.caller import fresh_account
from harness.texts import allow, deny, policy
from people import Account, document, may, must_not

USE = {"Plaintext": b"x"}
MALFORMED = "MalformedPolicyDocumentException"
ENOUGH_SECONDS = 2


@pytest.fixture(scope="module")
def home(server):
    return Account(server)


@pytest.fixture
def user(home):
    """A user who may do what a test's identity policy says."""
    name = f"h{fresh_account()}"
    user = home.user(name)
    user.gives = lambda *statements: home.gives(name, *statements)
    return user


@pytest.mark.parametrize("pattern", ["*a" * 900 + "b", "?*" * 7 + "b", "*" * 1000 + "b"])
def test_patterns_of_conditions_take_linear_time(home, user, pattern):
    names = [f"kms:EncryptionContext:{letter}" for letter in "abcdefgh"]
    statements = [
        deny("*", "kms:Encrypt", Condition={"StringLike": {name: [pattern, pattern + "c"]}})
        for name in names
    ]
    key = home.root.key_id(Policy=policy(allow(home.root.name), *statements))
    user.gives(may("kms:Encrypt"))
    context = {letter: "a" * 900 for letter in "abcdefgh"}
    start = time.monotonic()
    assert user.can("Encrypt", {**USE, "EncryptionContext": context}, KeyId=key)
    assert time.monotonic() - start < ENOUGH_SECONDS


def test_many_values_and_many_pairs(home, user):
    """A set operator over many values and many context keys."""
    values = [f"key-{number}" for number in range(1500)]
    statement = deny(
        "*",
        "kms:Encrypt",
        Condition={"ForAllValues:StringNotLike": {"kms:EncryptionContextKeys": values}},
    )
    key = home.root.key_id(Policy=policy(allow(home.root.name), statement))
    user.gives(may("kms:Encrypt"))
    context = {f"key-{number}": "1" for number in range(200)}
    start = time.monotonic()
    assert user.can("Encrypt", {**USE, "EncryptionContext": context}, KeyId=key)
    assert not user.can("Encrypt", {**USE, "EncryptionContext": {"other": "1"}}, KeyId=key)
    assert time.monotonic() - start < ENOUGH_SECONDS


def test_a_deny_at_the_end_of_a_long_policy(home, user):
    fill = [allow(home.id, f"kms:Get{number:04}") for number in range(180)]
    text = policy(allow(home.root.name), *fill, deny(user.name, "kms:Encrypt"))
    assert len(text) < 32768
    key = home.root.key_id(Policy=text)
    user.gives(may("kms:*"))
    assert "explicit deny in a resource-based policy" in user.answer("Encrypt", USE, KeyId=key)


def test_variables_are_not_expanded_twice(home, user):
    name, key = user.name.rpartition("/")[2], home.root.key_id()
    user.gives(
        may(
            "kms:Encrypt",
            Condition={"StringEquals": {"kms:EncryptionContext:v": "${aws:UserAgent}"}},
        )
    )
    sly = user.again(extra=[("User-Agent", "${aws:username}")])
    assert not sly.can("Encrypt", USE, KeyId=key, EncryptionContext={"v": name})
    assert sly.can("Encrypt", USE, KeyId=key, EncryptionContext={"v": "${aws:username}"})


@pytest.mark.parametrize(
    "value",
    [
        "${",
        "${}",
        "${aws:username",
        "${ aws:username }",
        "$aws:username}",
        "${aws:username}}",
        "${${aws:username}}",
        "${aws:username,}",
        "${aws:username, 'x}",
        "${no-such}",
        "${aws:}",
        "${" + "a" * 3000 + "}",
        "${aws:PrincipalTag/}",
        "${aws:SourceIp}${",
        "${kms:EncryptionContext:}",
    ],
)
def test_odd_variables(home, user, value):
    """They are refused, or match nothing but perhaps their own letters; never everything."""
    name = user.name.rpartition("/")[2]
    key, statement = (
        home.root.key_id(),
        may("kms:Encrypt", Condition={"StringEquals": {"kms:EncryptionContext:v": value}}),
    )
    try:
        user.gives(statement)
    except home.iam.exceptions.MalformedPolicyDocumentException:
        return
    for sent in ("", name, "x", "127.0.0.1", "null"):
        more = {"EncryptionContext": {"v": sent}}
        answer = user.call("Encrypt", {**USE, **more}, KeyId=key)
        assert answer.code == "AccessDeniedException", (value, sent, answer.raw)
    assert not user.can("Encrypt", USE, KeyId=key)


def texts_with(home, user):
    """Documents in which two readers could see two things."""
    good = json.dumps(deny(user.name, "kms:Encrypt"))
    whole = policy(allow(home.root.name), deny(user.name, "kms:Encrypt"))
    return {
        "a condition key twice": policy(
            allow(home.root.name), deny(user.name, "kms:Encrypt", Condition={"Bool": {"K": "true"}})
        ).replace('"K": "true"', '"aws:SecureTransport": "false", "aws:SecureTransport": "true"'),
        "a condition operator twice": policy(
            allow(home.root.name), deny(user.name, "kms:Encrypt", Condition={"Bool": {}})
        ).replace('"Bool": {}', '"Bool": {"aws:SecureTransport": "false"}, "Bool": {}'),
        "an effect in another case": whole.replace('"Effect": "Deny"', '"effect": "Deny"'),
        "an escaped element": whole.replace(good, good.replace('"Effect"', '"\\u0045ffect"')),
        "a comment": whole.replace("{", "/* */ {", 1),
        "a byte order mark": "\ufeff" + whole,
    }


@pytest.mark.parametrize(
    "name",
    [
        "a condition key twice",
        "a condition operator twice",
        "an effect in another case",
        "a comment",
        "a byte order mark",
        "an escaped element",
    ],
)
def test_documents_with_two_readings(home, user, name):
    """Refused, or the Deny counts: never taken and without effect."""
    key = home.root.key_id()
    user.gives(may("kms:*"))
    answer = home.root.call("PutKeyPolicy", KeyId=key, Policy=texts_with(home, user)[name])
    if answer.status == 200:
        assert not user.can("Encrypt", USE, KeyId=key)
    else:
        assert answer.code in {MALFORMED, "ValidationException"}, answer.raw


@pytest.mark.parametrize("value", ["NaN", "inf", "-inf", "1e400", "0x10", "", " 5", "٥", 10**40])
@pytest.mark.parametrize("operator", ["NumericLessThan", "NumericGreaterThan", "NumericNotEquals"])
def test_odd_numbers(home, user, operator, value):
    """As a value of the request they are no numbers: an Allow under them never opens."""
    key = home.root.key_id()
    user.gives(
        may(
            "kms:Encrypt",
            Condition={operator.replace("NotEquals", "Equals"): {"kms:EncryptionContext:n": "5"}},
        )
    )
    for sent in ("NaN", "0x5", " 5", "5 ", "٥", "5e", "", "--5"):
        assert not user.can("Encrypt", {**USE, "EncryptionContext": {"n": sent}}, KeyId=key), sent
    # In a policy they are refused, or the condition is never met.
    try:
        user.gives(may("kms:Encrypt", Condition={operator: {"kms:EncryptionContext:n": value}}))
    except home.iam.exceptions.MalformedPolicyDocumentException:
        return
    if operator != "NumericNotEquals" and value != 10**40 and value not in ("1e400",):
        for sent in ("1", "9", "-9"):
            assert not user.can("Encrypt", {**USE, "EncryptionContext": {"n": sent}}, KeyId=key)


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.0/33",
        "10.0.0/8",
        "010.0.0.1",
        "::ffff:10.0.0.1/200",
        "10.0.0.1/-1",
        "localhost",
        "",
        "0x7f.0.0.1",
        "127.1",
    ],
)
def test_odd_addresses(home, user, address):
    """`127.1` and `010.0.0.1` are addresses to some readers. None of these may match."""
    key = home.root.key_id()
    try:
        user.gives(may("kms:Encrypt", Condition={"IpAddress": {"aws:SourceIp": address}}))
    except home.iam.exceptions.MalformedPolicyDocumentException:
        return
    assert not user.can("Encrypt", USE, KeyId=key)


def test_mapped_addresses(home, user):
    """An IPv4 caller is IPv4: a mapped block of IPv6 neither opens nor denies by accident."""
    key = home.root.key_id()
    user.gives(may("kms:Encrypt", Condition={"IpAddress": {"aws:SourceIp": "127.0.0.1/32"}}))
    assert user.can("Encrypt", USE, KeyId=key)
    user.gives(may("kms:Encrypt", Condition={"IpAddress": {"aws:SourceIp": "2001:db8::/32"}}))
    assert not user.can("Encrypt", USE, KeyId=key)


def test_names_that_only_look_alike(home, user):
    """Condition keys fold ASCII letters only; principals and tags are exact."""
    key = home.root.key_id()
    kelvin = "\u212a"
    user.gives(
        may("kms:*"),
        must_not("kms:Encrypt", Condition={"StringEquals": {"kms:EncryptionContext:key": "v"}}),
    )
    assert not user.can("Encrypt", {**USE, "EncryptionContext": {"KEY": "v"}}, KeyId=key)
    assert user.can("Encrypt", {**USE, "EncryptionContext": {kelvin + "ey": "v"}}, KeyId=key)


def test_contexts_whose_keys_differ_in_case_only(home, user):
    """Two pairs that one condition key names: a Deny on either value holds."""
    key = home.root.key_id()
    both = {"EncryptionContext": {"team": "Red", "Team": "Blue"}}
    for value in ("Red", "Blue"):
        user.gives(
            may("kms:*"),
            must_not(
                "kms:Encrypt", Condition={"StringEquals": {"kms:EncryptionContext:Team": value}}
            ),
        )
        answer = user.call("Encrypt", {**USE, **both}, KeyId=key)
        assert answer.code in {"AccessDeniedException", "ValidationException"}, (value, answer.raw)


def test_changes_while_others_ask(home):
    """Policies change back and forth; each answer is that of one of them, never of neither."""
    name = f"h{fresh_account()}"
    user, one, two = home.user(name), home.root.key_id(), home.root.key_id()
    arns = [home.root.arn(key) for key in (one, two)]
    stop, both, faults = threading.Event(), [], []

    def ask(person):
        try:
            while not stop.is_set():
                answer = person.call("ReEncrypt", CiphertextBlob=blob, DestinationKeyId=two)
                if answer.status == 200:
                    both.append(answer)
                elif answer.code != "AccessDeniedException":
                    faults.append(answer.raw)
        except Exception as error:  # noqa: BLE001
            faults.append(error)
        finally:
            person.close()

    blob = home.root.encrypt(one, b"x")
    # Never both keys at once.
    forms = [document(may("kms:ReEncrypt*", arn)) for arn in arns]
    put = lambda text: home.iam.put_user_policy(  # noqa: E731
        UserName=name, PolicyName="own", PolicyDocument=text
    )
    put(forms[0])
    threads = [threading.Thread(target=ask, args=(user.again(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for turn in range(60):
        put(forms[turn % 2])
    stop.set()
    for thread in threads:
        thread.join(20)
    assert not faults, faults[:3]
    assert not both, f"{len(both)} requests saw two policies at once"
