"""Runs the tests of the AWS SDK for JavaScript (js/conformance.test.mjs)."""

import os
import subprocess
from pathlib import Path

from harness.caller import fresh_account


def test_sdk_for_javascript(server):
    environment = {
        "PATH": os.environ["PATH"],
        "KEYSTEAD_ENDPOINT": server.endpoint,
        "KEYSTEAD_ACCOUNT": fresh_account(),
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    process = subprocess.run(
        ["node", "--test", "conformance.test.mjs"],
        cwd=Path(__file__).parent / "js",
        env=environment,
        capture_output=True,
        text=True,
        timeout=55,
    )
    assert process.returncode == 0, process.stdout[-4000:] + process.stderr[-2000:]
    assert "# pass 6" in process.stdout.replace("ℹ", "#"), process.stdout[-1000:]
