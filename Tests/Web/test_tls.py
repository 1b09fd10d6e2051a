"""TLS: versions, cipher suites and curves, asked by curl and by openssl s_client."""

import contextlib
import re
import ssl
import subprocess
import time

import pytest

import certificates
from certificates import client_context, tls_section
from client import request
from exporter import Exporter

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def curl(exporter, authority, *words):
    """What curl says: (its status, the page)."""
    command = ["curl", "-sS", "--fail", "--cacert", authority.certificate, *words, exporter.url(scheme="https")]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    return done.returncode, done.stdout


def s_client(exporter, *words):
    """What openssl s_client says of a handshake; its cipher is "(NONE)" or "0000" where there was
    none."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{exporter.port}", *words]
    done = subprocess.run(command, input="", capture_output=True, text=True, timeout=20)
    return done.stdout + done.stderr


def cipher(exporter, *words):
    """The cipher suite that is agreed on; None where there is none."""
    found = re.search(r"^New, \S+, Cipher is (\S+)$", s_client(exporter, *words), re.MULTILINE)
    return found[1] if found and found[1] != "(NONE)" else None


def started(tmp_path, config, identity, **keys):
    return Exporter.started(tmp_path, config=config(tls_section(identity, **keys)))


@pytest.fixture(scope="module")
def rsa(authority):
    """A certificate with an RSA key, which half of the cipher suites want."""
    return authority.issue("localhost", "DNS:localhost", "IP:127.0.0.1", key="rsa")


@pytest.fixture(scope="module")
def exporter(tmp_path_factory, server):
    folder = tmp_path_factory.mktemp("tls")
    (folder / "web.yml").write_text(tls_section(server))
    with Exporter.started(folder, config=folder / "web.yml") as exporter:
        yield exporter


@pytest.mark.parametrize("version", VERSIONS)
def test_curl_gets_the_page_over_each_version(exporter, authority, version):
    status, page = curl(exporter, authority, f"--tlsv{version}", "--tls-max", version)
    assert status == 0
    assert "timewait_sockets" in page


def test_curl_wants_the_right_authority(exporter, tmp_path):
    other = certificates.Authority(tmp_path, "Other CA")
    assert curl(exporter, other)[0] == 60


def test_the_listen_line_says_https(exporter):
    assert re.search(r"url=https://", exporter.log())


@pytest.mark.parametrize("old", ["-tls1", "-tls1_1"])
def test_older_versions_are_refused_unless_they_are_asked_for(exporter, config, tmp_path, server, old):
    weak = (old, "-cipher", "ALL:@SECLEVEL=0")
    assert cipher(exporter, *weak) is None
    with started(tmp_path, config, server, min_version="TLS10") as lenient:
        assert cipher(lenient, *weak)


def test_below_the_minimum_is_refused(config, tmp_path, server, authority):
    with started(tmp_path, config, server, min_version="TLS13") as exporter:
        assert curl(exporter, authority, "--tls-max", "1.2")[0] == 35
        assert curl(exporter, authority, "--tlsv1.3")[0] == 0
        assert cipher(exporter, "-tls1_2") is None
        assert cipher(exporter)


def test_above_the_maximum_is_refused(config, tmp_path, server, authority):
    with started(tmp_path, config, server, max_version="TLS12") as exporter:
        assert curl(exporter, authority, "--tlsv1.3")[0] == 35
        assert curl(exporter, authority, "--tls-max", "1.2")[0] == 0
        assert "Protocol  : TLSv1.2" in s_client(exporter)


# By their names in Go: what openssl calls them, and the key they want.
SUITES = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": ("ECDHE-ECDSA-AES128-GCM-SHA256", "ec"),
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": ("ECDHE-ECDSA-AES256-GCM-SHA384", "ec"),
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": ("ECDHE-ECDSA-CHACHA20-POLY1305", "ec"),
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": ("ECDHE-ECDSA-AES128-SHA", "ec"),
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": ("ECDHE-ECDSA-AES256-SHA", "ec"),
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": ("ECDHE-RSA-AES128-GCM-SHA256", "rsa"),
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": ("ECDHE-RSA-AES256-GCM-SHA384", "rsa"),
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": ("ECDHE-RSA-CHACHA20-POLY1305", "rsa"),
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": ("ECDHE-RSA-AES128-SHA", "rsa"),
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": ("ECDHE-RSA-AES256-SHA", "rsa"),
}


@pytest.mark.parametrize("suite", SUITES)
def test_the_only_cipher_suite_is_agreed_on_and_no_other(config, tmp_path, server, rsa, suite):
    name, key = SUITES[suite]
    with started(tmp_path, config, server if key == "ec" else rsa, cipher_suites=[suite]) as exporter:
        assert cipher(exporter, "-tls1_2", "-cipher", name) == name
        assert cipher(exporter, "-tls1_2", "-cipher", "ALL") == name
        others = [other for other, wanted in SUITES.values() if other != name and wanted == key]
        assert cipher(exporter, "-tls1_2", "-cipher", ":".join(others)) is None


FIRST, SECOND = "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256"
BOTH = ["TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]


def test_the_order_of_the_file_decides_between_cipher_suites(config, tmp_path, rsa):
    with started(tmp_path, config, rsa, cipher_suites=BOTH) as exporter:
        for offered in (f"{FIRST}:{SECOND}", f"{SECOND}:{FIRST}"):
            assert cipher(exporter, "-tls1_2", "-cipher", offered) == FIRST
    with started(tmp_path, config, rsa, cipher_suites=BOTH[::-1]) as exporter:
        for offered in (f"{FIRST}:{SECOND}", f"{SECOND}:{FIRST}"):
            assert cipher(exporter, "-tls1_2", "-cipher", offered) == SECOND


def test_without_prefer_server_cipher_suites_the_client_decides(config, tmp_path, rsa):
    with started(tmp_path, config, rsa, cipher_suites=BOTH, prefer_server_cipher_suites="false") as exporter:
        assert cipher(exporter, "-tls1_2", "-cipher", f"{FIRST}:{SECOND}") == FIRST
        assert cipher(exporter, "-tls1_2", "-cipher", f"{SECOND}:{FIRST}") == SECOND


@pytest.mark.parametrize("suite", ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"])
def test_the_list_is_for_TLS_1_2_only(config, tmp_path, rsa, suite):
    with started(tmp_path, config, rsa, cipher_suites=BOTH) as exporter:
        assert cipher(exporter, "-tls1_3", "-ciphersuites", suite) == suite


# By their names in Go: what s_client calls them when it offers them, and in its output.
CURVES = {
    "CurveP256": ("P-256", "ECDH, prime256v1"),
    "CurveP384": ("P-384", "ECDH, secp384r1"),
    "CurveP521": ("P-521", "ECDH, secp521r1"),
    "X25519": ("X25519", "X25519"),
}


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
@pytest.mark.parametrize("curve", CURVES)
def test_the_only_curve_is_agreed_on_and_no_other(config, tmp_path, rsa, curve, version):
    with started(tmp_path, config, rsa, curve_preferences=[curve]) as exporter:
        offered, told = CURVES[curve]
        others = ":".join(other for other, _ in CURVES.values() if other != offered)
        # "Server Temp Key" in OpenSSL 3.0, "Peer Temp Key" in 3.5.
        assert f" Temp Key: {told}," in s_client(exporter, version, "-groups", offered)
        assert f" Temp Key: {told}," in s_client(exporter, version, "-groups", f"{others}:{offered}")
        # Over TLS 1.2 there could still be a way without any curve.
        assert " Temp Key: ECDH" not in (refusal := s_client(exporter, version, "-groups", others))
        assert " Temp Key: X25519" not in refusal
        assert version == "-tls1_2" or "Cipher is (NONE)" in refusal


def test_a_port_with_TLS_says_nothing_in_plain_text(exporter):
    for data in (request(), b"GET / HTTP/1.0\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
        with exporter.client(timeout=15) as client:
            client.send(data)
            said = b""
            while more := client.receive():
                said += more
            assert b"HTTP" not in said
            assert b"timewait" not in said


def test_only_HTTP_1_1_is_agreed_on(exporter):
    """Without a word to HTTP/2 a client that could speak it does not try."""
    told = s_client(exporter, "-alpn", "h2,http/1.1")
    assert "ALPN protocol: h2" not in told
    assert cipher(exporter, "-alpn", "h2,http/1.1")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_kept_connection_serves_more_than_one_scrape(exporter, authority, version):
    with exporter.client(tls=client_context(authority, version=VERSIONS[version])) as client:
        for coding in ["identity", "gzip"] * 10:
            answer = client.ask(headers={"Accept-Encoding": coding})
            assert answer.status == 200
            assert not answer.closes
            assert "timewait_sockets" in answer.content.decode()


def client_hello():
    """What a client begins with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    sent = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname="localhost").do_handshake()
    return sent.read()


@pytest.mark.parametrize("length", [1, 100, None])
def test_a_handshake_that_does_not_go_on_costs_nothing(exporter, length):
    with exporter.client() as client:
        client.send(client_hello()[:length])
        time.sleep(0.5)
        before = exporter.cpu_seconds()
        time.sleep(2)
        assert exporter.cpu_seconds() - before < 0.5
