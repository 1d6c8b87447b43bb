# SPDX-License-Identifier: MIT
"""Nobody waits for anybody else's thread on the way of a request: what is counted is counted by its only writer."""
import re

import sources

LOCK = re.compile(r"\b(pthread_(mutex|rwlock|spin|cond)_\w+|mtx_\w+|sem_wait|flockfile)\s*\(")
READ_MODIFY_WRITE = re.compile(r"\batomic_(fetch_\w+|exchange\w*|compare_exchange_\w+)|__sync_|__atomic_fetch")
REQUEST_PATH = ("actors/edge/", "actors/links/", "actors/clicks/click_", "actors/io/http", "actors/io/redis", "actors/io/postgres",
                "runtime/cell/", "runtime/wire/peer", "runtime/wire/ask", "runtime/wire/letter_queue", "runtime/watch/exposition")
# Threads that are not an actor's speak to one: through a lock that is held for a pointer's length.
HANDED_OVER = {"runtime/cell/channel.c", "runtime/cell/watch.c"}


def found(pattern, paths):
    return [f"{path}:{number}: {line.strip()}" for path in paths
            for number, line in enumerate(sources.lines(path), 1) if pattern.search(line)]


def test_no_lock_on_the_way_of_a_request():
    paths = [path for path in sources.c_files() if str(path).startswith(REQUEST_PATH) and str(path) not in HANDED_OVER]
    assert len(paths) > 60
    assert not found(LOCK, paths), sources.report(found(LOCK, paths))


def test_counting_is_an_ordinary_add():
    text = sources.text("runtime/metric.h")
    assert "memory_order_relaxed" in text
    assert not LOCK.search(text) and not READ_MODIFY_WRITE.search(text)


def test_a_lock_is_seen():
    assert LOCK.search("    pthread_mutex_lock(&self->lock);") and not LOCK.search("    block(me);")
