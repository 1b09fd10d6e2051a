"""Plays the four acts, in the namespaces that demo.py made."""

import argparse
import json
import pathlib
import platform
import socket
import sys
import time

FOLDER = pathlib.Path(__file__).resolve().parent
# The folders of tests in Python share what runs a host, a Prometheus and a browser.
sys.path[:0] = [str(FOLDER.parent / name) for name in ("Dashboards", "Web", "Conditions", "Landing")]

import acts  # noqa: E402
import relay  # noqa: E402
from console import Console  # noqa: E402
from stage import ALERTMANAGER, EXPORTER, PROMETHEUS, SERVICES, Stage, counts  # noqa: E402

HOST_NAME = "web-1"
# In the order of the doors that demo.py opens.
SHOWN = {"Prometheus": PROMETHEUS, "Alertmanager": ALERTMANAGER, "the exporter": EXPORTER}


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--scratch", type=pathlib.Path, required=True)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--figures", type=pathlib.Path)
    parser.add_argument("--record", type=pathlib.Path)
    parser.add_argument("--door", type=int, action="append", default=[])
    return parser.parse_args()


def play(stage, console, short, camera):
    """Plays all acts; gives the figures."""
    console.say(f"a host of its own starts, with {len(SERVICES)} services, an exporter, Prometheus and Alertmanager")
    stage.start_all()
    time_waits, listeners = counts(stage.fresh_page())
    console.say(f"{len(SERVICES)} services listen, {listeners} sockets in all; {time_waits} TIME_WAITs", "good")
    figures = {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "kernel": platform.release(),
        "short": short,
        "services": len(SERVICES),
    }
    story = acts.Story(stage, console, short, camera)
    for number, act in enumerate([story.act_1, story.act_2, story.act_3, story.act_4], 1):
        figures[f"act_{number}"] = act()
    figures["alerts"] = sorted({alert["labels"]["alertname"] for _, alert in stage.hook.reports})
    figures["seconds"] = round(console.seconds())
    return figures


def main():
    options = arguments()
    console = Console()
    socket.sethostname(HOST_NAME)
    stage = Stage(options.scratch)
    camera = None
    if options.record:
        from recording import Camera

        camera = Camera(stage, options.record)
    try:
        figures = play(stage, console, options.short, camera.landing if camera else lambda name: None)
    except (acts.NotTrue, AssertionError, OSError) as error:
        console.blank()
        console.say(f"the story did not come true: {error}", "bad")
        return 1
    console.blank()
    console.say(f"all four acts came true, in {figures['seconds']} s", "good")
    if options.figures:
        options.figures.write_text(json.dumps(figures, indent=2) + "\n")
    if camera:
        camera.finish(console, figures)
    if options.door:
        addresses = relay.start(options.door, SHOWN.values())
        for name, address in zip(SHOWN, addresses):
            console.say(f"{name}: http://{address[0]}:{address[1]}/", "command")
        console.say("they run until you press Ctrl-C; then nothing of the demo is left")
        relay.forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
