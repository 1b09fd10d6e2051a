"""The recorded half hour: what its alerts would have been, and pictures of every dashboard from
it."""

import struct

import pytest

import dashboards
import history
import picture
import pictures


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with history.prometheus(tmp_path_factory.mktemp("prometheus")) as server:
        yield server


def test_the_alerts_of_the_recorded_half_hour_are_those_of_its_story(server):
    start, end = history.span()
    fired = {}
    for alert, labels, times in history.firing(server, start + 60, end):
        if times:
            fired.setdefault(labels["instance"].split(":")[0], set()).add(alert["alert"])
    assert fired == {
        "web-1": {
            "TimeWaitManyPerListener",
            "TimeWaitLocalProber",
            "TimeWaitSelfConnected",
            "TimeWaitServicePortTaken",
        },
        "app-1": {
            "TimeWaitDestinationPortsHalfUsed",
            "TimeWaitDestinationExhausting",
            "TimeWaitBucketsNearLimit",
            "TimeWaitOverflow",
            "TimeWaitSysctlChanged",
        },
    }, "and none on the busy proxy edge-1, at rest on build-1, nor on web-2, whose service restarts cleanly"


def test_every_dashboard_can_be_drawn(tmp_path):
    pictures.draw(tmp_path, tmp_path / "pictures")
    for name in dashboards.load():
        image = (tmp_path / "pictures" / name.replace(".json", ".png")).read_bytes()
        assert image.startswith(b"\x89PNG")
        width, height = struct.unpack(">II", image[16:24])
        assert (width, height > 800) == (1456, True)
        # A page without anything on it would be far smaller.
        assert len(image) > 50_000


def test_a_panel_without_data_fails(server):
    dashboard = dashboards.load()["timewait-host.json"]
    start, end = history.span()
    values = {**dashboards.all_values(dashboard), "instance": ["no-such-host:10057"]}
    with pytest.raises(picture.Empty, match="TIME_WAIT / Host: "):
        picture.page(dashboard, server, values, {}, start, end)
