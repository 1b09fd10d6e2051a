"""Who is let in by basic_auth_users."""

import base64

import pytest

import passwords
from client import request
from exporter import Exporter

CHALLENGE = 'Basic realm="timewait_exporter", charset="UTF-8"'
USERS = ("alice", "bob", "carol", "dave", "erin", "ümlaut")
WRONG = ["wrong", "Correct horse", "correct horse ", "\0", "päss wörd", "a", "a:b:", "x" * 71, "y" * 3000]
UNKNOWN = ["nobody", "", "Alice", "alice ", " alice", "alice\0", "u" * 3000, "alice\nbob", "fakepassword"]


@pytest.fixture(scope="module")
def exporter(tmp_path_factory):
    folder = tmp_path_factory.mktemp("auth")
    (folder / "web.yml").write_text(passwords.section(*USERS))
    with Exporter.started(folder, config=folder / "web.yml") as exporter:
        yield exporter


def kept_out(answer):
    assert answer.status == 401
    assert answer.header("WWW-Authenticate") == CHALLENGE
    assert "timewait_sockets" not in answer.text


@pytest.mark.parametrize("user", USERS)
def test_a_user_with_the_right_password_is_let_in(exporter, user):
    for _ in range(2):  # The second time it is known.
        answer = exporter.get(headers=passwords.right(user))
        assert answer.status == 200
        assert "timewait_sockets" in answer.text


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("password", WRONG)
def test_a_user_with_a_wrong_password_is_not(exporter, user, password):
    kept_out(exporter.get(headers=passwords.header(user, password)))


def test_a_wrong_password_is_wrong_each_time_and_a_right_one_right_again(exporter):
    for _ in range(3):
        kept_out(exporter.get(headers=passwords.header("bob", "wrong")))
        assert exporter.get(headers=passwords.right("bob")).status == 200


def test_a_right_password_is_not_one_for_another_user(exporter):
    assert exporter.get(headers=passwords.right("carol")).status == 200
    kept_out(exporter.get(headers=passwords.header("bob", passwords.PASSWORDS["carol"])))


@pytest.mark.parametrize("user", UNKNOWN)
def test_an_unknown_user_is_not(exporter, user):
    for password in ("correct horse", "", "fakepassword"):
        kept_out(exporter.get(headers=passwords.header(user, password)))


def test_what_follows_a_zero_byte_belongs_to_the_password(exporter):
    for user in ("alice", "dave"):
        secret = passwords.PASSWORDS[user]
        assert exporter.get(headers=passwords.header(user, secret)).status == 200
        kept_out(exporter.get(headers=passwords.header(user, secret + "\0")))
        kept_out(exporter.get(headers=passwords.header(user, secret + "\0more")))
        kept_out(exporter.get(headers=passwords.header(user + "\0", secret)))


def test_without_a_header_there_is_only_the_challenge(exporter):
    kept_out(exporter.get())


RIGHT = base64.b64encode(b"bob:" + passwords.PASSWORDS["bob"].encode()).decode()


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic ",
        "Basic !!!!",
        "Basic ====",
        "Basic " + base64.b64encode(b"alice").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode(),
        "Basic " + base64.b64encode(bytes(range(256))).decode(),
        "Basic " + "A" * 6001,
        "Bearer " + RIGHT,
        "Digest username=alice",
        "Negotiate " + RIGHT,
        "Basic" + RIGHT,
        "BasicX " + RIGHT,
        RIGHT,
        "bob:" + "x",
        f"Basic {RIGHT} trailing",
        f"Basic {RIGHT},{RIGHT}",
        f"Basic {RIGHT[:8]} {RIGHT[8:]}",
        f"Basic {RIGHT[:-4]}*{RIGHT[-3:]}",
        f"Basic {RIGHT}AAAA",
        'Basic realm="x"',
    ],
)
def test_a_header_that_is_no_user_and_password_is_not_let_in(exporter, header):
    kept_out(exporter.get(headers={"Authorization": header}))


def test_the_scheme_is_told_in_any_case(exporter):
    for scheme in ("basic", "BASIC", "bAsIc"):
        assert exporter.get(headers={"Authorization": f"{scheme} {RIGHT}"}).status == 200


PATHS = ["/", "/metrics", "/metrics?collect[]=nosuch", "/-/healthy", "/-/ready", "/nothing", "/metrics/", "//metrics"]


@pytest.mark.parametrize("path", PATHS)
def test_every_path_is_guarded(exporter, path):
    kept_out(exporter.get(path))
    kept_out(exporter.get(path, passwords.header("alice", "wrong")))
    assert exporter.get(path, passwords.right("alice")).status in (200, 400, 404)


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"])
def test_every_method_is_guarded(exporter, method):
    kept_out(exporter.get(method=method))
    assert exporter.get(headers=passwords.right("alice"), method=method).status == (200 if method == "HEAD" else 405)


def test_each_request_of_a_kept_connection_is_guarded(exporter):
    with exporter.client() as client:
        assert client.ask(headers=passwords.right("bob")).status == 200
        kept_out(client.ask())
        kept_out(client.ask(headers=passwords.header("bob", "wrong")))
        assert client.ask(headers=passwords.right("bob")).status == 200


def test_requests_that_come_at_once_are_answered_in_their_order(exporter):
    with exporter.client() as client:
        credentials = [passwords.header("alice", "wrong"), passwords.right("alice"), {}, passwords.header("nobody", "x")]
        client.send(b"".join(request(headers=one) for one in credentials))
        assert [client.answer().status for _ in credentials] == [401, 200, 401, 401]


# Changes of the file.


@pytest.fixture
def changing(config, tmp_path):
    with Exporter.started(tmp_path, config=config(passwords.section("bob"))) as exporter:
        yield exporter


def test_a_new_password_takes_effect_on_the_next_request(changing, config):
    with changing.client() as client:
        assert client.ask(headers=passwords.right("bob")).status == 200
        config(f"basic_auth_users:\n  bob: {passwords.HASHES['carol']}\n")
        kept_out(client.ask(headers=passwords.right("bob")))
        assert client.ask(headers=passwords.header("bob", passwords.PASSWORDS["carol"])).status == 200


def test_a_user_who_was_taken_out_is_kept_out_on_the_next_request(changing, config):
    with changing.client() as client:
        assert client.ask(headers=passwords.right("bob")).status == 200
        config(passwords.section("carol"))
        kept_out(client.ask(headers=passwords.right("bob")))
        assert client.ask(headers=passwords.right("carol")).status == 200


def test_a_file_that_is_written_in_place_takes_effect_on_the_next_request(changing, config, tmp_path):
    path = tmp_path / "web.yml"
    with changing.client() as client:
        for _ in range(10):
            path.write_text(passwords.section("carol"))
            kept_out(client.ask(headers=passwords.right("bob")))
            path.write_text(passwords.section("bob"))
            assert client.ask(headers=passwords.right("bob")).status == 200


def test_a_file_without_users_lets_everybody_in(changing, config):
    kept_out(changing.get())
    config("# nobody\n")
    assert changing.get().status == 200
    config(passwords.section("bob"))
    kept_out(changing.get())


def test_a_file_that_is_broken_keeps_the_users(changing, config):
    for broken in ("basic_auth_users:\n  eve: plain\n", "basic_auth_users: [", "basic_auth_user: {}\n"):
        config(broken)
        kept_out(changing.get())
        assert changing.get(headers=passwords.right("bob")).status == 200
