# SPDX-License-Identifier: Apache-2.0
"""Our solver's answers held against apt's, on the real archive."""

import re
import sys

from cases import case
from world import ROOT, run

COMPARE = ROOT / "tests" / "mirror" / "compare_with_apt.py"
A_FEW = ["qemu-base", "podman-node", "backports-kernel", "backports-half"]


def compare(world, goals, timeout):
    bench = world.program.parent / "resolve_bench"
    assert bench.exists(), f"{bench} is not compiled"
    result = run([sys.executable, "-B", COMPARE, bench, world.work / "compare", *goals], env=world.environment(), timeout=timeout)
    (world.logs / "compare.log").write_text(str(result))
    assert result.status == 0, result
    peak = re.search(r"peak (\d+) MB", result.out)
    assert peak and int(peak[1]) <= 200, f"reading some 75,000 packages took {peak and peak[1]} MB"
    return result.out.splitlines()[-1]


@case()
def a_few_goals_get_what_apt_would_take(world):
    """Four goals, without and with Recommends, get what apt would install, or a whole subset of it."""
    counts = compare(world, A_FEW, 300)
    assert "2 both refuse" in counts and "identical" in counts, counts


@case("long")
def every_goal_gets_what_apt_would_take(world):
    """All goals of tests/mirror/apt_goals.txt, without and with Recommends, get what apt would install, or a subset."""
    counts = compare(world, [], 1800)
    assert "OTHER" not in counts and "identical" in counts, counts
