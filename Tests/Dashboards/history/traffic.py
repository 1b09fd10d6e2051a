"""Real TCP connections for the hosts of the story: services, clients that dial them, and
connections that stay.

    traffic.py serve PORT...            a line in, a line out; the client chooses who closes first
    traffic.py dial ADDRESS PORT... --rate R --closer client|server
                                        R short connections a second to each port
    traffic.py hold ADDRESS PORT --count N [--rate R] [--source-port P]
                                        N connections, R a second, kept until the end
    traffic.py itself PORT              a socket that is connected to itself

Each runs until SIGTERM. "close" asks the service to close first, so that the TIME_WAIT is left at
its end.
"""

import argparse
import asyncio
import signal
import socket


async def answer(reader, writer):
    try:
        while line := await reader.readline():
            writer.write(b"ok\n")
            if line == b"close\n":
                break
    except ConnectionError:
        pass
    writer.close()


async def serve(ports):
    servers = [await asyncio.start_server(answer, "0.0.0.0", port, reuse_address=True) for port in ports]
    await asyncio.gather(*(server.serve_forever() for server in servers))


async def exchange(address, port, closer):
    try:
        reader, writer = await asyncio.wait_for(asyncio.open_connection(address, port), 5)
    except (OSError, TimeoutError):
        return  # The service is down, or no port is left: part of the story.
    try:
        writer.write(b"close\n" if closer == "server" else b"hello\n")
        await asyncio.wait_for(reader.read() if closer == "server" else reader.readline(), 5)
    except (ConnectionError, TimeoutError):
        pass
    writer.close()


async def dial(address, ports, rate, closer):
    tasks = set()
    next_time = asyncio.get_running_loop().time()
    while True:
        for port in ports:
            task = asyncio.create_task(exchange(address, port, closer))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        next_time += 1 / rate
        await asyncio.sleep(max(0, next_time - asyncio.get_running_loop().time()))


async def hold(address, port, count, rate, source_port):
    kept = []
    for _ in range(count):
        try:
            source = {"local_addr": ("0.0.0.0", source_port)} if source_port else {}
            kept.append(await asyncio.open_connection(address, port, **source))
        except OSError:
            pass
        await asyncio.sleep(1 / rate)
    await asyncio.Event().wait()


async def itself(port):
    end = socket.socket()
    end.bind(("127.0.0.1", port))
    end.connect(("127.0.0.1", port))
    await asyncio.Event().wait()


def main():
    parser = argparse.ArgumentParser()
    roles = parser.add_subparsers(dest="role", required=True)
    role = roles.add_parser("serve")
    role.add_argument("ports", type=int, nargs="+")
    role = roles.add_parser("dial")
    role.add_argument("address")
    role.add_argument("ports", type=int, nargs="+")
    role.add_argument("--rate", type=float, required=True)
    role.add_argument("--closer", choices=["client", "server"], required=True)
    role = roles.add_parser("hold")
    role.add_argument("address")
    role.add_argument("port", type=int)
    role.add_argument("--count", type=int, required=True)
    role.add_argument("--rate", type=float, default=50)
    role.add_argument("--source-port", type=int)
    role = roles.add_parser("itself")
    role.add_argument("port", type=int)
    options = vars(parser.parse_args())
    role = {"serve": serve, "dial": dial, "hold": hold, "itself": itself}[options.pop("role")]
    signal.signal(signal.SIGTERM, lambda *_: exit(0))
    asyncio.run(role(**options))


if __name__ == "__main__":
    main()
