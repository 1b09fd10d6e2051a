"""A --web.config.file that is no good is refused with one line that says where and why."""

import os
import re

import pytest

import certificates
from exporter import Exporter, refused

HASH = "$2y$10$crx4EInHWo65jZt03LgY5u1m0yMBDsWKAdQIliDNs7DP7isb52nIi"
TLS = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n"
T, H, U, R = "tls_server_config", "http_server_config", "basic_auth_users", "rate_limit"

# The text; the line and the key where it is wrong; a word that the reason has.
TEXTS = {
    # What prometheus/exporter-toolkit refuses in its own tests.
    "no YAML": ("hWkNKCp3fvIx3jKnsaBI\nTuEjdwNS8A2vYdFbiKqr\n", 1, "", "mapping"),
    "unknown key": (f"{T}:\n  cert_filse: server.crt\n", 2, f"{T}.cert_filse", "cert_file"),
    "no certificate": (f'{T}:\n  cert_file: ""\n  key_file: server.key\n', 1, T, "cert_file"),
    "no inline certificate": (f'{T}:\n  cert: ""\n  key_file: server.key\n', 1, T, "cert_file"),
    "no key": (f'{T}:\n  cert_file: server.crt\n  key_file: ""\n', 1, T, "key_file"),
    "no inline key": (f'{T}:\n  cert_file: server.crt\n  key: ""\n', 1, T, "key_file"),
    "neither": (f'{T}:\n  cert_file: ""\n  key_file: ""\n  client_auth_type: x\n', 1, T, "cert_file"),
    "certificate that is not there": (
        f"{T}:\n  cert_file: somefile\n  key_file: server.key\n",
        2,
        f"{T}.cert_file",
        "somefile",
    ),
    "key that is not there": (f"{T}:\n  cert_file: server.crt\n  key_file: somefile\n", 3, f"{T}.key_file", "somefile"),
    "authority without a policy": (f"{TLS}  client_ca_file: ca.crt\n", 4, f"{T}.client_ca_file", "client_auth_type"),
    "authority that is not there": (
        *(f"{TLS}  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: somefile\n", 5),
        *(f"{T}.client_ca_file", "somefile"),
    ),
    "names and an optional certificate": (
        *(f"{TLS}  client_auth_type: VerifyClientCertIfGiven\n  client_allowed_sans: [a]\n", 5),
        *(f"{T}.client_allowed_sans", "RequireAndVerifyClientCert"),
    ),
    "password that is no hash": (f"{TLS}{U}:\n  john: doe\n", 5, f"{U}.john", "bcrypt"),
    "invented cipher": (
        *(f"{TLS}  cipher_suites:\n  - TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA2048\n", 5),
        *(f"{T}.cipher_suites[0]", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    ),
    "invented curve": (f"{TLS}  curve_preferences:\n  - CurveP257\n", 5, f"{T}.curve_preferences[0]", "CurveP256"),
    "invented version": (f"{TLS}  min_version: TLS111\n", 4, f"{T}.min_version", "TLS12"),
    "invented policy": (f"{TLS}  client_auth_type: Always\n", 4, f"{T}.client_auth_type", "RequireAndVerifyClientCert"),
    "value of a header": (
        f"{H}:\n  headers:\n    X-Content-Type-Options: sniff\n",
        3,
        f"{H}.headers.X-Content-Type-Options",
        "nosniff",
    ),
    "frame options": (f"{H}:\n  headers:\n    X-Frame-Options: foo\n", 3, f"{H}.headers.X-Frame-Options", "sameorigin"),
    "other header": (f"{H}:\n  headers:\n    Content-Type: foo\n", 3, f"{H}.headers.Content-Type", "X-Frame-Options"),
    # More of the same.
    "unknown section": (f"{TLS}basic_auth_user:\n  a: b\n", 4, "basic_auth_user", "basic_auth_users"),
    "key twice": (f"{TLS}  key_file: server.key\n", 4, f"{T}.key_file", ""),
    "section twice": (f"{TLS}{U}: {{}}\n{TLS}", 5, T, ""),
    "versions the wrong way round": (
        f"{TLS}  min_version: TLS13\n  max_version: TLS12\n",
        5,
        f"{T}.max_version",
        "min_version",
    ),
    "list for a section": (f"# comment\n\n{T}: [a]\n", 3, T, "mapping"),
    "text for a list": (f"{TLS}  cipher_suites: TLS_AES_128_GCM_SHA256\n", 4, f"{T}.cipher_suites", "list"),
    "text for a truth": (f"{TLS}  prefer_server_cipher_suites: maybe\n", 4, f"{T}.prefer_server_cipher_suites", "true"),
    "http2 that is neither": (f"{H}:\n  http2: 2\n", 2, f"{H}.http2", "true"),
    "hash cut short": (f"{U}:\n  alice: {HASH}\n  bob: {HASH[:-1]}\n", 3, f"{U}.bob", "bcrypt"),
    "hash of another kind": (f"{U}:\n  bob: $6$abc$def\n", 2, f"{U}.bob", "bcrypt"),
    "cost beyond bcrypt": (f"{U}:\n  bob: {HASH.replace('$10$', '$32$')}\n", 2, f"{U}.bob", "bcrypt"),
    "list of users": (f"{U}:\n  - bob\n", 1, U, "mapping"),
    "interval without unit": (f"{R}:\n  interval: 5\n  burst: 1\n", 2, f"{R}.interval", "1s"),
    "interval before now": (f"{R}:\n  interval: -1s\n  burst: 1\n", 2, f"{R}.interval", "-1s"),
    "invalid interval": (f"{R}:\n  interval: soon\n  burst: 1\n", 2, f"{R}.interval", "soon"),
    "invalid burst": (f"{R}:\n  interval: 1s\n  burst: many\n", 3, f"{R}.burst", "many"),
    "burst below none": (f"{R}:\n  interval: 1s\n  burst: -1\n", 3, f"{R}.burst", "-1"),
    "unknown key of the limit": (f"{R}:\n  intervall: 1s\n", 2, f"{R}.intervall", "interval"),
    # YAML itself.
    "open bracket": (f"{TLS}  cipher_suites: [a\n", None, "", ""),
    "tab": (f"{T}:\n\tcert_file: a\n", 2, "", "tab"),
    "wrong indentation": (f"{T}:\n  cert_file: a\n key_file: b\n", 3, "", ""),
    "second document": (f"{TLS}---\n{TLS}", 5, "", "document"),
    "alias of nothing": (f"{T}: *other\n", 1, "", "alias"),
    "not UTF-8": (b"basic_auth_users:\n  bob: \xff\xfe\n", 2, "", "UTF-8"),
    "zero byte": (b"rate_limit: {}\n\0\n", 2, "", ""),
}


@pytest.fixture
def folder(tmp_path, server):
    (tmp_path / "server.crt").write_bytes(server.certificate.read_bytes())
    (tmp_path / "server.key").write_bytes(server.key.read_bytes())
    (tmp_path / "ca.crt").write_bytes(server.certificate.read_bytes())
    return tmp_path


def reason(path, **options):
    """Why a file is refused: (line, key, reason)."""
    status, told = refused(f"--web.config.file={path}", "--web.listen-address=127.0.0.1:0", **options)
    assert status == 1, told
    begin = f"timewait_exporter: --web.config.file: {path}:"
    assert told.startswith(begin), told
    assert told.endswith("\n")
    assert told.count("\n") == 1, told
    found = re.fullmatch(r"(\d+): (?:([\w.\[\]-]+): )?(.+)", told[len(begin) :].strip())
    assert found, told
    return int(found[1]), found[2] or "", found[3]


def write(folder, text):
    path = folder / "web.yml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("name", TEXTS)
def test_errors_name_the_line_the_key_and_what_would_be_right(folder, name):
    text, line, key, word = TEXTS[name]
    found = reason(write(folder, text))
    assert line is None or found[0] == line, found
    assert found[1] == key, found
    assert word in found[2]


# What is in the files that it names.

FILES = {
    "garbage as certificate": ("server.crt", b"no certificate\n", 2, "cert_file"),
    "nothing as certificate": ("server.crt", b"", 2, "cert_file"),
    "zeros as certificate": ("server.crt", bytes(4096), 2, "cert_file"),
    "PEM of garbage as certificate": (
        *("server.crt", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        *(2, "cert_file"),
    ),
    "garbage as key": ("server.key", b"no key\n", 3, "key_file"),
    "nothing as key": ("server.key", b"", 3, "key_file"),
    "PEM of garbage as key": (
        "server.key",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        3,
        "key_file",
    ),
    "garbage as authority": ("ca.crt", b"no authority\n", 5, "client_ca_file"),
    "nothing as authority": ("ca.crt", b"", 5, "client_ca_file"),
}
WITH_CLIENTS = f"{TLS}  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n"


@pytest.mark.parametrize("name", FILES)
def test_an_unusable_file_is_reported_where_it_is_named(folder, name):
    file, content, line, key = FILES[name]
    (folder / file).write_bytes(content)
    found = reason(write(folder, WITH_CLIENTS))
    assert found[:2] == (line, f"{T}.{key}")
    assert str(folder / file) in found[2]


def test_a_key_of_another_certificate_is_reported(folder, authority):
    (folder / "server.key").write_bytes(authority.issue("localhost").key.read_bytes())
    assert reason(write(folder, TLS))[:2] == (3, f"{T}.key_file")


def test_an_encrypted_key_is_reported(folder):
    certificates.openssl(
        "pkey", "-in", folder / "server.key", "-aes256", "-passout", "pass:x", "-out", folder / "locked.key"
    )
    found = reason(write(folder, TLS.replace("server.key", "locked.key")))
    assert found[:2] == (3, f"{T}.key_file")


def test_a_folder_in_place_of_a_file_is_reported(folder):
    (folder / "folder").mkdir()
    assert reason(write(folder, TLS.replace("server.crt", "folder")))[:2] == (2, f"{T}.cert_file")


def test_an_inline_key_is_never_printed(folder, server, authority):
    secret = authority.issue("localhost").key.read_text()
    text = f"{T}:\n  cert_file: server.crt\n  key: |\n    " + secret.replace("\n", "\n    ")
    line, key, told = reason(write(folder, text))
    assert (line, key) == (3, f"{T}.key")
    assert secret.splitlines()[1] not in told


def test_no_password_hash_is_printed(folder):
    assert HASH[10:40] not in reason(write(folder, f"{U}:\n  bob: {HASH}x\n"))[2]


@pytest.mark.parametrize("path", ["missing.yml", "folder", "server.crt/web.yml"])
def test_an_unreadable_file_is_reported(folder, path):
    (folder / "folder").mkdir()
    status, told = refused(f"--web.config.file={folder / path}", "--web.listen-address=127.0.0.1:0")
    assert status == 1
    assert told.startswith(f"timewait_exporter: --web.config.file: {folder / path}:")
    assert told.count("\n") == 1


def test_an_empty_name_of_a_file_means_no_file_as_with_exporter_toolkit(tmp_path):
    with Exporter.started(tmp_path, "--web.config.file=") as exporter:
        assert exporter.get().status == 200


# What is made to hurt.


def test_aliases_of_aliases_are_not_copied(folder):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40)]
    line, key, _ = reason(write(folder, "\n".join(lines)), seconds=10)
    assert (line, key) == (1, "a0")


@pytest.mark.parametrize("text", ["[" * 200_000, "{a: " * 100_000, "- " * 200_000, "? " * 100_000])
def test_what_nests_too_deep_is_refused_at_once(folder, text):
    reason(write(folder, text), seconds=10)


def test_a_mapping_that_contains_itself_is_refused(folder):
    reason(write(folder, f"{T}: &a\n  cert_file: *a\n"), seconds=10)


def test_a_file_of_a_hundred_megabytes_is_refused_at_once(folder):
    path = write(folder, "")
    with open(path, "wb") as file:
        file.truncate(100 << 20)
    reason(path, seconds=10)


def test_a_device_that_never_ends_is_refused_at_once():
    status, told = refused("--web.config.file=/dev/zero", "--web.listen-address=127.0.0.1:0", seconds=10)
    assert status == 1
    assert told.startswith("timewait_exporter: --web.config.file: /dev/zero")


def test_a_pipe_without_a_writer_does_not_hang(folder):
    os.mkfifo(folder / "pipe.yml")
    status, told = refused(f"--web.config.file={folder / 'pipe.yml'}", "--web.listen-address=127.0.0.1:0", seconds=10)
    assert status == 1
    assert told.count("\n") == 1
