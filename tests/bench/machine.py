# SPDX-License-Identifier: MIT
"""This machine: which core does what, how much CPU a process has had, and what it is all measured with."""
import os
import pathlib
import platform
import re
import subprocess

SERVER_CORE, LOAD_CORE = 0, 1
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
# A session's share of its core, as nice is for a process: the kernel shares out between sessions first. Who asks comes before
# what is measured, and that before whatever else runs on this machine.
ASKER_NICE, SERVER_NICE = -20, -10


def read(path):
    try:
        return pathlib.Path(path).read_text()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return ""


def tree(pid):
    """A process and all that descend from it."""
    parents = {}
    for entry in pathlib.Path("/proc").iterdir():
        fields = read(entry / "stat").rsplit(")", 1)[-1].split() if entry.name.isdigit() else []
        if len(fields) > 1:
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found, left = [], [pid]
    while left:
        found.append(left.pop())
        left += parents.get(found[-1], [])
    return found


def threads(pid):
    """{thread id: its name}"""
    return {int(task.name): read(task / "comm").strip() for task in pathlib.Path(f"/proc/{pid}/task").glob("*")}


def pin(pid, core):
    """All threads of a process and of those below it, and all that they start later."""
    for process in tree(pid):
        for thread in threads(process):
            pin_thread(thread, core)


def pin_thread(thread, *cores):
    try:
        os.sched_setaffinity(thread, set(cores))
    except ProcessLookupError:
        pass  # it has ended


def come_first(pid, nice=ASKER_NICE):
    """Whatever else runs on its core gets what this session leaves. Without effect where that is not allowed."""
    try:
        pathlib.Path(f"/proc/{pid}/autogroup").write_text(str(nice))
    except OSError:
        pass


def prefer(thread, nice=-15):
    """Within its session, before the others. Only root may; without it the figure is worse than it could be."""
    try:
        os.setpriority(os.PRIO_PROCESS, thread, nice)
    except (PermissionError, ProcessLookupError):
        pass


def cpu_of_stat(text):
    fields = text.rsplit(")", 1)[-1].split()
    return sum(map(int, fields[11:13])) * TICK_S if len(fields) > 13 else 0.0


def cpu_s(pid):
    """That a process and those below it have had, with those that have ended and were waited for."""
    used = 0.0
    for process in tree(pid):
        fields = read(f"/proc/{process}/stat").rsplit(")", 1)[-1].split()
        used += sum(map(int, fields[11:15])) * TICK_S if len(fields) > 15 else 0.0
    return used


def cpu_of_threads_s(pid):
    """{thread's name: CPU}, summed over those of one name."""
    used = {}
    for thread, name in threads(pid).items():
        used[name] = used.get(name, 0.0) + cpu_of_stat(read(f"/proc/{pid}/task/{thread}/stat"))
    return used


def resident_kib(pid):
    found = re.search(r"^VmRSS:\s+(\d+)", read(f"/proc/{pid}/status"), re.MULTILINE)
    return float(found[1]) if found else 0.0


def steal_s():
    """What the host took from all cores since it started."""
    return int(read("/proc/stat").split("\n", 1)[0].split()[8]) * TICK_S


def version_of(package):
    return subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True).stdout


def description(root):
    """What a later reader needs to know to compare."""
    model = re.search(r"^model name\s*:\s*(.*)$", read("/proc/cpuinfo"), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s+(\d+)", read("/proc/meminfo"), re.MULTILINE)
    commit = subprocess.run(["git", "-C", root, "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout
    changed = subprocess.run(["git", "-C", root, "status", "--porcelain", "--untracked-files=no"], capture_output=True,
                             text=True).stdout
    packages = ("libh2o-evloop-dev", "libzmq3-dev", "redis-server", "postgresql-15", "clickhouse-server",
                "librdkafka-dev", "nginx", "wrk")
    return {"processor": model[1] if model else platform.processor(), "cores": os.cpu_count(),
            "memory_gib": round(int(memory[1]) / 2**20, 1) if memory else 0, "kernel": platform.release(),
            "system": platform.freedesktop_os_release().get("PRETTY_NAME", ""),
            "shunt": commit.strip() + (" and changes" if changed else ""),
            "versions": {name: version_of(name) for name in packages}}
