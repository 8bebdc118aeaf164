# SPDX-License-Identifier: Apache-2.0
"""The store: many builds at once, faults at every call of the file system, and damaged bits."""

import concurrent.futures
import datetime
import fcntl
import json
import os
import random
import shutil
import subprocess
from pathlib import Path

from cases import case
from input_cases import small_tmpfs
from resume import Passed, state_of
from tiny import Archive, Place, digest
from world import Skip, run

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


@case()
def cleaning_waits_for_builds(world):
    """`cache gc` during 8 builds that share a store: they build the right image, then it removes what nobody used."""
    with Archive(world) as archive:
        place = Place(world, archive, "cleaned")
        assert place.build().status == 0
        golden = digest(place.out)
        shutil.rmtree(place.cache)
        outs = [place.path / f"out-{number}" for number in range(8)]
        builds = [start(place.command("build", place.recipe.name, "--out", out, "-j", "1"), place) for out in outs]
        # A lock of one's own stands for a ninth build that takes its time.
        (place.cache / "ainode").mkdir(parents=True, exist_ok=True)
        with open(place.cache / "ainode" / "lock", "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
            clean = start(place.command("cache", "gc", "--older-than", "0h", "--json"), place)
            for build in builds:
                said = build.communicate(timeout=300)
                assert build.returncode == 0, said
            for line in clean.stderr:
                if "is in use by a build; waiting until none runs" in line:
                    break
            assert clean.poll() is None
        out, err = clean.communicate(timeout=60)
        assert clean.returncode == 0, out + err
        assert {digest(out) for out in outs} == {golden}
        said = json.loads(out)
        assert said["schema"] == "ainode.cache-gc/1" and said["bytes_left"] == 0 and said["objects_removed"] > 50, said
        assert place.build().status == 0 and digest(place.out) == golden
        place.remove()


@case()
def cache_is_listed_cleaned_and_verified(world):
    """`cache ls` names what lies there; `gc` removes the oldest and the rest still builds; `verify` is good."""
    with Archive(world) as archive:
        place = Place(world, archive, "listed")
        assert place.build().status == 0
        golden = digest(place.out)
        listed = place.ainode("cache", "ls", "--json").json()
        kinds = [item["kind"] for item in listed["items"]]
        assert listed["schema"] == "ainode.cache-ls/1" and listed["bytes"] > 1 << 20, listed
        counts = {"package": 7, "deb": 7, "step": 3, "tools": 1, "image": 1, "index": 1, "pool": 1}
        assert {kind: kinds.count(kind) for kind in counts} == counts, kinds
        assert "hello 1.0 (amd64)" in [item["name"] for item in listed["items"]]
        month = 31 * 86400
        for deb in (place.cache / "ainode" / "debs").glob("*.deb"):
            os.utime(deb, (deb.stat().st_mtime - month,) * 2)
        tried = place.ainode("cache", "gc", "--dry-run", "--json").json()
        assert tried["dry_run"] and len(list((place.cache / "ainode" / "debs").iterdir())) == 7
        cleaned = place.ainode("cache", "gc", "--json").json()
        assert {item["kind"] for item in cleaned["removed"]} == {"deb"} and len(cleaned["removed"]) == 7, cleaned
        assert cleaned["removed"] == tried["removed"] and cleaned["bytes_freed"] == tried["bytes_freed"]
        assert not list((place.cache / "ainode" / "debs").iterdir())
        good = place.ainode("cache", "verify", "--json")
        assert good.status == 0 and good.json()["good"] is True, good
        kept = place.ainode("cache", "gc", "--keep", "1M", "--json").json()
        assert kept["bytes_left"] <= 1 << 20 and kept["removed"], kept
        assert place.ainode("cache", "verify", "--json").json()["good"] is True
        assert place.build(out=place.path / "out2").status == 0 and digest(place.path / "out2") == golden
        wrong = place.ainode("cache", "gc", "--older-than", "soon", "--json")
        assert wrong.status == 2 and wrong.json()["message"] == "`soon` is no value for --older-than", wrong
        place.remove()


def flip(path, bit):
    """One bit of a file turned over in place: owner, mode, times and links stay."""
    status = path.stat()
    with open(path, "r+b") as file:
        file.seek(bit // 8)
        byte = file.read(1)[0]
        file.seek(bit // 8)
        file.write(bytes([byte ^ (1 << bit % 8)]))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


UNREAD = {"lock", ".lock"}


def bits_of(directory, chooser, wanted):
    """Random bits of random files, the files' kinds as likely as one another, so that refs are hit as often as debs."""
    kinds = {}
    for path in sorted(directory.rglob("*")):
        if path.is_file() and not path.is_symlink() and path.stat().st_size and path.name not in UNREAD:
            inside = path.relative_to(directory).parts
            kind = path.suffix if "objects" in inside else path.suffix if len(inside) == 1 else "/".join(inside[:2])
            kinds.setdefault(kind, []).append(path)
    for number in range(wanted):
        files = kinds[sorted(kinds)[number % len(kinds)]]
        path = chooser.choice(files)
        yield path, chooser.randrange(path.stat().st_size * 8)


def flip_in_store(place, golden, path, bit):
    """None when it was found or harmless, else what went wrong. The store is whole again afterwards."""
    what = f"{path.relative_to(place.path)} bit {bit}"
    flip(path, bit)
    verified = place.ainode("cache", "verify", "--json")
    built = place.build("--offline")
    harmless = built.status == 0 and digest(place.out) == golden
    if built.status == 0 and not harmless:
        return f"{what}: another image was built"
    if not harmless and (verified.status == 0 or "has the hash" not in built.err + built.out and built.status not in (1, 3)):
        return f"{what}: {built}{verified}"
    if verified.status == 1:
        repaired = place.ainode("cache", "verify", "--repair", "--json")
        again = place.ainode("cache", "verify", "--json")
        if repaired.status != 0 or again.status != 0:
            return f"{what}: not repaired\n{repaired}{again}"
    last = place.build()
    if last.status != 0 or digest(place.out) != golden:
        return f"{what}: the build after the repair is not right: {last}"
    return None


def flip_in_image(place, path, bit):
    what = f"{path.relative_to(place.path)} bit {bit}"
    flip(path, bit)
    verified = place.ainode("verify", place.out, "--json")
    flip(path, bit)
    if verified.status == 0 and path.suffix != ".commitmeta":  # both signatures are good with this very bit
        return f"{what}: not found"
    return None


def flip_in_lock(place, bit):
    lock = place.path / "tiny.amd64.lock"
    flip(lock, bit)
    built = place.build("--locked", "--offline", "--json")
    flip(lock, bit)
    return None if built.status == 2 and built.json()["code"] == "P0020" else f"lock bit {bit}: {built}"


def flips(world, wanted):
    """Half in the store, the rest in image and lock."""
    chooser = random.Random(datetime.date.today().toordinal())
    with Archive(world) as archive:
        place = Place(world, archive, "flips")
        assert place.build().status == 0
        golden, wrong = digest(place.out), []
        for path, bit in list(bits_of(place.out, chooser, wanted * 3 // 10)):
            wrong.append(flip_in_image(place, path, bit))
        size = (place.path / "tiny.amd64.lock").stat().st_size
        for _ in range(wanted // 5):
            wrong.append(flip_in_lock(place, chooser.randrange(size * 8)))
        store = place.cache / "ainode"
        for number in range(wanted // 2):
            shutil.rmtree(place.out)  # else nothing is read: it is known to be unchanged
            path, bit = list(bits_of(store, chooser, number + 1))[-1]
            wrong.append(flip_in_store(place, golden, path, bit))
            if wrong[-1]:
                shutil.rmtree(place.cache)
                assert place.build().status == 0
        wrong = [one for one in wrong if one]
        assert not wrong, f"{len(wrong)} of {wanted}\n" + "\n".join(wrong[:20])
        place.remove()


@case()
def some_flipped_bits_are_found(world):
    """60 random single bits in store, image and lock: each is found before it is used, or changes nothing."""
    flips(world, 60)


@case(group="long")
def flipped_bits_are_found(world):
    """1,000 random single bits in store, image and lock: each is found before it is used, or changes nothing."""
    flips(world, 1000)


@case()
def image_and_cache_on_two_file_systems(world):
    """An image on a tmpfs, its cache on the disk: the same image, whole or not at all; a tmpfs as cache is told the cure."""
    with Archive(world) as archive:
        place = Place(world, archive, "two")
        assert place.build().status == 0
        golden, memory = digest(place.out), place.path / "memory"
        with small_tmpfs(memory, 1200):
            other = place.build(out=memory / "out")
            assert other.status == 0 and digest(memory / "out") == golden, other
            refused = place.build("--store", str(memory / "cache"), "--json", out=place.path / "out2")
            assert refused.status == 3 and refused.json()["code"] == "H0007", refused
            assert "lies on a tmpfs" in refused.err and "put the cache on a disk file system" in refused.err, refused
        assert not (place.path / "out2").exists()
        place.remove()


@case()
def cache_on_an_overlay_is_told(world):
    """A cache on an overlay, as inside a container: H0007 with the cure, and no image."""
    if os.getuid() != 0:
        raise Skip("needs root to mount an overlay")
    with Archive(world) as archive:
        place = Place(world, archive, "contained")
        parts = {name: place.path / name for name in ("lower", "upper", "work", "merged")}
        for part in parts.values():
            part.mkdir()
        options = f"lowerdir={parts['lower']},upperdir={parts['upper']},workdir={parts['work']}"
        mounted = run(["mount", "-t", "overlay", "overlay", "-o", options, parts["merged"]])
        if mounted.status != 0:
            raise Skip(f"no overlay can be mounted here: {mounted.err.strip()}")
        try:
            refused = place.build("--store", str(parts["merged"] / "cache"), "--json")
        finally:
            assert run(["umount", parts["merged"]]).status == 0
        assert refused.status == 3 and refused.json()["code"] == "H0007", refused
        assert "lies on an overlay itself" in refused.err and "in a container, on a volume" in refused.err, refused
        assert not place.out.exists()
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
        passed = Passed(world.resume, "faults", f"{state_of(world.program)} {count}")
        left_over = [(number, fault) for number, fault in enumerate(points) if fault not in passed]
        print(f"    {len(points)} of {count * len(actions)} points, {len(points) - len(left_over)} of them in an earlier run", flush=True)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as workers:
            tries = {workers.submit(try_point, world, archive, faults, number, fault, before.out, old, golden): fault
                     for number, fault in left_over}  # fmt: skip
            wrong = []
            for number, one in enumerate(concurrent.futures.as_completed(tries), 1):
                wrong += one.result()
                if not one.result():
                    passed.add(tries[one])
                if number % 250 == 0:
                    print(f"    {number} points tried, {len(wrong)} violations", flush=True)
        left = [path.name for path in Path("/dev/shm").glob("ainode-gpg-*")]
        assert not left, f"left in /dev/shm: {left}"
    assert not wrong, f"{len(wrong)} violations\n" + "\n".join(wrong[:40])
    world.remove("points")


@case()
def faults_at_some_points(world):
    """kill -9, ENOSPC and EIO at 100 calls of a build, spread evenly: the image is old or right, a rerun cures all."""
    faults_at(world, os.environ.get("AINODE_FAULT_POINTS", "100"), ["kill-before", "ENOSPC", "EIO"])


@case(group="long")
def faults_at_every_point(world):
    """kill -9, ENOSPC, EIO and a disk that stays full, at every call of a build that changes the file system."""
    faults_at(world, "all", ["kill-before", "ENOSPC", "EIO", "full"])
