# SPDX-License-Identifier: Apache-2.0
"""The image in an emulated machine: all checks pass, and a planted defect fails the check that it is planted for."""

import base64
import json
import os
import shutil
import xml.etree.ElementTree as xml

from cases import case
from world import Image, sha256_of

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


# The agent has left its disk once it runs, and judges devices when the system is up.
AFTER_THE_AGENT = "After=ainode-agent.service\nBefore=multi-user.target"


def planted_unit(shell, order="Before=ainode-agent.service"):
    """Kernel arguments that make the guest run a command as root; the image stays as it is."""
    unit = f"[Unit]\nDefaultDependencies=no\n{order}\n[Service]\nType=oneshot\nExecStart=/bin/sh -c '{shell}'\n"
    encoded = base64.b64encode(unit.encode()).decode()
    return [f"systemd.set_credential_binary=systemd.extra-unit.planted.service:{encoded}", "systemd.wants=planted.service"]


MODULES = "/usr/lib/modules/$$(uname -r)"
CONFIG = f"{MODULES}/config"
# (case, what is planted, the checks that must fail: these and no other)
CONTROLS = [
    ("no-iommu", ["intel_iommu=off"], {"iommu.on"}),
    ("one-node", ["numa=off"], {"numa.nodes", "numa.distances-symmetric", "numa.cpus-partition", "numa.placement"}),
    ("small-memory", ["mem=1200M"], {"mem.size"}),
    ("missing-module", planted_unit("rmmod erofs"), {"kernel.modules"}),
    ("kernel-complaint", planted_unit('echo "BUG: unable to handle planted defect" > /dev/kmsg'), {"kernel.console"}),
    ("tainted-kernel", planted_unit("echo 512 > /proc/sys/kernel/tainted"), {"driver.taint"}),
    ("useless-heap", planted_unit("mount --bind /dev/null /dev/dma_heap/system"), {"dmabuf.heap"}),
    ("failed-unit", planted_unit("false"), {"system.units"}),
    ("writable-usr", planted_unit("mount -o remount,bind,rw /usr"), {"image.deployed"}),
    ("other-configuration", planted_unit(f"sed s/CONFIG_EROFS_FS=m/CONFIG_EROFS_FS=n/ {CONFIG} > /run/planted; mount --bind /run/planted {CONFIG}"),
     {"kernel.config"}),
    ("unbound-device", planted_unit("echo 0000:00:02.0 > /sys/bus/pci/drivers/virtio-pci/unbind", AFTER_THE_AGENT), {"driver.bound"}),
    ("foreign-module", planted_unit(f"mount --bind /etc/os-release {MODULES}/kernel/fs/erofs/erofs.ko.xz"), {"driver.vermagic"}),
]  # fmt: skip


def add_control(name, arguments, caught):
    def control(world):
        appended = [word for argument in arguments for word in ("--append", argument)]
        judged = validate(world, world.image(), *appended)
        assert judged.status == 1, judged
        failed = {check["id"] for check in judged.json()["checks"] if check["verdict"] == "fail"}
        assert failed == caught, f"failed: {sorted(failed)}, planted for {sorted(caught)}"

    control.__doc__ = f"A planted defect fails {', '.join(sorted(caught))}, and no other check."
    case(group="long", name=f"control-{name}")(control)


for row in CONTROLS:
    add_control(*row)


def claim_other_tick_rate(manifest):
    next(each for each in manifest["declared"] if each["subject"] == "kernel.timer")["expected"] *= 4


def claim_other_argument(manifest):
    manifest["kernel"]["cmdline"].append("never-given")


# (case, what the manifest claims, the checks that must fail); --append cannot do these: what it adds is not judged.
CLAIMS = [
    ("other-tick-rate", claim_other_tick_rate, {"kernel.timer"}),
    ("other-argument", claim_other_argument, {"kernel.cmdline"}),
]


def add_claim(name, claim, caught):
    def control(world):
        directory = world.work / name
        shutil.copytree(world.image().directory, directory, copy_function=os.link, symlinks=True)
        manifest = json.loads((directory / "manifest.json").read_text())
        claim(manifest)
        (directory / "manifest.json").unlink()
        (directory / "manifest.json").write_text(json.dumps(manifest))
        judged = validate(world, Image(directory))
        assert judged.status == 1, judged
        assert set(failed_checks(judged.json())) == caught, judged
        world.remove(name)

    control.__doc__ = f"A manifest that claims what the image is not fails {', '.join(sorted(caught))}, and no other check."
    case(group="long", name=f"control-{name}")(control)


for row in CLAIMS:
    add_claim(*row)


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
