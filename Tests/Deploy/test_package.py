"""The Debian package, as it lies there."""

import re

from project import DEPLOY, PACKAGE, ROOT, deb, run, version

UNITS = DEPLOY / "systemd"


def field(name):
    return run("dpkg-deb", "-f", deb(), name).strip()


def test_lintian_finds_nothing():
    assert run("lintian", "-I", "--pedantic", "--allow-root", deb()) == ""


def test_it_depends_on_libmicrohttpd_gnutls_and_libc_alone():
    # libmicrohttpd12 would bring libgnutls30 along by itself.
    assert {word.split()[0] for word in field("Depends").split(",")} == {"libc6", "libmicrohttpd12", "libgnutls30"}


def test_it_holds_the_program_its_units_its_manual_and_three_shells_completions(tmp_path):
    run("dpkg-deb", "-x", deb(), tmp_path)
    there = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert there >= {
        "usr/bin/timewait_exporter",
        f"etc/default/{PACKAGE}",
        f"lib/systemd/system/{PACKAGE}.service",
        f"lib/systemd/system/{PACKAGE}.socket",
        "usr/share/man/man1/timewait_exporter.1.gz",
        "usr/share/bash-completion/completions/timewait_exporter",
        "usr/share/zsh/vendor-completions/_timewait_exporter",
        "usr/share/fish/vendor_completions.d/timewait_exporter.fish",
        f"usr/share/doc/{PACKAGE}/examples/timewait-alerts.yml",
    }
    assert not (tmp_path / "usr/lib/swift").exists()
    # 20 MiB is what docs/install.md promises at most.
    assert (tmp_path / "usr/bin/timewait_exporter").stat().st_size < 20 * 2**20
    # The place where it was built is nobody's business.
    assert str(ROOT).encode() not in (tmp_path / "usr/bin/timewait_exporter").read_bytes()


def test_package_and_program_have_one_version(tmp_path):
    assert field("Version") == version()
    run("dpkg-deb", "-x", deb(), tmp_path)
    assert run(tmp_path / "usr/bin/timewait_exporter", "--version").startswith(f"timewait_exporter, version {version()} ")


def test_the_unit_is_closed_but_for_what_the_exporter_needs():
    said = run("systemd-analyze", "security", "--offline=true", "--threshold=15", UNITS / f"{PACKAGE}.service")
    assert float(re.search(r"Overall exposure level.*: ([\d.]+) ", said)[1]) <= 1.5


def test_systemd_understands_every_line_of_the_units(tmp_path):
    service = (UNITS / f"{PACKAGE}.service").read_text()
    # The program is not installed here.
    (tmp_path / f"{PACKAGE}.service").write_text(service.replace("/usr/bin/timewait_exporter", "/bin/true"))
    (tmp_path / f"{PACKAGE}.socket").write_text((UNITS / f"{PACKAGE}.socket").read_text())
    run("systemd-analyze", "verify", "--man=no", tmp_path / f"{PACKAGE}.service", tmp_path / f"{PACKAGE}.socket")
