# SPDX-License-Identifier: Apache-2.0
"""Images that are built in a moment: a tiny archive, places of their own to build in, and digests of all that is there."""

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from world import ROOT, run

MAKE_TINY_MIRROR = ROOT / "tests" / "mirror" / "make_tiny_mirror.py"


class Archive:
    """The tiny archive, made anew; while the block lasts it answers on the loopback, and counts."""

    def __init__(self, world):
        self.folder = world.work / "tiny"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.tools = world.program.parent / "tiny-tools"
        assert self.tools.exists(), f"{self.tools} is not built"
        command = [sys.executable, "-B", MAKE_TINY_MIRROR, self.folder, "--tools", self.tools, "--serve"]
        self.process = subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        said = json.loads(self.process.stdout.readline())
        self.recipe, self.keyring = Path(said["recipe"]), said["keyring"]
        self.file, self.http = said["file"], said["http"]

    def requests(self):
        with urllib.request.urlopen(f"{self.http}/requests") as answer:
            return json.load(answer)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(timeout=10)
        shutil.rmtree(self.folder, ignore_errors=True)


class Place:
    """A directory with a recipe, and below it all that its builds write: cache, image, lock, temporary files."""

    def __init__(self, world, archive, name, edit=lambda text: text, uri=None):
        self.world = world
        self.path = world.work / name
        self.recipe, self.out, self.cache = self.path / "tiny.yaml", self.path / "out", self.path / "cache"
        (self.path / "tmp").mkdir(parents=True)
        self.recipe.write_text(edit(archive.recipe.read_text()))
        world.key()
        self.environment = world.environment(
            name, XDG_CACHE_HOME=self.cache, TMPDIR=self.path / "tmp", AINODE_PLACE=self.path, AINODE_STORE=self.cache / "ainode",
            AINODE_MIRROR_DEBIAN=uri or archive.file, AINODE_KEYRING_DEBIAN=archive.keyring,
        )  # fmt: skip

    def command(self, verb, *arguments):
        return [self.world.program, verb, *arguments]

    def build(self, *arguments, out=None, **extra):
        command = self.command("build", self.recipe.name, "--out", out or self.out, "-j", "1", *arguments)
        return run(command, self.path, self.environment | {name: str(value) for name, value in extra.items()}, timeout=120)

    def ainode(self, verb, *arguments, **extra):
        return run(self.command(verb, *arguments), self.path, self.environment | extra, timeout=300)

    def processes(self):
        """Those that carry this place's mark; one that is being killed gets a moment."""
        mark = f"AINODE_PLACE={self.path}".encode()
        for attempt in range(100):
            found = []
            for entry in Path("/proc").iterdir():
                with contextlib.suppress(OSError):
                    if entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0"):
                        found.append(entry.name)
            if not found:
                return []
            time.sleep(0.02)
        return found

    def mounts(self):
        return [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if f"{self.path}/" in line]

    def remove(self):
        self.world.remove(self.path)


def digest(directory):
    """One digest over all names, contents and object attributes below a directory; None when it is not there."""
    if not directory.exists():
        return None
    hash_of_all = hashlib.sha256()
    for path in sorted(directory.rglob("*")):
        hash_of_all.update(f"{path.relative_to(directory)}\0".encode())
        if path.is_symlink():
            hash_of_all.update(os.readlink(path).encode())
        elif path.is_file():
            hash_of_all.update(path.read_bytes())
            with contextlib.suppress(OSError):
                hash_of_all.update(os.getxattr(path, "user.ostreemeta"))
    return hash_of_all.hexdigest()
