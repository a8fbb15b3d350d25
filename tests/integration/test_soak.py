"""A short `make soak`: the same programs, the same counting. Whether memory grows, only a long one can tell."""

import os
import re
import subprocess

from harness import BUILD, SOURCE


def test_a_short_soak():
    """All that was asked is told once, through what clients and descriptors do, reloads and ends of workers."""
    environment = {**os.environ, "OI_BUILD": str(BUILD), "OI_SOAK_SECONDS": "20", "OI_SOAK_RATE": "100",
                   "OI_SOAK_GROWTH_KB": "262144"}
    ran = subprocess.run([SOURCE / "tests" / "soak" / "run"], env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                         text=True, check=False, timeout=900)
    *_, verdict = ran.stdout.splitlines()
    found = re.fullmatch(r"\S+ VERDICT PASSED: 20 s, (\d+) requests, (\d+) answered, (\d+) left, (\d+) cut short, (\d+) spans, 0 wrong",
                         verdict)
    assert ran.returncode == 0 and found, ran.stdout + ran.stderr
    requests, answered, left, cut_short, spans = map(int, found.groups())
    assert answered + left + cut_short == requests
    assert requests > 200 and answered <= spans <= answered + left
