"""The package that was built on this machine, in a booted Debian 13."""

import os
import re
import shutil

import pytest

from machine import Machine
from project import PACKAGE, deb, poll, version
from tracing import RIGHTS, enable, mount_tracefs

SERVICE = f"{PACKAGE}.service"


@pytest.fixture(scope="module")
def machine():
    with Machine.booted(os.environ["TRIXIE"], *RIGHTS) as machine:
        mount_tracefs(machine)
        shutil.copy(deb(), machine.root / "root/new.deb")
        yield machine


def test_the_package_installs_on_debian_13_and_its_service_serves_with_that_libmicrohttpd(machine):
    assert machine.run(". /etc/os-release && echo $VERSION_ID") == "13"
    machine.run("apt-get install -y /root/new.deb")
    assert machine.run(f"systemctl is-enabled {SERVICE}") == "enabled"
    assert machine.run(f"systemctl is-active {SERVICE}") == "active"
    library = re.search(r"libmicrohttpd: (\S+)", machine.run("timewait_exporter --version"))[1]
    assert machine.run("dpkg-query -W -f '${Version}' libmicrohttpd12t64").startswith(f"{library}-")
    page = machine.run("curl -sS --fail --max-time 10 http://127.0.0.1:10057/metrics")
    assert f'version="{version()}"' in page
    assert set(re.findall(r"(?m)^timewait_sampler_success\{.*\} (.*)$", page)) == {"1"}


def test_the_service_on_debian_13_is_closed_as_on_debian_12(machine):
    said = machine.run(f"systemd-analyze security --no-pager {SERVICE} | tail -1")
    assert float(re.search(r": ([\d.]+) ", said)[1]) <= 1.5, said
    status = machine.run(f"cat /proc/$(systemctl show --value -p MainPID {SERVICE})/status")
    assert re.search(r"(?m)^CapBnd:\s+0+$", status)
    assert re.search(r"(?m)^Seccomp:\s+2$", status)


def test_the_drop_in_suffices_for_who_on_debian_13(machine):
    enable(machine)
    ask = "curl -s --fail --max-time 10 http://127.0.0.1:10057/metrics"
    poll("it traces", lambda: 'timewait_sampler_success{collector="who"} 1' in machine.tells(ask))
    # The client closes first.
    machine.run(f"systemd-run -q --wait --unit=health-check /usr/bin/{ask}")
    named = r'timewait_closes_total\{unit="health-check.service",process="curl",.*\} 1\n'
    poll("the unit is named", lambda: re.search(named, machine.tells(ask)))
    said = machine.run(f"systemd-analyze security --no-pager {SERVICE} | tail -1")
    assert float(re.search(r": ([\d.]+) ", said)[1]) <= 1.9, said


def test_purging_the_package_on_debian_13_ends_its_service(machine):
    machine.run(f"apt-get purge -y {PACKAGE}")
    assert machine.run(f"systemctl list-unit-files '{PACKAGE}*' --no-legend || true") == ""
    assert machine.run("grep -slx timewait_export /proc/[0-9]*/comm || true") == ""
