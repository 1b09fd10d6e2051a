"""Breaks each rule of rules.py in a copy of the sources, and looks whether a test notices.

    mutate.py            all rules
    mutate.py parity     those whose name or file has this text

Writes .build-mutations/result.txt; the status is 1 where a change went unnoticed."""

import pathlib
import shutil
import subprocess
import sys
import time

from rules import RULES

ROOT = pathlib.Path(__file__).resolve().parents[2]
TREE = ROOT / ".build-mutations" / "tree"


def run(*command):
    return subprocess.run(command, cwd=TREE, capture_output=True, text=True)


def copy_tree():
    """The tracked files as they are; what was compiled from unchanged ones is used again."""
    TREE.mkdir(parents=True, exist_ok=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
    )
    names = {name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()}
    for folder in ("Sources", "Tests"):
        for copy in (TREE / folder).rglob("*.swift"):
            if str(copy.relative_to(TREE)) not in names:
                copy.unlink()
    for name in names:
        source, copy = ROOT / name, TREE / name
        if not (copy.is_file() and copy.read_bytes() == source.read_bytes()):
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, copy)


def build():
    return run("swift", "build", "--build-tests")


def passes(rule):
    """Whether the tests of a rule pass."""
    return run("swift", "test", "--skip-build", "--disable-xctest", "--filter", rule.filter).returncode == 0


def outcome(rule):
    """What became of one change: caught, unnoticed, or why it could not be tried."""
    path = TREE / "Sources" / rule.file
    text = path.read_text()
    if text.count(rule.right) != 1:
        return f"the place is there {text.count(rule.right)} times"
    path.write_text(text.replace(rule.right, rule.wrong))
    try:
        if (built := build()).returncode != 0:
            errors = [line for line in built.stdout.splitlines() + built.stderr.splitlines() if "error:" in line]
            return f"does not compile: {errors[0] if errors else built.stderr}"
        # A crash is noticed as well.
        return "unnoticed" if passes(rule) else "caught"
    finally:
        path.write_text(text)


def main():
    wanted = [rule for rule in RULES if all(word in rule.name + rule.file for word in sys.argv[1:])]
    copy_tree()
    built = build()
    if built.returncode != 0:
        sys.exit(built.stdout[-2000:] + built.stderr[-2000:])
    # Tests that fail by themselves would notice anything.
    for rule in {rule.filter: rule for rule in wanted}.values():
        if not passes(rule):
            sys.exit(f"Tests fail before any change: {rule.filter}")
    caught = 0
    with open(TREE.parent / "result.txt", "w", buffering=1) as results:
        for rule in wanted:
            begin = time.monotonic()
            result = outcome(rule)
            caught += result == "caught"
            results.write(f"{result}\t{rule.name}\t{rule.file}\n")
            print(f"{result}: {rule.name} ({rule.file}), {time.monotonic() - begin:.0f} s", flush=True)
    print(f"{caught} of {len(wanted)} were caught.")
    sys.exit(caught != len(wanted))


main()
