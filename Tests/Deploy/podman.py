"""podman with a storage of its own, in the network namespace of the tests: it gets no network of
its own to make."""

import contextlib
import os
import subprocess

from project import ROOT, poll, run

ARCHIVE = ROOT / ".build/image/timewait_exporter.tar"

# Limits that the machines of CI allow; runc and cgroupfs, because they have cgroups of both
# versions.
CONFIG = """
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "none"
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
netns = "host"
"""


class Podman:
    """One with the exporter's image in its storage."""

    def __init__(self, folder, settings=""):
        """settings: more of containers.conf's, for all containers."""
        folder.mkdir(exist_ok=True)
        (folder / "containers.conf").write_text(CONFIG + settings)
        self._environment = os.environ | {"CONTAINERS_CONF": str(folder / "containers.conf")}
        self._options = ["--root", folder / "storage", "--runroot", folder / "run", "--storage-driver", "vfs"]
        self._options += ["--tmpdir", folder / "tmp"]
        self.image = self.run("load", "-q", "-i", ARCHIVE).split("Loaded image:")[1].strip()

    def run(self, *words, status=0):
        """What podman wrote to standard output."""
        return run("podman", *self._options, *words, status=status, env=self._environment)

    @contextlib.contextmanager
    def exporter(self, *flags, options=()):
        """A container of the exporter that runs as docs/install.md says; gives its name."""
        name = "exporter"
        hardened = ["--network=host", "--read-only", "--cap-drop=all", "--security-opt=no-new-privileges"]
        # podman takes a network once.
        options = [word for word in hardened if word not in options] + list(options)
        try:
            self.run("run", "-d", "--name", name, *options, self.image, *flags)
            yield name
        finally:
            self.run("rm", "-f", "-t", "5", name)


def serves(port=10057, path="/metrics"):
    """The page, once it is there."""
    command = ["curl", "-s", "--fail", "--max-time", "5", f"http://127.0.0.1:{port}{path}"]
    return poll(f"port {port} answers", lambda: subprocess.run(command, capture_output=True, text=True).stdout)
