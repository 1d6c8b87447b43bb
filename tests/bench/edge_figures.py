# SPDX-License-Identifier: MIT
"""What an edge needs, how it grows by another, and how it behaves when more is asked than it can do."""
import re
import socket

import machine
import stand
from figure import Figure, Wrong

MILLION = 1_000_000
IDLE = 1500
CROWD, SLOW = 9000, 300  # connections; the edge takes 10,000
both = f"{machine.SERVER_CORE},{machine.LOAD_CORE}"


def hot_links_mb():
    """The whole process with a million links: as it was when fresh, and what so many have added, in proportion."""
    count = stand.settings["links"]
    before, after = stand.warm(count)
    platform = stand.platform()
    stand.eventually(lambda: remembered() >= count, 5, f"the edge does not remember {count} links")
    kib = platform.fresh_kib + (after - before) / count * MILLION
    return kib / 1024, {"bytes a link": (after - before) * 1024 / count, "fresh MiB": platform.fresh_kib / 1024, "links": remembered()}


def remembered():
    return float(metric("shunt_edge_hot_links", "edge"))


def metric(name, node):
    text = stand.platform().http.get(f"http://127.0.0.1:{8081 + stand.PORT_SHIFT}/metrics/{node}").text
    found = re.search(rf"^{name}(?:{{[^}}]*}})? ([\d.e+]+)$", text, re.MULTILINE)
    if not found:
        raise Wrong(f"{node} has no metric {name}")
    return found[1]


def idle_connection():
    """KiB of the edge's memory for each connection that has asked once and stays."""
    pid = stand.platform().all_pids["edge-2"]
    before = machine.resident_kib(pid)
    for _ in range(IDLE):
        connection = socket.create_connection(("127.0.0.1", stand.EDGE_2))
        connection.sendall(f"HEAD /{stand.platform().hot} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        if not connection.recv(4096).startswith(b"HTTP/1.1 307"):
            raise Wrong("an idle connection was not answered")
        idle_connection.open.append(connection)
    return (machine.resident_kib(pid) - before) / IDLE, {"open": len(idle_connection.open)}


idle_connection.open = []


def end_idle():
    for connection in idle_connection.open:
        connection.close()
    idle_connection.open.clear()


def one_edge():
    return stand.rate(stand.EDGE, stand.serve("edge", "redis"), path=stand.platform().hot, base=stand.LOCATION)


def two_edges():
    """Each edge on a core of its own, Redis and who asks on both; requests per CPU second of those who serve, times two."""
    pids = stand.serve("edge", "redis", "edge-2")
    machine.pin(pids[2], machine.LOAD_CORE)
    for thread in machine.threads(pids[1]):
        machine.pin_thread(thread, machine.SERVER_CORE, machine.LOAD_CORE)
    for pid in pids:
        for thread in machine.threads(pid):
            machine.prefer(thread)
    before = stand.request_cpu_s(pids)
    askers = [stand.begin(port, both, path=stand.platform().hot, base=stand.LOCATION) for port in (stand.EDGE, stand.EDGE_2)]
    said = [stand.end(asker) for asker in askers]
    used = stand.request_cpu_s(pids) - before
    return 2 * sum(one["right"] for one in said) / used, {"requests/s": sum(one["rate"] for one in said),
                                                          "askers busy": sum(one["cpu_s"] for one in said) / said[0]["seconds"]}


def overload():
    """Twice what it can do is asked for, over thousands of connections, with some who hardly read."""
    pids = stand.serve("edge", "redis")
    before = machine.resident_kib(pids[0])
    stand.platform().slow_clicks = True
    used = stand.request_cpu_s(pids)
    said = stand.ask(stand.EDGE, path=stand.platform().hot, base=stand.LOCATION, connections=CROWD, slow=SLOW,
                     rate=2 * round(overload.most), wrong_is_fine=True)
    used = stand.request_cpu_s(pids) - used
    strange = {status for status in said["statuses"] if status not in ("307", "503")}
    if strange:
        raise Wrong(f"answers under overload: {said['statuses']}")
    return said["rate"], {"servers busy": used / said["seconds"], "asker busy": said["cpu_s"] / said["seconds"], "503 share": said["statuses"].get("503", 0) / max(1, said["sent"]), "broken": said["broken"],
                          "p99 ms": said["p99_us"] / 1e3, "MiB before": before / 1024, "MiB after": machine.resident_kib(pids[0]) / 1024}


def most_first():
    overload.most = one_edge()[1]["requests/s"]
    return overload.most


FIGURES = [
    Figure("memory/hot-links", "MiB, 10^6 hot links", hot_links_mb, "200 MB", lambda: 200e6 / 2**20, False, 1.0, 200 / 120,
           "the whole edge with a million links in memory, in proportion from --links"),
    Figure("memory/idle-connection", "KiB", idle_connection, "16 KiB", lambda: 16.0, False, 1.0, 16 / 6,
           "of an edge's memory for each open idle connection", end_idle),
    Figure("edges/second", "requests/s, 2 cores", two_edges, "one edge node", one_edge, True, 1.6, 1.9,
           "a second edge on the second core; per CPU of those who serve, so without the generator's share", stand.all_counted),
    Figure("overload", "requests/s", overload, "the most that 64 connections get", most_first, True, 0.9, 1.0,
           "goodput when twice the most is asked for, over 9,000 connections, 300 more hardly read", stand.all_counted),
]
