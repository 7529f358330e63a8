"""HTTP/1.1 over a plain socket, so that a test can send exactly the bytes it means."""

import json
import socket
from dataclasses import dataclass

READ_BYTES = 65536


class Closed(Exception):
    """The peer closed the connection before a whole answer came."""


@dataclass
class Answer:
    """One HTTP answer. Header names are lower case; repeated ones are joined by `, `."""

    status: int
    headers: dict
    raw: bytes

    @property
    def body(self):
        """The JSON body; `{}` when there is none."""
        return json.loads(self.raw) if self.raw else {}

    @property
    def code(self):
        """The error code without a namespace, or None."""
        code = self.body.get("__type") if self.raw else None
        return code.rsplit("#", 1)[-1] if code else None

    @property
    def message(self):
        """The error text in either spelling, or None when there is no such member."""
        body = self.body
        return body.get("message", body.get("Message"))

    @property
    def request_id(self):
        """The `x-amzn-RequestId` header."""
        return self.headers.get("x-amzn-requestid")


class Connection:
    """One TCP connection to the server."""

    def __init__(self, port, timeout=20):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Closes the socket."""
        self.socket.close()

    def send(self, data):
        """Sends bytes as they are."""
        self.socket.sendall(data)

    def _fill(self):
        try:
            data = self.socket.recv(READ_BYTES)
        except ConnectionError as error:
            raise Closed(str(error)) from error
        if not data:
            raise Closed("end of stream")
        self.buffer += data

    def _until(self, mark):
        while mark not in self.buffer:
            self._fill()
        head, self.buffer = self.buffer.split(mark, 1)
        return head

    def _exactly(self, count):
        while len(self.buffer) < count:
            self._fill()
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def _chunks(self):
        body = b""
        while size := int(self._until(b"\r\n").split(b";")[0], 16):
            body += self._exactly(size)
            self._exactly(2)
        while self._until(b"\r\n"):
            pass
        return body

    def receive(self, bodyless=False):
        """Reads one answer; interim 1xx answers are skipped."""
        while True:
            head = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
            status = int(head[0].split(" ")[1])
            if status >= 200:
                break
        headers = {}
        for line in head[1:]:
            name, value = line.split(":", 1)
            name, value = name.lower(), value.strip()
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        if bodyless or status == 204:
            body = b""
        elif headers.get("transfer-encoding") == "chunked":
            body = self._chunks()
        elif "content-length" in headers:
            body = self._exactly(int(headers["content-length"]))
        else:
            body = self._rest()
        return Answer(status, headers, body)

    def _rest(self):
        try:
            while True:
                self._fill()
        except Closed:
            body, self.buffer = self.buffer, b""
            return body

    def closed_within(self, seconds):
        """Whether the peer closes the connection in that time; what it says before is dropped."""
        self.socket.settimeout(seconds)
        try:
            while self.socket.recv(READ_BYTES):
                pass
            return True
        except ConnectionError:
            return True
        except TimeoutError:
            return False


def request_bytes(headers, body, method="POST", path="/", version="HTTP/1.1"):
    """The bytes of a request; Content-Length is added unless a length header is given."""
    lines = [f"{method} {path} {version}"]
    lines += [f"{name}: {value}" for name, value in headers]
    given = {name.lower() for name, _ in headers}
    if not given & {"content-length", "transfer-encoding"}:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("utf-8") + b"\r\n\r\n" + body


def exchange(port, data, timeout=20):
    """Sends bytes on a new connection and returns the answer; raises Closed if there is none."""
    with Connection(port, timeout) as connection:
        try:
            connection.send(data)
        except ConnectionError:
            pass
        return connection.receive()
