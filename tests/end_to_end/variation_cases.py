# SPDX-License-Identifier: Apache-2.0
"""One digest whatever the host is like: sixteen ways in which a build may differ, alone and in pairs."""

import contextlib
import datetime
import itertools
import os
import random
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from cases import case
from fault_cases import ordinary_user, recipe_with_lock, remove_user
from world import ROOT, Image, Skip, run, sha256_of


@dataclass
class Change:
    """What one variation does to a build."""

    words: list = field(default_factory=list)  # before the program's name
    environment: dict = field(default_factory=dict)
    arguments: list = field(default_factory=list)
    umask: int = -1
    program: Path = None
    killed_at: str = ""  # a failpoint: the build is run again after it


def always(**change):
    @contextlib.contextmanager
    def enter(_world, _folder):
        yield Change(**change)

    return enter


def preloaded(**environment):
    @contextlib.contextmanager
    def enter(world, _folder):
        shim = world.program.parent / "variations.so"
        assert shim.exists(), f"{shim} is not built"
        yield Change(environment={"LD_PRELOAD": shim, **environment})

    return enter


@contextlib.contextmanager
def other_host_name(_world, _folder):
    if os.getuid() != 0:
        raise Skip("needs root to change a host name, if only for one process")
    yield Change(words=["unshare", "--uts", "--", "sh", "-c", 'hostname elsewhere.example && exec "$@"', "sh"])


@contextlib.contextmanager
def other_file_system(_world, folder):
    """ext4 with small blocks and unsorted directories, in a file."""
    if os.getuid() != 0:
        raise Skip("needs root to mount a file system")
    image, cache = folder / "file system", folder / "cache"
    with open(image, "wb") as file:
        file.truncate(4 << 30)
    made = run(["mke2fs", "-q", "-t", "ext4", "-b", "1024", "-O", "^dir_index", "-N", "400000", "-m", "0", image])
    assert made.status == 0, made
    kept = folder / "kept"
    cache.rename(kept)
    cache.mkdir()
    mounted = run(["mount", "-o", "loop", image, cache])
    if mounted.status != 0:
        raise Skip(f"no loop mount here: {mounted.err.strip()}")
    try:
        shutil.copytree(kept, cache, dirs_exist_ok=True)
        yield Change()
    finally:
        subprocess.run(["umount", cache], check=True)


@contextlib.contextmanager
def warm_cache(world, _folder):
    yield Change(environment={"XDG_CACHE_HOME": world.work / "first" / "cache"})


@contextlib.contextmanager
def other_compiler(_world, _folder):
    program = ROOT / "build" / "asan" / "ainode"
    if not program.exists():
        raise Skip("build/asan is not compiled; `ci/full asan` does")
    yield Change(program=program, environment={"ASAN_OPTIONS": "detect_leaks=0"})


@contextlib.contextmanager
def other_user(world, folder):
    """Entered last: what the others laid there becomes the user's."""
    user = ordinary_user(world)
    try:
        shutil.copytree(world.config, folder / "config")
        run(["chown", "-R", f"{user.pw_uid}:{user.pw_gid}", folder])
        for parent in itertools.takewhile(lambda path: path != world.work, folder.parents):
            os.chown(parent, user.pw_uid, user.pw_gid)
        words = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--init-groups"]
        yield Change(words=words, environment={"XDG_CONFIG_HOME": folder / "config"})
    finally:
        remove_user(world)


# In the order in which their words stand before the program.
VARIATIONS = {
    "path": always(),
    "umask": always(umask=0o077),
    "locale": always(environment={"LC_ALL": "C", "LANG": "de_DE.UTF-8"}),
    "time-zone": always(environment={"TZ": "Asia/Kathmandu"}),
    "clock": preloaded(AINODE_VARY_SECONDS=20 * 3600),
    "directory-order": preloaded(AINODE_VARY_DIRECTORIES="reversed"),
    "home": always(environment={"HOME": "/nonexistent"}),
    "environment": always(environment={"EXTRA": "x" * 3000, "SOURCE_DATE_EPOCH": 1, "CFLAGS": "-O0", "PERL5OPT": "-w"}),
    "warm-cache": warm_cache,
    "resumed": always(killed_at="generate:before=kill"),
    "file-system": other_file_system,
    "compiler": other_compiler,
    "host-name": other_host_name,
    "processors": always(words=["taskset", "--cpu-list", "0"], arguments=["-j", "1"]),
    "address-space": always(words=["setarch", "--addr-no-randomize"]),
    "user": other_user,
}
# The first one's cache is of its file system and its user; sanitizers want to be loaded first.
EXCLUDED = [{"warm-cache", "user"}, {"warm-cache", "file-system"}, {"compiler", "clock"}, {"compiler", "directory-order"}]


def build_varied(world, names):
    """The default image from nothing but its lock and its downloads; whether commit and disk are the first one's."""
    first = world.image()
    place = "another path/with spaces" if "path" in names else "varied"
    folder = world.work / place
    recipe = recipe_with_lock(world, place)
    try:
        shutil.copytree(world.work / "first" / "cache" / "ainode" / "debs", folder / "cache" / "ainode" / "debs")
        with contextlib.ExitStack() as entered:
            changes = [entered.enter_context(enter(world, folder)) for name, enter in VARIATIONS.items() if name in names]
            words = [word for change in changes for word in change.words]
            arguments = [word for change in changes for word in change.arguments]
            extra = {name: value for change in changes for name, value in change.environment.items()}
            program = next((change.program for change in changes if change.program), world.program)
            umask = max(change.umask for change in changes)
            command = [*words, program, "build", recipe, "--out", folder / "out", *arguments]
            environment = world.environment(place) | {name: str(value) for name, value in extra.items()}
            for change in changes:
                if change.killed_at:
                    run(command, folder, environment | {"AINODE_FAILPOINT": change.killed_at}, umask, timeout=1500)
                    assert not (folder / "out").exists(), f"{change.killed_at} did not stop the build"
            built = run(command, folder, environment, umask, timeout=1500)
            assert built.status == 0, f"{' + '.join(names)}: {built}"
            image = Image(folder / "out")
            assert image.disk.stat().st_uid == folder.stat().st_uid, "the disk belongs to another user than its directory"
            assert image.commit == first.commit, f"{' + '.join(names)}: commit {image.commit}, not {first.commit}"
            assert sha256_of(image.disk) == sha256_of(first.disk), f"{' + '.join(names)}: another disk"
    finally:
        world.remove(place)


def pairs_of_today(wanted):
    """Others every day."""
    chooser = random.Random(datetime.date.today().toordinal())
    pairs = [pair for pair in itertools.combinations(VARIATIONS, 2) if set(pair) not in EXCLUDED and "compiler" not in pair]
    chooser.shuffle(pairs)
    chosen = []
    for pair in pairs:  # no variation twice, as long as there are others
        if len(chosen) < wanted and not any(set(pair) & set(other) for other in chosen):
            chosen.append(pair)
    return (chosen + [pair for pair in pairs if pair not in chosen])[:wanted]


def build_pairs(world, wanted):
    """What cannot be done here leaves the others to be done."""
    skipped = []
    for pair in pairs_of_today(wanted):
        print(f"    {' + '.join(pair)}", flush=True)
        try:
            build_varied(world, pair)
        except Skip as why:
            skipped.append(str(why))
    if len(skipped) == wanted:
        raise Skip("; ".join(skipped))


@case()
def four_variations_agree(world):
    """Two builds from an empty store, each otherwise in two of sixteen ways (others every day): one commit, one disk."""
    build_pairs(world, 2)


@case("long")
def twelve_pairs_of_variations_agree(world):
    """Twelve builds, each otherwise in two ways: one commit, one disk."""
    build_pairs(world, 12)


def alone(name):
    def varied(world):
        build_varied(world, [name])

    varied.__doc__ = f"Built otherwise only in its {name.replace(chr(45), chr(32))}, the default image has one commit, one disk."
    case("long", f"variation-{name}-alone")(varied)


for one in VARIATIONS:
    alone(one)
