"""Records a run for docs/incident.md: its figures, what it printed, and pictures of the landing
page, of the dashboards and of the terminal."""

import base64
import html
import json
import time

import browser
import dashboards
import picture
from prometheus import Prometheus
from stage import EXPORTER, PAYMENTS, PROMETHEUS, REMOTE_ADDRESS, REMOTE_PORT

COLORS = {"act": "#39c5cf", "good": "#56d364", "bad": "#ff7b72", "alert": "#e3b341", "command": "#ffffff", "": "#c9d1d9"}
TERMINAL = """<!doctype html><meta charset=utf-8><style>
body { margin: 0; background: #0d1117; font: 13px/18px "DejaVu Sans Mono"; width: 860px }
pre { margin: 0; padding: 12px 16px; font: inherit }
</style><pre>"""
# Which dashboards are drawn, with which variables, and how much of them.
BOARDS = {
    "timewait-host": ({"instance": ["web-1"]}, 1180),
    "timewait-port": (
        {"port": [str(PAYMENTS)], "destination_address": [REMOTE_ADDRESS], "destination_port": [str(REMOTE_PORT)]},
        None,
    ),
}


class Camera:
    def __init__(self, stage, folder):
        self.stage = stage
        self.folder = folder
        self.pictures = folder / "pictures"
        self.pictures.mkdir(parents=True, exist_ok=True)
        self.begin = time.time()

    def landing(self, name):
        """Takes a picture of the landing page."""
        self._shoot(f"http://127.0.0.1:{EXPORTER}/", f"incident-{name}", 1100)

    def finish(self, console, figures):
        (self.folder / "incident.json").write_text(json.dumps(figures, indent=2) + "\n")
        (self.folder / "incident.txt").write_text("\n".join(text for _, text in console.lines).strip("\n") + "\n")
        # The act in which most happens on the terminal.
        first, last = [number for number, (style, _) in enumerate(console.lines) if style == "act"][2:4]
        part = console.lines[first : last - 1]
        lines = [f'<span style="color:{COLORS[style]}">{html.escape(text)}</span>' for style, text in part]
        self._draw("incident-terminal", TERMINAL + "\n".join(lines) + "</pre>", 860)
        server = Prometheus(PROMETHEUS)
        for name, (chosen, height) in BOARDS.items():
            board = dashboards.load()[f"{name}.json"]
            variables = dashboards.all_values(board)
            shown = {variable: " + ".join(chosen.get(variable, ["All"])) for variable in variables}
            page, _ = picture.page(
                board, server, {**variables, **chosen}, shown, self.begin, time.time(), step=2, may_be_empty=lambda _: True
            )
            self._draw(f"incident-{name}", page, 1456, height)

    def _draw(self, name, page, width, height=None):
        file = self.stage.scratch / f"{name}.html"
        file.write_text(page)
        self._shoot(file.as_uri(), name, width, height)

    def _shoot(self, url, name, width, height=None):
        chromium = browser.Browser()
        try:
            chromium.open(url, width, "light")
            height = height or chromium.run("document.documentElement.scrollHeight")
            clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
            shot = chromium.ask("Page.captureScreenshot", format="webp", quality=80, captureBeyondViewport=True, clip=clip)
            (self.pictures / f"{name}.webp").write_bytes(base64.b64decode(shot["data"]))
        finally:
            chromium.close()
