# SPDX-License-Identifier: MIT
"""One managed store, started the way the launcher does it: its script, a process group, and death with its parent."""
import contextlib
import os
import pathlib
import signal
import socket
import struct
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "topology/stores/as-user"
KINDS = ["postgres", "redis", "kafka", "clickhouse", "prometheus"]
# Everything that a shell, SQL, XML, YAML or a server's own configuration could trip over.
PASSWORD = "it's \"q\" \\n $x <&> #7 é"
STOP_SIGNAL = {"postgres": signal.SIGINT}
READY_LIMIT_S = 40  # cold, on a machine that does other things as well
STOP_LIMIT_S = 30


def free_port():
    with contextlib.closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(what, condition, limit_s):
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {limit_s} s"
        time.sleep(0.02)


def postgres_startup(user="shunt", database="shunt"):
    body = struct.pack(">I", 0x00030000) + f"user\0{user}\0database\0{database}\0\0".encode()
    return struct.pack(">I", len(body) + 4) + body


def redis_command(*words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


def probe_of(kind, password=PASSWORD):
    """(what to send, how a ready server's answer begins), as in topology/stores/README.md."""
    return {
        "redis": (redis_command(b"AUTH", password.encode()) + redis_command(b"PING"), b"+OK\r\n+PONG\r\n"),
        "postgres": (postgres_startup(), b"R"),
        "kafka": (bytes.fromhex("0000000a001200000000 0001ffff"), b"\0\0"),
        "clickhouse": (b"GET /ping HTTP/1.0\r\n\r\n", b"HTTP/1.0 200 "),
        "prometheus": (b"GET /-/ready HTTP/1.0\r\n\r\n", b"HTTP/1.0 200 "),
    }[kind]


def asked(port, question, length, limit_s=1.0):
    """The first `length` bytes of the answer; fewer when there are no more."""
    with contextlib.closing(socket.socket()) as client:
        client.settimeout(limit_s)
        client.connect(("127.0.0.1", port))
        client.sendall(question)
        answer = b""
        while len(answer) < length and (more := client.recv(4096)):
            answer += more
        return answer


class Store:
    """A store of `kind` with its data in `folder`. Ended with everything it started when the `with` block ends."""

    def __init__(self, kind, folder, name=None, **environment):
        self.kind, self.name = kind, name or kind
        self.directory = pathlib.Path(folder) / self.name
        self.directory.mkdir(mode=0o700, exist_ok=True)
        self.port, self.extra_port = free_port(), free_port()
        self.log = pathlib.Path(folder) / f"{self.name}.log"
        self.process = None
        self.environment = environment

    def variables(self):
        return os.environ | {
            "SHUNT_STORE_NAME": self.name, "SHUNT_STORE_DIR": str(self.directory), "SHUNT_STORE_PORT": str(self.port),
            "SHUNT_STORE_EXTRA_PORT": str(self.extra_port), "SHUNT_STORE_PASSWORD": PASSWORD,
        } | self.environment

    def command(self, verb="run"):
        return ["setpriv", "--pdeathsig", "KILL", "--", SCRIPT, self.kind, verb]

    def start(self):
        self.started_at = time.monotonic()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command(), env=self.variables(), stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, process_group=0)
        return self

    def is_ready(self):
        question, begins = probe_of(self.kind)
        try:
            return asked(self.port, question, len(begins)).startswith(begins)
        except OSError:
            return False

    def wait_ready(self, limit_s=READY_LIMIT_S):
        def ready_or_over():
            assert self.process.poll() is None, f"{self.name} ended with {self.process.returncode}: {self.words()}"
            return self.is_ready()

        wait_for(f"{self.name} ready", ready_or_over, limit_s)
        return time.monotonic() - self.started_at

    def words(self):
        return self.log.read_text(errors="replace")[-2000:]

    def outcome(self, verb="run", said=""):
        """Runs to the end; for starts that are to fail. (exit code, what was said)."""
        done = subprocess.run(self.command(verb), env=self.variables(), input=said, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", timeout=READY_LIMIT_S)
        return done.returncode, done.stdout

    def stop(self):
        self.process.send_signal(STOP_SIGNAL.get(self.kind, signal.SIGTERM))
        return self.process.wait(STOP_LIMIT_S)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def family(self):
        """The store's processes that live: those that were started in or work in its directory."""
        return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if self._is_mine(pid)]

    def _is_mine(self, pid):
        try:
            return pathlib.Path(os.readlink(f"/proc/{pid}/cwd")).is_relative_to(self.directory)
        except OSError:
            return False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.kill()
        for pid in self.family():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
