"""The documents that tell the incident: their numbers and quotes come from a recorded run, and each
translation has the commands, names and numbers of its original."""

import json
import pathlib
import re

import pytest

import languages
from exporter import ROOT

TRANSLATED = ["README.md", "docs/incident.md"]
INCIDENT = ROOT / "docs" / "incident.md"
RENEW = 'renew the run by: make demo ARGS="--record docs"'
# Numbers of docs/incident.md that no run could change: the host and the rules of the demo, and the
# kernel's TIME_WAIT. Ports and addresses are those of stage.py.
FIXED = {
    "Acts": "1 2 3 4",
    "TIME_WAIT, its longest life with the kernel's timers, and the goal of act 2": "60 64 65",
    "alert thresholds, and what the demo divides times by": "10 500 60 5",
    "ports and addresses": "8080 8096 50051 50053 50061 49901-50300 32768-60999 61000 443 10.0.0.5 10.0.0.9 127.0.0.1",
    "services outside of the ephemeral range, and lines of naive_prober.py": "17 19",
    "minutes that the demo takes at most": "6",
}


def numbers(text):
    return [number.replace(",", "") for number in languages.NUMBER.findall(text)]


def values(figures):
    """Every number of the figures, at any depth."""
    if isinstance(figures, dict | list):
        for inner in figures.values() if isinstance(figures, dict) else figures:
            yield from values(inner)
    else:
        yield from numbers(str(figures))


def translation(name):
    return name.removesuffix(".md") + languages.SUFFIX


@pytest.mark.parametrize("name", TRANSLATED)
def test_a_translation_has_the_commands_names_and_numbers_of_its_original(name):
    found = languages.differences((ROOT / name).read_text(), (ROOT / translation(name)).read_text())
    assert not found, f"{translation(name)} is not {name}:\n" + "\n".join(found)


@pytest.mark.parametrize("name", TRANSLATED)
def test_the_languages_link_to_each_other_at_the_top(name):
    for here, there in [(name, translation(name)), (translation(name), name)]:
        top = "\n".join((ROOT / here).read_text().splitlines()[:4])
        assert f"]({pathlib.Path(there).name})" in top, here


ORIGINAL = (
    "# A\n\nPort 80 of `web --port=80`, see [b](b.md#c).\n\n```sh\nmake run  # it runs\n```\n\n- timewait_sockets is 1,000\n"
)
SAME = (
    "# 甲\n\n`web --port=80` 的端口 80; 见 [乙](b.md#d)。\n\n```sh\nmake run  # 运行\n```\n\n- timewait_sockets 为 1,000\n"
)


@pytest.mark.parametrize(
    ("change", "token"),
    [
        (("端口 80", "端口 81"), "number '80'"),
        (("--port=80", "--port 80"), "code 'web --port=80'"),
        (("b.md#d", "c.md"), "link 'b.md'"),
        (("make run", "make test"), "line of code 'make run'"),
        (("timewait_sockets 为", "它为"), "name 'timewait_sockets'"),
        (("1,000", "1000"), "number '1,000'"),
        (("- timewait", "timewait"), "items and rows"),
        (("# 甲", "## 甲"), "sections differ"),
    ],
)
def test_a_difference_is_reported_with_what_differs_and_where(change, token):
    assert languages.differences(ORIGINAL, SAME) == []
    changed = SAME.replace(*change, 1)
    assert changed != SAME
    found = languages.differences(ORIGINAL, changed)
    assert any(token in line for line in found), found
    assert all("甲" in line for line in found)


def test_every_number_of_the_incident_comes_from_a_recorded_run():
    figures = json.loads((ROOT / "docs" / "incident.json").read_text())
    assert not figures["short"]
    known = {*values(figures), *" ".join(FIXED.values()).split()}
    text = languages.FENCE.sub(lambda match: "\n" * match[0].count("\n"), INCIDENT.read_text())
    text = languages.TARGET.sub("]", text)
    unknown = [
        f"docs/incident.md:{line}: {number}"
        for line, content in enumerate(text.splitlines(), 1)
        for number in numbers(re.sub(r"^\d+\. ", "", content))
        if number not in known
    ]
    assert not unknown, f"not in docs/incident.json, {RENEW}:\n" + "\n".join(unknown)


def test_every_quote_of_the_incident_comes_from_a_recorded_run():
    # Commands and what they printed are indented there.
    printed = [re.sub(r"^ {9}(\| ?)?", "", line) for line in (ROOT / "docs" / "incident.txt").read_text().splitlines()]
    quotes = [block for _, language, block in languages.FENCE.findall(INCIDENT.read_text()) if language == "text"]
    assert len(quotes) >= 4
    strange = [line for block in quotes for line in block.splitlines() if line and line not in printed]
    assert not strange, f"not in docs/incident.txt, {RENEW}:\n" + "\n".join(strange)


@pytest.mark.parametrize("name", ["docs/incident.md", "docs/incident.zh-CN.md"])
def test_every_picture_of_the_incident_is_there_and_small(name):
    pictures = re.findall(r"\]\((pictures/[^)]+)\)", (ROOT / name).read_text())
    assert len(pictures) >= 4
    for picture in pictures:
        assert 0 < (ROOT / "docs" / picture).stat().st_size < 400_000, picture
