"""A small Debian that is booted: systemd is its process 1, and its network is its own."""

import contextlib
import pathlib
import shutil
import subprocess
import tempfile

from project import poll


class Machine:
    """One that runs."""

    def __init__(self, root, leader):
        self.root = root
        self._leader = leader

    @contextlib.contextmanager
    @staticmethod
    def booted(tarball, *options):
        """Boots one from a tarball, and ends it in any case. options: more of systemd-nspawn's."""
        root = pathlib.Path(tempfile.mkdtemp(prefix="machine.", dir="/var/tmp"))
        try:
            subprocess.run(["tar", "-C", root, "-xf", tarball], check=True)
            # There is neither machined nor a bus to register with.
            nspawn = ["systemd-nspawn", "-q", "-D", root, "--register=no", "--keep-unit", "--private-network"]
            command = [*nspawn, *options, "-b"]
            with open(root / "console", "w") as console:
                nspawn = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=console, stderr=console)
            try:
                children = pathlib.Path(f"/proc/{nspawn.pid}/task/{nspawn.pid}/children")
                leader = poll("the machine has a process 1", lambda: children.read_text().split())[0]
                machine = Machine(root, leader)
                poll("it has booted", lambda: machine.tells("systemctl is-system-running") == "running", seconds=60)
                yield machine
                machine.run("systemctl poweroff")
                nspawn.wait(60)
            finally:
                nspawn.kill()
                nspawn.wait()
        finally:
            shutil.rmtree(root)

    def set_namespace_limit(self, name, value):
        """Sets a sysctl of user.max_*_namespaces in the machine's own user namespace, which is
        another than ours: the file is that of whoever opens it."""
        words = ["nsenter", "-t", self._leader, "-U", "--", "sh", "-c", f"echo {value} >/proc/sys/user/{name}"]
        subprocess.run(words, check=True, capture_output=True)

    def _enter(self, command):
        environment = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "TERM=dumb", "LANG=C.UTF-8"]
        words = ["nsenter", "-t", self._leader, "-a", *environment, "DEBIAN_FRONTEND=noninteractive", "sh", "-c", command]
        return subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL)

    def run(self, command, status=0):
        """What a line of shell wrote to standard output; it has to end with the status."""
        done = self._enter(command)
        assert done.returncode == status, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout.strip()

    def tells(self, command):
        """The same, however it ends."""
        return self._enter(command).stdout.strip()
