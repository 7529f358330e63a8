"""The AWS CLI against the server."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.caller import fresh_account


@pytest.fixture
def cli(server, tmp_path):
    """Runs `aws kms …` for a fresh account; returns the finished process."""
    account = fresh_account()

    def run(*arguments, secret="test"):
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "AWS_ACCESS_KEY_ID": account,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": server.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
        }
        program = [sys.executable, "-m", "awscli", "kms", *arguments, "--output", "json"]
        return subprocess.run(
            program, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=50
        )

    return run


def output(process):
    """The JSON that a successful command printed."""
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout) if process.stdout.strip() else None


def test_encrypt_and_decrypt_a_file(cli, tmp_path):
    meta = output(cli("create-key", "--description", "by cli", "--tags", "TagKey=a,TagValue=b"))
    key = meta["KeyMetadata"]["KeyId"]
    assert meta["KeyMetadata"]["Description"] == "by cli"
    output(cli("create-alias", "--alias-name", "alias/cli", "--target-key-id", key))
    secret = bytes(range(256)) * 8
    Path(tmp_path, "secret.bin").write_bytes(secret)
    context = ["--encryption-context", "purpose=test,n=1"]
    out = output(
        cli("encrypt", "--key-id", "alias/cli", "--plaintext", "fileb://secret.bin", *context)
    )
    Path(tmp_path, "secret.enc").write_bytes(base64.b64decode(out["CiphertextBlob"]))
    back = output(cli("decrypt", "--ciphertext-blob", "fileb://secret.enc", *context))
    assert base64.b64decode(back["Plaintext"]) == secret
    refused = cli("decrypt", "--ciphertext-blob", "fileb://secret.enc")
    assert refused.returncode != 0 and "InvalidCiphertextException" in refused.stderr


def test_lists(cli):
    keys = {output(cli("create-key"))["KeyMetadata"]["KeyId"] for _ in range(3)}
    listed = output(cli("list-keys", "--page-size", "1"))
    assert {key["KeyId"] for key in listed["Keys"]} == keys


def test_wrong_secret(cli):
    process = cli("list-keys", secret="wrong")
    assert process.returncode != 0
    assert "InvalidSignatureException" in process.stderr
    assert "does not match the signature you provided" in process.stderr


def test_errors_are_shown(cli):
    process = cli("describe-key", "--key-id", "nope")
    assert process.returncode != 0
    assert "(NotFoundException)" in process.stderr and "Invalid keyId 'nope'" in process.stderr
