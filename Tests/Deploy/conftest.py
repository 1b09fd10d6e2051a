"""Lets the tests use what those of the dashboards have for a real Prometheus."""

import sys

from project import ROOT

sys.path.append(str(ROOT / "Tests" / "Dashboards"))
