"""Records an hour in the life of five hosts, for the pictures of the dashboards:
`record.py EXPORTER FILE`.

Each host is a network namespace with an exporter of its own and real connections, over a veth pair
to a namespace with the clients. What happens on it stands in STORY. Its page is fetched every 15 s,
as Prometheus would, and written to FILE, with `up`. Needs root. --minutes squeezes the hour for a
try.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CLIENTS = "timewait-clients"

# (minute, host, action, arguments). "start NAME in NAMESPACE command", "stop NAME", "pause NAME",
# "resume NAME", "sysctl KEY VALUE"; "@" is the host's address, "!" for that of the clients
# next to it.
STORY = """
# web-1: a prober dials every service; a service inside the ephemeral range is stopped and loses its
# port.
0   web-1   sysctl ip_local_reserved_ports 39100
0   web-1   start services on host serve 3000 5000 6379 8080 39100
0   web-1   start slow on host serve 9090
0   web-1   start grpc on host serve 50051
0   web-1   start admin on host serve 45000
0   web-1   start backend on clients serve 9000
0   web-1   start browsers on clients dial @ 8080 --rate 3 --closer server
0   web-1   start sessions on clients hold @ 8080 --count 30
12  web-1   start prober on host dial 127.0.0.1 3000 5000 6379 8080 9090 39100 45000 50051 10057 --rate 2 --closer client
25  web-1   stop grpc
25.2 web-1  start squatter on host hold ! 9000 --count 1 --source-port 50051
26  web-1   start grpc on host serve 50051
27  web-1   start lost on host itself 50053
33  web-1   stop lost
33  web-1   pause slow
38  web-1   stop squatter
39  web-1   resume slow
42  web-1   start grpc on host serve 50051
48  web-1   stop prober
# web-2: its healthy twin; a service is restarted cleanly.
0   web-2   start services on host serve 3000 5000 6379 9090 39100
0   web-2   start web on host serve 8080
0   web-2   start browsers on clients dial @ 8080 --rate 3 --closer server
0   web-2   start sessions on clients hold @ 8080 --count 40
30  web-2   stop web
30.05 web-2 start web on host serve 8080
30.1 web-2  start sessions-again on clients hold @ 8080 --count 40
# edge-1: a busy reverse proxy with two backends.
0   edge-1  start proxy on host serve 80 443
0   edge-1  start backends on clients serve 8080 8081
0   edge-1  start users on clients dial @ 443 --rate 40 --closer server
0   edge-1  start sessions on clients hold @ 443 --count 120
0   edge-1  start first on host dial ! 8080 --rate 30 --closer client
0   edge-1  start second on host dial ! 8081 --rate 12 --closer client
20  edge-1  start rush on clients dial @ 443 --rate 30 --closer server
36  edge-1  stop rush
# app-1: a narrow range; more queries, then a leak of connections, to the end of the ports.
0   app-1   sysctl ip_local_port_range 40000 41999
0   app-1   sysctl tcp_max_tw_buckets 2000
0   app-1   start app on host serve 8000
0   app-1   start database on clients serve 5432 5433
0   app-1   start queries on host dial ! 5432 --rate 12 --closer client
0   app-1   start replica on host dial ! 5433 --rate 3 --closer client
0   app-1   start visitors on clients dial @ 8000 --rate 1 --closer server
14  app-1   start report on host dial ! 5432 --rate 9 --closer client
27  app-1   stop report
31  app-1   start leak on host hold ! 5432 --count 1400 --rate 3
48  app-1   stop leak
52  app-1   sysctl ip_local_port_range 32768 60999
55  app-1   restart exporter
# build-1: at rest.
0   build-1 start ssh on host serve 22
0   build-1 start operator on clients hold @ 22 --count 1
0   build-1 start cron on clients dial @ 22 --rate 0.05 --closer server
"""

FLAGS = {
    "web-1": ["--services.ports=8080,50051", "--peers.limit=3"],
    "web-2": ["--services.ports=8080,50051", "--peers.limit=3"],
    "edge-1": ["--peers.limit=3"],
}


def run(*command):
    subprocess.run(command, check=True)


class Host:
    """A namespace with an exporter, a link to the clients, and the programs of the story."""

    def __init__(self, name, number, exporter):
        self.name = name
        self.namespace = f"timewait-{name}"
        self.address, self.clients_address = f"10.20.{number}.1", f"10.20.{number}.2"
        self.exporter = exporter
        self.programs = {}
        run("ip", "netns", "add", self.namespace)
        link, other = f"tw{number}a", f"tw{number}b"
        run("ip", "link", "add", link, "netns", self.namespace, "type", "veth", "peer", "name", other, "netns", CLIENTS)
        self.inside("ip", "address", "add", f"{self.address}/24", "dev", link)
        self.inside("ip", "link", "set", link, "up")
        self.inside("ip", "link", "set", "lo", "up")
        run("ip", "-n", CLIENTS, "address", "add", f"{self.clients_address}/24", "dev", other)
        run("ip", "-n", CLIENTS, "link", "set", other, "up")
        self.start_exporter()

    def inside(self, *command):
        run("ip", "netns", "exec", self.namespace, *command)

    def start_exporter(self):
        command = [self.exporter, "--web.listen-address=127.0.0.1:10057", *FLAGS.get(self.name, [])]
        self.programs["exporter"] = self.spawn(self.namespace, command)

    @staticmethod
    def spawn(namespace, command):
        return subprocess.Popen(["ip", "netns", "exec", namespace, *command], stderr=subprocess.DEVNULL)

    def act(self, words):
        verb, subject, *rest = words
        if verb == "start":
            namespace = {"host": self.namespace, "clients": CLIENTS}[rest[1]]
            arguments = [{"@": self.address, "!": self.clients_address}.get(word, word) for word in rest[2:]]
            self.programs[subject] = self.spawn(namespace, [sys.executable, f"{HERE}/traffic.py", *arguments])
        elif verb == "stop":
            self.programs.pop(subject).terminate()
        elif verb in ("pause", "resume"):
            self.programs[subject].send_signal({"pause": signal.SIGSTOP, "resume": signal.SIGCONT}[verb])
        elif verb == "sysctl":
            self.inside("sysctl", "-qw", f"net.ipv4.{subject}={' '.join(rest)}")
        elif verb == "restart":
            self.programs.pop("exporter").terminate()
            self.start_exporter()
        else:
            raise ValueError(f"no such action: {' '.join(words)}")

    def end(self):
        for program in self.programs.values():
            program.send_signal(signal.SIGCONT)
            program.terminate()
        for program in self.programs.values():
            program.wait()
        run("ip", "netns", "del", self.namespace)


# What fetches a page within a namespace, for one line of standard input, over one connection that
# it keeps.
FETCH = """
import http.client, json, sys
connection = http.client.HTTPConnection("127.0.0.1", 10057, timeout=10)
for _ in sys.stdin:
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        body = answer.read().decode()
        page = body if answer.status == 200 else None
    except (OSError, http.client.HTTPException):
        connection.close()
        page = None
    print(json.dumps(page), flush=True)
"""


def record(subject):
    """Writes the page of every host, a line of JSON each; null where there was none."""
    fetchers, file = subject
    for fetcher in fetchers.values():
        fetcher.stdin.write("\n")
        fetcher.stdin.flush()
    for host, fetcher in fetchers.items():
        page = json.loads(fetcher.stdout.readline())
        json.dump({"host": host, "time": round(time.time(), 3), "page": page}, file)
        file.write("\n")
    file.flush()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("exporter")
    parser.add_argument("file")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--every", type=float, default=10)
    options = parser.parse_args()
    scale = options.minutes  # seconds a minute of the story lasts
    lines = [line.split() for line in STORY.splitlines() if line and not line.startswith("#")]
    actions = [(float(minute), host, words) for minute, host, *words in lines]
    run("ip", "netns", "add", CLIENTS)
    run("ip", "-n", CLIENTS, "link", "set", "lo", "up")
    names = sorted({host for _, host, _ in actions})
    hosts, fetchers = {}, {}
    try:
        for number, name in enumerate(names, 1):
            hosts[name] = Host(name, number, os.path.abspath(options.exporter))
            fetchers[name] = subprocess.Popen(
                ["ip", "netns", "exec", hosts[name].namespace, sys.executable, "-c", FETCH],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        events = [(minute * scale, hosts[host].act, words) for minute, host, words in actions]
        start = time.time()
        with open(options.file, "w") as file:
            scrapes = int(options.minutes * 60 / options.every)
            events += [(tick * options.every, record, (fetchers, file)) for tick in range(1, scrapes + 1)]
            for due, act, subject in sorted(events, key=lambda event: event[0]):
                time.sleep(max(0, start + due - time.time()))
                if act is not record:
                    print(f"{due / scale:5.1f} {act.__self__.name} {' '.join(subject)}", flush=True)
                act(subject)
    finally:
        for fetcher in fetchers.values():
            fetcher.terminate()
        for host in hosts.values():
            host.end()
        run("ip", "netns", "del", CLIENTS)


if __name__ == "__main__":
    main()
