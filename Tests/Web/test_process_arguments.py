"""The flags reach the exporter, whatever was done to its environment before it began, and without
/proc."""

import shutil
import subprocess

import pytest

import passwords
from exporter import BINARY, ROOT, Exporter

# What deploy/build-static makes, by itself and for the package.
STATIC = [ROOT / ".build/static/timewait_exporter", ROOT / ".build/deb/tree/debian/build/timewait_exporter"]

# Swift's toolchain has the other.
COMPILER = shutil.which("cc") or "clang"

PRELOADS = {
    "setenv": 'setenv("MONITORED", "yes", 1);',
    "unsetenv": 'unsetenv("HOME");',
    "both": 'setenv("MONITORED", "yes", 1); unsetenv("HOME");',
    "clearenv": "clearenv();",
}

# In a mount namespace of its own. What is mounted over /proc hides it.
WITHOUT_PROC = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh"]


@pytest.fixture(scope="session", params=["built", "static"])
def binary(request):
    if request.param == "built":
        return BINARY
    for path in STATIC:
        if path.exists():
            return path
    pytest.skip("deploy/build-static has not made a program")


@pytest.fixture(scope="session", params=PRELOADS)
def preload(request, tmp_path_factory):
    """A library whose constructor changes the environment before main(), as agents of monitoring
    systems do."""
    folder = tmp_path_factory.mktemp("preload")
    source = folder / "preload.c"
    source.write_text(f"""
        #define _GNU_SOURCE
        #include <stdlib.h>
        __attribute__((constructor)) static void change(void) {{ {PRELOADS[request.param]} }}
    """)
    library = folder / "preload.so"
    subprocess.run([COMPILER, "-shared", "-fPIC", "-o", library, source], check=True)
    return {"LD_PRELOAD": str(library)}


def ask_version(binary, wrapper=(), env=None):
    ended = subprocess.run(
        [*wrapper, binary, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, env=env
    )
    assert ended.stderr == ""
    assert ended.stdout.startswith("timewait_exporter, version ")
    assert ended.returncode == 0


def test_a_library_that_changes_the_environment_takes_no_flag_away(binary, preload, tmp_path, config):
    ask_version(binary, env={"HOME": "/", **preload})
    users = config(passwords.section("cost4"))
    with Exporter.started(tmp_path, config=users, binary=binary, env=preload) as exporter:
        assert exporter.get().status == 401
        assert exporter.get(headers=passwords.right("cost4")).status == 200


def test_the_version_is_printed_without_proc(binary):
    ask_version(binary, WITHOUT_PROC)


def test_the_flags_count_where_procfs_is_mounted_elsewhere(binary, tmp_path, config):
    mount = tmp_path / "elsewhere"
    mount.mkdir()
    wrapper = list(WITHOUT_PROC)
    wrapper[4] = f"mount -t proc proc '{mount}' && {wrapper[4]}"
    with Exporter.started(
        tmp_path, f"--path.procfs={mount}", config=config(passwords.section("cost4")), wrapper=wrapper, binary=binary
    ) as exporter:
        assert exporter.get().status == 401
        answer = exporter.get(headers=passwords.right("cost4"))
        assert answer.status == 200
        assert 'timewait_sampler_success{collector="socket_table"} 1' in answer.text


def test_without_its_own_name_it_does_not_start(binary, tmp_path):
    """execve() with no argument at all; Linux 5.18 and later make it an empty one."""
    source = tmp_path / "nameless.c"
    source.write_text("""
        #include <unistd.h>
        int main(int argc, char **argv) {
            char *none[] = {NULL};
            (void)argc;
            return execve(argv[1], none, none);
        }
    """)
    program = tmp_path / "nameless"
    subprocess.run([COMPILER, "-o", program, source], check=True)
    ended = subprocess.run([program, binary], capture_output=True, text=True, timeout=20)
    assert ended.returncode == 1
    assert ended.stderr.startswith("timewait_exporter: the arguments of this process are missing")
    assert ended.stderr.count("\n") == 1
