"""The Debian package, as it lies there."""

import json
import pathlib
import re

from project import DEPLOY, PACKAGE, ROOT, deb, run, version

UNITS = DEPLOY / "systemd"
PROBER = "prometheus-timewait-prober"


def field(name):
    return run("dpkg-deb", "-f", deb(), name).strip()


def test_lintian_finds_nothing():
    assert run("lintian", "-I", "--pedantic", "--allow-root", deb()) == ""


def test_it_depends_on_libmicrohttpd_gnutls_and_libc_alone():
    # libmicrohttpd12 would bring libgnutls30 along by itself.
    assert {word.split()[0] for word in field("Depends").split(",")} == {"libc6", "libmicrohttpd12", "libgnutls30"}


def dependencies():
    """The table of SECURITY.md: name to version, licence and kind of link."""
    text = (ROOT / "SECURITY.md").read_text().partition("## Dependencies")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    return {name: rest for name, *rest in rows[2:]}


def test_the_table_of_dependencies_has_the_versions_that_are_built():
    table = dependencies()
    pins = {pin["identity"]: pin["state"]["version"] for pin in json.loads((ROOT / "Package.resolved").read_text())["pins"]}
    assert {name: table[name][0] for name in pins} == pins
    static = {"libyaml": "libyaml-0-2", "zlib": "zlib1g", "libcrypt": "libcrypt1", "libstdc++, libgcc": "libgcc-s1"}
    for name, package in static.items():
        built = run("dpkg-query", "-W", "-f", "${Version}", package).strip()
        # Without the epoch and Debian's revision.
        assert re.sub(r"^\d+:|[.-](dfsg|\d+(\+deb.*)?$).*", "", built) == table[name][0], package
        assert table[name][2] == "statically"
    # The licence that Debian found in the sources.
    packages = {"libyaml": "libyaml-0-2", "zlib": "zlib1g", "libcurl": "libcurl4", "libmicrohttpd": "libmicrohttpd12"}
    for name, package in packages.items():
        found = re.findall(r"^License: (\S+)", pathlib.Path(f"/usr/share/doc/{package}/copyright").read_text(), re.M)
        assert table[name][1] in found, package


def test_the_table_of_dependencies_has_every_library_of_the_programs(tmp_path):
    table = dependencies()
    names = {"libmicrohttpd.so.12": "libmicrohttpd", "libgnutls.so.30": "GnuTLS", "libc.so.6": "glibc", "libm.so.6": "glibc"}
    run("dpkg-deb", "-x", deb(), tmp_path)
    for program in ["timewait_exporter", "timewait_prober"]:
        said = run("readelf", "-d", tmp_path / "usr/bin" / program)
        needed = [name for name in re.findall(r"\(NEEDED\).*\[(.*)\]", said) if not name.startswith("ld-linux")]
        assert needed
        for name in needed:
            assert table[names[name]][2] == "dynamically", f"{program} needs {name}"


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
        "usr/bin/timewait_prober",
        f"etc/default/{PROBER}",
        f"lib/systemd/system/{PROBER}.service",
        "usr/share/man/man1/timewait_prober.1.gz",
        "usr/share/bash-completion/completions/timewait_prober",
        "usr/share/zsh/vendor-completions/_timewait_prober",
        "usr/share/fish/vendor_completions.d/timewait_prober.fish",
        f"usr/share/doc/{PACKAGE}/examples/timewait-alerts.yml",
        f"usr/share/doc/{PACKAGE}/examples/payments.service",
        f"usr/share/doc/{PACKAGE}/examples/who.conf",
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
    example = (UNITS / "payments.service").read_text()
    example = re.sub("/usr/bin/(timewait_exporter|payments)", "/bin/true", example)
    (tmp_path / "payments.service").write_text(example)
    names = [f"{PACKAGE}.service", f"{PACKAGE}.socket", "payments.service"]
    run("systemd-analyze", "verify", "--man=no", *(tmp_path / name for name in names))


def test_the_prober_of_the_package_answers_and_its_unit_is_as_closed(tmp_path):
    run("dpkg-deb", "-x", deb(), tmp_path)
    program = tmp_path / "usr/bin/timewait_prober"
    assert run(program, "--version").startswith(f"timewait_prober, version {version()} ")
    assert program.stat().st_size < 20 * 2**20
    assert str(ROOT).encode() not in program.read_bytes()
    assert field("Recommends").split()[0] == "libcurl4"
    service = UNITS / f"{PROBER}.service"
    said = run("systemd-analyze", "security", "--offline=true", "--threshold=15", service)
    assert float(re.search(r"Overall exposure level.*: ([\d.]+) ", said)[1]) <= 1.5
    (tmp_path / service.name).write_text(service.read_text().replace("/usr/bin/timewait_prober", "/bin/true"))
    run("systemd-analyze", "verify", "--man=no", tmp_path / service.name)
