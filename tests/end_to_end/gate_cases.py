# SPDX-License-Identifier: Apache-2.0
"""Figures of a guest, held to a baseline: the exit status is what a pipeline decides by."""

import copy
import json

from cases import case
from machine_cases import validate

DECODE = "llm.decode-instructions-per-token"


def write(world, name, value):
    path = world.work / "gate" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def with_samples(report, factor):
    """The report of a candidate whose tokens cost as many instructions."""
    changed = copy.deepcopy(report)
    for check in changed["checks"]:
        for figure in check["figures"]:
            figure["samples"] = [sample * factor for sample in figure["samples"]]
    return changed


@case()
def figures_are_held_to_a_baseline(world):
    """Instructions a token of a guest: the same image is good, 5 % more is bad, less than the noise is inconclusive."""
    report = validate(world, world.image(), "--counted", "--check", "llm.decode").json()
    base, baseline = write(world, "base.json", report), world.work / "gate" / "baseline.json"
    made = world.ainode("baseline", base, "-o", baseline, "--json")
    assert made.status == 0 and made.json() == json.loads(baseline.read_text()), made
    policy = write(world, "policy.yaml", f"limits:\n  {DECODE}: {{regress: 1%}}\nmust-pass: [llm.decode]\n")

    def gate(candidate, *arguments):
        return world.ainode("gate", candidate, "--baseline", baseline, "--json", *arguments)

    for factor, status, word in ((1, 0, "same"), (1.05, 1, "worse"), (0.95, 0, "better"), (1.007, 5, "inconclusive")):
        judged = gate(write(world, "candidate.json", with_samples(report, factor)), "--policy", policy)
        answer = judged.json()
        assert judged.status == status == answer["exit_code"], judged
        [figure] = answer["figures"]
        assert figure["name"] == DECODE and figure["verdict"] == word, figure
        assert abs(figure["change"] - (factor - 1)) < 1e-6 and figure["interval"][0] < factor - 1 < figure["interval"][1], figure
        assert (figure["more_boots"] > 0) == (word == "inconclusive"), figure
    slow = write(world, "slow.json", with_samples(report, 1.05))
    compared = world.ainode("compare", base, slow, "--margin", "2%")
    assert compared.status == 1 and f"WORSE   {DECODE}" in compared.out, compared
    assert world.ainode("compare", baseline, base, "--json").json()["schema"] == "ainode.compare/1"
    require_refusals(world, report, baseline, gate)


def require_refusals(world, report, baseline, gate):
    """What is no question: each with its code and its cure; and a report that holds nothing to judge."""
    base = world.work / "gate" / "base.json"
    nothing = copy.deepcopy(report)
    for check in nothing["checks"]:
        check["figures"] = []
    assert gate(write(world, "nothing.json", nothing)).status == 4
    other_image = report | {"image": "other"}
    expired = json.loads(baseline.read_text()) | {"made": "2020-01-01", "expires": "2020-02-01"}
    empty = json.loads(baseline.read_text())
    empty["figures"][0]["samples"] = []
    for name, arguments, code in (
        ("another image", [write(world, "other.json", other_image), "--baseline", baseline], "V0027"),
        ("an expired baseline", [base, "--baseline", write(world, "expired.json", expired)], "V0026"),
        ("no samples", [base, "--baseline", write(world, "empty.json", empty)], "V0025"),
        ("no baseline", [base, "--baseline", world.work / "gate" / "none.json"], "V0024"),
        ("a report as a baseline", [base, "--baseline", base], "V0025"),
        ("a baseline as a report", [baseline, "--baseline", baseline], "V0021"),
        ("a misspelt key", [base, "--baseline", baseline, "--policy", write(world, "bad.yaml", "limit: {}\n")], "R0107"),
        ("no policy", [base, "--baseline", baseline, "--policy", world.work / "gate" / "none.yaml"], "V0028"),
    ):
        refused = world.ainode("gate", *arguments)
        assert refused.status == 2 and f"error[{code}]" in refused.err and "help: " in refused.err, (name, refused)
