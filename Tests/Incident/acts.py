"""The four acts of the incident. Each does what happened, waits for what has to follow, and raises
NotTrue where it does not."""

import math
import pathlib
import re
import subprocess
import time

from exporter import BINARY
from host import Page
from stage import (
    DIAGNOSE,
    HERE_ADDRESS,
    IN_RANGE,
    LEDGER,
    PAYMENTS,
    PROBER,
    REMOTE_ADDRESS,
    REMOTE_PORT,
    SERVICES,
    bindable,
    can_bind,
    counts,
    finding,
    read_at,
    ss,
    sysctl,
)

HERE = pathlib.Path(__file__).resolve().parent
# The range of act 3: 400 ports, of which an outgoing connection soon gets a certain one. connect()
# takes ports of the parity of the first one before it takes others.
NARROW_RANGE = 49901, 50300
# Connections are kept to all services but those in the range, which are only looked up: a
# connection that a service closes when it stops would leave a TIME_WAIT on its port, and connect()
# would not take the port for as long.
PROBER_COMMAND = ["timewait_prober", "--probe.interval=1s", "--listeners", "--listeners.include=8080-8096"]
PROBER_COMMAND += [f"--probe.listen={port}" for port in IN_RANGE]
# What TIME_WAIT lasts at most: 60 s, and what the kernel's timers add.
SECONDS_TO_CALM = 65
# How often diagnose is asked for a program at most.
ATTEMPTS = 20
RESTARTS_BEFORE, RESTARTS_AFTER = 10, 50


class NotTrue(Exception):
    """Something of the story did not happen."""


def require(condition, what):
    if not condition:
        raise NotTrue(what)


class Story:
    def __init__(self, stage, console, short, camera):
        self.stage = stage
        self.console = console
        self.short = short
        # Takes pictures of what is seen, if the run is recorded.
        self.camera = camera
        self.printed = 0
        # Whether a page and bind() agreed: (act, port, binder, what bind() did).
        self.compared = []

    # What all acts use.

    def news(self):
        """Prints what Alertmanager reported since the last call."""
        reports = self.stage.hook.reports
        while self.printed < len(reports):
            _, alert = reports[self.printed]
            self.printed += 1
            labels = alert["labels"]
            port = f" of port {labels['port']}" if "port" in labels else ""
            if alert["status"] == "firing":
                text = f"ALERT {labels['alertname']} ({labels['severity']}): {alert['annotations']['description']}"
                self.console.say(text, "alert")
            else:
                self.console.say(f"RESOLVED {labels['alertname']}{port}", "good")

    def watch(self, what, condition, seconds):
        """Waits until the condition of the exporter's page holds, and shows what happens
        meanwhile."""
        end = time.monotonic() + seconds
        while True:
            page = self.stage.page()
            self.news()
            if found := condition(page):
                return found
            require(time.monotonic() < end, f"not within {seconds} s: {what}")
            time_waits, listeners = counts(page)
            ratio = time_waits / max(1, listeners)
            bar = "#" * min(30, round(ratio / 2))
            self.console.progress(f"TIME_WAIT {time_waits:5}  LISTEN {listeners}  {ratio:5.1f} for each  {bar}")
            time.sleep(0.25)

    def wait_for_alert(self, name, status, after, seconds=120, **labels):
        def reported(_):
            return self.stage.reports(name, status, after, **labels)

        return self.watch(f"{name} {status}", reported, seconds)[0]

    def compare(self, act, port):
        """Asks the page and then the kernel whether a service could bind its port. What changes
        between two pages is not compared."""
        before = self.stage.fresh_page()
        tried = {"plain": can_bind(port, False), "reuse_address": can_bind(port, True)}
        after = self.stage.fresh_page()
        for binder, result in tried.items():
            said = bindable(before, port, binder)
            if said is None or said != bindable(after, port, binder):
                continue
            self.compared.append((act, port, binder, result))
            require(
                said == int(result),
                f"timewait_service_port_bindable{{port={port},binder={binder}}} is {said:g}, and bind() says {result}",
            )
        self.news()
        return tried

    def show_finding(self, heading, name):
        """Runs diagnose, prints the finding with these words in its first line, and gives it. It
        has to name the program. A program whose connections last for microseconds is not seen each
        time."""
        named = f"{name} (pid {self.stage.programs[name].pid})"
        for _ in range(ATTEMPTS):
            self.console.command(f"sudo timewait_exporter {' '.join(DIAGNOSE)}")
            found = finding(self.stage.diagnose(), heading)
            require(found, f"diagnose has no finding with {heading!r}")
            if named in found:
                self.console.quote(found)
                return found
            self.console.say(f"diagnose did not see {name} this time")
        raise NotTrue(f"diagnose did not name {named} in {ATTEMPTS} attempts")

    # The acts.

    def act_1(self):
        """A health check connects to each service, and closes."""
        say, stage = self.console.say, self.stage
        self.console.act(1, "a health check that connects and closes")
        quiet = counts(stage.fresh_page())
        rate = 4 if self.short else 1
        times = "each second" if rate == 1 else f"{rate} times a second"
        say(f"naive_prober connects to each of the {len(SERVICES)} services {times}, and closes at once")
        start = time.time()
        stage.start("naive_prober", "python3", "-I", "-S", HERE / "naive_prober.py", rate, *SERVICES.values())
        passed = self.watch(
            "10 TIME_WAITs for each LISTEN socket", lambda page: per_listener(page) > 10 and read_at(page), 60
        )
        say(f"TIME_WAIT:LISTEN passes 10, {passed - start:.0f} s after the first probe", "bad")
        fired = {}
        for name in ("TimeWaitLocalProber", "TimeWaitManyPerListener"):
            fired[name] = round(self.wait_for_alert(name, "firing", start) - start)
        if not self.short:
            self.watch("a minute of probes", lambda page: time.time() - start > 66, 70)
        page = stage.fresh_page()
        time_waits, listeners = counts(page)
        witness = len(ss("state", "time-wait"))
        say(f"TIME_WAIT {time_waits}, LISTEN {listeners}: {time_waits / listeners:.1f} for each; ss counts {witness}")
        found = self.show_finding("prober on this host", "naive_prober")
        dialed = re.search(r"dials (\d+) of (\d+) listening ports", found)
        require(dialed, "diagnose does not say how many ports the prober dials")
        self.camera("landing-act-1")
        return {
            "time_wait_at_rest": quiet[0],
            "probes_per_second": rate * len(SERVICES),
            "seconds_to_10_per_listener": round(passed - start),
            "seconds_to_alert": fired,
            "time_wait": time_waits,
            "time_wait_by_ss": witness,
            "listen": listeners,
            "per_listener": round(time_waits / listeners, 1),
            "dialed_ports": int(dialed[1]),
        }

    def act_2(self):
        """A prober that keeps its connections replaces it."""
        say, stage = self.console.say, self.stage
        self.console.act(2, "a prober that leaves no TIME_WAIT")
        stage.stop("naive_prober")
        stopped = time.time()
        say("naive_prober is stopped; timewait_prober takes its place, with as many probes", "good")
        self.console.command(" ".join(PROBER_COMMAND))
        stage.start("timewait_prober", BINARY.parent / PROBER_COMMAND[0], *PROBER_COMMAND[1:])
        above = stopped

        def is_calm(page):
            nonlocal above
            if per_listener(page) < 1:
                return read_at(page)
            above = read_at(page)
            return None

        calm = self.watch("fewer TIME_WAITs than LISTEN sockets", is_calm, SECONDS_TO_CALM + 60)
        say(f"TIME_WAIT:LISTEN falls below 1, {calm - stopped:.0f} s after the last probe of naive_prober", "good")
        # By the last reading before, so that a late reading does not count.
        require(above - stopped <= SECONDS_TO_CALM, f"TIME_WAIT:LISTEN was not below 1 after {above - stopped:.1f} s")
        resolved = {}
        for name in ("TimeWaitManyPerListener", "TimeWaitLocalProber"):
            resolved[name] = round(self.wait_for_alert(name, "resolved", stopped) - stopped)
        page = stage.fresh_page()
        time_waits, listeners = counts(page)
        probes = self.probes()
        made = int(probes.sum("timewait_probe_successes_total"))
        connections = int(probes.sum("timewait_probe_connections_total"))
        targets = len(probes.all("timewait_probe_success"))
        say(f"TIME_WAIT {time_waits}, LISTEN {listeners}", "good")
        say(f"{targets} targets of timewait_prober: {made} probes succeeded, over {connections} connections", "good")
        return {
            "seconds_to_below_1": round(calm - stopped),
            "seconds_to_resolved": resolved,
            "time_wait": time_waits,
            "listen": listeners,
            "targets": targets,
            "probes": made,
            "connections": connections,
        }

    def probes(self):
        """A page of timewait_prober on which every probe succeeded."""

        def all_succeed(_):
            page = Page(self.stage.servers[PROBER].get("/metrics")[1])
            values = [value for _, value in page.all("timewait_probe_success")]
            return page if len(values) == len(SERVICES) and set(values) == {1} else None

        return self.watch("all probes of timewait_prober succeed", all_succeed, 30)

    def act_3(self):
        """A service restarts, and its port is taken; then it is reserved."""
        say, stage = self.console.say, self.stage
        self.console.act(3, "a service loses its port while it restarts")
        low, high = NARROW_RANGE
        sysctl("ip_local_port_range", f"{low} {high}")
        say(f"the ephemeral range is narrowed to {low}-{high}: a certain port of the default range is seldom hit")
        stage.talk("backup", "outgoing.py", "backup", REMOTE_ADDRESS, REMOTE_PORT)
        begin = time.time()
        stage.stop("payments")
        say(f"payments, on port {PAYMENTS}, stops for an upgrade")
        taken = stage.ask("backup", f"until {PAYMENTS}")
        require(taken[-1] == PAYMENTS, f"no connection of backup got port {PAYMENTS}")
        connection = f"{HERE_ADDRESS}:{PAYMENTS} -> {REMOTE_ADDRESS}:{REMOTE_PORT}"
        say(f"backup opens connections; the kernel gives number {len(taken)} source port {PAYMENTS}: {connection}", "bad")
        failed = stage.start_service("payments")
        listeners = len(ss("state", "listening", f"sport = :{PAYMENTS}"))
        require((failed, listeners) == ("EADDRINUSE", 0), f"payments: {failed}, and {listeners} listeners")
        say(f"payments cannot start: {failed}. ss -ltn shows no listener on {PAYMENTS}", "bad")
        fired = self.wait_for_alert("TimeWaitServicePortTaken", "firing", begin, port=str(PAYMENTS)) - begin
        self.compare(3, PAYMENTS)
        self.show_finding(f"Port {PAYMENTS}: its service cannot start", "backup")
        self.camera("landing-act-3")
        waited = self.end_backup()
        before = self.restarts(RESTARTS_BEFORE)
        say(
            f"without a reservation, while backup uses all other ports: {before} of {RESTARTS_BEFORE} restarts succeed",
            "bad",
        )
        reserved = time.time()
        self.reserve()
        after = self.restarts(RESTARTS_AFTER)
        say(f"with the port reserved, under the same load: {after} of {RESTARTS_AFTER} restarts succeed", "good")
        require(before < RESTARTS_BEFORE, "no restart failed before the port was reserved")
        require(after == RESTARTS_AFTER, f"only {after} of {RESTARTS_AFTER} restarts succeeded")
        self.wait_for_alert("TimeWaitServicePortTaken", "resolved", begin, port=str(PAYMENTS))
        # That of payments ended when payments was down.
        self.wait_for_alert("TimeWaitListenerExposed", "resolved", reserved, port=str(LEDGER))
        return {
            "range_ports": high - low + 1,
            "connections_until_taken": len(taken),
            "seconds_to_alert": round(fired),
            "seconds_until_free": waited and [round(second) for second in waited],
            "restarts_before": [before, RESTARTS_BEFORE],
            "restarts_after": [after, RESTARTS_AFTER],
        }

    def end_backup(self):
        """Ends what holds the port, as diagnose says, and starts the service as soon as it can be;
        gives the seconds that this took, and that the exporter had announced at most."""
        say, stage = self.console.say, self.stage
        if self.short:
            # A reset leaves no TIME_WAIT to wait for.
            stage.ask("backup", "reset")
            require(stage.start_service("payments") == "listening", "payments did not start after the end of backup")
            say("backup resets its connections, and payments starts", "good")
            return None
        self.console.command(f"sudo kill {stage.programs['backup'].pid}")
        stage.stop("backup")
        ended = time.time()

        def announced(page):
            if bindable(page, PAYMENTS, "reuse_address") == 1:
                return time.time()
            # +Inf until the other host has closed its end, and the connection is in TIME_WAIT.
            free = page.get("timewait_service_port_free_timestamp_seconds", port=PAYMENTS) or math.inf
            return free if math.isfinite(free) else None

        free = self.watch("the page says when the port is free", announced, 30)
        say(f"backup is gone; its TIME_WAIT holds {PAYMENTS}, by the page for {free - ended:.0f} s at most", "bad")
        self.compare(3, PAYMENTS)
        while True:
            late = time.time() > free + 5
            if can_bind(PAYMENTS, True):
                break
            require(not late, "the port is not free at the time that the page has")
            self.console.progress(f"payments waits for port {PAYMENTS}: {max(0, free - time.time()):.0f} s at most")
            self.news()
            time.sleep(0.25)
        waited = time.time() - ended
        self.compare(3, PAYMENTS)
        require(stage.start_service("payments") == "listening", "payments did not start on its free port")
        say(f"port {PAYMENTS} is free {waited:.0f} s after the end of backup, and payments starts", "good")
        stage.talk("backup", "outgoing.py", "backup", REMOTE_ADDRESS, REMOTE_PORT)
        return waited, free - ended

    def restarts(self, count):
        """How many restarts of the service succeed while backup takes every port that it can
        get."""
        succeeded = 0
        for number in range(count):
            self.stage.stop("payments")
            self.stage.ask("backup", "all")
            said = self.stage.start_service("payments")
            succeeded += said == "listening"
            self.stage.ask("backup", "reset")
            if said != "listening":
                require(self.stage.start_service("payments") == "listening", "payments did not start on a free port")
            self.console.progress(f"restart {number + 1} of {count}: {succeeded} succeeded")
            self.news()
        return succeeded

    def reserve(self):
        """Applies what `reserve` prints, as its documentation says."""
        file = self.stage.scratch / "60-reserved-ports.conf"
        self.console.command("timewait_exporter reserve > 60-reserved-ports.conf && sudo sysctl -p 60-*.conf")
        text = subprocess.run([BINARY, "reserve"], capture_output=True, text=True, check=True).stdout
        file.write_text(text)
        self.console.quote(text)
        subprocess.run(["sysctl", "-q", "-p", file], check=True)
        reserved = sysctl("ip_local_reserved_ports")
        require(str(PAYMENTS) in reserved, f"the reserved ports are {reserved}")

    def act_4(self):
        """A service that closes first restarts, without SO_REUSEADDR and with it."""
        say, stage = self.console.say, self.stage
        self.console.act(4, "TIME_WAITs of the service itself")
        port, rounds, clients = SERVICES["reports"], 2 if self.short else 3, 20
        say(f"reports, on port {port}, closes its connections first: their TIME_WAITs stay at its end")
        blocked, most, begin = None, 0, time.time()
        for number in range(rounds):
            self.closed_by_service("reports", clients)
            held = len(ss("state", "time-wait", f"sport = :{port}"))
            # A machine that has too many orphaned sockets resets some connections.
            require(held >= clients / 2, f"only {held} TIME_WAITs on {port} after {clients} connections")
            most = max(most, held)
            stage.stop("reports")
            tried = self.compare(4, port)
            plain = stage.start_service("reports", "plain")
            if blocked is None:
                say(f"{held} TIME_WAITs on {port}. Restart without SO_REUSEADDR: {plain}", "bad")
                blocked = self.wait_for_alert("TimeWaitServicePortBlocked", "firing", begin, port=str(port)) - begin
            reusing = stage.start_service("reports")
            require((plain, tried["plain"]) == ("EADDRINUSE", False), f"without SO_REUSEADDR: {plain}, {tried}")
            require((reusing, tried["reuse_address"]) == ("listening", True), f"with SO_REUSEADDR: {reusing}, {tried}")
            self.console.progress(f"round {number + 1} of {rounds}")
        say(f"Restart with SO_REUSEADDR: it listens at once. The same in {rounds} of {rounds} rounds", "good")
        self.wait_for_alert("TimeWaitServicePortBlocked", "resolved", begin, port=str(port))
        compared = len(self.compared)
        say(f"timewait_service_port_bindable said what bind() did, {compared} of {compared} times", "good")
        return {
            "rounds": rounds,
            "connections_each_round": clients,
            "time_wait": most,
            "seconds_to_alert": round(blocked),
            "bind_compared": compared,
            "bind_compared_refused": sum(not result for *_, result in self.compared),
        }

    def closed_by_service(self, name, clients):
        """Connections from the other host, which the service closes first. The exporter sees the
        service listen before and after, and so knows whose they are."""
        self.stage.fresh_page()
        self.stage.remote.do(
            "for _ in range(clients):\n"
            "    client = connect(address, port)\n"
            "    client.sendall(b'close\\n')\n"
            "    assert client.recv(1) == b''\n"
            "    client.close()\n",
            clients=clients,
            address=HERE_ADDRESS,
            port=SERVICES[name],
        )
        self.stage.fresh_page()


def per_listener(page):
    time_waits, listeners = counts(page)
    return time_waits / max(1, listeners)
