# SPDX-License-Identifier: Apache-2.0
"""The store: many builds at once, faults at every call of the file system, and damaged bits."""

import concurrent.futures
import datetime
import os
import shutil
import subprocess
from pathlib import Path

from cases import case
from tiny import Archive, Place, digest

BUILDS = 16


def start(command, place, **extra):
    return subprocess.Popen(list(map(str, command)), cwd=place.path, env=place.environment | extra, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # fmt: skip


@case()
def many_builds_share_one_store(world):
    """16 builds at once on one cold cache: each URL is asked for once, 16 equal images, no error."""
    with Archive(world) as archive:
        place = Place(world, archive, "many", uri=archive.http)
        outs = [place.path / f"out-{number}" for number in range(BUILDS)]
        builds = [start(place.command("build", place.recipe, "--out", out, "-j", "1"), place) for out in outs]
        for build in builds:
            said = build.communicate(timeout=300)
            assert build.returncode == 0, said
        assert len({digest(out) for out in outs}) == 1, "the images differ"
        asked = archive.requests()
        assert len(asked) == 9, sorted(asked)  # InRelease, Packages, seven packages
        assert set(asked.values()) == {1}, asked
        place.remove()


def count_points(place, faults):
    """How many calls a build makes, and what it changes elsewhere."""
    log, environment = faulty(place, faults)
    built = place.build(**environment)
    assert built.status == 0, built
    lines = [line.split(" ", 2) for line in log.read_text().splitlines()]
    return max(int(line[0]) for line in lines), lines


def faulty(place, faults, fault=None):
    """The environment of a build with a fault; its counter and log lie beside the place, not in it."""
    counter, log = Path(f"{place.path}.counter"), Path(f"{place.path}.log")
    counter.write_bytes(bytes(8))
    log.write_bytes(b"")
    wish = {"AINODE_FAULT": fault} if fault else {}
    return log, wish | {"LD_PRELOAD": str(faults), "AINODE_FAULT_BELOW": str(place.path), "AINODE_FAULT_COUNTER": str(counter),
                        "AINODE_FAULT_LOG": str(log)}  # fmt: skip


# What a build may touch elsewhere: /dev/shm is memory of its own, and the other two exist.
ELSEWHERE = ("/dev/shm/ainode-gpg-",)
ASKED_FOR = {("mkdir", "/dev/shm"), ("mkdir", "/tmp")}
WORDS = {"ENOSPC": "No space left on device", "EIO": "Input/output error", "full": "No space left on device"}


def violations(place, fault, built, log, old, golden):
    """What a build with a fault did that it must not."""
    action = fault.split(":")[1]
    now = digest(place.out)
    if now not in (old, golden):
        yield "the image directory is neither old nor new"
    if built.status == 0 and now != golden:
        yield "success, but the image is not the right one"
    if built.status != 0 and action in WORDS:
        if built.status != 3 or "error[" not in built.err:
            yield f"exit {built.status} without an environment error"
        elif WORDS[action] not in built.err or str(place.path) not in built.err:
            yield "the error does not name path and reason"
    if left := place.processes():
        yield f"processes left: {left}"
    if left := place.mounts():
        yield f"mounts left: {left}"
    for line in log.read_text().splitlines():
        number, call, path = line.split(" ", 2)
        if number == "0" and not path.startswith(ELSEWHERE) and (call, path) not in ASKED_FOR:
            yield f"changed elsewhere: {call} {path}"


def try_point(world, archive, faults, number, fault, old_image, old, golden):
    """One build with one fault, then one without; the list of what was wrong."""
    place = Place(world, archive, f"points/{number}-{fault.replace(':', '-')}")
    shutil.copytree(old_image, place.out, symlinks=True, copy_function=os.link)
    log, environment = faulty(place, faults, fault)
    built = place.build(**environment)
    wrong = list(violations(place, fault, built, log, old, golden))
    again = place.build(LD_PRELOAD=faults)  # only for its quick syncs
    if again.status != 0 or digest(place.out) != golden:
        wrong.append(f"a rerun without the fault: exit {again.status}\n{again.err[-600:]}")
    if strays := [path.name for path in place.path.iterdir() if path.name.startswith(".ainode")]:
        wrong.append(f"left beside the image after a rerun: {strays}")
    if not wrong:
        place.remove()
        for beside in (f"{place.path}.counter", f"{place.path}.log"):
            os.unlink(beside)
        return []
    lines = [line for line in log.read_text().splitlines() if line.startswith(fault.split(":")[0] + " ")]
    return [f"{fault} ({' '.join(lines)[:160]}): {text}\n{built.err[-400:]}" for text in wrong]


def sample(points, wanted):
    """Evenly spread, another part every day, so that all are tried in time."""
    if wanted == "all" or int(wanted) >= len(points):
        return points
    stride = len(points) / int(wanted)
    first = datetime.date.today().toordinal() % max(1, int(stride))
    return [points[min(len(points) - 1, first + int(index * stride))] for index in range(int(wanted))]


def faults_at(world, wanted, actions):
    faults = world.program.parent / "faults.so"
    assert faults.exists(), f"{faults} is not built"
    with Archive(world) as archive:
        before = Place(world, archive, "points/before", lambda text: text.replace("quiet", "quiet, panic=1"))
        assert before.build().status == 0
        clean = Place(world, archive, "points/clean")
        count, lines = count_points(clean, faults)
        old, golden = digest(before.out), digest(clean.out)
        assert old and golden and old != golden
        points = sample([f"{number}:{action}" for number in range(1, count + 1) for action in actions], wanted)
        print(f"    {len(points)} of {count * len(actions)} points", flush=True)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as workers:
            tries = [workers.submit(try_point, world, archive, faults, number, fault, before.out, old, golden)
                     for number, fault in enumerate(points)]  # fmt: skip
            wrong = []
            for number, one in enumerate(concurrent.futures.as_completed(tries), 1):
                wrong += one.result()
                if number % 250 == 0:
                    print(f"    {number} points tried, {len(wrong)} violations", flush=True)
        left = [path.name for path in Path("/dev/shm").glob("ainode-gpg-*")]
        assert not left, f"left in /dev/shm: {left}"
    assert not wrong, f"{len(wrong)} violations\n" + "\n".join(wrong[:40])
    world.remove("points")


@case()
def faults_at_some_points(world):
    """kill -9, ENOSPC and EIO at 200 calls of a build, spread evenly: the image is old or right, a rerun cures all."""
    faults_at(world, os.environ.get("AINODE_FAULT_POINTS", "200"), ["kill-before", "ENOSPC", "EIO"])


@case(group="long")
def faults_at_every_point(world):
    """kill -9, ENOSPC, EIO and a disk that stays full, at every call of a build that changes the file system."""
    faults_at(world, "all", ["kill-before", "ENOSPC", "EIO", "full"])
