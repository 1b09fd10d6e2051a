"""`pictures.py FOLDER [SECONDS]`: pictures of the pages of a healthy and a troubled host, looked at
for so long, and what `diagnose` prints on the troubled one. An hour fills the charts. Run by
.ci/draw-landing, in namespaces of its own."""

import contextlib
import pathlib
import sys
import tempfile
import time

import browser
import scenes


def draw(folder, seconds):
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        temporary = stack.enter_context(tempfile.TemporaryDirectory())
        shown = {
            name: stack.enter_context(scene(temporary))
            for name, scene in [("healthy", scenes.healthy), ("troubled", scenes.troubled)]
        }
        # It has taken a third of the range by then.
        leaking = min(seconds / 2, 240)
        time.sleep(seconds - leaking)
        terminal = shown["troubled"][0].diagnose("--services.ports=50051")
        (folder / "diagnose-troubled.txt").write_text(terminal)
        scenes.leak(shown["troubled"][0], int(10_000 / leaking))
        time.sleep(leaking)
        for name, (scene, url) in shown.items():
            with browser.inside(scene.process.pid) as chromium:
                for width in (1440, 375):
                    for scheme in ("light", "dark"):
                        chromium.open(url + "/", width, scheme)
                        chromium.picture(folder / f"landing-{name}-{width}-{scheme}.png", width)


if __name__ == "__main__":
    draw(pathlib.Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 300)
