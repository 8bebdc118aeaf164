# SPDX-License-Identifier: Apache-2.0
"""The image in an emulated machine: all checks pass, and a planted defect fails the check that it is planted for."""

import base64
import json
import os
import shutil
import xml.etree.ElementTree as xml
from pathlib import Path

import jsonschema

from cases import case
from world import ROOT, Image, sha256_of

PROMISED = {
    "kernel.release", "storage.mounts", "system.accounts", "kernel.cmdline", "kernel.config", "kernel.modules",
    "kernel.console", "kernel.timer", "driver.bound", "driver.vermagic", "driver.taint", "numa.nodes",
    "numa.distances-symmetric", "numa.cpus-partition", "numa.placement", "numa.migration", "numa.interleave", "numa.weighted",
    "numa.hugepages", "dmabuf.heap", "dmabuf.udmabuf", "dma.copy", "dma.isolation", "iommu.on",
    "iommu.type", "iommu.groups", "numa.device-node", "mem.size", "system.units", "image.deployed",
    "kernel.preempt", "security.vulnerabilities",
}  # fmt: skip


NOT_IN_THE_DEFAULT_IMAGE = {
    "containers.cdi-valid": "no CDI file is in /etc/cdi or /run/cdi",
    "mem.hmm": "kernel RELEASE has CONFIG_DEVICE_PRIVATE off",
}  # fmt: skip
NOT_ON_THE_DEFAULT_MACHINE = {
    "p2p.provider": "the topology names no device with memory for its peers",
    "p2p.transfer": "the topology names no device with memory for its peers",
    "numa.hmat": "the topology declares no HMAT",
    "numa.tiers": "the topology declares no memory tiers",
    "driver.pcie-link": "no device has a PCIe link of its own",
}  # fmt: skip


def validate(world, image, *arguments, target="qemu"):
    return world.ainode("validate", image.directory, "--target", target, "--json", *arguments, place="first", timeout=1200)


def not_passed(report):
    return {check["id"]: check for check in report["checks"] if check["verdict"] != "pass"}


def reasons(report):
    """Why checks did not pass, without the kernel's version."""
    return {name: found["reason"].replace(report["kernel_release"], "RELEASE") for name, found in not_passed(report).items()}


def failed_checks(report):
    return {check["id"] for check in report["checks"] if check["verdict"] == "fail"}


@case()
def image_boots_and_passes(world):
    """Every promised check passes in a booted, unmodified image; JSON, JUnit and Markdown say the same."""
    image = world.image()
    before = sha256_of(image.disk)
    judged = validate(world, image, "-o", world.work / "report.json", "--junit", world.work / "report.xml",
                      "--markdown", world.work / "report.md")  # fmt: skip
    assert judged.status == 0, judged
    report = json.loads((world.work / "report.json").read_text())
    assert judged.json() == report, "--json and -o differ"
    assert report["commit"] == image.commit and report["verdict"] == "pass", report
    left = reasons(report)
    assert left == NOT_ON_THE_DEFAULT_MACHINE | NOT_IN_THE_DEFAULT_IMAGE, left
    assert {check["id"] for check in report["checks"]} >= PROMISED, PROMISED - {check["id"] for check in report["checks"]}
    cases = list(xml.parse(world.work / "report.xml").getroot().iter("testcase"))
    assert len(cases) == len(report["checks"])
    assert not any(entry.find("failure") is not None for entry in cases)
    assert sha256_of(image.disk) == before, "the boot changed the image"
    jsonschema.Draft202012Validator(world.ainode("schema", "report").json()).validate(report)
    gaps = {gap["kind"]: gap for gap in report["coverage"]["gaps"]}
    elsewhere = {target for gap in report["coverage"]["gaps"] if gap["kind"] == "machine" for target in gap["targets"]}
    assert elsewhere == {"qemu:memory-only-node", "qemu:nvme-p2p"} and not report["coverage"]["unproven"], report["coverage"]
    assert "level" not in gaps and "emulation" not in gaps, gaps.keys()
    slow = {check["id"]: check["seconds"] for check in report["checks"] if check["seconds"] > 20}
    assert slow.keys() <= {"driver.vermagic", "security.setuid-list"}, f"not for level quick: {slow}"


@case()
def reports_are_read_back(world):
    """A report is shown again as it was, merged with one of another target, and refused with a cure where it is none."""
    one, other = world.work / "report.json", world.work / "tree.json"
    if not one.exists():
        validate(world, world.image(), "-o", one)
    validate(world, world.image(), "-o", other, "--check", "driver.firmware-present", target="tree")
    for form, name in (("markdown", "report.md"), ("junit", "report.xml")):
        shown = world.ainode("report", form, one)
        assert shown.status == 0 and (not (world.work / name).exists() or shown.out == (world.work / name).read_text()), shown
    table = world.ainode("report", "table", one)
    assert "covered " in table.out and "numa.hmat" in table.out, table
    merged = world.ainode("report", "merge", one, other).json()
    jsonschema.Draft202012Validator(world.ainode("schema", "report").json()).validate(merged)
    assert merged["target"] == "qemu:two-nodes, tree" and merged["verdict"] == "pass", merged
    assert merged["coverage"]["covered"] == json.loads(one.read_text())["coverage"]["covered"] + 1, merged["coverage"]
    broken = world.work / "broken.json"
    broken.write_text(one.read_text().replace("ainode.validate/1", "ainode.validate/9"))
    for arguments, code in (([world.work / "none.json"], "V0020"), ([broken], "V0021"), ([one, "-o", world.work / "no/x"], "H0001")):
        refused = world.ainode("report", "markdown", *arguments)
        assert refused.status == 2 and code in refused.err and "help: " in refused.err, refused


# The agent has left its disk once it runs, and judges devices when the system is up.
AFTER_THE_AGENT = "After=ainode-agent.service\nBefore=multi-user.target"


def planted_unit(shell, order="Before=ainode-agent.service", name="planted"):
    """Kernel arguments that make the guest run a command as root; the image stays as it is."""
    unit = f"[Unit]\nDefaultDependencies=no\n{order}\n[Service]\nType=oneshot\nExecStart=/bin/sh -c '{shell}'\n"
    encoded = base64.b64encode(unit.encode()).decode()
    return [f"systemd.set_credential_binary=systemd.extra-unit.{name}.service:{encoded}", f"systemd.wants={name}.service"]


STATEMENTS = {
    "kernel.sysctl", "kernel.modules", "kernel.module-parameters", "mem.hugepages", "mem.thp", "numa.balancing",
    "numa.reclaim", "cpu.isolated", "cpu.tickless", "cpu.interrupts", "storage.scheduler", "storage.mounts",
    "system.enabled", "system.masked", "system.limits", "system.accounts", "image.files", "security.setuid-list", "security.lsm", "security.lockdown",
    "security.listening-ports",
}  # fmt: skip


@case()
def declared_is_verified(world):
    """An image that makes every statement of the language keeps each of them in the guest."""
    report = validate(world, world.further_image(Path(__file__).parent / "statements", "statements")).json()
    left = reasons(report)
    assert left == NOT_ON_THE_DEFAULT_MACHINE | NOT_IN_THE_DEFAULT_IMAGE, left
    assert {check["id"] for check in report["checks"]} >= STATEMENTS | PROMISED, report
    assert not report["coverage"]["unproven"], report["coverage"]
    unplaced = [check["id"] for check in report["checks"] if check["id"] in STATEMENTS and not check.get("place")]
    assert not unplaced, f"no line of the recipe stands beside {unplaced}"


# What undoes statements on the running node, and the checks that must fail for it: (case, shell, when, checks).
UNDONE = [
    ("settings", [
        "echo 60 >/proc/sys/vm/swappiness",
        "mount --bind /dev/null /usr/lib/modprobe.d/zz-ainode.conf; rmmod loop; modprobe loop max_loop=9",
        "cd /sys/kernel/mm; echo 10 >hugepages/hugepages-2048kB/nr_hugepages; echo never >transparent_hugepage/enabled",
        "echo 1 >/proc/sys/kernel/numa_balancing; echo 0 >/proc/sys/vm/zone_reclaim_mode; echo 3 >/proc/irq/default_smp_affinity",
        "echo 0 >/run/p; for i in isolated nohz_full; do mount --bind /run/p /sys/devices/system/cpu/$$i; done",
    ], "After=systemd-sysctl.service systemd-modules-load.service\nBefore=ainode-agent.service",
     {"kernel.sysctl", "kernel.modules", "kernel.module-parameters", "mem.hugepages", "mem.thp", "numa.balancing",
      "numa.reclaim", "cpu.interrupts", "cpu.isolated", "cpu.tickless"}),
    ("system", [
        "cd /etc/systemd/system; rm multi-user.target.wants/node-ready.service fstrim.timer",
        "mkdir -p /run/systemd/system.conf.d; (echo [Manager]; echo DefaultLimitNOFILE=1024) >/run/systemd/system.conf.d/zzz.conf",
        "systemctl daemon-reload; sed -i s/:950:/:949:/ /etc/passwd; echo more >>/etc/ainode-statement",
        "cp /usr/bin/true /etc/p; chmod u+s /etc/p; for i in lsm lockdown; do mount --bind /dev/null /sys/kernel/security/$$i; done",
    ], "After=local-fs.target sys-kernel-security.mount\nBefore=ainode-agent.service",
     {"system.enabled", "system.masked", "system.limits", "system.accounts", "image.files", "security.setuid-list",
      "security.lsm", "security.lockdown"}),
    # udev would do these again when the agent's disk comes and goes.
    ("devices", ["systemctl stop node-ready.socket; udevadm settle; echo 64 >/sys/block/vda/queue/read_ahead_kb; ln -sfn ../../vda9 /dev/disk/by-partlabel/root"],
     "After=ainode-agent.service local-fs.target systemd-udev-trigger.service\nBefore=multi-user.target",
     {"storage.scheduler", "storage.mounts", "security.listening-ports", "system.enabled"}),
]  # fmt: skip


def add_undone(name, shell, order, caught):
    def control(world):
        planted = planted_unit("; ".join(shell), order)
        image = world.further_image(Path(__file__).parent / "statements", "statements")
        judged = validate(world, image, *(word for argument in planted for word in ("--append", argument)))
        assert judged.status == 1, judged
        failed = {check["id"] for check in judged.json()["checks"] if check["verdict"] == "fail"}
        assert failed == caught, f"missed: {sorted(caught - failed)}, too many: {sorted(failed - caught)}\n{judged}"

    control.__doc__ = f"Statements undone on the running node fail {', '.join(sorted(caught))}, and no other check."
    case(group="long", name=f"control-undone-{name}")(control)


for row in UNDONE:
    add_undone(*row)
assert set().union(*(row[3] for row in UNDONE)) == STATEMENTS, "a statement without what undoes it"


@case(group="long")
def shipped_images_keep_what_they_declare(world):
    """images/cpu-llm.yaml passes but for what emulation has not; its variant for a larger machine names its own line."""
    image = world.further_image(ROOT / "images", "cpu-llm")
    odd = not_passed(validate(world, image).json())
    unmeasurable = {name for name, check in odd.items() if check["verdict"] == "unmeasurable"}
    assert unmeasurable == {"cpu.governor", "storage.scheduler"}, odd
    assert odd.keys() - unmeasurable == (NOT_ON_THE_DEFAULT_MACHINE | NOT_IN_THE_DEFAULT_IMAGE).keys(), odd
    image = world.further_image(ROOT / "images", "cpu-llm@isolated")
    odd = not_passed(validate(world, image).json())
    failed = {name: check["reason"] for name, check in odd.items() if check["verdict"] == "fail"}
    assert failed.keys() == {"cpu.isolated", "cpu.tickless"}, odd
    for reason in failed.values():
        assert "the machine has 0-1" in reason and "cpu-llm.yaml:" in reason, reason


# What Linux 7 has that 6.12 has not, and what podman brings: each row a machine, what is skipped there.
CONTAINERS = {"containers.runs", "containers.cdi-valid", "containers.cdi-isolates", "containers.kube-node", "mem.hmm"}
STALE = 'mkdir -p /run/cdi; sed "s,udmabuf,gone,g;s,ainode.dev/buffer,ainode.dev/stale," /etc/cdi/ainode.json >/run/cdi/stale.json'
CONFORMANCE_CONTROLS = [
    ("no-runtime", "mount --bind /dev/null /usr/bin/crun", "qemu:one-node", {"containers.runs", "containers.cdi-isolates"}),
    ("stale-cdi", STALE, "qemu:one-node", {"containers.cdi-valid", "containers.cdi-isolates"}),
    ("no-device-memory", "mount --bind /dev/null /proc/kallsyms", "qemu:one-node", {"mem.hmm"}),
    ("swap", "(echo Filename; echo /dev/zram0 partition 1 0 1) >/run/p; mount --bind /run/p /proc/swaps", "qemu:one-node",
     {"containers.kube-node"}),
    ("link-errors", "cd /sys/bus/pci/devices; set -- */aer_dev_fatal; echo TOTAL_ERR_FATAL 1 >/run/p; mount --bind /run/p $$1", "qemu:nvme-p2p",
     {"driver.pcie-link"}),
    ("lost-peer", "udevadm settle; echo 0000:03:00.0 >/sys/bus/pci/drivers/nvme/unbind", "qemu:nvme-p2p",
     {"p2p.provider", "p2p.transfer", "driver.bound"}),
]  # fmt: skip


def conformance_image(world):
    return world.further_image(ROOT / "images", "conformance")


@case(group="long")
def conformance_image_passes(world):
    """images/conformance.yaml, Linux 7 of backports and podman, passes on the default machine, and between NVMe peers."""
    report = validate(world, conformance_image(world)).json()
    assert reasons(report) == NOT_ON_THE_DEFAULT_MACHINE, report
    assert report["kernel_release"].startswith("7."), report["kernel_release"]
    assert {check["id"] for check in report["checks"]} >= CONTAINERS | PROMISED, report
    report = validate(world, conformance_image(world), target="qemu:nvme-p2p").json()
    passed = {check["id"] for check in report["checks"] if check["verdict"] == "pass"}
    assert passed >= CONTAINERS | {"p2p.provider", "p2p.transfer"}, report
    assert report["verdict"] == "pass", report


def add_conformance_control(name, shell, target, caught):
    def control(world):
        planted = planted_unit(shell, "After=local-fs.target\nBefore=ainode-agent.service")
        judged = validate(world, conformance_image(world), *(word for each in planted for word in ("--append", each)), target=target)
        assert judged.status == 1 and failed_checks(judged.json()) == caught, judged

    control.__doc__ = f"A planted defect fails {', '.join(sorted(caught))}, and no other check."
    case(group="long", name=f"control-{name}")(control)


for row in CONFORMANCE_CONTROLS:
    add_conformance_control(*row)


MODULES = "/usr/lib/modules/$$(uname -r)"
CONFIG = f"{MODULES}/config"
POOL = "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages"
AFTER_DEBUGFS = "After=sys-kernel-debug.mount\nBefore=ainode-agent.service"
# The SATA controller seems to be in the group of the system's disk.
OTHER_GROUP = ("D=/sys/bus/pci/devices; mkdir /run/planted; cp $$D/0000:00:1f.2/vendor $$D/0000:00:1f.2/device $$D/0000:00:1f.2/class /run/planted; "
               "cp -d $$D/0000:00:01.0/iommu_group /run/planted; mount --bind /run/planted $$D/0000:00:1f.2")
# (case, what is planted, the checks that must fail: these and no other; the target where it is not the default one)
CONTROLS = [
    ("no-iommu", ["intel_iommu=off"], {"iommu.on", "iommu.type", "iommu.groups", "dma.copy", "dma.isolation"}),
    ("passed-through", ["iommu=pt"], {"iommu.type"}),
    ("shared-group", planted_unit(OTHER_GROUP), {"iommu.groups"}),
    ("one-node", ["numa=off"], {"numa.nodes", "numa.distances-symmetric", "numa.cpus-partition", "numa.placement", "numa.migration", "numa.interleave", "numa.weighted", "numa.hugepages", "numa.device-node"}),
    ("stray-device", planted_unit("echo -1 >/run/p; mount --bind /run/p /sys/bus/pci/devices/0000:41:00.0/numa_node"), {"numa.device-node"}),
    ("small-memory", ["mem=1200M"], {"mem.size"}),
    ("missing-module", planted_unit("rmmod erofs"), {"kernel.modules"}),
    ("kernel-complaint", planted_unit('echo "BUG: unable to handle planted defect" > /dev/kmsg'), {"kernel.console"}),
    ("tainted-kernel", planted_unit("echo 512 > /proc/sys/kernel/tainted"), {"driver.taint"}),
    ("useless-heap", planted_unit("mount --bind /dev/null /dev/dma_heap/system"), {"dmabuf.heap"}),
    ("useless-udmabuf", planted_unit("mount --bind /dev/null /dev/udmabuf"), {"dmabuf.udmabuf"}),
    ("stiff-pool", planted_unit(f"mount --bind /dev/null {POOL}"), {"numa.hugepages"}),
    ("other-preemption", planted_unit("echo full > /sys/kernel/debug/sched/preempt", AFTER_DEBUGFS), {"kernel.preempt"}),
    ("unmitigated", ["mitigations=off"], {"security.vulnerabilities"}),
    ("failed-unit", planted_unit("false"), {"system.units"}),
    ("writable-usr", planted_unit("mount -o remount,bind,rw /usr"), {"image.deployed"}),
    ("other-configuration", planted_unit(f"sed s/CONFIG_EROFS_FS=m/CONFIG_EROFS_FS=n/ {CONFIG} > /run/planted; mount --bind /run/planted {CONFIG}"),
     {"kernel.config"}),
    ("unbound-device", planted_unit("echo 0000:00:02.0 > /sys/bus/pci/drivers/virtio-pci/unbind", AFTER_THE_AGENT), {"driver.bound"}),
    ("foreign-module", planted_unit(f"mount --bind /etc/os-release {MODULES}/kernel/fs/erofs/erofs.ko.xz"), {"driver.vermagic"}),
    ("no-hmat", ["numa=nohmat"], {"numa.hmat", "numa.tiers"}, "qemu:memory-only-node"),
]  # fmt: skip


def add_control(name, arguments, caught, target="qemu"):
    def control(world):
        appended = [word for argument in arguments for word in ("--append", argument)]
        judged = validate(world, world.image(), *appended, target=target)
        assert judged.status == 1, judged
        failed = failed_checks(judged.json())
        assert failed == caught, f"failed: {sorted(failed)}, planted for {sorted(caught)}"

    control.__doc__ = f"A planted defect fails {', '.join(sorted(caught))}, and no other check."
    case(group="long", name=f"control-{name}")(control)


for row in CONTROLS:
    add_control(*row)


SPEEDS = {"numa.hmat", "numa.tiers"}
DMA = {"dma.copy", "dma.isolation"}
DEVICE_NODES = {"numa.device-node"}
LINKS = {"driver.pcie-link"}
SEVERAL = {"numa.migration", "numa.interleave", "numa.weighted"}
IOMMU = {"iommu.on", "iommu.type", "iommu.groups"} | DMA
PEERS = {"p2p.provider", "p2p.transfer"}  # Linux 6.12 as Debian configures it has none
# (topology, the checks that this machine or the default image gives nothing to judge)
MACHINES = [
    ("one-node", SPEEDS | IOMMU | SEVERAL | DEVICE_NODES | LINKS),
    ("four-nodes", SPEEDS | DMA | DEVICE_NODES | LINKS),
    ("memory-only-node", IOMMU | DEVICE_NODES | LINKS),
    ("iommu-intel", SPEEDS | SEVERAL | DEVICE_NODES | LINKS),
    ("iommu-amd", SPEEDS | IOMMU | SEVERAL | DEVICE_NODES | LINKS),  # the default image's kernel has no driver for it
    ("nvme-p2p", SPEEDS | IOMMU | SEVERAL | DEVICE_NODES),
    ("tiny-edge", SPEEDS | IOMMU | SEVERAL | DEVICE_NODES | LINKS),
]  # fmt: skip


def add_machine(name, skipped):
    def machine(world):
        judged = validate(world, world.image(), target=f"qemu:{name}")
        assert judged.status == 0, judged
        other = not_passed(judged.json())
        due = dict.fromkeys(skipped | PEERS | NOT_IN_THE_DEFAULT_IMAGE.keys(), "skip")
        due |= dict.fromkeys(LINKS - skipped, "unmeasurable")  # emulated ones have no speed
        assert {check: found["verdict"] for check, found in other.items()} == due, other

    machine.__doc__ = f"The default image passes on {name}; {', '.join(sorted(skipped)) or 'nothing'} is skipped."
    case(group="long", name=f"machine-{name}")(machine)


for row in MACHINES:
    add_machine(*row)


def claim_other_tick_rate(manifest):
    next(each for each in manifest["declared"] if each["subject"] == "kernel.timer")["expected"] *= 4


def claim_other_release(manifest):
    manifest["kernel"]["release"] += "-other"


def claim_other_argument(manifest):
    manifest["kernel"]["cmdline"].append("never-given")


# (case, what the manifest claims, the checks that must fail); --append cannot do these: what it adds is not judged.
CLAIMS = [
    ("other-tick-rate", claim_other_tick_rate, {"kernel.timer"}),
    ("other-argument", claim_other_argument, {"kernel.cmdline"}),
    ("other-release", claim_other_release, {"kernel.release"}),
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
        assert failed_checks(judged.json()) == caught, judged
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
