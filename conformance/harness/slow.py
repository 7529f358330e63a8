"""A client that sends a request's body one byte every other second, from a thread."""

import threading
import time

from harness import wire
from harness.caller import Caller
from harness.sigv4 import Signing

STEP_SECONDS = 2
GIVE_UP_SECONDS = 60


class SlowBody:
    """Starts at once; `seconds` is set when the server cut the connection."""

    def __init__(self, server):
        self.server = server
        self.seconds = None
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def stop(self):
        """Hangs up, if the server has not."""
        self.stopped.set()
        self.thread.join()

    def _run(self):
        body = b'{"NumberOfBytes":16}' + b" " * 1000
        caller = Caller(self.server)
        signing = Signing(caller.credential)
        headers = caller.headers("GenerateRandom", signing)
        headers.append(("Authorization", signing.authorization(headers, body)))
        whole = wire.request_bytes(headers, body)
        start = time.monotonic()
        with wire.Connection(self.server.port) as connection:
            connection.send(whole[: len(whole) - len(body)])
            for byte in body:
                try:
                    connection.send(bytes([byte]))
                except ConnectionError:
                    break
                if connection.closed_within(STEP_SECONDS):
                    break
                if self.stopped.is_set() or time.monotonic() - start > GIVE_UP_SECONDS:
                    return
        self.seconds = time.monotonic() - start
