# SPDX-License-Identifier: MIT
"""Two edges: what one does the other obeys at once. They count requests together, and a link made through one is found
through the other, also when that one had looked for it in vain."""
import os
import signal
import time

import httpx
import pytest

from running import PORT_SHIFT, ROOT, Platform, eventually, run

SECOND = """    edge2
        after = redis, id-allocator, app1, app2, app3
        actors
            kafka_bridge
            click_buffer
                thread = front
            edge
                thread = front
                listen = 127.0.0.1:8082

    cache-warmer  """


@pytest.fixture(scope="module")
def edges(tmp_path_factory):
    source = (ROOT / "topology/local.zpl").read_text().replace("    cache-warmer  ", SECOND, 1)
    assert "edge2" in source
    platform = Platform(tmp_path_factory.mktemp("two"), shift=PORT_SHIFT + 3300, source=source)
    try:
        platform.up()
        port = httpx.URL(platform.status()["url"]).port
        with httpx.Client(base_url=f"http://127.0.0.1:{port + 2}", timeout=10) as other:
            yield platform, platform.http, other
    finally:
        platform.down()


def test_a_chosen_code_is_found_at_once_by_who_looked_for_it_in_vain(edges):
    platform, one, other = edges
    for number in range(10):
        code = "V%x%d" % (time.time_ns(), number)
        assert other.get(f"/{code}").status_code == 404
        platform.shorten(custom_code=code)
        eventually(lambda: other.get(f"/{code}").status_code == 307, 0.2, "it is remembered as unknown")


def set_limit(platform, name, value):
    assert run("config", "set", f"edge.{name}", str(value), data=platform.data).returncode == 0


def passed(clients, seconds):
    """How many of as many requests as possible are let through, going to all clients in turn."""
    count, until = 0, time.monotonic() + seconds
    while time.monotonic() < until:
        for client in clients:
            answer = client.get("/livez")
            assert answer.status_code in (200, 429)
            count += answer.status_code == 200
            assert answer.status_code == 200 or int(answer.headers["retry-after"]) > 0
    return count


def test_edges_count_together_and_alone_without_redis(edges):
    platform, one, other = edges
    rate, burst, seconds = 20, 20, 5
    set_limit(platform, "request_burst", burst)
    set_limit(platform, "request_rate", rate)
    try:
        eventually(lambda: {one.get("/livez").status_code, other.get("/livez").status_code} == {429}, 10,
                   "the limit is not obeyed")
        together = passed([one, other], seconds)
        assert 0.8 * rate * seconds <= together <= 1.3 * rate * seconds + 2
        pid = platform.store("redis")["pid"]
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(2)  # until both have found out
            alone = passed([one, other], seconds)
        finally:
            os.kill(pid, signal.SIGCONT)
        assert alone >= 1.6 * rate * seconds, "each edge gives the whole rate while they cannot hear of each other"
    finally:
        set_limit(platform, "request_rate", 0)
    assert passed([one, other], 0.5) > 50, "the limit stays although it is off"
