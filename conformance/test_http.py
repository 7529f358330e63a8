"""HTTP framing: section A of reference/formats/hostile-inputs.md."""

import time

import pytest

from harness import wire
from harness.caller import Caller
from harness.sigv4 import Signing

BODY = b'{"NumberOfBytes":16}'
MEBIBYTE = 1 << 20


def head(caller, extra=(), length=True, method="POST", path="/", version="HTTP/1.1", body=BODY):
    """The head of a well signed request, with raw extra header lines (bytes)."""
    signing = Signing(caller.credential)
    headers = caller.headers("GenerateRandom", signing)
    headers.append(("Authorization", signing.authorization(headers, body)))
    lines = [f"{method} {path} {version}".encode()]
    lines += [f"{name}: {value}".encode() for name, value in headers]
    if length:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*lines, *extra]) + b"\r\n\r\n"


def dropped(server, data, statuses=(400,)):
    """Asserts that the answer has one of the statuses and that the connection is closed."""
    with wire.Connection(server.port) as connection:
        try:
            connection.send(data)
        except ConnectionError:
            pass
        try:
            answer = connection.receive()
        except wire.Closed:
            return None
        assert answer.status in statuses, f"{answer.status} {answer.raw[:200]}"
        assert b"Plaintext" not in answer.raw
        assert connection.closed_within(5), "the connection stays open"
        return answer


@pytest.fixture(autouse=True)
def the_server_lives(server, caller):
    """After each test, the same process still serves."""
    pid = server.pid
    yield
    assert server.process.poll() is None and server.pid == pid
    assert len(caller.ok("GenerateRandom", NumberOfBytes=8)["Plaintext"]) == 12


def test_the_head_builder_is_good(server, caller):
    assert wire.exchange(server.port, head(caller) + BODY).status == 200
    chunked = head(caller, [b"Transfer-Encoding: chunked"], length=False)
    answer = wire.exchange(server.port, chunked + b"14\r\n" + BODY + b"\r\n0\r\n\r\n")
    assert answer.status in (200, 411), answer.raw


def test_a1_length_and_chunked_together(server, caller):
    chunk = b"14\r\n" + BODY + b"\r\n0\r\n\r\n"
    dropped(server, head(caller, [b"Transfer-Encoding: chunked"]) + chunk)
    dropped(server, head(caller, [b"transfer-encoding:chunked"]) + BODY)


@pytest.mark.parametrize(
    "second", [b"20", b"19", b"0", b"20, 20", b"+20", b"-1", b"0x14", b"2 0", b""]
)
def test_a2_two_lengths(server, caller, second):
    dropped(server, head(caller, [b"Content-Length: " + second]) + BODY)


@pytest.mark.parametrize(
    "value", [b"20, 20", b"20,21", b"+20", b"-20", b"0x14", b"20 20", b"", b"twenty"]
)
def test_a2_odd_lengths(server, caller, value):
    dropped(server, head(caller, [b"Content-Length: " + value], length=False) + BODY)


@pytest.mark.parametrize(
    "value",
    [b"chunked, identity", b"xchunked", b"identity", b"gzip, chunked", b"chunked\x0b", b"\x00"],
)
def test_a3_transfer_encodings(server, caller, value):
    data = head(caller, [b"Transfer-Encoding: " + value], length=False)
    dropped(server, data + b"14\r\n" + BODY + b"\r\n0\r\n\r\n", (400, 411, 501))


@pytest.mark.parametrize(
    "size",
    [b"0x14", b"-1", b"11111111111111111", b"ffffffffffffffff", b"", b"g", b"14 14"]
    + [b"14;" + b"x" * 65536],
)
def test_a4_chunk_sizes(server, caller, size):
    data = head(caller, [b"Transfer-Encoding: chunked"], length=False)
    dropped(server, data + size + b"\r\n" + BODY + b"\r\n0\r\n\r\n", (400, 411, 413))


@pytest.mark.parametrize(
    "line",
    [b"X-A: a\rb", b"X-A: a\x00b", b"X-A: a\x01b", b"X-A: a\x7fb", b"\x00: a", b"X A: a"]
    + [
        b"X-A : a",
        b"X-A\t: a",
        b"X-A: a\r\n folded",
        b": empty",
        b"noColon",
        b"X(A): a",
        b"X-\xe9: a",
    ],
)
def test_a5_a6_header_lines(server, caller, line):
    dropped(server, head(caller, [line]) + BODY)


def test_a5_bare_line_feeds(server, caller):
    dropped(server, (head(caller) + BODY).replace(b"\r\n", b"\n"))
    dropped(server, head(caller, [b"X-A: a\nX-B: b"]) + BODY)


def test_a7_number_of_headers(server, caller):
    few = [b"X-H%d: v" % index for index in range(50)]
    assert wire.exchange(server.port, head(caller, few) + BODY).status == 200
    many = [b"X-H%d: v" % index for index in range(101)]
    dropped(server, head(caller, many) + BODY, (431,))


@pytest.mark.parametrize("size", [64 * 1024, MEBIBYTE])
def test_a7_size_of_headers(server, caller, size):
    dropped(server, head(caller, [b"X-Big: " + b"v" * size]) + BODY, (431,))
    dropped(server, head(caller, [b"x" * size + b": v"]) + BODY, (431, 400))


def test_a7_many_large_headers(server, caller):
    lines = [b"X-H%d: " % index + b"v" * 12_000 for index in range(90)]
    dropped(server, head(caller, lines) + BODY, (431,))


def test_a7_long_request_line(server, caller):
    dropped(server, head(caller, path="/" + "a" * 100_000) + BODY, (400, 404, 414, 431))


def test_a8_slow_headers_are_cut(server, caller):
    """One byte now and then: cut at the header deadline (10 s), while others are served."""
    start, sent = time.monotonic(), 0
    data = head(caller)
    with wire.Connection(server.port) as connection:
        while time.monotonic() - start < 16:
            try:
                connection.send(data[sent : sent + 1])
                sent += 1
            except ConnectionError:
                break
            before = time.monotonic()
            caller.ok("GenerateRandom", NumberOfBytes=1)
            assert time.monotonic() - before < 2
            if connection.closed_within(1):
                break
        else:
            pytest.fail("slow headers are not cut within 16 s")
    assert time.monotonic() - start > 5, "the deadline is not a few bytes"


@pytest.mark.parametrize("length", [b"4294967296", b"18446744073709551616", b"9" * 40, b"2000000"])
def test_a9_huge_lengths(server, caller, length):
    before, start = server.rss_bytes(), time.monotonic()
    data = head(caller, [b"Content-Length: " + length], length=False)
    answer = dropped(server, data, (400, 413))
    if length in (b"4294967296", b"2000000"):
        assert answer is not None and answer.status == 413
    assert time.monotonic() - start < 6
    assert server.rss_bytes() - before < 64 * MEBIBYTE


def test_a10_content_encoding(server, caller):
    import gzip

    bomb = gzip.compress(b'{"NumberOfBytes":16,"x":"' + b" " * (50 * MEBIBYTE) + b'"}')
    before = server.rss_bytes()
    for body in (bomb, gzip.compress(BODY)):
        answer = wire.exchange(
            server.port, head(caller, [b"Content-Encoding: gzip"], body=body) + body
        )
        assert answer.status in (400, 415), answer.raw
        assert b"Plaintext" not in answer.raw
    assert server.rss_bytes() - before < 32 * MEBIBYTE


def test_a11_expect_continue(server, caller):
    with wire.Connection(server.port) as connection:
        connection.send(head(caller, [b"Expect: 100-continue"]))
        interim = connection.socket.recv(4096)
        assert interim.startswith(b"HTTP/1.1 100 "), interim
        connection.send(BODY)
        connection.buffer = interim.split(b"\r\n\r\n", 1)[1]
        assert connection.receive().status == 200


def test_a11_no_continue_for_a_body_that_is_too_large(server, caller):
    lines = [b"Expect: 100-continue", b"Content-Length: 4294967296"]
    answer = dropped(server, head(caller, lines, length=False), (400, 413, 417))
    assert answer is not None and answer.status >= 400


@pytest.mark.parametrize(
    "method", ["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "post", "X" * 100]
)
def test_a12_methods(server, caller, method):
    with wire.Connection(server.port) as connection:
        connection.send(head(caller, method=method) + BODY)
        answer = connection.receive(bodyless=method == "HEAD")
    assert answer.status in (400, 404, 405, 501), answer.raw
    assert b"Plaintext" not in answer.raw


def test_a12_connect(server):
    answer = wire.exchange(server.port, b"CONNECT / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.status in (400, 404, 405), answer.raw


@pytest.mark.parametrize(
    "path",
    ["/x", "//", "/..;/", "/%2e%2e", "/.", "/./", "/../", "/%2f", "/;", "*", "", "x", "/x?", "/\\"]
    + ["/healthz/../", "/healthz", "/metrics", "/\u00e9"],
)
def test_a12_paths(server, caller, path):
    answer = wire.exchange(server.port, head(caller, path=path) + BODY)
    assert answer.status in (400, 404, 405), f"{answer.status} {answer.raw[:200]}"
    assert b"Plaintext" not in answer.raw


def test_a13_absolute_form_of_another_host(server, caller):
    answer = wire.exchange(server.port, head(caller, path="http://other.example/") + BODY)
    assert answer.status == 400, answer.raw


@pytest.mark.parametrize(
    "version", ["HTTP/0.9", "HTTP/2.0", "HTTP/1.2", "HTTP/9.9", "http/1.1", "", "X"]
)
def test_versions(server, caller, version):
    with wire.Connection(server.port, timeout=5) as connection:
        connection.send(head(caller, version=version) + BODY)
        try:
            answer = connection.receive()
        except (wire.Closed, ValueError, IndexError):
            return
    assert answer.status in (400, 404, 405, 505) or version == "HTTP/1.2", answer.raw


def test_host_header(server, caller):
    signing = Signing(caller.credential)
    headers = [pair for pair in caller.headers("GenerateRandom", signing) if pair[0] != "Host"]
    headers.append(("Authorization", signing.authorization(headers, BODY)))
    answer = wire.exchange(server.port, wire.request_bytes(headers, BODY))
    assert answer.status == 400, answer.raw
    dropped(server, head(caller, [b"Host: other"]) + BODY)


def test_a16_a_request_inside_a_body_is_only_a_body(server, caller):
    inner = caller.signed("CreateKey", b"{}")
    with wire.Connection(server.port) as connection:
        connection.send(caller.signed("GenerateRandom", inner) + caller.signed("ListKeys", b"{}"))
        first, second = connection.receive(), connection.receive()
    assert first.code == "SerializationException", first.raw
    assert second.body == {"Keys": [], "Truncated": False}, "the inner request was not served"


def test_pipelined_requests_are_answered_in_order(server, caller):
    with wire.Connection(server.port) as connection:
        sizes = [1, 2, 3, 4, 5]
        for size in sizes:
            connection.send(caller.signed("GenerateRandom", b'{"NumberOfBytes":%d}' % size))
        answers = [connection.receive() for _ in sizes]
    lengths = [len(answer.body["Plaintext"].rstrip("=")) * 3 // 4 for answer in answers]
    assert lengths == sizes


def test_bytes_in_small_pieces(server, caller):
    data = caller.signed("GenerateRandom", BODY)
    with wire.Connection(server.port) as connection:
        for index in range(0, len(data), 7):
            connection.send(data[index : index + 7])
        assert connection.receive().status == 200


def test_clients_that_hang_up(server, caller):
    data = caller.signed("GenerateRandom", BODY)
    for cut in (1, 20, len(data) - len(BODY), len(data) - 1, len(data)):
        with wire.Connection(server.port) as connection:
            connection.send(data[:cut])


def test_garbage_and_tls_on_the_port(server):
    tls = bytes.fromhex("16030100a5010000a10303") + b"\x00" * 160
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00" * 9
    for data in (b"\x00" * 1000, tls, preface, b"\r\n" * 5000, b"\xff" * 100, b"GET\r\n\r\n"):
        with wire.Connection(server.port, timeout=5) as connection:
            connection.send(data)
            connection.socket.settimeout(0.3)
            try:
                connection.socket.recv(4096)
            except (TimeoutError, ConnectionError):
                pass


def test_many_idle_connections_do_not_stop_others(server, caller):
    idle = [wire.Connection(server.port) for _ in range(200)]
    try:
        start = time.monotonic()
        with wire.Connection(server.port) as connection:
            connection.send(caller.signed("GenerateRandom", BODY))
            assert connection.receive().status == 200
        assert time.monotonic() - start < 3
    finally:
        for connection in idle:
            connection.close()


def test_health_needs_no_signature(server):
    data = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    assert wire.exchange(server.port, data).status == 200


def test_errors_before_the_signature_are_small_and_plain(server):
    caller = Caller(server)
    answer = wire.exchange(server.port, head(caller, path="/x") + BODY)
    assert len(answer.raw) < 1024
    text = answer.raw.decode()
    for word in ("panic", "src/", ".rs", "/tmp", "thread", "sqlite"):
        assert word not in text
