"""The Debian package in a machine that allows no user namespace, as Debian's hardening packages and
some distributions set it up."""

import os
import re
import shutil

import pytest

from machine import Machine
from project import PACKAGE, deb, poll

SERVICE = f"{PACKAGE}.service"


@pytest.fixture(scope="module")
def hardened():
    # A user namespace of its own, in which every user is who it was: the limit is the machine's
    # own.
    with Machine.booted(os.environ["BOOKWORM"], "--private-users=identity") as machine:
        machine.set_namespace_limit("max_user_namespaces", 0)
        shutil.copy(deb(), machine.root / "root/new.deb")
        yield machine


def test_the_service_starts_where_no_user_namespace_can_be_made(hardened):
    # What needs one does not start here.
    hardened.run("systemd-run --wait -p PrivateUsers=yes /usr/bin/true", status=217)
    hardened.run("systemd-run --wait -p PrivateTmp=yes -p DynamicUser=yes /usr/bin/true")
    hardened.run("apt-get install -y /root/new.deb")
    assert hardened.run(f"systemctl is-active {SERVICE}") == "active"
    page = poll("it serves", lambda: hardened.tells("curl -s --max-time 5 http://127.0.0.1:10057/metrics"))
    assert 'timewait_sampler_source_info{source="sock_diag"} 1' in page


def test_it_has_no_capability_and_little_exposure_there_either(hardened):
    process = hardened.run(f"systemctl show --value -p MainPID {SERVICE}")
    status = dict(re.findall(r"(?m)^(\w+):\s+(.*)$", hardened.run(f"cat /proc/{process}/status")))
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    said = hardened.run(f"systemd-analyze security --no-pager {SERVICE} | tail -1")
    assert float(re.search(r": ([\d.]+) ", said)[1]) <= 1.5, said


def test_the_unit_makes_no_namespace_of_users(hardened):
    assert hardened.run(f"systemctl show --value -p PrivateUsers {SERVICE}") == "no"
