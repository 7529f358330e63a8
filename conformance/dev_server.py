"""A server of its own with further options of `keystead dev`."""

import subprocess

from harness import server


class DevServer(server.Server):
    """`keystead dev` with options."""

    def __init__(self, data_dir, *options):
        super().__init__(data_dir)
        self.options = [str(option) for option in options]

    def start(self):
        """Starts the server and waits until it is healthy; returns self."""
        command = [server.binary(), "dev", "--listen", f"127.0.0.1:{self.port}"]
        command += ["--data-dir", str(self.data_dir), *self.options]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        server.until(self._ready, server.READY_SECONDS, f"healthy; its log is {self.log}")
        return self
