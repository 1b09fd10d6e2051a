"""Compares a document with its translation: commands, flags, names of metrics, links and numbers of
each section. The words between them are not compared."""

import collections
import re

FENCE = re.compile(r"^(```+)(.*?)\n(.*?)^\1[ \t]*\n", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`]+)`")
TARGET = re.compile(r"\]\(([^)\s]+)\)|\b(?:srcset|src|href)=\"([^\"]+)\"|^\[[^\]]+\]: (\S+)$", re.MULTILINE)
NUMBER = re.compile(r"\d+(?:[.,:-]\d+)*")
# Names that also stand outside of code. A translation may repeat them, or say "it" where the
# original repeats them, so that only their presence counts.
NAME = re.compile(
    r"(?<![A-Za-z0-9_])(?:timewait_\w+|TimeWait\w+|tcp_\w+|ip_local_\w+|SO_\w+|IP_\w+|E[A-Z]{5,}|TIME_WAIT|LISTEN|[a-z]+\(\))"
)
COMMENT = re.compile(r"(^|\s+)# .*$", re.MULTILINE)
# Links between the languages differ by design, and so do the names of translated documents.
SUFFIX = ".zh-CN.md"
COMMENTED = {"sh", "yaml", "promql"}


def sections(text):
    """The sections of a document: (heading, text). A heading in a block of code is none."""
    blocks = []

    def keep(match):
        blocks.append(match[0])
        return f"\0{len(blocks) - 1}\n"

    found = [("the beginning", "")]
    for line in FENCE.sub(keep, text).splitlines():
        if re.match(r"#+ ", line):
            found.append((line, ""))
        else:
            found[-1] = (found[-1][0], found[-1][1] + line + "\n")
    return [(heading, re.sub(r"\0(\d+)\n", lambda match: blocks[int(match[1])], body)) for heading, body in found]


def tokens(text):
    """What has to be the same in both languages: (kind, token), each as often as it occurs."""
    found = collections.Counter()
    for _, language, block in FENCE.findall(text):
        lines = COMMENT.sub("", block) if language in COMMENTED else block
        found.update(("line of code", line.rstrip()) for line in lines.splitlines() if line.strip())
    text = FENCE.sub("", text)
    for match in TARGET.findall(text):
        target = next(filter(None, match)).replace(SUFFIX, ".md")
        found["link", target.partition("#")[0]] += 1
    text = TARGET.sub("]", text)
    found.update(("code", code) for code in CODE.findall(re.sub(r"(?<=\S)\n(?=\S)", " ", text)))
    text = CODE.sub("", text)
    found.update(("name", name) for name in set(NAME.findall(text)))
    text = NAME.sub("", text)
    found.update(("number", number) for number in NUMBER.findall(text))
    return found


def shape(text):
    """How many list items and rows a section has."""
    text = FENCE.sub("", text)
    items = len(re.findall(r"^\s*(?:[-*]|\d+\.) ", text, re.MULTILINE))
    return items, len(re.findall(r"^\|", text, re.MULTILINE))


def differences(original, translation):
    """What differs, a sentence each."""
    here, there = sections(original), sections(translation)
    levels = [[heading.partition(" ")[0] for heading, _ in found[1:]] for found in (here, there)]
    if levels[0] != levels[1]:
        names = [", ".join(heading for heading, _ in found[1:]) for found in (here, there)]
        return [f"the sections differ: {names[0]} against {names[1]}"]
    found = []
    for (heading, text), (other_heading, other) in zip(here, there):
        where = f'in "{heading}", "{other_heading}"'
        wanted, got = tokens(heading + "\n" + text), tokens(other_heading + "\n" + other)
        for token in sorted(wanted.keys() | got.keys()):
            if wanted[token] != got[token]:
                kind, content = token
                found.append(
                    f"{where}: {kind} {content!r} {wanted[token]} times in the original, {got[token]} in the translation"
                )
        if shape(text) != shape(other):
            found.append(
                f"{where}: {shape(text)} items and rows of tables in the original, {shape(other)} in the translation"
            )
    return found
