"""Fixtures: one server for the session, fresh accounts, own servers for tests that stop them."""

import os
import sys
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

sys.path.insert(0, str(Path(__file__).parent))

from harness.caller import Caller, fresh_account  # noqa: E402
from harness.server import Server, binary  # noqa: E402
from harness.slow import SlowBody  # noqa: E402

for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]
os.environ["AWS_CONFIG_FILE"] = "/dev/null"
os.environ["AWS_SHARED_CREDENTIALS_FILE"] = "/dev/null"
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"


def pytest_sessionstart(session):
    """Without a server there is nothing to test: says so once, not for every test."""
    if not session.config.option.collectonly:
        try:
            binary()
        except RuntimeError as error:
            pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The shared server. Tests take fresh accounts, so they do not see each other."""
    folder = tmp_path_factory.mktemp("shared")
    server = Server(folder / "data").start()
    server.slow_body = SlowBody(server)
    yield server
    server.slow_body.stop()
    server.stop()


@pytest.fixture
def own_server(tmp_path):
    """A server of the test's own, for tests that stop, kill or read it."""
    server = Server(tmp_path / "data").start()
    yield server
    if server.process is not None:
        server.stop()


@pytest.fixture
def caller(server):
    """The root user of a fresh account in us-east-1."""
    caller = Caller(server)
    yield caller
    caller.close()


@pytest.fixture
def stranger(server):
    """The root user of another fresh account in us-east-1."""
    caller = Caller(server)
    yield caller
    caller.close()


@pytest.fixture
def kms_client(server):
    """Makes boto3 clients: `kms_client()` for a fresh account, or with account and region."""

    def make(account=None, region="us-east-1", secret="test"):
        return boto3.client(
            "kms",
            endpoint_url=server.endpoint,
            region_name=region,
            aws_access_key_id=account or fresh_account(),
            aws_secret_access_key=secret,
            config=Config(retries={"max_attempts": 1}, parameter_validation=False),
        )

    return make


@pytest.fixture
def kms(kms_client):
    """A boto3 client of a fresh account."""
    return kms_client()
