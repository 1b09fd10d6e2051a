"""Replays the incident of docs/incident.md on this machine, as `make demo` does.

The story itself runs in network, process and mount namespaces of its own (story.py). This process
makes them, and ends them: when their first process dies, the kernel ends all others, and the
network and the files go with them. So nothing is left behind, however this process ends."""

import argparse
import ctypes
import os
import pathlib
import signal
import socket
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
# Where the namespaces have a file system in memory. Outside of them this folder stays empty.
SCRATCH = ROOT / ".build" / "demo"
# What the shell does in the namespaces before the story. Debian's Alertmanager looks for its
# templates in /usr/share, where a package that was only unpacked has put none.
PREPARE = """
set -e
[ -e /usr/share/prometheus/alertmanager/default.tmpl ] ||
    mount -t overlay -o "lowerdir=$1/.build/debian/usr/share:/usr/share" overlay /usr/share
mount -t tmpfs -o size=512m demo "$2"
export TMPDIR="$2"
ip link set lo up
shift 2
set +e
"$@"
exit $?
"""
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD}
libc = ctypes.CDLL(None, use_errno=True)


def arguments():
    parser = argparse.ArgumentParser(prog="make demo", description="Replays the incident. Pass flags as ARGS=--keep.")
    parser.add_argument(
        "--keep",
        action="store_true",
        help="after the story keep Prometheus, Alertmanager and the exporter running until Ctrl-C, and relay to them",
    )
    parser.add_argument("--short", action="store_true", help="the form for tests: a faster prober, and fewer waits")
    parser.add_argument("--rules", action="store_true", help="print the alert rules of the demo and exit")
    parser.add_argument("--figures", type=pathlib.Path, metavar="FILE", help="write the figures of the run as JSON")
    parser.add_argument(
        "--record", type=pathlib.Path, metavar="FOLDER", help="write figures, terminal and pictures, for docs/"
    )
    return parser.parse_args()


def free_port(wanted):
    """A listening socket on 127.0.0.1 of this machine, at the wanted port if it is free."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", wanted))
    except OSError:
        listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    return listener


def die_with(parent, number):
    """Has the kernel send this process a signal when its parent ends, even by SIGKILL."""
    libc.prctl(PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        os._exit(1)


def main():
    parent = os.getppid()
    options = arguments()
    if options.rules:
        import demo_rules

        sys.stdout.write(demo_rules.text())
        return 0
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
    die_with(parent, signal.SIGTERM)
    SCRATCH.mkdir(parents=True, exist_ok=True)
    own = ["unshare", "--mount", "--net", "--pid", "--uts", "--fork", "--kill-child", "--mount-proc"]
    if os.getuid() != 0:
        own[1:1] = ["--user", "--map-root-user"]
    if subprocess.run([*own, "true"], stdin=subprocess.DEVNULL, capture_output=True).returncode != 0:
        sys.exit("demo: no network namespace can be made here (unshare --user --net); run it as root, or in a VM")
    # A socket belongs to the network namespace in which it was made, whoever accepts on it.
    doors = [free_port(port) for port in (19090, 19093, 10057)] if options.keep else []
    flags = [
        f"--{name}={pathlib.Path(value).resolve()}"
        for name, value in vars(options).items()
        if name in ("figures", "record") and value
    ]
    flags += ["--short"] * options.short + [f"--door={door.fileno()}" for door in doors]
    me = os.getpid()

    def before_exec():
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        die_with(me, signal.SIGKILL)

    story = [sys.executable, str(HERE / "story.py"), f"--scratch={SCRATCH}", *flags]
    child = subprocess.Popen(
        [*own, "sh", "-c", PREPARE, "sh", str(ROOT), str(SCRATCH), *story],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=before_exec,
        pass_fds=[door.fileno() for door in doors],
    )
    return wait(child)


def wait(child):
    """Waits for the end of the story, or ends it at a signal; gives the exit status."""
    status = None
    while True:
        got = signal.sigwait(SIGNALS)
        if got != signal.SIGCHLD:
            child.kill()
        # Also the first process of the namespaces, which unshare leaves to us: once it is gone, the
        # kernel has ended all the others.
        try:
            while True:
                pid, ended = os.waitpid(-1, 0 if got != signal.SIGCHLD else os.WNOHANG)
                if pid == 0:
                    break
                if pid == child.pid:
                    status = os.waitstatus_to_exitcode(ended)
        except ChildProcessError:
            pass
        else:
            continue
        if got != signal.SIGCHLD:
            print(f"\ndemo: ended by {got.name}; nothing of it is left", flush=True)
            return 128 + got
        return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main())
