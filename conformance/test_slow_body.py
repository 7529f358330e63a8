"""Row A8 of hostile-inputs.md: a body that trickles is cut at the body deadline (30 s)."""

import pytest


@pytest.mark.timeout(90)
def test_a8_slow_body_is_cut(server):
    slow = server.slow_body  # it runs since the server started
    slow.thread.join(80)
    assert slow.seconds is not None, "a slow body is not cut within a minute"
    assert 20 < slow.seconds < 45, slow.seconds
