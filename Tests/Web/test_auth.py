"""Who is let in by basic_auth_users."""

import base64

import pytest

import passwords
from client import request
from exporter import RELOAD_SECONDS, Exporter, libmicrohttpd, poll

CHALLENGE = 'Basic realm="timewait_exporter", charset="UTF-8"'
USERS = ("alice", "bob", "carol", "dave", "erin", "ümlaut")
WRONG = [
    "wrong",
    "Correct horse",
    "correct horse ",
    "wrong\0",
    "wrong\0correct horse",
    "päss wörd",
    "a",
    "a:b:",
    "x" * 71,
    "y" * 3000,
]
UNKNOWN = ["nobody", "", "Alice", "alice ", " alice", "u" * 3000, "alice\nbob", "fakepassword"]


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


def test_a_zero_byte_ends_the_password(exporter):
    """libmicrohttpd hands out C strings, and bcrypt takes them."""
    for user in ("alice", "dave"):
        secret = passwords.PASSWORDS[user]
        assert exporter.get(headers=passwords.header(user, secret + "\0")).status == 200
        assert exporter.get(headers=passwords.header(user, secret + "\0more")).status == 200
        # What stands before it has to be the password.
        kept_out(exporter.get(headers=passwords.header(user, "x\0" + secret)))
        kept_out(exporter.get(headers=passwords.header(user, secret + "x\0")))
    # Where the password is not empty, nothing before it is not enough.
    kept_out(exporter.get(headers=passwords.header("alice", "\0")))
    kept_out(exporter.get(headers=passwords.header("alice", "\0correct horse")))


@pytest.mark.parametrize("end", ["\0", "\0more"])
def test_a_zero_byte_makes_a_user_unknown_or_since_libmicrohttpd_1_ends_the_name(exporter, end):
    right = exporter.get(headers=passwords.header("alice" + end, "correct horse"))
    if libmicrohttpd() >= (1, 0):
        assert right.status == 200
    else:
        kept_out(right)
    # What stands before it has to be a user's name, and the password that user's.
    kept_out(exporter.get(headers=passwords.header("x\0alice", "correct horse")))
    kept_out(exporter.get(headers=passwords.header("\0alice", "correct horse")))
    for wrong in ("", "fakepassword", "wrong"):
        kept_out(exporter.get(headers=passwords.header("alice" + end, wrong)))
    kept_out(exporter.get(headers=passwords.header("dave" + end, "x")))


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
        'Basic realm="x"',
    ],
)
def test_a_header_that_is_no_user_and_password_is_not_let_in(exporter, header):
    kept_out(exporter.get(headers={"Authorization": header}))


WRONG_PASSWORD = base64.b64encode(b"bob:wrong").decode()


@pytest.mark.parametrize(
    "coded",
    [
        f"{WRONG_PASSWORD}AAAA",
        f"{WRONG_PASSWORD}{RIGHT}",
        f"{WRONG_PASSWORD}=={RIGHT}",
        f"{WRONG_PASSWORD} {RIGHT}",
        f"{WRONG_PASSWORD},{RIGHT}",
        f" {WRONG_PASSWORD}",
        f"{WRONG_PASSWORD}=",
        f"{WRONG_PASSWORD}====",
        f"={WRONG_PASSWORD}",
        RIGHT.swapcase(),
        RIGHT[:-4],
        RIGHT[4:],
        "Ym9iOg==",
    ],
)
def test_a_wrong_password_in_odd_base64_is_not_let_in(exporter, coded):
    """The parser of libmicrohttpd is lenient; what it reads is still looked up."""
    kept_out(exporter.get(headers={"Authorization": f"Basic {coded}"}))


@pytest.mark.parametrize("scheme", ["basic", "BASIC", "bAsIc"])
def test_another_case_of_the_scheme_is_read_since_libmicrohttpd_1(exporter, scheme):
    right = exporter.get(headers={"Authorization": f"{scheme} {RIGHT}"})
    if libmicrohttpd() >= (1, 0):
        assert right.status == 200
    else:
        kept_out(right)
    kept_out(exporter.get(headers={"Authorization": f"{scheme} {WRONG_PASSWORD}"}))


PATHS = {
    "/": 200,
    "/metrics": 200,
    "/metrics?collect[]=nosuch": 400,
    "/-/healthy": 200,
    "/-/ready": 200,
    "/nothing": 404,
    "/metrics/": 404,
    "//metrics": 301,
    "http://localhost/metrics": 200,
    "metrics": 400,
    "*": 400,
}


@pytest.mark.parametrize("path", PATHS)
def test_every_path_is_guarded(exporter, path):
    kept_out(exporter.get(path))
    kept_out(exporter.get(path, passwords.header("alice", "wrong")))
    assert exporter.get(path, passwords.right("alice")).status == PATHS[path]


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"])
def test_every_method_is_guarded(exporter, method):
    kept_out(exporter.get(method=method))
    status = 200 if method in ("HEAD", "OPTIONS") else 405
    assert exporter.get(headers=passwords.right("alice"), method=method).status == status


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


def status(client, credentials):
    """What a client with these credentials is answered; each is let in or kept out, and nothing
    else."""
    answer = client.ask(headers=credentials)
    assert answer.status in (200, 401)
    if answer.status == 401:
        kept_out(answer)
    return answer.status


def takes_effect(client, credentials, wanted):
    """Waits until the client is answered with this status."""
    poll("the change of the file", lambda: status(client, credentials) == wanted, RELOAD_SECONDS)


def test_a_new_password_takes_effect(changing, config):
    new = passwords.header("bob", passwords.PASSWORDS["carol"])
    with changing.client() as client:
        assert status(client, passwords.right("bob")) == 200
        assert status(client, new) == 401
        config(f"basic_auth_users:\n  bob: {passwords.HASHES['carol']}\n")
        # The new one is let in at the same moment as the old one is kept out.
        takes_effect(client, passwords.right("bob"), 401)
        assert status(client, new) == 200


def test_a_user_who_was_taken_out_is_kept_out(changing, config):
    with changing.client() as client:
        assert status(client, passwords.right("bob")) == 200
        config(passwords.section("carol"))
        takes_effect(client, passwords.right("bob"), 401)
        assert status(client, passwords.right("carol")) == 200


def test_a_file_that_is_written_in_place_takes_effect(changing, tmp_path):
    path = tmp_path / "web.yml"
    with changing.client() as client:
        for _ in range(3):
            path.write_text(passwords.section("carol"))
            takes_effect(client, passwords.right("bob"), 401)
            path.write_text(passwords.section("bob"))
            takes_effect(client, passwords.right("bob"), 200)


def test_a_file_without_users_lets_everybody_in(changing, config):
    with changing.client() as client:
        assert status(client, {}) == 401
        config("# nobody\n")
        takes_effect(client, {}, 200)
        config(passwords.section("bob"))
        takes_effect(client, {}, 401)


def test_a_file_that_is_broken_keeps_the_users(changing, config):
    for number, broken in enumerate(("basic_auth_users:\n  eve: plain\n", "basic_auth_users: [", "basic_auth_user: {}\n")):
        config(broken)

        def refused():
            kept_out(changing.get())
            assert changing.get(headers=passwords.right("bob")).status == 200
            return len(changing.lines("level=ERROR")) == number + 1

        poll("the refusal is told", refused, RELOAD_SECONDS)
