"""What bcrypt costs is paid by who sends wrong passwords, and tells nobody who is a user."""

import statistics
import threading
import time

import pytest

import passwords
from client import request
from exporter import Exporter, poll


class Guesser(threading.Thread):
    """Tries ten wrong passwords a second, or as many as it gets answers to."""

    def __init__(self, exporter, user, stop):
        super().__init__(daemon=True)
        self.exporter, self.user, self.stop = exporter, user, stop
        self.answers = []

    def run(self):
        number = 0
        while not self.stop.wait(0.1):
            number += 1
            self.answers.append(self.exporter.get(headers=passwords.header(self.user, f"guess {number}"), timeout=30))


@pytest.mark.parametrize("guessed", ["alice", "nobody"])
def test_forty_wrong_passwords_a_second_hold_up_no_scrape(config, tmp_path, guessed):
    with Exporter.started(tmp_path, config=config(passwords.section("alice", "cost11"))) as exporter:
        assert exporter.get(headers=passwords.right("alice")).status == 200
        stop = threading.Event()
        guessers = [Guesser(exporter, guessed, stop) for _ in range(4)]
        for guesser in guessers:
            guesser.start()
        seconds = []
        with exporter.client() as client:
            end = time.monotonic() + (10 if guessed == "alice" else 5)
            while time.monotonic() < end:
                begin = time.monotonic()
                answer = client.ask(headers=passwords.right("alice"))
                seconds.append(time.monotonic() - begin)
                assert answer.status == 200
                assert "timewait_sockets" in answer.text
                time.sleep(0.1)
        # On a connection of its own, too.
        assert exporter.get(headers=passwords.right("alice")).status == 200
        stop.set()
        for guesser in guessers:
            guesser.join(30)
        assert max(seconds) < 1
        answers = [answer for guesser in guessers for answer in guesser.answers]
        assert len(answers) > 20
        assert 401 in {answer.status for answer in answers} <= {401, 503}
        assert all(int(answer.header("Retry-After")) > 0 for answer in answers if answer.status == 503)
        # A password that has not been seen yet has its turn again.
        poll("another user is let in", lambda: exporter.get(headers=passwords.right("cost11")).status == 200)


def test_requests_beyond_the_password_queue_get_Retry_After(config, tmp_path):
    with Exporter.started(tmp_path, config=config(passwords.section("alice", "cost11"))) as exporter:
        assert exporter.get(headers=passwords.right("alice")).status == 200
        clients = [exporter.client(timeout=30) for _ in range(100)]
        # Each is sent before the first is answered.
        for number, client in enumerate(clients):
            client.send(request(headers=passwords.header("cost11", f"guess {number}")))
        assert exporter.get(headers=passwords.right("alice")).status == 200
        answers = [client.answer() for client in clients]
        for client in clients:
            client.close()
        assert {answer.status for answer in answers} == {401, 503}
        assert all(int(answer.header("Retry-After")) > 0 for answer in answers if answer.status == 503)


@pytest.mark.parametrize("user", ["cost8", "alice", "cost11"])
def test_unknown_users_take_as_long_to_reject_as_known_ones(config, tmp_path, user):
    def seconds(exporter, name, number):
        begin = time.monotonic()
        assert exporter.get(headers=passwords.header(name, f"guess {number}")).status == 401
        return time.monotonic() - begin

    with Exporter.started(tmp_path, config=config(passwords.section(user))) as exporter:
        known, unknown = [], []
        for number in range(9):
            known.append(seconds(exporter, user, number))
            unknown.append(seconds(exporter, "nobody", number))
        ratio = statistics.median(known) / statistics.median(unknown)
        assert 0.5 < ratio < 2, (known, unknown)


def test_the_same_wrong_password_costs_the_same_again(config, tmp_path):
    """If wrong ones were remembered, they would push out the right ones."""
    with Exporter.started(tmp_path, config=config(passwords.section("alice"))) as exporter:
        assert exporter.get(headers=passwords.right("alice")).status == 200
        for number in range(30):
            assert exporter.get(headers=passwords.header("alice", f"guess {number}")).status == 401
        begin = time.monotonic()
        for _ in range(20):
            assert exporter.get(headers=passwords.right("alice")).status == 200
        right = time.monotonic() - begin
        begin = time.monotonic()
        for _ in range(20):
            assert exporter.get(headers=passwords.header("alice", "guess 1")).status == 401
        assert time.monotonic() - begin > 4 * right
