# SPDX-License-Identifier: MIT
"""A person at a terminal: types keys, reads the screen."""
import errno
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[()][A-Z0-9]|\r")


class Terminal:
    """A program with a pseudo-terminal of its own, 30 rows of 120 characters."""

    def __init__(self, *command):
        self.said = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "xterm"
            os.execv(str(command[0]), [str(word) for word in command])
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 120, 0, 0))

    def type(self, keys):
        os.write(self.fd, keys.encode())

    def _read(self, within_s):
        ready, _, _ = select.select([self.fd], [], [], within_s)
        if not ready:
            return False
        try:
            read = os.read(self.fd, 65536)
        except OSError as error:
            if error.errno == errno.EIO:  # it has ended
                return False
            raise
        self.said += ESCAPES.sub("", read.decode(errors="replace"))
        return bool(read)

    def expect(self, pattern, within_s=15):
        """Reads until the pattern has come, and returns all up to its end; what follows is left for the next time."""
        deadline = time.monotonic() + within_s
        while True:
            found = re.search(pattern, self.said)
            if found:
                before, self.said = self.said[: found.end()], self.said[found.end():]
                return before
            if time.monotonic() > deadline or not (self._read(0.1) or self._is_running()):
                raise AssertionError(f"{pattern!r} did not appear; the screen says:\n{self.said[-3000:]}")

    def _is_running(self):
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def end(self, within_s=15):
        """Waits for its end; its exit code."""
        deadline = time.monotonic() + within_s
        while self._is_running() and time.monotonic() < deadline:
            self._read(0.05)
        if self._is_running():
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            raise AssertionError("it did not end")
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.fd)
        return code
