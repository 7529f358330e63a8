"""The server process: `keystead dev` on a free port, and how it must start and end."""

import os
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

READY_SECONDS = 20
STOP_SECONDS = 35  # running requests get 30 s


def binary():
    """The server's program, from KEYSTEAD_BIN; relative paths are refused."""
    path = os.environ.get("KEYSTEAD_BIN", "")
    if not os.path.isabs(path) or not os.access(path, os.X_OK):
        raise RuntimeError(f"KEYSTEAD_BIN must be the absolute path of the server: {path!r}")
    return path


def free_port():
    """A port of 127.0.0.1 that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def children(pid):
    """The process ids of the children of a process."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(fields[1]) == pid and fields[0] != "Z":
                found.append(int(entry.name))
    return found


def alive(pid):
    """Whether a process lives (a zombie does not)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def until(condition, seconds, what):
    """Waits until the condition holds; returns its value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)


class Server:
    """One data directory and the process that serves it."""

    def __init__(self, data_dir, log=None):
        self.data_dir = Path(data_dir)
        self.log = Path(log or f"{data_dir}.log")
        self.port = free_port()
        self.process = None

    @property
    def endpoint(self):
        """The endpoint URL for SDKs."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self):
        """The process id of the server itself."""
        return self.process.pid

    def start(self):
        """Starts the server and waits until it is healthy; returns self."""
        command = [binary(), "dev", "--listen", f"127.0.0.1:{self.port}"]
        command += ["--data-dir", str(self.data_dir)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        until(self._ready, READY_SECONDS, f"healthy; its log:\n{self.log_text()[-2000:]}")
        return self

    def _ready(self):
        assert self.process.poll() is None, f"the server ended:\n{self.log_text()[-2000:]}"
        return self.healthy()

    def healthy(self):
        """Whether /healthz answers 200."""
        try:
            with urllib.request.urlopen(f"{self.endpoint}/healthz", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    def log_text(self):
        """All that the process printed."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def hsm_pid(self):
        """The process id of the HSM process, the server's one child."""
        found = children(self.pid)
        assert len(found) == 1, f"children of the server: {found}"
        return found[0]

    def rss_bytes(self):
        """Resident memory of the server process."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def stop(self):
        """Stops with SIGTERM and asserts a clean end."""
        if self.process is None:
            return
        family = children(self.pid)
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"SIGTERM did not stop the server in {STOP_SECONDS} s") from None
        self.process = None
        text = self.log_text()
        assert code == 0, f"exit status {code}; its log:\n{text[-2000:]}"
        assert "panic" not in text.lower(), text[-4000:]
        until(lambda: not any(map(alive, family)), 5, "the HSM process ends with its server")

    def kill(self):
        """Kills the server with SIGKILL; its HSM process must follow."""
        family = children(self.pid)
        self.process.kill()
        self.process.wait()
        self.process = None
        until(lambda: not any(map(alive, family)), 5, "the HSM process ends with its server")
