"""client_auth_type and client_allowed_sans: which clients are let in."""

import contextlib
import ssl
import subprocess

import pytest

import certificates
from certificates import client_context, tls_section
from client import Closed
from exporter import Exporter, refused

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


def lets_in(exporter, authority, identity=None, version=None):
    """Whether a client with this certificate is given the page. Over TLS 1.3 it hears of a refusal
    after its request."""
    with contextlib.suppress(ssl.SSLError, Closed, ConnectionError):
        answer = exporter.get(tls=client_context(authority, identity, version))
        assert answer.status == 200
        assert "timewait_sockets" in answer.text
        return True
    return False


@pytest.fixture(scope="module")
def clients(authority, tmp_path_factory):
    """Clients by what there is to say of them."""
    folder = tmp_path_factory.mktemp("clients")
    other = certificates.Authority(folder, "Other CA")
    # The same name as the good one's: only the key differs.
    namesake = certificates.Authority(folder, "Good CA")
    below = certificates.Authority(folder, "Intermediate CA", above=authority)
    leaf = authority.issue("client")
    forged = certificates.Authority(folder, "Forged CA")
    forged.identity, forged.chain = leaf, leaf.certificate.read_text()
    # Its certificate without that of the authority in the middle.
    cut = below.issue("client")
    first = cut.certificate.read_text().split("-----END CERTIFICATE-----")[0]
    cut.certificate.write_text(first + "-----END CERTIFICATE-----\n")
    return {
        "none": None,
        "good": leaf,
        "good with RSA": authority.issue("client", key="rsa"),
        "good through an intermediate": below.issue("client"),
        "good for clients only": authority.issue("client", usage="clientAuth"),
        "of another authority": other.issue("client"),
        "of an authority of the same name": namesake.issue("client"),
        "of its own": certificates.self_signed(folder, "client"),
        "expired": authority.issue("client", begins=-30, ends=-1),
        "of tomorrow": authority.issue("client", begins=1, ends=30),
        "for servers only": authority.issue("client", usage="serverAuth"),
        "issued by a client": forged.issue("client"),
        "without its intermediate": cut,
    }


GOOD = {"good", "good with RSA", "good through an intermediate", "good for clients only"}
KINDS = [
    *("none", "good", "good with RSA", "good through an intermediate", "good for clients only", "of another authority"),
    *("of an authority of the same name", "of its own", "expired", "of tomorrow", "for servers only"),
    *("issued by a client", "without its intermediate"),
]
ALLOWED = {
    "NoClientCert": set(KINDS),
    "RequestClientCert": set(KINDS),
    "RequireAnyClientCert": set(KINDS) - {"none"},
    "VerifyClientCertIfGiven": GOOD | {"none"},
    "RequireAndVerifyClientCert": GOOD,
}


@pytest.fixture(scope="module")
def exporters(authority, server, tmp_path_factory):
    """One exporter for each client_auth_type."""
    folder = tmp_path_factory.mktemp("exporters")
    with contextlib.ExitStack() as stack:
        running = {}
        for kind in ALLOWED:
            keys = {} if kind == "NoClientCert" else {"client_ca_file": authority.certificate}
            config = folder / f"{kind}.yml"
            config.write_text(tls_section(server, client_auth_type=kind, **keys))
            running[kind] = stack.enter_context(Exporter.started(folder, config=config))
        yield running


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("auth_type", ALLOWED)
def test_clients_are_let_in_by_the_type_of_authentication(exporters, authority, clients, auth_type, kind, version):
    assert set(KINDS) == set(clients)
    allowed = kind in ALLOWED[auth_type]
    assert lets_in(exporters[auth_type], authority, clients[kind], version) == allowed


def test_curl_is_let_in_with_the_right_certificate_only(exporters, authority, clients):
    def curl(identity):
        command = ["curl", "-sS", "--fail", "--cacert", authority.certificate]
        if identity:
            command += ["--cert", identity.certificate, "--key", identity.key]
        command.append(exporters["RequireAndVerifyClientCert"].url(scheme="https"))
        return subprocess.run([str(word) for word in command], capture_output=True).returncode

    assert curl(clients["good"]) == 0
    assert curl(None) != 0
    assert curl(clients["of another authority"]) != 0


def test_the_older_name_of_RequireAnyClientCert_is_understood(config, tmp_path, authority, server, clients):
    with Exporter.started(tmp_path, config=config(tls_section(server, client_auth_type="RequireClientCert"))) as exporter:
        assert not lets_in(exporter, authority)
        assert lets_in(exporter, authority, clients["of another authority"])


def test_a_request_is_never_answered_on_the_way_to_a_refusal(exporters, authority):
    """A client of TLS 1.3 sends its request before the server has looked at its certificate."""
    exporter = exporters["RequireAndVerifyClientCert"]
    with contextlib.suppress(ssl.SSLError, ConnectionError), exporter.client(tls=client_context(authority)) as client:
        client.send(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.receive() == b""


# client_allowed_sans.

ALLOWED_NAMES = ["client.example.org", "192.0.2.7", "2001:db8::7", "spiffe://example.org/scraper", "ops@example.org"]
NAMES = {
    "DNS:client.example.org": True,
    "IP:192.0.2.7": True,
    "IP:2001:db8::7": True,
    "URI:spiffe://example.org/scraper": True,
    "email:ops@example.org": True,
    # One of several is enough.
    "DNS:other.example.org,IP:192.0.2.1,email:ops@example.org": True,
    # None, or another.
    "": False,
    "DNS:other.example.org": False,
    "IP:192.0.2.8": False,
    "IP:2001:db8::8": False,
    "URI:spiffe://example.org/scraper2": False,
    "email:other@example.org": False,
    # Exactly means exactly.
    "DNS:CLIENT.example.org": False,
    "DNS:*.example.org": False,
    "DNS:client.example.org.": False,
    "DNS:a.client.example.org": False,
    "DNS:client.example": False,
    "URI:spiffe://example.org/scraper/": False,
    # A name of one kind may look like one of another.
    "DNS:192.0.2.8": False,
}


@pytest.fixture(scope="module")
def with_names(authority, server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sans")
    config = folder / "web.yml"
    keys = {"client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": authority.certificate}
    config.write_text(tls_section(server, **keys, client_allowed_sans=[f'"{name}"' for name in ALLOWED_NAMES]))
    with Exporter.started(folder, config=config) as exporter:
        yield exporter


@pytest.mark.parametrize("names", NAMES)
def test_a_client_is_let_in_by_its_names(with_names, authority, names):
    client = authority.issue("client.example.org", *([names] if names else []))
    for version in VERSIONS:
        assert lets_in(with_names, authority, client, version) == NAMES[names]


def test_an_allowed_name_in_a_certificate_of_another_authority_does_not_help(with_names, authority, tmp_path):
    stranger = certificates.Authority(tmp_path, "Other CA").issue("client", "DNS:client.example.org")
    assert not lets_in(with_names, authority, stranger)
    assert not lets_in(with_names, authority)


def test_the_names_are_looked_at_where_nothing_else_is_verified(config, tmp_path, authority, server):
    text = tls_section(server, client_auth_type="RequireAnyClientCert", client_allowed_sans=["client.example.org"])
    with Exporter.started(tmp_path, config=config(text)) as exporter:
        assert lets_in(exporter, authority, authority.issue("client", "DNS:client.example.org"))
        assert not lets_in(exporter, authority, authority.issue("client", "DNS:other.example.org"))


def test_an_authority_that_nobody_asks_is_refused_at_the_start(config, authority, server):
    path = config(tls_section(server, client_ca_file=authority.certificate))
    status, told = refused(f"--web.config.file={path}", "--web.listen-address=127.0.0.1:0")
    assert status == 1
    assert "client_auth_type" in told


@pytest.mark.parametrize("kind", ["good", "of another authority"])
def test_the_authority_may_stand_in_the_file_itself(config, tmp_path, authority, server, clients, kind):
    text = authority.certificate.read_text().replace("\n", "\n    ")
    whole = tls_section(server, client_auth_type="RequireAndVerifyClientCert", client_ca=f"|\n    {text}")
    with Exporter.started(tmp_path, config=config(whole)) as exporter:
        assert lets_in(exporter, authority, clients[kind]) == (kind == "good")


def test_several_authorities_may_stand_in_one_file(config, tmp_path, authority, server, clients):
    other = certificates.Authority(tmp_path, "Second CA")
    both = tmp_path / "both.pem"
    both.write_text(other.certificate.read_text() + authority.certificate.read_text())
    text = tls_section(server, client_auth_type="RequireAndVerifyClientCert", client_ca_file=both)
    with Exporter.started(tmp_path, config=config(text)) as exporter:
        assert lets_in(exporter, authority, clients["good"])
        assert lets_in(exporter, authority, other.issue("client"))
        assert not lets_in(exporter, authority, clients["of another authority"])
