# SPDX-License-Identifier: Apache-2.0
"""The image in an emulated machine: all checks pass, and a planted defect fails the check that it is planted for."""

import contextlib
import datetime
import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

import jsonschema

from cases import case
from world import ROOT, World, sha256_of

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
LLM_SPEED = {
    name: "an emulated processor has no speed of its own; --counted counts its instructions" for name in ("llm.prefill", "llm.decode")
}


def validate(world, image, *arguments, target="qemu"):
    return world.ainode("validate", image.directory, "--target", target, "--json", *arguments, place="first", timeout=7200)


def not_passed(report):
    return {check["id"]: check for check in report["checks"] if check["verdict"] != "pass"}


def reasons(report):
    """Why checks did not pass, without the kernel's version."""
    return {name: found["reason"].replace(report["kernel_release"], "RELEASE") for name, found in not_passed(report).items()}


def failed_checks(report):
    return {check["id"] for check in report["checks"] if check["verdict"] == "fail"}


# What nobody, the user, may open of the agent, which is this shell's parent: one line a try. Its command line is open to
# all, so that shows that tries can succeed; the run's key must not stand in it.
STRANGERS_TRIES = r"""
as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
own=/run/ainode-agent
key=$(grep -o '"nonce": *"[^"]*"' $own/expected.json | cut -d'"' -f4)
for b in /sys/block/*; do [ "$(cat $b/serial 2>/dev/null)" = ainode-agent ] && disk=/dev/${b##*/}; done
for f in /dev/vport* "$disk" $own/expected.json $own/ainode-agent /proc/$PPID/mem /proc/$PPID/environ; do
  [ -e "$f" ] || echo "missing:$f"
  for how in 'head -c 1 "$1" >/dev/null' ': >>"$1"'; do
    as_nobody sh -c "$how" sh "$f" 2>&1 | grep -q ': Permission denied$' && echo refused || echo "open:$f"
  done
done
[ ${#key} -ge 32 ] && echo keyed
as_nobody id -u
as_nobody grep -ac "$key" /proc/$PPID/cmdline
as_nobody grep -ac ainode-agent /proc/$PPID/cmdline
"""


@case()
def boot_runs_a_command_in_the_guest(world):
    """`boot -- COMMAND` runs it in the guest as root, gives its output to the byte and its status, and leaves the image as it is; the agent is closed to others."""
    image = world.image()
    before = sha256_of(image.disk)
    script = f"uname -r; id -u; head -c 300000 /dev/zero | wc -c\n{STRANGERS_TRIES}\nprintf 'no\\n' >&2; exit 7"
    ran = world.ainode("boot", image.directory, "--target", "qemu:one-node", "--", "sh", "-c", script, place="first", timeout=600)
    said = ran.out.split()
    assert (ran.status, said[:3]) == (7, [image.manifest["kernel"]["release"], "0", "300000"]), ran
    assert len(said) >= 19 and set(said[3:-4]) == {"refused"} and said[-4:] == ["keyed", "65534", "0", "1"], ran
    assert ran.err.endswith("no\n") and sha256_of(image.disk) == before, ran
    none = world.ainode("boot", image.directory, "--target", "qemu:one-node", "--", "no-such-program", place="first", timeout=600)
    assert none.status == 127 and "no-such-program could not be started\n" in none.err, none


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
    agent = world.program.parent / "ainode-agent"
    assert agent.stat().st_size <= 4_000_000, f"the agent has {agent.stat().st_size} bytes"
    headers = subprocess.run(["readelf", "--program-headers", agent], capture_output=True, text=True, check=True).stdout
    assert "LOAD" in headers and "INTERP" not in headers, "the agent needs a dynamic linker"
    jsonschema.Draft202012Validator(world.ainode("schema", "report").json()).validate(report)
    gaps = {gap["kind"]: gap for gap in report["coverage"]["gaps"]}
    elsewhere = {target for gap in report["coverage"]["gaps"] if gap["kind"] == "machine" for target in gap["targets"]}
    assert elsewhere == {"qemu:memory-only-node", "qemu:nvme-p2p"} and not report["coverage"]["unproven"], report["coverage"]
    assert gaps["level"]["lacking"] == "full" and "emulation" not in gaps, gaps
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


STATEMENTS = {
    "kernel.sysctl", "kernel.modules", "kernel.module-parameters", "mem.hugepages", "mem.thp", "numa.balancing",
    "numa.reclaim", "cpu.isolated", "cpu.tickless", "cpu.interrupts", "storage.scheduler", "storage.mounts",
    "system.enabled", "system.masked", "system.limits", "system.accounts", "image.files", "security.setuid-list", "security.lsm", "security.lockdown",
    "security.listening-ports", "security.audit", "net.settings", "driver.extra-modules",
}  # fmt: skip


@case(group="long")
def shipped_images_keep_what_they_declare(world):
    """images/cpu-llm.yaml passes but for what emulation has not; its variant for a larger machine names its own line."""
    image = world.further_image(ROOT / "images", "cpu-llm")
    odd = not_passed(validate(world, image).json())
    unmeasurable = {name for name, check in odd.items() if check["verdict"] == "unmeasurable"}
    assert unmeasurable == {"cpu.governor", "storage.scheduler"} | LLM_SPEED.keys(), odd
    assert odd.keys() - unmeasurable == (NOT_ON_THE_DEFAULT_MACHINE | NOT_IN_THE_DEFAULT_IMAGE).keys(), odd
    image = world.further_image(ROOT / "images", "cpu-llm@isolated")
    odd = not_passed(validate(world, image).json())
    failed = {name: check["reason"] for name, check in odd.items() if check["verdict"] == "fail"}
    assert failed.keys() == {"cpu.isolated", "cpu.tickless"}, odd
    for reason in failed.values():
        assert "the machine has 0-1" in reason and "cpu-llm.yaml:" in reason, reason


# What Linux 7 has that 6.12 has not, and what podman brings: each row a machine, what is skipped there.
CONTAINERS = {"containers.runs", "containers.cdi-valid", "containers.cdi-isolates", "containers.kube-node", "mem.hmm", "llm.golden"}


def conformance_image(world):
    return world.further_image(ROOT / "images", "conformance")


# 8 minutes on 2 cores, as one number that does not depend on what else a host does at the time.
SUITE_CPU_SECONDS = 960

# What one of the shipped machines alone, or an unbooted tree, can show of images/conformance.yaml.
SHOWN_BY = {
    "qemu:four-nodes": {"numa.distances-symmetric", "numa.interleave", "numa.hugepages"},
    "qemu:iommu-amd": {"iommu.on", "iommu.type", "iommu.groups", "dma.copy"},
    "qemu:iommu-intel": {"iommu.on", "iommu.type", "iommu.groups", "dma.copy", "dma.isolation"},
    "qemu:memory-only-node": {"numa.hmat", "numa.tiers", "numa.weighted"},
    "qemu:nvme-p2p": {"p2p.provider", "p2p.transfer", "driver.bound"},
    "qemu:one-node": {"containers.kube-node"},
    "qemu:tiny-edge": {"mem.thp", "mem.hugepages", "numa.hugepages"},
    "qemu:two-nodes": {"numa.migration", "numa.device-node", "mem.hmm"},
    "tree": {"driver.signed", "driver.symbols", "driver.vermagic", "driver.firmware-present"},
}


@case(group="long")
def conformance_image_passes(world):
    """images/conformance.yaml, Linux 7 of backports and podman, passes on every shipped machine and as a tree, within 960 CPU-s."""
    judged = validate(world, conformance_image(world), "--target", "tree", target="qemu:all")
    report = judged.json()
    assert judged.status == 0 and report["verdict"] == "pass", judged
    assert report["kernel_release"].startswith("7."), report["kernel_release"]
    found = {check["id"]: check for check in report["checks"]}
    on = {target: {name for name, check in found.items() if check["verdicts"].get(target) == "pass"} for target in SHOWN_BY}
    missing = {target: ids - on[target] for target, ids in SHOWN_BY.items() if ids - on[target]}
    assert not missing, missing
    for target in SHOWN_BY.keys() - {"tree"}:
        assert on[target] >= CONTAINERS, (target, CONTAINERS - on[target])
    assert found.keys() >= PROMISED, PROMISED - found.keys()
    assert found["mem.hmm"]["measured"]["device"]["brought_back"], found["mem.hmm"]
    transfers = found["p2p.transfer"]["measured"].values()
    assert transfers and all(one["read"] and one["written"] for one in transfers), found["p2p.transfer"]
    spent = sum(run.get("cpu_seconds", 0) for run in report["boot"]["runs"])
    print(f"all machines: {spent:.0f} CPU-s")
    assert spent <= SUITE_CPU_SECONDS, f"the suite takes {spent:.0f} CPU-s"


def judged_with_controls(world, image, target, *arguments):
    """A report in which every check that passes fails for a planted defect, and no defect fails what it was not planted for."""
    judged = validate(world, image, "--controls", *arguments, target=target)
    report = judged.json()
    rows = {check["id"]: check for check in report["checks"] if check["id"].startswith("control.")}
    odd = {name: row["reason"] for name, row in rows.items() if row["verdict"] != "pass"}
    assert judged.status == 0 and not odd, f"{odd}\n{judged}"
    score = rows.pop("control.score")["measured"]
    caught = {check for row in rows.values() for check in row["expected"]["fail"]}
    print(f"{score['caught']} of {score['passed']} checks caught, by {len(rows)} defects")
    assert score["caught"] == score["passed"] == len(caught) > 0 and not score["uncaught"], score
    return report, caught


def statements_image(world):
    return world.further_image(Path(__file__).parent / "statements", "statements")


def share_of_today(shares):
    """Another one each day, so that `ci/test` plants all in as many days."""
    return f"{datetime.date.today().toordinal() % shares + 1}/{shares}"


@case()
def declared_is_verified(world):
    """An image that makes every statement of the language keeps each of them; a sixth of the checks, another each day, finds what is planted for it."""
    image = statements_image(world)
    report, _ = judged_with_controls(world, image, "qemu", "--share", share_of_today(6))
    left = reasons(report)
    assert left == NOT_ON_THE_DEFAULT_MACHINE | NOT_IN_THE_DEFAULT_IMAGE | LLM_SPEED, left
    due = STATEMENTS | PROMISED | {"llm.golden"}
    passed = {check["id"] for check in report["checks"] if check["verdict"] == "pass"}
    assert passed >= due, due - passed
    assert not report["coverage"]["unproven"], report["coverage"]
    unplaced = [check["id"] for check in report["checks"] if check["id"] in STATEMENTS and not check.get("place")]
    assert not unplaced, f"no line of the recipe stands beside {unplaced}"
    judged_with_controls(world, image, "tree", "--share", share_of_today(6))


@case(group="long")
def every_check_catches_its_defect(world):
    """Each check of the image that makes every statement, in a guest and of its tree, finds what is planted for it."""
    image = statements_image(world)
    caught = judged_with_controls(world, image, "qemu")[1]
    due = STATEMENTS | PROMISED | {"llm.golden"}
    assert caught >= due, due - caught
    assert len(judged_with_controls(world, image, "tree")[1]) >= 8


@case()
def a_module_that_does_not_compile_is_told(world):
    """A module whose source does not fit the kernel: the error has the recipe's line and what the compiler said."""
    statements_image(world)
    images = world.work / "first" / "images"
    (images / "broken.c").write_text("#include <linux/no-such-header.h>\n")
    recipe = (images / "statements.yaml").read_text().replace("name: statements", "name: broken")
    (images / "broken.yaml").write_text(recipe.replace("ainode_statement", "broken"))
    shutil.copy(images / "statements.amd64.lock", images / "broken.amd64.lock")
    built = world.ainode("build", images / "broken.yaml", "--out", world.work / "first" / "broken", place="first")
    assert built.status == 1 and "error[B0017]: module `broken` was not compiled for kernel" in built.err, built
    assert "broken.c:1:10: fatal error: linux/no-such-header.h" in built.err, built
    assert "broken.yaml:" in built.err and not (world.work / "first" / "broken").exists(), built


@case()
def a_control_is_planted_alone(world):
    """One defect by its name fails its check; one without a place, or that does not exist, is refused before a boot."""
    image = world.image()
    judged = world.ainode("validate", image.directory, "--target", "tree", "--control", "foreign-module", "--json")
    assert judged.status == 1 and failed_checks(judged.json()) == {"driver.vermagic", "driver.signed"}, judged
    for arguments, words in (
        (["--control", "lost-peer"], "has no place in this image on qemu"),
        (["--control", "no-iomu"], "did you mean `no-iommu`?"),
        (["--target", "local", "--controls"], "takes no defects"),
        (["--apart"], "--controls"),
        (["--share", "1/6"], "--controls"),
        (["--controls", "--share", "7/6"], "`7/6` is no share"),
        (["--controls", "--share", "half"], "`half` is no share"),
        (["--controls", "--control", "no-iommu"], "--control"),
    ):
        refused = world.ainode("validate", image.directory, *arguments)
        assert refused.status == 2 and words in refused.err, refused


# (case, image, target, arguments): what other images and machines give to catch; and each defect alone.
FURTHER_CONTROLS = [
    ("apart", World.image, "qemu", ["--apart"]),
    ("one-node", World.image, "qemu:one-node", []),
    ("memory-only-node", World.image, "qemu:memory-only-node", []),
    ("conformance", conformance_image, "qemu", []),
    ("conformance-peers", conformance_image, "qemu:nvme-p2p", []),
    ("conformance-amd", conformance_image, "qemu:iommu-amd", []),
]


def add_controls(name, image, target, arguments):
    def controls(world):
        judged_with_controls(world, image(world), target, *arguments)

    controls.__doc__ = f"The mutation score of {name} on {target} is whole."
    case(group="long", name=f"controls-{name}")(controls)


for row in FURTHER_CONTROLS:
    add_controls(*row)


LLM = ("--check", "llm.golden", "--check", "llm.prefill", "--check", "llm.decode")


@contextlib.contextmanager
def busy_host():
    """Two processes more than there are processors, until the block ends."""
    spinning = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range((os.cpu_count() or 1) + 2)]
    try:
        yield
    finally:
        for each in spinning:
            each.kill()
            each.wait()


def counted(report):
    assert report["verdict"] == "pass" and report["boot"]["accelerator"] == "tcg,icount", report
    figures = {figure["name"]: figure for check in report["checks"] for figure in check["figures"]}
    assert figures.keys() == {"llm.prefill-instructions-per-token", "llm.decode-instructions-per-token"}, figures
    assert all(figure["counted"] and figure["better"] == "lower" for figure in figures.values()), figures
    return {name: figure["samples"] for name, figure in figures.items()}


@case(group="long")
def instructions_are_counted_alike_on_a_busy_host(world):
    """What a token costs in instructions differs by less than 0.5 % between two boots, of which the second has a busy host."""
    image = world.image()
    alone = counted(validate(world, image, "--counted", *LLM).json())
    with busy_host():
        beside_others = counted(validate(world, image, "--counted", *LLM).json())
    for name, [here] in alone.items():
        [there] = beside_others[name]
        print(f"{name}: {here:.0f}, on a busy host {there:.0f}: {abs(here / there - 1):.4%}")
        assert abs(here / there - 1) < 0.005, (name, here, there)
    for arguments, words in (
        (["--target", "qemu:two-nodes"], "topology `two-nodes` has 2 processors"),
        (["--target", "tree"], "target tree is no emulated machine"),
    ):
        refused = world.ainode("validate", image.directory, "--counted", *arguments)
        assert refused.status == 2 and words in refused.err and "help: " in refused.err, refused


@case(group="long")
def a_processor_without_wide_registers_computes_the_same(world):
    """On QEMU's qemu64, which has no AVX2, the model's logits are those of every other processor."""
    old = world.work / "qemu64"
    old.write_text('#!/bin/bash\nexec qemu-system-x86_64 "${@/#max/qemu64}"\n')
    old.chmod(0o755)
    reports = [validate(world, world.image(), *LLM[:2], *arguments).json() for arguments in ([], ["--qemu", old])]
    golden = [report["checks"][0] for report in reports]
    assert [check["verdict"] for check in golden] == ["pass", "pass"], golden
    assert [check["measured"]["q8_0"]["kernels"] for check in golden] == ["avx2", "scalar"], golden


FIGURES = ["numa.bandwidth", "numa.latency", "rt.latency", "system.boot-time"]


@case(group="long")
def figures_are_measured_and_not_judged(world):
    """Speeds of memory, wake-ups and the boot are measured in a guest too, and emulation makes no verdict of them."""
    judged = validate(world, world.image(), *(word for check in FIGURES for word in ("--check", check)))
    assert judged.status == 4, f"nothing was judged, and nothing went wrong: {judged}"
    found = {check["id"]: check for check in judged.json()["checks"]}
    assert {check["verdict"] for check in found.values()} == {"unmeasurable"} and len(found) == len(FIGURES), judged
    assert len(found["numa.bandwidth"]["measured"]) == len(found["numa.latency"]["measured"]) == 4, judged
    assert found["rt.latency"]["measured"]["wakeups"] == 40_000 and found["system.boot-time"]["measured"]["all_s"] > 0, judged


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


@case(group="long")
def several_machines_in_one_run(world):
    """Machines side by side and the tree as one report; a killed run goes on where it was, and comes to the same."""
    image, kept = world.image(), world.work / "kept"
    targets = [word for name in ("qemu:one-node", "qemu:memory-only-node", "tree") for word in ("--target", name)]
    arguments = ["validate", image.directory, *targets, "--level", "quick", "--json", "--resume", kept]
    killed = world.ainode(*arguments, place="first", AINODE_FAILPOINT="machines:kept=kill")
    assert killed.status in (-9, 137), killed
    before = {file.name: file.stat().st_mtime_ns for file in kept.iterdir()}
    assert len(before) == 1, before
    judged = world.ainode(*arguments, "-o", world.work / "all.json", place="first")
    assert judged.status == 0, judged
    assert "kept" in judged.err, judged
    after = {file.name: file.stat().st_mtime_ns for file in kept.iterdir()}
    assert len(after) == 2 and before.items() <= after.items(), (before, after)
    report = judged.json()
    jsonschema.Draft202012Validator(world.ainode("schema", "report").json()).validate(report)
    assert report["target"] == "qemu:one-node, qemu:memory-only-node, tree", report["target"]
    found = {check["id"]: check["verdicts"] for check in report["checks"]}
    assert found["numa.hmat"] == {"qemu:one-node": "skip", "qemu:memory-only-node": "pass"}, found["numa.hmat"]
    assert found["kernel.release"].keys() == {"tree"}, "what files say was asked of several"
    assert not {"elsewhere", "run"} & {gap["kind"] for gap in report["coverage"]["gaps"]}, report["coverage"]
    again = world.ainode(*arguments, place="first")
    assert again.json() == report, "kept reports give another one"


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
