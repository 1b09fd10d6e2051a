"""Who reads slowly holds the page that was the newest when it asked. All of them together hold no
more than 32 MiB."""

import contextlib
import time

from client import request
from exporter import Exporter, mebibytes
from sockets import narrow_pipes, served

SECONDS = 40


def test_slow_readers_of_replaced_pages_do_not_fill_the_memory(tmp_path):
    # Three megabytes, and another page each second.
    flags = ["--services.ports=1-10000", "--services.limit=10000", "--sampler.interval=1s"]
    with narrow_pipes(), Exporter.started(tmp_path, *flags) as exporter, contextlib.ExitStack() as stack:
        for _ in range(5):
            assert len(exporter.get().body) > 3_000_000
            time.sleep(1)
        before = most = exporter.memory()
        readers = []
        for number in range(SECONDS):
            client = stack.enter_context(exporter.client(receive_buffer=2304, source=f"127.0.0.{number + 2}"))
            client.send(request())
            client.socket.setblocking(False)
            readers.append(client)
            end = time.monotonic() + 1
            while time.monotonic() < end:
                for client in readers:
                    with contextlib.suppress(BlockingIOError, ConnectionError):
                        client.socket.recv(100)
                most = max(most, exporter.memory())
                time.sleep(0.25)
        # Without a bound they would hold 250 MiB or more.
        assert most < before + mebibytes(48), f"{(most - before) >> 20} MiB more"
        # Those of old pages were closed, and those of new ones were not.
        assert not served(exporter, readers[0])
        assert served(exporter, readers[-1])
        assert served(exporter, readers[-2])
        # Who takes a page in a moment has it whole.
        answer = exporter.get()
        assert answer.status == 200
        assert answer.text.endswith("\n")
