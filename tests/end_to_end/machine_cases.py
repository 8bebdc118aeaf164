# SPDX-License-Identifier: Apache-2.0
"""The image in an emulated machine: all checks pass, and a planted defect fails the check that it is planted for."""

import json
import xml.etree.ElementTree as xml

from cases import case
from world import sha256_of

PROMISED = {
    "kernel.cmdline", "kernel.config", "kernel.modules", "kernel.console", "kernel.timer", "driver.bound",
    "driver.vermagic", "driver.taint", "numa.nodes", "numa.distances-symmetric", "numa.cpus-partition",
    "numa.placement", "dmabuf.heap", "iommu.on", "mem.size", "system.units", "image.deployed",
}  # fmt: skip


def validate(world, image, *arguments):
    return world.ainode("validate", image.directory, "--target", "qemu", "--json", *arguments, place="first", timeout=1200)


def failed_checks(report):
    return {check["id"]: check for check in report["checks"] if check["verdict"] != "pass"}


@case()
def image_boots_and_passes(world):
    """Every promised check passes in a booted, unmodified image; JSON and JUnit say the same."""
    image = world.image()
    before = sha256_of(image.disk)
    judged = validate(world, image, "-o", world.work / "report.json", "--junit", world.work / "report.xml")
    assert judged.status == 0, judged
    report = json.loads((world.work / "report.json").read_text())
    assert judged.json() == report, "--json and -o differ"
    assert report["commit"] == image.commit and report["verdict"] == "pass", report
    assert failed_checks(report) == {}, failed_checks(report)
    assert {check["id"] for check in report["checks"]} >= PROMISED, PROMISED - {check["id"] for check in report["checks"]}
    cases = list(xml.parse(world.work / "report.xml").getroot().iter("testcase"))
    assert len(cases) == len(report["checks"])
    assert not any(entry.find("failure") is not None for entry in cases)
    assert sha256_of(image.disk) == before, "the boot changed the image"


@case(group="long")
def controls_are_caught(world):
    """Arguments planted on the guest's command line fail the checks they are planted for."""
    image = world.image()
    for argument, caught in (("intel_iommu=off", {"iommu.on"}), ("numa=off", {"numa.nodes"}), ("mem=600M", {"mem.size"})):
        judged = validate(world, image, "--append", argument)
        assert judged.status == 1, judged
        assert caught <= set(failed_checks(judged.json())), f"{argument}: {sorted(failed_checks(judged.json()))}"


@case(group="long")
def panic_is_told_apart(world):
    """A guest that cannot find its init panics, and the report says so."""
    image = world.image()
    judged = validate(world, image, "--append", "rdinit=/no-such-init", "--append", "init=/no-such-init")
    assert judged.status == 1, judged
    assert "panic" in json.dumps(judged.json()).lower(), judged


@case()
def missing_qemu_is_named(world):
    """Without QEMU the error names it, with exit 3; nothing is said about the image."""
    image = world.image()
    judged = validate(world, image, "--qemu", "no-such-qemu")
    assert judged.status == 3 and judged.json()["code"] == "H0004", judged
