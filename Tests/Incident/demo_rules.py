"""The alert rules of the demo: those of dashboards/timewait-alerts.yml with shorter times. Nothing
else of them changes; test_rules.py compares the expressions."""

import pathlib
import re

RULES = pathlib.Path(__file__).resolve().parents[2] / "dashboards" / "timewait-alerts.yml"
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
FACTOR = 60
# Prometheus scrapes each second in the demo, and a window has to have a few scrapes.
LEAST_SECONDS = 5
HEADER = f"""\
# The alert rules of "make demo": dashboards/timewait-alerts.yml with shorter times.
#
# - "for", the windows in brackets and the offsets are divided by {FACTOR}, and are at least
#   {LEAST_SECONDS} s.
# - The groups are evaluated every second.
# - timewait_dialed_listening_ports_peak is the highest value of 5 minutes, which the exporter
#   remembers. Its window is shortened too: it is written as max_over_time() here.
#
# Thresholds are unchanged, and so are texts such as "in the last ten minutes".
"""


def shorter(duration):
    """A duration of the rules, such as 5m, as the demo has it."""
    seconds = int(duration[:-1]) * UNITS[duration[-1]]
    return f"{max(LEAST_SECONDS, round(seconds / FACTOR))}s"


def text():
    """The rules as YAML."""
    duration = r"(\d+[smhdw])"
    rules = RULES.read_text()
    rules = re.sub(rf'(?<=for: "){duration}(?=")', lambda match: shorter(match[1]), rules)
    rules = re.sub(rf"(?<=\[){duration}(?=\])", lambda match: shorter(match[1]), rules)
    rules = re.sub(rf"(?<=offset ){duration}\b", lambda match: shorter(match[1]), rules)
    rules = re.sub(rf'(?<=interval: "){duration}(?=")', "1s", rules)
    peak = f"max_over_time(timewait_dialed_listening_ports[{shorter('5m')}])"
    rules = rules.replace("timewait_dialed_listening_ports_peak", peak)
    return HEADER + rules.partition("\n")[2]
