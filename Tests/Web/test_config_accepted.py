"""Web configuration files that exporter-toolkit takes are taken here, too."""

import os
import re

import pytest

import passwords
from certificates import Authority, client_context, openssl
from exporter import Exporter

TLS = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n"
ALL_CIPHERS = [
    *("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    *("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
    *("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
    *("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"),
    *("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"),
    *("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"),
]
PLAIN = {
    "empty": "",
    "comment": "# nothing\n",
    "document that is empty": "---\n",
    "end of a document": "---\nrate_limit: {}\n...\n",
    "sections that are empty": "tls_server_config:\nhttp_server_config:\nbasic_auth_users:\nrate_limit:\n",
    "sections that are {}": "tls_server_config: {}\nhttp_server_config: {}\nbasic_auth_users: {}\nrate_limit: {}\n",
    "JSON": '{"http_server_config": {"headers": {"X-Frame-Options": "deny"}}, "rate_limit": {"interval": "0s"}}',
    "CRLF": "http_server_config:\r\n  headers:\r\n    X-Frame-Options: deny\r\n",
    "byte order mark": "\ufeffrate_limit: {}\n",
    "anchor": "http_server_config: &a\n  headers: {}\n",
    "http2": "http_server_config:\n  http2: true\n",
    "no http2": "http_server_config:\n  http2: false\n",
}
SECURE = {
    "plain": TLS,
    "VerifyClientCertIfGiven": f"{TLS}  client_auth_type: VerifyClientCertIfGiven\n",
    "RequestClientCert": f"{TLS}  client_auth_type: RequestClientCert\n",
    "NoClientCert": f"{TLS}  client_auth_type: NoClientCert\n",
    "no policy": f'{TLS}  client_auth_type: ""\n',
    "all ciphers": f"{TLS}  cipher_suites:\n" + "".join(f"  - {one}\n" for one in ALL_CIPHERS),
    "all curves": f"{TLS}  curve_preferences: [CurveP256, CurveP384, CurveP521, X25519]\n",
    "no HTTP/2": f"{TLS}  cipher_suites: [{ALL_CIPHERS[1]}]\n  max_version: TLS12\nhttp_server_config: {{ http2: false }}\n",
    "any order": f"{TLS}  cipher_suites: [{ALL_CIPHERS[1]}, {ALL_CIPHERS[0]}]\n  prefer_server_cipher_suites: false\n",
    "one curve": f"{TLS}  min_version: TLS13\n  curve_preferences:\n  - CurveP521\n",
    "lists that are empty": f"{TLS}  cipher_suites: []\n  curve_preferences: []\n",
    "oldest to newest": f"{TLS}  min_version: TLS10\n  max_version: TLS13\n",
}


@pytest.fixture
def folder(tmp_path, server):
    (tmp_path / "server.crt").write_bytes(server.certificate.read_bytes())
    (tmp_path / "server.key").write_bytes(server.key.read_bytes())
    return tmp_path


def write(folder, text):
    (folder / "web.yml").write_text(text)
    return folder / "web.yml"


@pytest.mark.parametrize("name", PLAIN)
def test_a_file_without_TLS_is_taken(folder, name):
    with Exporter.started(folder, config=write(folder, PLAIN[name])) as exporter:
        assert exporter.get().status == 200
        assert exporter.lines("level=ERROR") == []


@pytest.mark.parametrize("name", SECURE)
def test_a_file_with_TLS_is_taken_and_its_files_are_beside_it(folder, authority, name):
    with Exporter.started(folder, config=write(folder, SECURE[name]), cwd="/") as exporter:
        assert exporter.get(tls=client_context(authority)).status == 200


def test_its_files_are_beside_it_by_a_relative_path_too(folder, authority):
    write(folder, TLS)
    with Exporter.started(folder, config=os.path.join(folder.name, "web.yml"), cwd=folder.parent) as exporter:
        assert exporter.get(tls=client_context(authority)).status == 200
    with Exporter.started(folder, config="web.yml", cwd=folder) as exporter:
        assert exporter.get(tls=client_context(authority)).status == 200


def test_certificate_and_key_may_stand_in_the_file(folder, authority, server):
    def block(text):
        return "|\n    " + text.read_text().replace("\n", "\n    ") + "\n"

    text = f"tls_server_config:\n  cert: {block(server.certificate)}  key: {block(server.key)}"
    with Exporter.started(folder, config=write(folder, text)) as exporter:
        assert exporter.get(tls=client_context(authority)).status == 200


@pytest.mark.parametrize("form", [["-traditional"], []])
def test_keys_in_both_forms_of_openssl_are_taken(folder, authority, form):
    identity = authority.issue("localhost", "DNS:localhost", key="rsa")
    openssl("pkey", "-in", identity.key, *form, "-out", folder / "server.key")
    (folder / "server.crt").write_bytes(identity.certificate.read_bytes())
    with Exporter.started(folder, config=write(folder, TLS)) as exporter:
        assert exporter.get(tls=client_context(authority)).status == 200


def test_the_chain_in_the_certificates_file_is_sent(folder, authority, tmp_path):
    identity = Authority(tmp_path, "Intermediate CA", above=authority).issue("localhost", "DNS:localhost")
    (folder / "server.crt").write_bytes(identity.certificate.read_bytes())
    (folder / "server.key").write_bytes(identity.key.read_bytes())
    with Exporter.started(folder, config=write(folder, TLS)) as exporter:
        # The client knows the root only.
        assert exporter.get(tls=client_context(authority)).status == 200


def test_the_users_of_exporter_toolkits_documentation_are_let_in(folder):
    """Their hashes are of its own tests; bob's cost of 18 would take twenty seconds."""
    users = {
        "alice": "$2y$12$1DpfPeqF9HzHJt.EWswy1exHluGfbhnn3yXhR7Xes6m3WJqFg0Wby",
        "bob": "$2y$18$4VeFDzXIoPHKnKTU3O3GH.N.vZu06CVqczYZ8WvfzrddFU6tGqjR.",
        "carol": "$2y$10$qRTBuFoULoYNA7AQ/F3ck.trZBPyjV64.oA4ZsSBCIWvXuvQlQTuu",
        "dave": "$2y$10$2UXri9cIDdgeKjBo4Rlpx.U3ZLDV8X1IxKmsfOvhcM5oXQt/mLmXq",
    }
    text = "basic_auth_users:\n" + "".join(f"  {user}: {hashed}\n" for user, hashed in users.items())
    with Exporter.started(folder, config=write(folder, text)) as exporter:
        assert exporter.get(headers=passwords.header("carol", "carol123")).status == 200
        assert exporter.get(headers=passwords.header("dave", "dave123")).status == 200
        assert exporter.get(headers=passwords.header("carol", "dave123")).status == 401


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("http_server_config:\n  http2: true\n", "http_server_config.http2"),
        ("rate_limit:\n  interval: 1s\n  burst: 0\n", "rate_limit.burst"),
    ],
)
def test_what_has_no_effect_or_a_strange_one_is_warned_of_once(folder, text, key):
    with Exporter.started(folder, config=write(folder, text)) as exporter:
        exporter.get()
        warnings = exporter.lines("level=WARN", key)
        assert len(warnings) == 1
        assert re.search(rf"{re.escape(str(folder))}/web.yml:\d+", warnings[0])


@pytest.mark.parametrize("text", ["", "http_server_config:\n  http2: false\n"])
def test_without_anything_strange_there_is_no_warning(folder, text):
    with Exporter.started(folder, config=write(folder, text)) as exporter:
        exporter.get()
        assert exporter.lines("level=WARN") == []
