"""Certificates that are replaced are served within two seconds; what began before goes on."""

import concurrent.futures
import hashlib
import shutil
import ssl
import subprocess
import time

import pytest

import certificates
import passwords
from certificates import Identity, client_context, tls_section
from client import Closed, request
from exporter import RELOAD_SECONDS, Exporter, mebibytes, poll
from sockets import narrow_pipes

pytestmark = pytest.mark.waits

SUCCESS = "timewait_exporter_config_last_reload_successful"
TIME = "timewait_exporter_config_last_reload_success_timestamp_seconds"


@pytest.fixture(scope="module")
def two(authority):
    """Two good certificates, to take turns."""
    return [authority.issue("localhost", "DNS:localhost", "IP:127.0.0.1") for _ in range(2)]


def replace_by_rename(identity, source):
    """As certificate managers do it: each file is whole at any time."""
    for name in ("key", "certificate"):
        path = getattr(identity, name)
        shutil.copy(getattr(source, name), path.with_suffix(".new"))
        path.with_suffix(".new").rename(path)


def replace_in_place(identity, source):
    identity.certificate.write_bytes(source.certificate.read_bytes())
    identity.key.write_bytes(source.key.read_bytes())


def replace_by_link(identity, source):
    """As Kubernetes does it: a link to a folder of both changes at once."""
    link = identity.certificate.parent
    folder = link.parent / f"version-{time.monotonic_ns()}"
    folder.mkdir()
    shutil.copy(source.certificate, folder / identity.certificate.name)
    shutil.copy(source.key, folder / identity.key.name)
    new = link.parent / "new-link"
    new.symlink_to(folder.name)
    new.rename(link)


@pytest.fixture
def files(tmp_path, two):
    """The files that the exporter reads, behind a link; the first certificate is in them."""
    identity = Identity(tmp_path / "current" / "tls.crt", tmp_path / "current" / "tls.key")
    replace_by_link(identity, two[0])
    return identity


@pytest.fixture
def exporter(files, config, tmp_path):
    with Exporter.started(tmp_path, config=config(tls_section(files))) as exporter:
        yield exporter


def shown(exporter, authority, version=None):
    """The fingerprint of the certificate that a handshake shows."""
    with exporter.client(tls=client_context(authority, version=version)) as client:
        return hashlib.sha256(client.socket.getpeercert(binary_form=True)).hexdigest()


def comes_to_show(exporter, authority, old, new, version=None):
    """Waits until a handshake shows the new certificate; until then each one shows the old one, and
    none fails."""

    def is_new():
        found = shown(exporter, authority, version)
        assert found in (old.fingerprint, new.fingerprint)
        return found == new.fingerprint

    poll("a handshake shows the new certificate", is_new, RELOAD_SECONDS)


def hold(*conditions, seconds):
    """Looks for a while, and finds all of the conditions true each time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert all(condition() for condition in conditions)
        time.sleep(0.1)


@pytest.mark.parametrize("replace", [replace_by_rename, replace_in_place, replace_by_link])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_handshakes_come_to_show_the_new_certificate_and_never_fail(exporter, authority, files, two, replace, version):
    assert shown(exporter, authority, version) == two[0].fingerprint
    for number in range(4):
        old, new = two[number % 2], two[(number + 1) % 2]
        replace(files, new)
        comes_to_show(exporter, authority, old, new, version)
        # Never the old one again.
        assert {shown(exporter, authority, version) for _ in range(5)} == {new.fingerprint}
    assert exporter.lines("level=ERROR") == []
    poll("it is told", lambda: len(exporter.lines("The web configuration was read and is in force")) == 4)


def test_openssl_sees_the_same(exporter, files, two):
    def fingerprint():
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{exporter.port}"]
        told = subprocess.run(command, input="", check=True, capture_output=True, text=True).stdout
        told = certificates.openssl("x509", "-noout", "-fingerprint", "-sha256", input=told)
        return told.strip().split("=")[1].replace(":", "").lower()

    assert fingerprint() == two[0].fingerprint
    replace_by_rename(files, two[1])
    poll("the new certificate", lambda: fingerprint() == two[1].fingerprint, RELOAD_SECONDS)


def test_another_file_in_the_configuration_comes_to_be_served(exporter, authority, config, two):
    config(tls_section(two[1]))
    comes_to_show(exporter, authority, *two)


def test_a_download_that_runs_on_the_old_certificate_comes_whole(files, config, tmp_path, authority, two):
    path = config(tls_section(files))
    with narrow_pipes(), Exporter.started(tmp_path, config=path) as exporter:
        client = exporter.client(tls=client_context(authority), receive_buffer=2304)
        with client:
            client.send(request())
            client.unread = client.receive(100)
            replace_by_rename(files, two[1])
            comes_to_show(exporter, authority, *two)
            # The old settings have been out of force for a while.
            time.sleep(2)
            answer = client.answer()
            assert answer.status == 200
            assert len(answer.body) == int(answer.header("Content-Length")) > 20_000
            assert answer.text.endswith("\n")


def test_a_kept_connection_of_the_old_certificate_ends_with_its_next_answer(exporter, authority, files, two):
    context = client_context(authority)
    with exporter.client(tls=context) as idle, exporter.client(tls=context) as silent:
        assert not idle.ask().closes
        replace_by_rename(files, two[1])
        comes_to_show(exporter, authority, *two)
        answer = idle.ask()
        assert answer.status == 200
        assert answer.closes
        assert idle.ends()
        # One that has not asked yet is answered once.
        assert silent.ask().closes
        # New ones are kept.
        with exporter.client(tls=context) as new:
            assert not new.ask().closes
            assert not new.ask().closes


def test_a_kept_connection_ends_although_nobody_makes_a_new_handshake(exporter, authority, files, two):
    """Else a client that never makes a handshake would stay with the old certificate for ever."""
    with exporter.client(tls=client_context(authority)) as client:
        assert not client.ask().closes
        replace_by_rename(files, two[1])
        poll("its connection is closed with an answer", lambda: client.ask().closes, RELOAD_SECONDS)
        assert client.ends()


def test_sixteen_rotations_leave_nothing_behind(exporter, authority, files, two):
    def rotate(times):
        for number in range(times):
            replace_by_rename(files, two[(number + 1) % 2])
            comes_to_show(exporter, authority, two[number % 2], two[(number + 1) % 2])

    rotate(8)
    open_files, threads, memory = exporter.open_files(), exporter.threads(), exporter.memory()
    rotate(16)
    poll("as many files as before", lambda: exporter.open_files() <= open_files)
    poll("as many threads as before", lambda: exporter.threads() <= threads)
    assert exporter.memory() < memory + mebibytes(4)


def test_scrapes_go_on_while_everything_is_replaced_all_the_time(files, config, tmp_path, authority, two):
    users = passwords.section("cost4")
    context = client_context(authority)

    def scrape(_):
        statuses = set()
        while time.monotonic() < end:
            with exporter.client(tls=context) as client:
                for _ in range(5):
                    answer = client.ask(headers=passwords.right("cost4"))
                    statuses.add(answer.status)
                    if answer.closes:
                        break
        return statuses

    with Exporter.started(tmp_path, config=config(tls_section(files) + users)) as exporter:
        end = time.monotonic() + 6
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            running = [pool.submit(scrape, number) for number in range(4)]
            number = 0
            while time.monotonic() < end:
                number += 1
                replace_by_link(files, two[number % 2])
                config(f"# {number}\n" + tls_section(files) + users)
                time.sleep(0.003)
        assert [one.result() for one in running] == [{200}] * 4
        # Where the link changed between the reading of one file and the other, the next look sets
        # it right.
        assert set(exporter.lines("level=ERROR")) == set(exporter.lines("is not the key of the certificate"))
        headers = passwords.right("cost4")
        poll("it is right", lambda: exporter.metric(SUCCESS, headers=headers, tls=context) == 1)


# New files that are bad.


def garbage(files, config, two):
    files.certificate.write_text("no certificate\n")
    return "cert_file"


def another_key(files, config, two):
    files.key.write_bytes(two[1].key.read_bytes())
    return "key_file"


def cut_key(files, config, two):
    files.key.write_bytes(two[0].key.read_bytes()[:60])
    return "key_file"


def no_key(files, config, two):
    files.key.unlink()
    return "key_file"


def empty_certificate(files, config, two):
    files.certificate.write_text("")
    return "cert_file"


def bad_yaml(files, config, two):
    config("tls_server_config:\n  cert_file: {\n")
    return None


def unknown_key(files, config, two):
    config(tls_section(files, cert_fil="x"))
    return "cert_fil"


def bad_value(files, config, two):
    config(tls_section(files, min_version="TLS14"))
    return "min_version"


def bad_authority(files, config, two):
    config(tls_section(files, client_auth_type="RequireAndVerifyClientCert", client_ca_file="/dev/null"))
    return "client_ca_file"


def no_tls(files, config, two):
    config("basic_auth_users: {}\n")
    return "tls_server_config"


def no_configuration(files, config, two):
    config("").unlink()
    return None


BAD = [
    *(garbage, another_key, cut_key, no_key, empty_certificate, bad_yaml, unknown_key, bad_value, bad_authority, no_tls),
    no_configuration,
]


def metric(exporter, authority, name):
    return exporter.metric(name, tls=client_context(authority))


@pytest.mark.parametrize("spoil", BAD)
def test_a_bad_new_file_keeps_the_old_and_is_reported_once_until_a_good_one(
    exporter, authority, files, config, tmp_path, two, spoil
):
    context = client_context(authority)
    poll("the last reload was good", lambda: metric(exporter, authority, SUCCESS) == 1)
    with exporter.client(tls=context) as kept:
        assert not kept.ask().closes
        spoiled = time.time()
        key = spoil(files, config, two)

        def is_kept():
            answer = kept.ask()
            return shown(exporter, authority) == two[0].fingerprint and answer.status == 200 and not answer.closes

        def failed():
            assert is_kept()
            return metric(exporter, authority, SUCCESS) == 0

        # The page has the metric a second after the endpoint.
        poll("it is told that the reload failed", failed, RELOAD_SECONDS + 1)
        poll("a line of the log", lambda: is_kept() and exporter.lines("level=ERROR"), RELOAD_SECONDS)
        # It is read some more times, and logged no more.
        hold(is_kept, lambda: metric(exporter, authority, SUCCESS) == 0, seconds=2.5)
    assert spoiled - 60 < metric(exporter, authority, TIME) < spoiled
    errors = exporter.lines("level=ERROR")
    assert len(errors) == 1, errors
    assert "The web configuration cannot be used; the previous one stays in force" in errors[0]
    assert str(tmp_path / "web.yml") in errors[0]
    if key:
        assert key in errors[0]
    # A good one heals.
    config(tls_section(files))
    replace_by_rename(files, two[1])
    comes_to_show(exporter, authority, *two)
    poll("the last reload was good again", lambda: metric(exporter, authority, SUCCESS) == 1)
    assert metric(exporter, authority, TIME) > spoiled
    assert len(exporter.lines("level=ERROR")) == 1


def test_the_same_fault_after_a_good_file_is_reported_again(exporter, authority, files, config, two):
    def is_read():
        return len(exporter.lines("The web configuration was read and is in force"))

    for number in range(1, 4):
        another_key(files, config, two)
        poll("the fault is told", lambda: len(exporter.lines("level=ERROR")) == number, RELOAD_SECONDS)
        assert shown(exporter, authority) == two[0].fingerprint
        before = is_read()
        replace_by_rename(files, two[0])
        poll("the good file is told", lambda: is_read() == before + 1, RELOAD_SECONDS)
        assert shown(exporter, authority) == two[0].fingerprint
    assert len(exporter.lines("level=ERROR")) == 3


def test_files_that_do_not_belong_together_for_a_second_are_no_error(exporter, authority, files, two):
    """Some write the key and the certificate one after the other."""
    for number in range(3):
        old, new = two[number % 2], two[(number + 1) % 2]
        files.key.write_bytes(new.key.read_bytes())
        hold(lambda: shown(exporter, authority) == old.fingerprint, seconds=0.7)
        files.certificate.write_bytes(new.certificate.read_bytes())
        comes_to_show(exporter, authority, old, new)
    assert exporter.lines("level=ERROR") == []
    poll("the last reload was good", lambda: metric(exporter, authority, SUCCESS) == 1)


def test_a_bad_file_does_not_hold_up_a_download(files, config, tmp_path, authority, two):
    with narrow_pipes(), Exporter.started(tmp_path, config=config(tls_section(files))) as exporter:
        with exporter.client(tls=client_context(authority), receive_buffer=2304) as client:
            client.send(request())
            another_key(files, config, two)
            poll("the fault is told", lambda: exporter.lines("level=ERROR"), RELOAD_SECONDS)
            assert shown(exporter, authority) == two[0].fingerprint
            assert client.answer().status == 200
        replace_by_rename(files, two[0])


def test_without_a_configuration_file_nothing_is_said_of_reloads(plain):
    text = plain.get().text
    assert SUCCESS not in text
    assert TIME not in text


# What else is in the section.


def test_a_new_minimum_version_takes_effect(exporter, authority, files, config):
    assert shown(exporter, authority, ssl.TLSVersion.TLSv1_2)
    config(tls_section(files, min_version="TLS13"))

    def is_refused():
        assert shown(exporter, authority, ssl.TLSVersion.TLSv1_3)
        try:
            shown(exporter, authority, ssl.TLSVersion.TLSv1_2)
        except ssl.SSLError:
            return True

    poll("TLS 1.2 is refused", is_refused, RELOAD_SECONDS)
    hold(is_refused, seconds=0.5)


def allowed(exporter, authority, identity):
    """Whether a client is given a page."""
    try:
        return exporter.get(tls=client_context(authority, identity)).status == 200
    except (ssl.SSLError, Closed, ConnectionError):
        return False


def test_a_new_client_authority_takes_effect(files, config, tmp_path, authority):
    old, new = (certificates.Authority(tmp_path, name) for name in ("Old CA", "New CA"))
    file = tmp_path / "clients.pem"
    file.write_bytes(old.certificate.read_bytes())
    clients = [one.issue("client") for one in (old, new)]
    text = tls_section(files, client_auth_type="RequireAndVerifyClientCert", client_ca_file=file)
    with Exporter.started(tmp_path, config=config(text)) as exporter:
        assert [allowed(exporter, authority, client) for client in clients] == [True, False]
        file.write_bytes(new.certificate.read_bytes())
        poll("the old client is kept out", lambda: not allowed(exporter, authority, clients[0]), RELOAD_SECONDS)
        assert [allowed(exporter, authority, client) for client in clients] == [False, True]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_session_of_before_does_not_lead_past_a_new_client_authority(files, config, tmp_path, authority, version):
    old, new = (certificates.Authority(tmp_path, name) for name in ("Old CA", "New CA"))
    file = tmp_path / "clients.pem"
    file.write_bytes(old.certificate.read_bytes())
    context = client_context(authority, old.issue("client"), version)
    text = tls_section(files, client_auth_type="RequireAndVerifyClientCert", client_ca_file=file)
    with Exporter.started(tmp_path, config=config(text)) as exporter:
        with exporter.client(tls=context) as client:
            assert client.ask().status == 200
            session = client.socket.session
        with exporter.client(tls=context, session=session) as client:
            assert client.ask().status == 200
        file.write_bytes(new.certificate.read_bytes())

        def is_kept_out():
            try:
                assert exporter.get(tls=context, session=session).status == 200
            except (ssl.SSLError, Closed, ConnectionError):
                return True

        poll("the session leads nowhere", is_kept_out, RELOAD_SECONDS)
        hold(is_kept_out, seconds=0.5)


def test_TLS_is_not_turned_on_while_it_runs(config, tmp_path, two):
    with Exporter.started(tmp_path, config=config("# nothing yet\n")) as exporter:
        config(tls_section(two[0]))
        assert exporter.get().status == 200
        poll("it is told that the reload failed", lambda: exporter.metric(SUCCESS) == 0)
        poll("a line of the log", lambda: exporter.lines("level=ERROR", "tls_server_config"), RELOAD_SECONDS)
        hold(lambda: exporter.get().status == 200, seconds=2.5)
        assert len(exporter.lines("level=ERROR")) == 1
