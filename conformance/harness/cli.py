"""The AWS CLI as one identity: `who("kms", "encrypt", ...)` gives what it printed, `who.refused(...)`
the error's code and message."""

import json
import os
import re
import subprocess
import sys

ERROR = re.compile(r"An error occurred \((\w+)\) when calling the \w+ operation(?:.*?): (.*)", re.S)


class Cli:
    """Credentials, an endpoint and a Region."""

    def __init__(self, server, key_id, secret="test", token=None, region="us-east-1"):
        self.server, self.region = server, region
        self.credentials = {"AWS_ACCESS_KEY_ID": key_id, "AWS_SECRET_ACCESS_KEY": secret}
        if token:
            self.credentials["AWS_SESSION_TOKEN"] = token

    def with_session(self, credentials):
        """The identity of credentials as STS answers them."""
        key, secret, token = (
            credentials[name] for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")
        )
        return Cli(self.server, key, secret, token, self.region)

    def with_key(self, access_key):
        """The identity of an access key as IAM answers it."""
        return Cli(
            self.server, access_key["AccessKeyId"], access_key["SecretAccessKey"], None, self.region
        )

    def run(self, *arguments):
        """The finished process."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": "/nonexistent",
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL": self.server.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
            "AWS_MAX_ATTEMPTS": "1",
            **self.credentials,
        }
        program = [sys.executable, "-m", "awscli", *map(str, arguments), "--output", "json"]
        return subprocess.run(
            program, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    def __call__(self, *arguments):
        """What a command that must succeed printed."""
        done = self.run(*arguments)
        assert done.returncode == 0, f"{arguments}: {done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else None

    def refused(self, *arguments):
        """Code and message of a command that must fail."""
        done = self.run(*arguments)
        assert done.returncode != 0, f"{arguments} was allowed: {done.stdout[:300]}"
        found = ERROR.search(done.stderr)
        assert found, done.stderr
        return found[1], found[2].strip()
