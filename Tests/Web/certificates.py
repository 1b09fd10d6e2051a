"""Certificates that openssl makes, good and bad ones."""

import dataclasses
import datetime
import hashlib
import pathlib
import ssl
import subprocess

CONFIG = """
[ca]
default_ca = this
[this]
database = {folder}/index
new_certs_dir = {folder}
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
"""
KEYS = {
    "ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "rsa": ["-newkey", "rsa:2048"],
    "rsa4096": ["-newkey", "rsa:4096"],
}


def openssl(*words, **options):
    done = subprocess.run(["openssl", *[str(word) for word in words]], capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def when(days):
    """A moment so many days from now, as openssl ca wants it."""
    moment = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
    return moment.strftime("%Y%m%d%H%M%SZ")


@dataclasses.dataclass
class Identity:
    """A certificate, with those that a peer needs beside it, and its key; both files in PEM."""

    certificate: pathlib.Path
    key: pathlib.Path

    @property
    def fingerprint(self):
        first = self.certificate.read_text().split("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n"
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(first)).hexdigest()


class Authority:
    """One that issues certificates; a root of its own, or below another."""

    def __init__(self, folder, name, above=None):
        self.folder = pathlib.Path(folder) / name.replace(" ", "-")
        self.folder.mkdir()
        (self.folder / "index").touch()
        (self.folder / "ca.conf").write_text(CONFIG.format(folder=self.folder))
        self.issued = 0
        if above:
            self.identity = above.issue(name, authority=True)
            self.chain = self.identity.certificate.read_text()
        else:
            self.identity = Identity(self.folder / "ca.pem", self.folder / "ca.key")
            openssl(
                *("req", "-x509", *KEYS["ec"], "-noenc", "-days", 3650, "-subj", f"/CN={name}"),
                *("-keyout", self.identity.key, "-out", self.identity.certificate),
                *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
            )
            self.chain = ""

    @property
    def certificate(self):
        return self.identity.certificate

    def issue(self, name, *names, key="ec", usage="serverAuth,clientAuth", begins=-1, ends=30, authority=False):
        """A certificate; names: its subjectAltName; begins, ends: days from now."""
        self.issued += 1
        stem = self.folder / f"issued-{self.issued}"
        request, extensions = stem.with_suffix(".csr"), stem.with_suffix(".ext")
        identity = Identity(stem.with_suffix(".pem"), stem.with_suffix(".key"))
        openssl("req", "-new", *KEYS[key], "-noenc", "-subj", f"/CN={name}", "-keyout", identity.key, "-out", request)
        lines = ["keyUsage=critical,digitalSignature", f"extendedKeyUsage={usage}", "basicConstraints=critical,CA:FALSE"]
        if authority:
            lines = ["keyUsage=critical,keyCertSign,cRLSign", "basicConstraints=critical,CA:TRUE"]
        if names:
            lines.append(f"subjectAltName={','.join(names)}")
        extensions.write_text("\n".join(lines))
        openssl(
            *("ca", "-batch", "-notext", "-config", self.folder / "ca.conf", "-extfile", extensions, "-in", request),
            *("-cert", self.identity.certificate, "-keyfile", self.identity.key, "-out", identity.certificate),
            *("-startdate", when(begins), "-enddate", when(ends)),
        )
        with open(identity.certificate, "a") as file:
            file.write(self.chain)
        return identity


def self_signed(folder, name):
    """A certificate that nobody but its owner stands for."""
    identity = Identity(folder / f"{name}.pem", folder / f"{name}.key")
    options = ["-noenc", "-days", 30, "-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:FALSE"]
    openssl("req", "-x509", *KEYS["ec"], *options, "-keyout", identity.key, "-out", identity.certificate)
    return identity


def client_context(authority, identity=None, version=None):
    """How a client of Python's ssl meets the exporter; version: ssl.TLSVersion, where only one is
    wanted."""
    context = ssl.create_default_context(cafile=authority.certificate)
    if identity:
        context.load_cert_chain(identity.certificate, identity.key)
    if version:
        context.minimum_version = context.maximum_version = version
    return context


def tls_section(identity, **keys):
    """The tls_server_config of a web configuration file; keys: further ones, lists as lists."""
    keys = {"cert_file": identity.certificate, "key_file": identity.key, **keys}
    lines = ["tls_server_config:"]
    for key, value in keys.items():
        if isinstance(value, list):
            lines += [f"  {key}:", *(f"    - {one}" for one in value)]
        else:
            lines.append(f"  {key}: {value}")
    return "\n".join(lines) + "\n"
