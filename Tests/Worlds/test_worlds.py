"""Random worlds: what an oracle that reads the kernel by itself says of each has to be on the page.

    .ci/run-python-tests Worlds                         40 worlds from a seed of their own
    WORLDS=1000 .ci/run-python-tests Worlds             as many as wanted
    WORLDS=1 SEED=12345 .ci/run-python-tests Worlds     the first one of a seed again

The seed of a world is printed when it fails, together with what differs and the rows that it is
about. A world is made and asked by a process of its own, which enters its namespaces."""

import os
import pathlib
import random
import subprocess
import sys

import pytest

# In CI the worlds are always the same, so that a failure comes from the change that is tested.
DRAWN = 1 if os.environ.get("CI") == "true" else random.SystemRandom().randrange(1 << 32)
SEED = int(os.environ.get("SEED") or DRAWN)
COUNT = int(os.environ.get("WORLDS") or 40)
RUN = pathlib.Path(__file__).with_name("run_world.py")


@pytest.mark.parametrize("seed", [SEED + number for number in range(COUNT)])
def test_the_page_says_what_the_oracle_says(seed, tmp_path):
    ended = subprocess.run([sys.executable, str(RUN), str(seed), str(tmp_path)], capture_output=True, text=True, timeout=180)
    assert ended.returncode == 0, f"SEED={seed} WORLDS=1 .ci/run-python-tests Worlds\n{ended.stdout}{ended.stderr}"
