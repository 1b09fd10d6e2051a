"""What `diagnose` writes and returns, whatever it finds: JSON for programs, text for pipes and
terminals, one line for errors."""

import datetime
import fcntl
import json
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

from diagnosis import is_root_of_the_machine, validator
from exporter import BINARY, ROOT, poll

SEVERITIES = ["critical", "warning", "note"]
ESCAPE = "\x1b"
# The colours and styles of a terminal (SGR), and links (OSC 8).
STYLE = re.compile(r"\x1b\[(\d+(?:;\d+)*)m")
LINK = re.compile(r"\x1b\]8;;[^\x1b]*\x1b\\")


@pytest.fixture
def troubled(new_machine):
    """A machine with something of each severity, and with IPv6."""
    machine = new_machine(ip_local_reserved_ports="8080-8088,40000", tcp_timestamps=0)
    machine.do(
        "services = [serve(listen('::', port)) for port in (50052, 443)]\n"
        "itself = connect('127.0.0.1', 50061, source_port=50061)\n"
        "leak = [connect('::1', 443) for _ in range(20)]\n"
        "dial('127.0.0.1', 443, 'service', 20)\n"
    )
    return machine


def strings(value):
    if isinstance(value, dict):
        for member in value.values():
            yield from strings(member)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, str):
        yield value


# JSON.


def test_json_has_what_the_contract_says(troubled):
    output = troubled.output("--json")
    assert output.stderr == ""
    assert output.stdout.endswith("}\n") and output.stdout.isascii()
    report = json.loads(output.stdout)
    assert report["version"] == 1
    assert report["schema"].startswith("https://")
    assert report["source"] == "sock_diag"
    assert report["kernel"] == f"Linux {os.uname().release}"
    assert report["host"] == os.uname().nodename
    sampled = datetime.datetime.fromisoformat(report["sampled_at"])
    assert abs((sampled - datetime.datetime.now(datetime.UTC)).total_seconds()) < 60
    assert 0 < report["duration_seconds"] < 30
    assert report["seconds_between_readings"] is None
    summary = report["summary"]
    findings = report["findings"]
    assert [summary[severity] for severity in SEVERITIES] == [
        sum(finding["severity"] == severity for finding in findings) for severity in SEVERITIES
    ]
    assert all(summary[severity] > 0 for severity in SEVERITIES)
    ranks = [SEVERITIES.index(finding["severity"]) for finding in findings]
    assert ranks == sorted(ranks) and summary["severity"] == SEVERITIES[ranks[0]]
    assert summary["time_wait"] == len(troubled.time_waits()) == 20
    assert summary["time_wait_local"] == 20
    assert summary["listen_sockets"] == 2
    ephemeral = summary["ephemeral"]
    assert (ephemeral["low"], ephemeral["high"]) == (32768, 60999)
    # One is reserved, and one is listened on.
    assert ephemeral["usable"] == 28232 - 2
    nearest = summary["nearest"]
    assert (nearest["address"], nearest["port"], nearest["live"], nearest["exhaustion_seconds"]) == ("::1", 443, 20, None)
    runbooks = {page.stem for page in (ROOT / "docs" / "runbooks").glob("*.md")}
    for finding in findings:
        assert set(finding) == {
            "id", "severity", "key", "title", "fails_in_seconds", "evidence", "seen", "why", "now", "prevent", "not",
            "runbook", "alert", "explains",
        }  # fmt: skip
        assert finding["runbook"] in runbooks
        assert finding["alert"] in {None, finding["runbook"]}
        for step in [finding["now"], finding["prevent"]]:
            assert step is None or (set(step) == {"text", "commands"} and (step["text"] or step["commands"]))
    assert all(value >= 0 for value in [report["not_seen"]["sockets"], report["not_seen"]["hidden_sockets"]])
    assert report["not_seen"]["users"] == [] or not is_root_of_the_machine()
    assert not any(ESCAPE in text or "\n" in text for text in strings(report))


@pytest.mark.parametrize("flags", [[], ["--for=1s"], ["--sampler.source=procfs"], ["--verbose"]])
def test_json_is_valid_by_the_schema(troubled, flags):
    validator().validate(json.loads(troubled.output("--json", *flags).stdout))


def test_ids_and_keys_are_the_same_at_the_next_reading_and_over_procfs(troubled):
    def keys(*flags):
        return [(finding["id"], finding["key"]) for finding in troubled.diagnose(*flags).findings]

    first = keys()
    assert len(set(first)) == len(first) >= 4
    assert keys() == first
    assert keys("--sampler.source=procfs") == first
    assert troubled.diagnose("--sampler.source=procfs").json["source"] == "procfs"


# Text.


def test_text_in_a_pipe_is_plain_and_narrow_and_says_what_json_says(troubled):
    report = troubled.diagnose().json
    output = troubled.output("--color=auto", env={"TERM": "xterm-256color"})
    text = output.stdout
    assert output.returncode == 2 and output.stderr == ""
    assert text.isascii() and ESCAPE not in text and text.endswith("\n")
    lines = text.splitlines()
    commands = [line for finding in report["findings"] for step in ("now", "prevent") for line in
                (finding[step] or {"commands": []})["commands"]]  # fmt: skip
    for line in lines:
        assert len(line) <= 80 or line.strip().startswith("https://"), line
        assert line == line.rstrip()
    # A command stands alone on its line, whole.
    assert commands
    for command in commands:
        assert any(line[10:] == command and line[:10].strip() in ("", "Now", "Prevent") for line in lines), command
    ends = [line.split()[2] for line in lines if line.startswith("  Runbook ")]
    assert ends == [finding["id"] for finding in report["findings"]]
    assert all(line.endswith(check) and len(line) == 80 for line in lines for check in ends if line.endswith(" " + check))
    heads = [line.split()[0] for line in lines if line.split() and line.split()[0] in ("CRITICAL", "WARNING", "NOTE")]
    assert heads == [finding["severity"].upper() for finding in report["findings"]]
    numbers = [line for line in lines if line.startswith(("TIME_WAIT  ", "Ports in use", "Nearest limit"))]
    assert len(numbers) == 3 and all(line[23:25] == "  " and line[22] != " " for line in numbers)


class Screen:
    """A run of the program on a pseudo-terminal."""

    def __init__(self, machine, *flags, env=None, columns=80, rows=50):
        self.ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))
        self.mode = termios.tcgetattr(theirs)
        environment = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM")}
        self.process = subprocess.Popen(
            [*machine.inside, BINARY, "diagnose", *flags],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**environment, "TERM": "xterm-256color", **(env or {})},
            start_new_session=True,
            # A shell has programs in the background ignore it, and so would those that they start.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        self.theirs = theirs
        self.text = ""

    def read(self, seconds=0.1):
        if select.select([self.ours], [], [], seconds)[0]:
            self.text += os.read(self.ours, 65536).decode()
        return self.text

    def end(self):
        """Waits until the program has ended, and returns its status."""
        poll("it has ended", lambda: (self.read(0.02), self.process.poll() is not None)[1], 60)
        while select.select([self.ours], [], [], 0.1)[0]:
            self.read()
        assert termios.tcgetattr(self.theirs) == self.mode
        os.close(self.theirs)
        os.close(self.ours)
        return self.process.returncode


def on_screen(machine, *flags, **options):
    screen = Screen(machine, *flags, **options)
    assert screen.end() == 2
    return screen.text


def test_a_terminal_has_colours_of_the_16_and_nothing_else_is_different(troubled):
    text = on_screen(troubled)
    assert {"1;31", "33", "36", "32", "1", "2", "0"} == set(STYLE.findall(text))
    plain = LINK.sub("", STYLE.sub("", text)).replace("\r\n", "\n")
    assert ESCAPE not in plain
    # The first line has the time.
    assert plain.splitlines()[1:] == troubled.output().stdout.splitlines()[1:]
    # What is switched on is switched off in the same line, so that no colour runs on.
    for line in text.splitlines():
        depth = 0
        for style in STYLE.findall(line):
            depth = 0 if style == "0" else depth + 1
        assert depth == 0, repr(line)
        assert len(LINK.findall(line)) % 2 == 0


@pytest.mark.parametrize(
    ("flags", "env"),
    [([], {"NO_COLOR": "1"}), ([], {"TERM": "dumb"}), ([], {"TERM": ""}), (["--color=never"], {}),
     (["--color=never"], {"NO_COLOR": ""})],
)  # fmt: skip
def test_a_terminal_has_no_colours_where_they_are_not_wanted(troubled, flags, env):
    assert ESCAPE not in on_screen(troubled, *flags, env=env)


def test_colours_are_forced_by_a_flag(troubled):
    assert "1;31" in STYLE.findall(troubled.output("--color=always").stdout)
    assert "1;31" in STYLE.findall(on_screen(troubled, "--color=always", env={"NO_COLOR": "1"}))
    assert "1;31" in STYLE.findall(on_screen(troubled, env={"NO_COLOR": ""}))
    # JSON has none, whatever is asked for.
    assert ESCAPE not in troubled.output("--json", "--color=always").stdout


@pytest.mark.parametrize("columns", [40, 80, 100, 200])
def test_text_wraps_at_the_terminal_and_commands_do_not(troubled, columns):
    findings = troubled.diagnose().findings
    steps = [finding[step] for finding in findings for step in ("now", "prevent") if finding[step]]
    commands = {command for step in steps for command in step["commands"]}
    text = LINK.sub("", STYLE.sub("", on_screen(troubled, columns=columns)))
    for line in text.splitlines():
        is_whole = line[:10].strip() in ("", "Now", "Prevent") and line[10:] in commands
        is_runbook = line.startswith(("  Runbook", "https://"))
        assert len(line) <= min(columns, 100) or is_whole or is_runbook, line


def test_a_line_says_that_a_second_reading_is_awaited_and_goes_away(troubled):
    text = on_screen(troubled, "--for=2s")
    waiting, _, rest = text.rpartition("\r\x1b[K")
    assert "Second reading in" in waiting
    assert "Second reading" not in rest and rest.startswith("\x1b[1m")
    in_a_pipe = troubled.output("--for=1s")
    assert in_a_pipe.stderr == "" and "Second reading" not in in_a_pipe.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("rows", [24, 60])
def test_watch_draws_anew_in_place_and_ends_by_a_signal(troubled, number, rows):
    screen = Screen(troubled, "--watch", "--interval=1s", rows=rows)
    poll("it has drawn twice", lambda: screen.read().count("\x1b[H") >= 2, 30)
    screen.process.send_signal(number)
    assert screen.end() in (-number, 0, 128 + number)
    # It hid no cursor and took no other screen, or gave them back.
    for on, off in [("\x1b[?25l", "\x1b[?25h"), ("\x1b[?1049h", "\x1b[?1049l")]:
        assert screen.text.count(on) == screen.text.count(off)
    pages = screen.text.split("\x1b[H")[1:]
    # What comes next stands on a line of its own, below the page.
    last = LINK.sub("", STYLE.sub("", pages[-1])).replace("\x1b[K", "").replace("\x1b[J", "")
    assert last.endswith("\r\n")
    # A page that is higher than the terminal would be drawn below the one before.
    for page in pages:
        assert page.count("\n") < rows, "the page is higher than the terminal"


def test_watch_in_a_pipe_prints_page_after_page_and_sees_what_changes(machine, tmp_path):
    with open(tmp_path / "pages", "w") as file:
        process = subprocess.Popen([*machine.inside, BINARY, "diagnose", "--watch", "--interval=1s"], stdout=file)
    pages = pathlib.Path(file.name)
    poll("a page", lambda: "Nothing found." in pages.read_text(), 20)
    machine.sysctls({"tcp_tw_reuse": 1})
    poll("the change is reported", lambda: "sysctl_changed" in pages.read_text(), 40)
    machine.sysctls({"tcp_timestamps": 0})
    poll("the finding is reported", lambda: "timestamps_off" in pages.read_text(), 40)
    assert ESCAPE not in pages.read_text()
    process.terminate()
    assert process.wait(10) in (-signal.SIGTERM, 0, 128 + signal.SIGTERM)


def test_a_terminal_without_escapes_gets_none(troubled):
    screen = Screen(troubled, "--watch", "--interval=1s", env={"TERM": "dumb"})
    poll("two pages", lambda: screen.read().count("Runbooks:") >= 2, 30)
    screen.process.send_signal(signal.SIGINT)
    screen.end()
    assert ESCAPE not in screen.text


# Errors.


def assert_one_line(output, status, *words):
    assert output.returncode == status, output
    assert output.stdout == ""
    assert output.stderr.startswith("timewait_exporter: ") and output.stderr.count("\n") == 1, output.stderr
    for word in words:
        assert word in output.stderr


def test_what_cannot_be_read_is_status_3_and_one_line(machine, tmp_path):
    assert_one_line(machine.output("--path.procfs=/nonexistent"), 3, "/nonexistent")
    (tmp_path / "empty").mkdir()
    assert_one_line(machine.output(f"--path.procfs={tmp_path}/empty"), 3, "empty")
    (tmp_path / "file").write_text("")
    assert_one_line(machine.output(f"--path.procfs={tmp_path}/file"), 3, "file")
    for flags in [["--json"], ["--watch"], ["--for=1s"]]:
        assert_one_line(machine.output(f"--path.procfs={tmp_path}/empty", *flags), 3)


def test_a_flag_that_another_exporter_does_not_take_is_wrong_usage(machine):
    for flag in ["--services.ports=8080", "--for=1s", "--watch"]:
        assert_one_line(machine.output("--url=http://127.0.0.1:1", flag), 64, "--url", flag.partition("=")[0])


def test_a_folder_without_rights_is_status_3_and_one_line(machine, binary_of_all, tmp_path):
    closed = binary_of_all.parent / "closed"
    (closed / "net").mkdir(parents=True)
    closed.chmod(0)
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    output = machine.output(f"--path.procfs={closed}", binary=binary_of_all, wrapper=nobody)
    assert_one_line(output, 3, "closed", "Permission denied")


def test_output_that_nobody_reads_is_no_finding(machine):
    command = [*machine.inside, BINARY, "diagnose", "--json"]
    with open("/dev/full", "w") as full:
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=30)
    assert ended.returncode == 3
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "flags",
    [
        ["--nonsense"], ["nonsense"], ["--for=0s"], ["--for=11m"], ["--for=x"], ["--interval=0s"], ["--interval=31s"],
        ["--watch", "--for=5s"], ["--watch", "--json"], ["--color=pink"], ["--services.ports=70000"],
        ["--services.ports=90-80"], ["--sampler.source=magic"], ["--path.procfs="],
    ],
)  # fmt: skip
def test_wrong_usage_is_status_64_and_one_line(machine, flags):
    output = machine.output(*flags)
    assert output.returncode == 64, output
    assert output.stdout == ""
    assert output.stderr.count("\n") == 1, output.stderr
    assert any(flag.lstrip("-").split("=")[0] in output.stderr for flag in flags)


def test_help_goes_to_standard_output(machine):
    output = machine.output("--help")
    assert (output.returncode, output.stderr) == (0, "")
    assert {"--json", "--watch", "--for", "--color", "--services.ports"} <= set(re.findall(r"--[a-z.]+", output.stdout))


def test_it_ends_in_time_where_a_reading_is_asked_for_once(machine):
    begin = time.monotonic()
    assert machine.output("--for=1s").returncode == 0
    assert 1 <= time.monotonic() - begin < 6
