"""?collect[]= and ?exclude[]= give parts of the page."""

import urllib.parse

import pytest

from client import Closed, request
from exporter import libmicrohttpd, poll
from page import ACCEPT, OPENMETRICS, SECTIONS, TEXT, Page

# One family of each section, by what the metric contract says of the collectors.
KNOWN = {
    "socket_table": "timewait_sockets",
    "ephemeral_range": "timewait_ephemeral_range_low",
    "udp": "timewait_udp_ephemeral_ports_used",
    "sysctl": "timewait_sysctl_tcp_fin_timeout_seconds",
    "sockstat": "timewait_buckets",
    "netstat": "timewait_recycled",
    "sampler": "timewait_sampler_success",
    "exporter": "timewait_exporter_http_requests",
    "process": "process_cpu_seconds",
}


def query(*pairs, encode=True):
    return "/metrics?" + (urllib.parse.urlencode(pairs) if encode else "&".join(f"{name}={value}" for name, value in pairs))


def collect(*sections):
    return query(*(("collect[]", section) for section in sections))


def exclude(*sections):
    return query(*(("exclude[]", section) for section in sections))


def names(exporter, path, kind=TEXT, coding="identity"):
    """The families of a filtered page, in their order."""
    answer = exporter.get(path, {"Accept": ACCEPT[kind], "Accept-Encoding": coding})
    assert answer.status == 200, answer.text
    assert answer.header("Content-Type") == kind
    assert answer.header("Content-Encoding") == (None if coding == "identity" else coding)
    return Page.of(answer).names


def sentence(answer):
    """The one sentence that a refusal says."""
    assert answer.status == 400
    assert answer.header("Content-Type") == "text/plain; charset=utf-8"
    assert answer.text.endswith(".\n")
    assert answer.text.count("\n") == 1
    return answer.text


def test_the_sections_one_by_one_are_the_whole_page_in_its_order(plain):
    poll(
        "the sections together are the page",
        lambda: [name for section in SECTIONS for name in names(plain, collect(section))] == names(plain, "/metrics"),
    )


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_alone_has_its_own_families_only(plain, section):
    found = names(plain, collect(section))
    assert [other for other, name in KNOWN.items() if name in found] == [section]


@pytest.mark.parametrize("section", SECTIONS)
def test_without_a_section_all_others_are_there(plain, section):
    found = names(plain, exclude(section))
    assert [other for other, name in KNOWN.items() if name in found] == [other for other in SECTIONS if other != section]


@pytest.mark.parametrize("kind", ACCEPT)
@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_every_format_and_encoding_is_filtered_the_same(plain, kind, coding):
    for path in (
        collect("process"),
        collect("process", "udp", "sysctl"),
        exclude("socket_table"),
        exclude("udp", "process"),
    ):
        poll(path, lambda: names(plain, path, kind, coding) == names(plain, path))


def test_several_are_in_the_order_of_the_page(plain):
    forward = names(plain, collect("udp", "sockstat", "process"))
    assert names(plain, collect("process", "udp", "sockstat")) == forward
    assert forward == [name for section in ("udp", "sockstat", "process") for name in names(plain, collect(section))]


def test_one_that_is_named_twice_comes_once(plain):
    assert names(plain, collect("udp", "udp", "udp")) == names(plain, collect("udp"))
    assert names(plain, exclude("udp", "udp")) == names(plain, exclude("udp"))


def test_the_values_are_those_of_the_whole_page(plain):
    def of_one_tick():
        whole, part = (Page.of(plain.get(path)) for path in ("/metrics", exclude("socket_table")))
        return whole.tick == part.tick and (whole, part)

    whole, part = poll("two pages of one tick", of_one_tick)
    assert part.samples.items() <= whole.samples.items()
    assert all(whole.families[name] == part.families[name] for name in part.names)


@pytest.mark.parametrize(
    "path",
    [
        "/metrics?collect[]=udp&collect[]=sysctl",
        "/metrics?collect%5B%5D=udp&collect%5b%5d=sysctl",
        "/metrics?collect%5B]=udp&%63ollect[%5D=s%79sctl",
        "/metrics?collect[]=udp&other=1&collect[]=sysctl&more",
        "/metrics?&&collect[]=udp&&collect[]=sysctl&",
    ],
)
def test_brackets_and_names_may_be_percent_encoded_and_stand_among_others(plain, path):
    assert names(plain, path) == names(plain, collect("udp", "sysctl"))


def test_a_query_of_others_changes_nothing(plain):
    poll("the same page", lambda: names(plain, "/metrics?a=b&c[]=udp&collector=udp") == names(plain, "/metrics"))
    poll("the same page", lambda: names(plain, "/metrics?") == names(plain, "/metrics"))


def test_without_all_of_them_the_page_is_empty(plain):
    assert names(plain, exclude(*SECTIONS)) == []
    answer = plain.get(exclude(*SECTIONS), {"Accept": ACCEPT[OPENMETRICS], "Accept-Encoding": "gzip"})
    assert answer.content == b"# EOF\n"


NAMELESS = ["nosuch", "", "UDP", " udp", "udp ", "udp,sysctl", "udp\0", "\0udp", "ud", "udpp", "udp\r\nX: y", "é"]


@pytest.mark.parametrize("key", ["collect[]", "exclude[]"])
@pytest.mark.parametrize("name", NAMELESS)
def test_an_unknown_section_is_refused_with_the_list_of_sections(plain, key, name):
    told = sentence(plain.get(query((key, name))))
    assert all(section in told for section in SECTIONS)


@pytest.mark.parametrize("path", ["/metrics?collect[]=udp&collect[]=nosuch", "/metrics?collect[]", "/metrics?exclude[]="])
def test_one_wrong_name_among_right_ones_is_refused(plain, path):
    assert all(section in sentence(plain.get(path)) for section in SECTIONS)


def test_the_refusal_names_the_unknown_section(plain):
    assert "nosuch" in sentence(plain.get(collect("udp", "nosuch", "sysctl")))
    # However long it is.
    assert len(sentence(plain.get(collect("x" * 10_000)))) < 1_000


@pytest.mark.parametrize("path", ["/metrics?collect[]=udp&exclude[]=sysctl", "/metrics?exclude[]=sysctl&collect[]=udp"])
def test_both_kinds_together_are_refused(plain, path):
    told = sentence(plain.get(path))
    assert "collect[]" in told
    assert "exclude[]" in told


def test_a_refusal_is_no_page_whatever_is_accepted(plain):
    answer = plain.get(collect("nosuch"), {"Accept": ACCEPT[OPENMETRICS], "Accept-Encoding": "gzip"})
    sentence(answer)
    assert answer.header("Content-Encoding") is None


def test_HEAD_is_filtered_and_refused_like_GET(plain):
    assert plain.get(collect("nosuch"), method="HEAD").status == 400
    poll(
        "the length of the part",
        lambda: (
            plain.get(collect("sysctl"), method="HEAD").header("Content-Length")
            == plain.get(collect("sysctl")).header("Content-Length")
        ),
    )


def test_elsewhere_than_at_the_metrics_the_query_says_nothing(plain):
    assert plain.get("/-/healthy?collect[]=nosuch").status == 200


@pytest.mark.parametrize("count", [2, 20, 100])
def test_a_query_of_a_hundred_names_is_answered(plain, count):
    assert names(plain, collect(*["udp"] * count)) == names(plain, collect("udp"))


@pytest.mark.parametrize("count", [1_000, 1_600])
def test_a_query_of_a_thousand_arguments_is_431_or_before_libmicrohttpd_1_unanswered(plain, count):
    """libmicrohttpd 0.9.75 has no memory for so many, and says nothing."""
    with plain.client(timeout=13) as client:
        client.send(request("/metrics?" + "&".join(["collect[]=udp"] * count)))
        if libmicrohttpd() >= (1, 0):
            assert client.answer().status in (414, 431)
        else:
            with pytest.raises(Closed):
                client.answer()
    assert plain.get().status == 200
