# SPDX-License-Identifier: Apache-2.0
"""Machines without a boot: this host itself, and recordings of what checks saw."""

import json
import os
import shutil
import stat

from cases import case
from world import Skip, run

NOBODY = 65534


def verdicts(report):
    return {check["id"]: check["verdict"] for check in report["checks"]}


def lasting(report):
    """What of the results does not depend on when they were judged, and from what."""
    return [{key: value for key, value in check.items() if key not in ("seconds", "repeat")} for check in report["checks"]]


def require_honest_failure(judged, image):
    """This host is not the image, and says so check by check: no crash, no excuse."""
    assert judged.status == 1, judged
    found = {check["id"]: check for check in judged.json()["checks"]}
    assert not [check for check in found.values() if check["verdict"] == "infra"], judged
    release = found["kernel.release"]
    assert release["verdict"] == "fail", release
    assert release["measured"] == os.uname().release and release["expected"] == image.manifest["kernel"]["release"], release
    assert found["image.deployed"]["verdict"] == "fail", found["image.deployed"]
    assert found["numa.nodes"]["reason"] == "the machine's topology is not known", found["numa.nodes"]
    return found


@case()
def local_judges_this_host(world):
    """This host is not the image: its kernel and its deployment fail with both values, as root and as nobody."""
    image = world.image()
    require_honest_failure(world.ainode("validate", image.directory, "--target", "local", "--json"), image)
    known = world.ainode("validate", image.directory, "--target", "local:four-nodes", "--profile", "numa", "--json").json()
    assert known["topology"] == "four-nodes" and verdicts(known)["numa.nodes"] in ("pass", "fail"), known
    if os.getuid() != 0:
        return
    # What nobody may read of the world's directories lies here, with the program as nobody sees it.
    shown = world.work / "as-nobody"
    shown.mkdir(mode=0o755)
    shutil.copy(image.directory / "manifest.json", shown)
    closed = [folder for folder in [shown, *shown.parents] if not folder.stat().st_mode & stat.S_IXOTH]
    if closed:
        raise Skip(f"an ordinary user cannot reach {closed[0]}")
    judged = run([world.program, "validate", shown, "--target", "local", "--json"], shown,
                 {"PATH": "/usr/bin", "HOME": "/nonexistent"}, start=lambda: (os.setgroups([]), os.setgid(NOBODY), os.setuid(NOBODY)))  # fmt: skip
    found = require_honest_failure(judged, image)
    assert found["kernel.console"]["verdict"] in ("pass", "fail", "unmeasurable"), found["kernel.console"]
    world.remove("as-nobody")


@case()
def local_is_recorded_and_judged_again(world):
    """What checks saw of this host gives the same results again; nothing is overwritten, and a damaged recording is refused."""
    image, kept = world.image(), world.work / "kept"
    recorded = world.ainode("record", image.directory, "--target", "local", "--out", kept, "--json")
    assert recorded.status == 0, recorded
    assert recorded.json()["report"] == json.loads((kept / "report.json").read_text())
    assert "nonce" not in json.loads((kept / "expected.json").read_text())
    assert (kept / "root/proc/cmdline").is_file() and (kept / "root/proc/sys/kernel/ostype").is_file()
    again = world.ainode("validate", kept, "--target", "recorded", "--json")
    assert again.status == 1 and lasting(again.json()) == lasting(recorded.json()["report"]), again
    full = world.ainode("record", image.directory, "--out", kept)
    assert full.status == 2 and "B0007" in full.err, full
    (kept / "probes.json").write_text('{"ainode-recording": 2}')
    damaged = world.ainode("validate", kept, "--target", "recorded")
    assert damaged.status == 2 and "V0023" in damaged.err and "help: make it again" in damaged.err, damaged
    absent = world.ainode("validate", image.directory, "--target", "recorded")
    assert absent.status == 2 and "V0022" in absent.err, absent
    world.remove("kept")


def add_machine(name):
    def machine(world):
        image, kept = world.image(), world.work / f"kept-{name}"
        recorded = world.ainode("record", image.directory, "--target", f"qemu:{name}", "--out", kept, "--json", place="first", timeout=1200)
        assert recorded.status == 0, recorded
        report = recorded.json()["report"]
        assert report["verdict"] == "pass" and report["topology"] == name, recorded
        again = world.ainode("validate", kept, "--target", "recorded", "--json")
        assert again.status == 0 and lasting(again.json()) == lasting(report), again
        files = [path for path in kept.rglob("*") if not path.is_dir()]
        assert len(files) > 500 and sum(path.stat().st_size for path in files) < 32 << 20, len(files)
        world.remove(kept.name)

    machine.__doc__ = f"What checks saw of the default image on {name} gives the same verdicts, measured and expected values again."
    case(group="long", name=f"recorded-{name}")(machine)


for topology in ("two-nodes", "memory-only-node"):
    add_machine(topology)


@case(group="long")
def defect_stays_in_the_recording(world):
    """A defect of the machine fails the same check in its recording; recording a bad machine is no failure."""
    image, kept = world.image(), world.work / "kept-defect"
    recorded = world.ainode("record", image.directory, "--append", "mem=1200M", "--out", kept, "--json", place="first", timeout=1200)
    assert recorded.status == 0, recorded
    again = world.ainode("validate", kept, "--target", "recorded", "--json")
    assert again.status == 1, again
    assert {check for check, verdict in verdicts(again.json()).items() if verdict == "fail"} == {"mem.size"}, again
    world.remove(kept.name)
