"""--web.systemd-socket: sockets that somebody else made are served, and outlive the process."""

import os
import socket
import subprocess
import time

import pytest

from client import Client, request
from exporter import BINARY, Exporter, poll
from manager import activation, listener

FLAG = "--web.systemd-socket"


def started(folder, *sockets, **options):
    descriptors = [one.fileno() for one in sockets]
    return Exporter.started(folder, FLAG, listen=None, **activation(*descriptors), **options)


def scrape(address, **options):
    with Client(address, **options) as client:
        return client.ask()


def refusal(*descriptors, flags=(FLAG,), **said):
    """What an exporter says that does not start: (status, its one line)."""
    options = activation(*descriptors, **said)
    command = [*options.pop("wrapper"), str(BINARY), *flags]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=10, **options)
    assert ended.stdout == ""
    assert ended.stderr.count("\n") == 1, ended.stderr
    return ended.returncode, ended.stderr


def test_a_socket_that_was_passed_is_served(tmp_path):
    with listener() as passed, started(tmp_path, passed) as exporter:
        assert scrape(passed.getsockname()).status == 200
        assert exporter.address == passed.getsockname()


def test_several_sockets_of_all_families_are_served(tmp_path):
    path = str(tmp_path / "socket")
    with (
        listener() as ipv4,
        listener(("::1", 0), socket.AF_INET6) as ipv6,
        listener(path, socket.AF_UNIX) as unix,
        listener("\0timewait", socket.AF_UNIX) as abstract,
        started(tmp_path, ipv4, ipv6, unix, abstract),
    ):
        for address in (ipv4.getsockname(), ipv6.getsockname()[:2], path, "\0timewait"):
            for _ in range(3):
                assert scrape(address).status == 200
        command = ["curl", "-sS", "--fail", "--unix-socket", path, "http://localhost/metrics"]
        assert b"timewait_sockets" in subprocess.run(command, check=True, capture_output=True).stdout
    # It is not the exporter's to remove.
    assert os.path.exists(path)


def test_the_socket_goes_on_listening_for_the_next_process(tmp_path):
    with listener() as passed:
        address = passed.getsockname()
        for _ in range(3):
            with started(tmp_path, passed):
                assert scrape(address).status == 200
            # Between two of them clients wait, and are not refused.
            waiting = Client(address)
            waiting.send(request())
            with waiting, started(tmp_path, passed):
                assert waiting.answer().status == 200


def test_a_client_that_connects_during_the_stop_is_served_by_the_next_process(tmp_path):
    with listener() as passed, started(tmp_path, passed) as old:
        kept = Client(passed.getsockname())
        assert kept.ask().status == 200
        old.signal(15)
        poll("the first stops", lambda: old.process.poll() is not None)
        waiting = Client(passed.getsockname())
        waiting.send(request())
        with started(tmp_path, passed), waiting:
            assert waiting.answer().status == 200
        kept.close()


def test_two_processes_may_share_a_socket(tmp_path):
    with listener() as passed, started(tmp_path, passed), started(tmp_path, passed):
        for _ in range(200):
            assert scrape(passed.getsockname()).status == 200


def test_a_client_that_goes_before_it_was_accepted_hurts_nobody(tmp_path):
    with listener() as passed, started(tmp_path, passed) as exporter:
        exporter.signal(19)
        for _ in range(50):
            gone = Client(passed.getsockname())
            gone.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            gone.close()
        exporter.signal(18)
        assert scrape(passed.getsockname()).status == 200


def test_without_the_flag_nothing_that_was_passed_is_touched(tmp_path):
    with listener() as passed, Exporter.started(tmp_path, **activation(passed.fileno())) as exporter:
        assert exporter.address != passed.getsockname()
        assert exporter.get().status == 200
        with Client(passed.getsockname()) as waiting:
            waiting.send(request())
            assert not waiting.ends(0.5)


def test_together_with_an_address_it_is_not_understood():
    with listener() as passed:
        status, told = refusal(passed.fileno(), flags=(FLAG, "--web.listen-address=127.0.0.1:0"))
    assert status == 64
    assert FLAG in told
    assert "--web.listen-address" in told


@pytest.mark.parametrize(
    "said",
    [
        {"pid": "1"},
        {"pid": "none"},
        {"pid": "x"},
        {"pid": "-1"},
        {"count": "0"},
        {"count": "none"},
        {"count": "many"},
        {"count": "-1"},
        {"count": "1x"},
        {"count": "2"},
        {"count": "2147483647"},
        {"count": "99999999999999999999"},
    ],
    ids=str,
)
def test_without_a_socket_it_does_not_start(said):
    with listener() as passed:
        status, told = refusal(passed.fileno(), **said)
    assert status == 1
    assert told.startswith(f"timewait_exporter: {FLAG}: ")


def unlistened():
    made = socket.socket()
    made.bind(("127.0.0.1", 0))
    return made


def connected():
    made = socket.socket()
    with listener() as other:
        made.connect(other.getsockname())
    return made


DEAF = {
    "only bound": unlistened,
    "connected": connected,
    "for datagrams": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
    "of UNIX, not bound": lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM),
    "a file": lambda: open("/dev/null"),
}


@pytest.mark.parametrize("kind", DEAF)
def test_what_does_not_listen_is_refused(kind):
    with listener() as good, DEAF[kind]() as bad:
        status, told = refusal(good.fileno(), bad.fileno())
    assert status == 1
    assert told.startswith(f"timewait_exporter: {FLAG}: ")
    assert "4" in told  # The descriptor that is wrong: the second from 3 on.


def test_a_socket_may_be_one_that_does_not_block(tmp_path):
    with listener() as passed:
        passed.setblocking(False)
        with started(tmp_path, passed) as exporter:
            time.sleep(0.1)
            assert scrape(passed.getsockname()).status == 200
            assert exporter.open_files() < 50
