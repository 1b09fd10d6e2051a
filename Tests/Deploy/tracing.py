"""What a booted machine, or a container, needs so that the exporter can trace who closes first."""

import re
import shlex

from project import ROOT

# systemd-nspawn takes both away, from the machine's systemd too.
RIGHTS = ["--capability=CAP_PERFMON", "--system-call-filter=perf_event_open"]
TRACEFS = "/sys/kernel/tracing"
# CAP_PERFMON alone, as /proc/PID/status has it.
PERFMON = f"{1 << 38:016x}"


def mount_tracefs(machine):
    """systemd does so where it is not in a container."""
    machine.run(f"mount -t tracefs tracefs {TRACEFS}")


def commands(beginning):
    """The commands of the document that begin so."""
    [found] = re.findall(rf"(?s)```sh\nsudo ({beginning} .*?)```", (ROOT / "docs/who.md").read_text())
    return found


def enable(machine):
    """Enables the drop-in of the package, by the commands of the document."""
    machine.run(commands("install").replace("sudo ", ""))


def rights_of_container():
    """The options of the document's container, less those that do not concern its rights."""
    words = shlex.split(commands("podman run"))
    return [word for word in words if word.startswith("--") and word not in ("--name", "--restart=always", "--who")]
