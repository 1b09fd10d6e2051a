"""`pictures.py FOLDER`: draws the dashboards from the recorded half hour, and has Chromium make
pictures of them."""

import pathlib
import subprocess
import sys
import tempfile

import dashboards
import history
import picture

# Which moment of the story (history/record.py) is looked at, and with which variables chosen.
SCENES = {
    "timewait-fleet": (43, {}),
    "timewait-host": (37.5, {"instance": ["web-1:10057", "app-1:10057"]}),
    "timewait-port": (37.5, {"port": ["8080", "50051"], "destination_address": ["10.20.1.2"], "destination_port": ["5432"]}),
}


def needs_who(panel):
    """Whether a panel has data only with --who, without which the half hour was recorded."""
    return panel["description"].endswith(" Needs --who.")


def draw(folder, to):
    """Draws every dashboard. Raises where a panel has nothing to show."""
    to.mkdir(parents=True, exist_ok=True)
    first, last = history.span()
    with history.prometheus(folder) as server:
        for name, dashboard in dashboards.load().items():
            name = name.removesuffix(".json")
            minute, chosen = SCENES[name]
            end = first + minute * (last - first) / 60
            variables = dashboards.all_values(dashboard)
            shown = {v: " + ".join(chosen.get(v, ["All"])) for v in variables}
            page, height = picture.page(
                dashboard, server, {**variables, **chosen}, shown, first, end, may_be_empty=needs_who
            )
            file = folder / f"{name}.html"
            file.write_text(page)
            chromium(file, to / f"{name}.png", height)


def chromium(page, image, height):
    command = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    command += [f"--user-data-dir={page.parent}/chromium", f"--window-size=1456,{height}", f"--screenshot={image}"]
    subprocess.run([*command, page.as_uri()], check=True, capture_output=True, timeout=120)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        try:
            draw(pathlib.Path(temporary), pathlib.Path(sys.argv[1]))
        except picture.Empty as empty:
            sys.exit(f"pictures.py: nothing to show in {empty}")
