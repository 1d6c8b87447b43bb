# SPDX-License-Identifier: MIT
"""A real browser without a window, driven over a pair of pipes (Chromium's --remote-debugging-pipe): JSON messages with a zero byte behind each.

https://chromedevtools.github.io/devtools-protocol/
"""
import base64
import json
import os
import pathlib
import select
import shutil
import subprocess
import time

PROGRAM = shutil.which("chromium") or shutil.which("google-chrome")


class Browser:
    def __init__(self, folder):
        to_it, ours_out = os.pipe()
        ours_in, from_it = os.pipe()
        for at in (to_it, from_it):
            os.set_inheritable(at, True)
        self.out, self.into, self.rest, self.number, self.session = ours_out, ours_in, b"", 0, None
        # The protocol wants descriptors 3 and 4.
        self.process = subprocess.Popen(
            ["sh", "-c", f'exec "$@" 3<&{to_it} 4>&{from_it}', "sh", PROGRAM, "--headless=new", "--no-sandbox", "--disable-gpu",
             "--disable-dev-shm-usage", "--window-size=1280,900", f"--user-data-dir={folder}", "--remote-debugging-pipe", "about:blank"],
            close_fds=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_it), os.close(from_it)
        target = self.say("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.say("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def say(self, method, within_s=60, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + within_s
        while True:
            answer = self._next(deadline)
            if answer.get("id") == self.number:
                assert "error" not in answer, answer
                return answer["result"]

    def _next(self, deadline):
        while b"\0" not in self.rest:
            readable, _, _ = select.select([self.into], [], [], max(0, deadline - time.monotonic()))
            assert readable, "the browser does not answer"
            more = os.read(self.into, 65536)
            assert more, "the browser has ended"
            self.rest += more
        one, self.rest = self.rest.split(b"\0", 1)
        return json.loads(one)

    def go(self, url):
        self.say("Page.navigate", url=url)

    def run(self, script):
        """The value of a JavaScript expression in the page."""
        return self.say("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def text(self):
        return self.run("document.body ? document.body.innerText : ''") or ""

    def click(self, label):
        """The first button that says so; whether there is one."""
        return self.run("(b => b && (b.click(), true))([...document.querySelectorAll('button')]"
                        f".find(b => b.innerText.trim().toLowerCase() === {json.dumps(label.lower())}))")

    def picture(self, path):
        pathlib.Path(path).write_bytes(base64.b64decode(self.say("Page.captureScreenshot", format="png")["data"]))

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.out), os.close(self.into)
