"""Golden cases: one JSON file per request and its exact answer. The form is told in README.md."""

import json
import re
import time

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from harness.caller import b64, unb64

PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
PATTERNS = {
    "uuid": UUID,
    "mrk": r"mrk-[0-9a-f]{32}",
    "hex64": r"[0-9a-f]{64}",
    "arn": rf"arn:aws:kms:[a-z0-9-]+:\d{{12}}:key/{UUID}",
    "marker": r"[ -~]{1,1024}",
    "any": r"[\s\S]*",
}
DAY = 86400
OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


class Names:
    """What `${name.member}` stands for."""

    def __init__(self, caller):
        self.caller = caller
        self.values = {"account": caller.account, "region": caller.region, "root": caller.root}

    def save(self, names, output):
        """Remembers members of a setup call's output, by path."""
        for name, path in names.items():
            value = output
            for part in path.split("."):
                value = value[int(part)] if isinstance(value, list) else value[part]
            self.values[name] = value

    def lookup(self, text):
        """The value of one `${…}`, or None if it is a pattern."""
        kind, _, rest = text.partition(":")
        if kind == "repeat":
            char, count = rest.rsplit(":", 1)
            return char * int(count)
        if kind == "zeros":
            return b64(b"\x00" * int(rest))
        if kind == "bent":
            raw = bytearray(unb64(self.values[rest]))
            raw[-1] ^= 1
            return b64(bytes(raw))
        if kind == "wrapped":
            name, _, byte = rest.partition(":")
            public = serialization.load_der_public_key(unb64(self.values[name]))
            return b64(public.encrypt(bytes([int(byte or 1)]) * 32, OAEP))
        value = self.values.get(text.split(".")[0])
        for part in text.split(".")[1:]:
            value = value[part]
        return value

    def fill(self, value):
        """A request body with all names replaced."""
        if isinstance(value, str):
            return PLACEHOLDER.sub(lambda match: str(self.lookup(match[1])), value)
        if isinstance(value, list):
            return [self.fill(each) for each in value]
        if isinstance(value, dict):
            return {self.fill(name): self.fill(each) for name, each in value.items()}
        return value

    def matches(self, expected, actual, where="body"):
        """Asserts that a value has the expected form; members must be the same on both sides."""
        if isinstance(expected, dict):
            assert isinstance(actual, dict), f"{where}: {actual!r}"
            assert set(expected) == set(actual), f"{where}: {sorted(actual)}"
            for name, each in expected.items():
                self.matches(each, actual[name], f"{where}.{name}")
        elif isinstance(expected, list):
            assert isinstance(actual, list) and len(expected) == len(actual), f"{where}: {actual!r}"
            for index, each in enumerate(expected):
                self.matches(each, actual[index], f"{where}[{index}]")
        elif isinstance(expected, str) and expected.startswith("${timestamp"):
            days = int(expected[len("${timestamp") : -1].lstrip(":") or 0)
            assert isinstance(actual, (int, float)), f"{where}: {actual!r}"
            assert abs(actual - time.time() - days * DAY) < (DAY if days else 30), (
                f"{where}: {actual}"
            )
        elif isinstance(expected, str) and expected.startswith("${base64"):
            size = expected[len("${base64") : -1].lstrip(":")
            raw = unb64(actual)
            assert raw and (not size or len(raw) == int(size)), f"{where}: {len(raw)} bytes"
        elif isinstance(expected, str):
            assert isinstance(actual, str), f"{where}: {actual!r}"
            assert re.fullmatch(self.pattern(expected), actual), (
                f"{where}: {actual!r}, not {expected!r}"
            )
        else:
            assert expected == actual and type(expected) is type(actual), f"{where}: {actual!r}"

    def pattern(self, expected):
        """A regular expression for a string with names and patterns in it."""
        out, end = "", 0
        for match in PLACEHOLDER.finditer(expected):
            out += re.escape(expected[end : match.start()])
            pattern = PATTERNS.get(match[1])
            out += pattern if pattern else re.escape(str(self.lookup(match[1])))
            end = match.end()
        return out + re.escape(expected[end:])


def play(case, caller):
    """Makes the setup calls and the request of a case, and checks the answer."""
    names = Names(caller)
    for step in case.get("setup", []):
        who = caller.in_region(step["region"]) if "region" in step else caller
        names.save(step.get("save", {}), who.ok(step["call"], names.fill(step.get("body", {}))))
    operation = case["request"]["target"].removeprefix("TrentService.")
    answer = caller.raw(operation, json.dumps(names.fill(case["request"]["body"])).encode())
    expected = case["response"]
    shown = f"{answer.status} {answer.raw[:600]}"
    assert answer.status == expected["status"], shown
    for name, value in expected["headers"].items():
        assert re.fullmatch(names.pattern(value), answer.headers.get(name, "")), (name, shown)
    if expected["body"] == "${empty}":
        assert answer.raw in (b"", b"{}"), shown
        return
    body = dict(answer.body)
    if body.get("__type") == "AccessDeniedException" and "Message" in body:
        body["message"] = body.pop("Message")
    names.matches(expected["body"], body)
