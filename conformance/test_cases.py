"""Plays every golden case of cases/<Operation>/*.json."""

import json
from pathlib import Path

import botocore.session
import pytest

from harness.golden import play

FOLDER = Path(__file__).parent / "cases"
CASES = sorted(FOLDER.glob("*/*.json"))
UNSERVED = {
    line.strip()
    for line in (FOLDER.parent / "uncovered-operations.txt").read_text().splitlines()
    if line.strip() and not line.startswith("#")
}


def marked(path):
    """A case as a parameter; expected to fail if it names a documented divergence."""
    case = json.loads(path.read_text())
    reason = case.get("divergence")
    marks = [pytest.mark.xfail(strict=True, reason=reason)] if reason else []
    return pytest.param(path, case, id=f"{path.parent.name}/{path.stem}", marks=marks)


@pytest.mark.parametrize("path, case", [marked(path) for path in CASES])
def test_case(caller, path, case):
    assert case["request"]["target"] == f"TrentService.{path.parent.name}"
    assert case["source"] and case["what"]
    play(case, caller)


def test_every_served_operation_has_cases():
    model = botocore.session.get_session().get_service_model("kms")
    served = set(model.operation_names) - UNSERVED
    counts = {name: len(list((FOLDER / name).glob("*.json"))) for name in served}
    assert not {name for name, count in counts.items() if count < 3}, counts
