"""Debian's Chromium without a window, over its debugging pipe: no driver and no other package is needed."""

import base64
import json
import os
import subprocess
import tempfile
import time


class Browser:
    def __init__(self):
        self.profile = tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        read_commands, write_commands = os.pipe()
        read_answers, write_answers = os.pipe()
        # Chromium reads commands from descriptor 3 and writes answers to 4.
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe"]
        options += ["--disable-dev-shm-usage", "--no-first-run", f"--user-data-dir={self.profile.name}"]
        command = ["sh", "-c", f'exec "$@" 3<&{read_commands} 4>&{write_answers}', "sh", "chromium", *options]
        self.process = subprocess.Popen(
            command, pass_fds=(read_commands, write_answers), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(read_commands)
        os.close(write_answers)
        self.commands = os.fdopen(write_commands, "wb", buffering=0)
        self.answers = os.fdopen(read_answers, "rb")
        self.last = 0
        self.events = []
        self.session = None
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method, **parameters):
        """Sends a command, and waits for its answer; events that come before it are kept."""
        self.last += 1
        message = {"id": self.last, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        self.commands.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self.next()
            if answer.get("id") == self.last:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self.events.append(answer)

    def next(self):
        message = bytearray()
        while (byte := self.answers.read(1)) != b"\0":
            assert byte, "Chromium has ended"
            message += byte
            # What is there already comes at once.
            message += self.answers.peek(1 << 16).partition(b"\0")[0]
            self.answers.read(len(self.answers.peek(1 << 16).partition(b"\0")[0]))
        return json.loads(message)

    def open(self, url, width, scheme, height=900):
        """Opens a page; gives what was asked of the network, and what the browser had to complain about."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.events.clear()
        self.ask("Page.navigate", url=url)
        end = time.monotonic() + 30
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            assert time.monotonic() < end, f"{url} was not loaded"
            self.events.append(self.next())
        # A request for an icon comes after the page.
        self.run("new Promise(done => setTimeout(done, 100))")
        requests = [e["params"]["request"]["url"] for e in self.events if e["method"] == "Network.requestWillBeSent"]
        complaints = [
            json.dumps(event["params"])[:300]
            for event in self.events
            if event["method"] in ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
        ]
        return requests, complaints

    def run(self, script):
        """The value of a script, or of what it promises."""
        answer = self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def picture(self, file, width):
        height = self.run("document.documentElement.scrollHeight")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        shot = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        file.write_bytes(base64.b64decode(shot["data"]))

    def close(self):
        self.session = None
        try:
            self.ask("Browser.close")
            self.process.wait(20)
        finally:
            self.process.kill()
            self.process.wait()
            self.profile.cleanup()
