"""Debian's Chromium without a window, over its debugging pipe: no driver and no other package is
needed."""

import base64
import contextlib
import fcntl
import json
import os
import struct
import subprocess
import sys
import tempfile
import time
import zlib


class Browser:
    def __init__(self, wrapper=()):
        """wrapper: a command that starts another, such as nsenter."""
        self.profile = tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        read_commands, write_commands = os.pipe()
        read_answers, write_answers = os.pipe()
        # Chromium reads commands from descriptor 3 and writes answers to 4.
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (read_commands, write_answers)]
        script = "import os, sys; os.dup2({}, 3); os.dup2({}, 4); os.execvp(sys.argv[1], sys.argv[1:])".format(*ends)
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe"]
        options += ["--disable-dev-shm-usage", "--no-first-run", f"--user-data-dir={self.profile.name}"]
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        command = [sys.executable, "-c", script, *wrapper, "chromium", *options]
        self.process = subprocess.Popen(command, pass_fds=ends, **quiet)
        for end in (read_commands, write_answers, *ends):
            os.close(end)
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
        """Opens a page; gives what was asked of the network, and what the browser had to complain
        about."""
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

    def pixels(self, x, y, width):
        """The colours of a line of pixels of the whole page."""
        clip = {"x": x, "y": y, "width": width, "height": 1, "scale": 1}
        shot = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        return png_line(base64.b64decode(shot["data"]))

    def close(self):
        self.session = None
        try:
            self.ask("Browser.close")
            self.process.wait(20)
        finally:
            self.process.kill()
            self.process.wait()
            self.profile.cleanup()


def png_line(png):
    """The colours of the first line of a PNG of 8 bits a channel."""
    at, data = 8, b""
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        chunk = png[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            width, _, depth, colour = struct.unpack(">IIBB", chunk[:10])
            assert depth == 8
            channels = {2: 3, 6: 4}[colour]
        elif kind == b"IDAT":
            data += chunk
        at += 12 + length
    line = bytearray(zlib.decompress(data)[: 1 + channels * width])
    # The line above is all 0: of the filters only those that look to the left do anything.
    weight = {0: 0, 1: 1, 2: 0, 3: 0.5, 4: 1}[line.pop(0)]
    for index in range(channels, len(line)):
        line[index] = (line[index] + int(weight * line[index - channels])) & 255
    return [tuple(line[index : index + 3]) for index in range(0, len(line), channels)]


@contextlib.contextmanager
def inside(pid):
    """A browser in the network namespace of a process."""
    browser = Browser(["nsenter", f"--target={pid}", "--net"])
    try:
        yield browser
    finally:
        browser.close()
