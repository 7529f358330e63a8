"""The command line: help, refusals, data directories, signals, `keystead init`."""

import os
import signal
import subprocess
import time

import pytest

from harness.caller import Caller
from harness.server import Server, binary, children, free_port, until


def run(*arguments, seconds=20):
    """Runs the program to its end."""
    return subprocess.run(
        [binary(), *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
    )


def refused(process, *words):
    """Asserts a failure with a message that has the words and is no crash."""
    text = process.stdout + process.stderr
    assert process.returncode not in (0, 101) and process.returncode > 0, text
    assert "panicked" not in text and "RUST_BACKTRACE" not in text, text
    for word in words:
        assert word.lower() in text.lower(), text


def test_help():
    process = run("dev", "--help")
    assert process.returncode == 0
    assert "--listen" in process.stdout and "--data-dir" in process.stdout
    process = run("--help")
    assert process.returncode == 0
    for command in ("dev", "serve", "init"):
        assert command in process.stdout
    assert run("--version").returncode == 0


@pytest.mark.parametrize(
    "arguments", [[], ["nonsense"], ["dev", "--nonsense"], ["dev", "--listen"]]
)
def test_wrong_arguments(arguments):
    refused(run(*arguments))


@pytest.mark.parametrize(
    "address", ["0.0.0.0:0", "[::]:0", "192.0.2.1:8080", "10.0.0.1:8080", "[2001:db8::1]:80"]
)
def test_only_loopback(tmp_path, address):
    process = run("dev", "--listen", address, "--data-dir", tmp_path / "data")
    refused(process, "loopback")
    assert not (tmp_path / "data").exists() or not list((tmp_path / "data").rglob("*.log"))


@pytest.mark.parametrize("address", ["nonsense", "127.0.0.1", "127.0.0.1:99999", "", ":8080"])
def test_bad_addresses(tmp_path, address):
    refused(run("dev", "--listen", address, "--data-dir", tmp_path / "data"))


def test_a_port_in_use(server, tmp_path):
    process = run("dev", "--listen", f"127.0.0.1:{server.port}", "--data-dir", tmp_path / "data")
    refused(process, str(server.port))


def test_one_server_per_data_directory(own_server):
    caller = Caller(own_server)
    key = caller.key_id()
    address = f"127.0.0.1:{free_port()}"
    refused(run("dev", "--listen", address, "--data-dir", own_server.data_dir))
    assert caller.decrypt(caller.encrypt(key, b"x")) == b"x"
    own_server.stop()
    own_server.start()
    caller.ok("DescribeKey", KeyId=key)


def test_a_data_directory_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("x")
    for place in (tmp_path / "file", tmp_path / "file" / "below", "/proc/keystead", "/dev/null"):
        process = run("dev", "--listen", f"127.0.0.1:{free_port()}", "--data-dir", place)
        refused(process, str(place))
    assert (tmp_path / "file").read_text() == "x"


def test_a_foreign_directory_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    server = Server(tmp_path, tmp_path.with_suffix(".log"))
    try:
        server.start()
    except AssertionError:
        server.process = None
    else:
        server.stop()
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_interrupt_stops_too(tmp_path):
    server = Server(tmp_path / "data").start()
    family = children(server.pid)
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(10) in (0, 130)
    server.process = None
    until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in family), 5, "HSM process ends")


def test_stopping_waits_for_running_requests(tmp_path):
    server = Server(tmp_path / "data").start()
    caller = Caller(server)
    key = caller.key_id()
    data = caller.signed("Encrypt", b'{"KeyId":"%s","Plaintext":"AA=="}' % key.encode())
    from harness import wire

    with wire.Connection(server.port) as connection:
        connection.send(data[:-5])
        time.sleep(0.2)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        connection.send(data[-5:])
        assert connection.receive().status == 200
    assert server.process.wait(15) == 0
    server.process = None


def test_files_are_private(own_server):
    Caller(own_server).key_id()
    for path in [own_server.data_dir, *own_server.data_dir.rglob("*")]:
        if path.name == "development":
            continue  # says to people that this directory protects nothing; holds no secret
        mode = path.lstat().st_mode & 0o777
        assert mode & 0o077 == 0, f"{path.name}: {mode:o}"


def test_attestation_roots_must_be_certificates(tmp_path):
    (tmp_path / "rubbish.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END\n")
    (tmp_path / "empty.pem").write_text("")
    for name in ("absent.pem", "rubbish.pem", "empty.pem"):
        place = tmp_path / name
        process = run(
            *("dev", "--listen", f"127.0.0.1:{free_port()}", "--data-dir", tmp_path / "data"),
            *("--attestation-root", place),
        )
        refused(process, str(place))


@pytest.mark.parametrize("region", ["Nowhere 1", "", "us-east", "US-EAST-1"])
def test_sm2_regions_must_be_regions(tmp_path, region):
    listen = ("--listen", f"127.0.0.1:{free_port()}", "--data-dir", tmp_path / "data")
    refused(run("dev", *listen, "--sm2-region", region))


def test_without_a_data_directory_nothing_is_kept(tmp_path):
    port = free_port()
    for _ in range(2):
        process = subprocess.Popen(
            [binary(), "dev", "--listen", f"127.0.0.1:{port}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=tmp_path,
        )
        server = Server(tmp_path / "none")
        server.port, server.process = port, process
        until(server.healthy, 20, "healthy")
        caller = Caller(server, "111122223333")
        assert caller.ok("ListKeys")["Keys"] == []
        caller.key_id()
        server.stop()
    assert list(tmp_path.iterdir()) == []


def credentials_of(text):
    """The access key id and the secret that init printed."""
    import re

    key_ids = re.findall(r"\b[A-Z0-9]{16,32}\b", text)
    secrets = re.findall(r"(?<![A-Za-z0-9/+=])[A-Za-z0-9/+=_-]{40,}(?![A-Za-z0-9/+=])", text)
    return key_ids, secrets


def test_init_prints_its_secret_once(tmp_path):
    place = tmp_path / "data"
    arguments = ["init", "--data-dir", place, "--account", "123456789012", "--region", "eu-west-1"]
    process = run(*arguments, "--region", "us-east-1")
    assert process.returncode == 0, process.stderr
    key_ids, secrets = credentials_of(process.stdout)
    assert key_ids and secrets, process.stdout
    again = run(*arguments)
    refused(again)
    assert secrets[-1] not in again.stdout + again.stderr
    for path in place.rglob("*"):
        if path.is_file():
            assert secrets[-1].encode() not in path.read_bytes(), f"{path.name} holds the secret"
            assert path.lstat().st_mode & 0o077 == 0, path.name


@pytest.mark.parametrize("account", ["12345", "1234567890123", "abcdefghijkl", ""])
def test_init_checks_the_account(tmp_path, account):
    refused(run("init", "--data-dir", tmp_path / "data", "--account", account))


def test_init_checks_the_region(tmp_path):
    refused(run("init", "--data-dir", tmp_path / "data", "--region", "Nowhere 1"))
