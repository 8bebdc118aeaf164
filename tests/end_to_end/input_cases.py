# SPDX-License-Identifier: Apache-2.0
"""Bad inputs against a signed archive on the loopback: each has its own error code, and nothing is half-written."""

import contextlib
import os
import shutil
import subprocess
import sys

from cases import case
from world import ROOT, Skip, run

MAKE_MIRROR = ROOT / "tests" / "mirror" / "make_mirror.py"


class Mirror:
    """The loopback archive with one fault, while the block lasts."""

    def __init__(self, world, fault):
        self.folder = world.work / "mirror"
        shutil.rmtree(self.folder, ignore_errors=True)
        command = [sys.executable, str(MAKE_MIRROR), "--directory", str(self.folder), "--fault", fault]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        said = {}
        while not {"uri", "keyring"} <= set(said):
            line = self.process.stdout.readline()
            assert line, f"the loopback archive did not start: {command}"
            name, _, value = line.strip().partition("=")
            said[name] = value
        self.uri, self.keyring = said["uri"], said["keyring"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.terminate()
        self.process.wait(timeout=10)
        shutil.rmtree(self.folder, ignore_errors=True)


def tiny_recipe(packages=("hello",), suite="trixie"):
    """The default recipe's shape over one repository of the loopback archive."""
    return f"""ainode: 1
name: tiny
summary: A few packages of the loopback archive
arch: [amd64]
repositories:
  - {{id: main, distribution: debian, suite: {suite}, components: [main]}}
packages:
  recommends: false
  include: [{", ".join(packages)}]
kernel:
  package: linux-image-tiny
  cmdline: [quiet]
disk:
  partitions:
    - {{id: esp, type: esp, fs: vfat, size: 64M, mount: /efi}}
    - {{id: root, type: root, fs: ext4, size: 512M, mount: /}}
signing: {{ostree: {{openpgp: release, ed25519: release}}}}
outputs: {{ostree: {{ref: "ainode/{{arch}}/tiny"}}, disk: [qcow2]}}
validation: {{profile: [boot]}}
"""


def assert_nothing_written(world, place):
    out = world.work / place / "out"
    assert not out.exists() or not any(out.iterdir()), f"written: {list(out.iterdir())}"
    strays = list((world.work / place).glob(".ainode-out-*")) + list((world.work / place).rglob("*.deb.tmp*"))
    assert not strays, strays


def build(world, place, recipe, mirror=None, arguments=(), **extra):
    world.key()
    folder = world.work / place
    folder.mkdir(exist_ok=True)
    (folder / "tiny.yaml").write_text(recipe)
    if mirror:
        extra |= {"AINODE_MIRROR_DEBIAN": mirror.uri, "AINODE_KEYRING_DEBIAN": mirror.keyring}
    command = ["build", folder / "tiny.yaml", "--out", folder / "out", "--json", *arguments]
    return world.ainode(*command, place=place, timeout=120, **extra)


def assert_refused(result, status, code):
    said = result.json() if result.out.startswith("{") else {}
    assert (result.status, said.get("code")) == (status, code), f"wanted exit {status} with {code}\n{result}"
    assert code in result.err, f"stderr does not name {code}\n{result}"


# (case, promise, the archive's fault, packages, suite, exit status, code)
REFUSED = [
    ("unknown-suite", "A suite that the archive lacks is a usage error.", "none", ["hello"], "no-such-suite", 2, "P0003"),
    ("unknown-package", "A package that no repository has is a usage error.", "none", ["no-such-package"], "trixie", 2, "S0001"),
    ("conflicting-packages", "Packages that exclude each other are unsatisfiable.", "none", ["left", "right"], "trixie", 1, "S0002"),
    ("changed-byte-in-inrelease", "One changed byte in InRelease breaks its signature.", "inrelease-byte", ["hello"], "trixie", 1, "T0002"),
    ("foreign-key", "Metadata signed by another key is refused.", "foreign-key", ["hello"], "trixie", 1, "T0003"),
    ("expired-valid-until", "Metadata past its Valid-Until is refused.", "expired", ["hello"], "trixie", 1, "T0005"),
    ("truncated-deb", "A truncated package is noticed by its size.", "truncated-deb", ["hello"], "trixie", 3, "P0006"),
    ("wrong-checksum", "A package with other bytes is noticed by its checksum.", "wrong-checksum", ["hello"], "trixie", 3, "P0005"),
]  # fmt: skip


def add_refusal(name, promise, fault, packages, suite, status, code):
    def refused(world):
        with Mirror(world, fault) as mirror:
            result = build(world, name, tiny_recipe(packages, suite), mirror)
        assert_refused(result, status, code)
        assert_nothing_written(world, name)
        world.remove(name)

    refused.__doc__ = promise
    case(name=name)(refused)


for row in REFUSED:
    add_refusal(*row)


@case()
def expired_metadata_is_accepted_when_told(world):
    """With --accept-stale the same metadata is taken, a warning says so, and so does the lock."""
    place = "accept-stale"
    with Mirror(world, "expired") as mirror:
        result = build(world, place, tiny_recipe(), mirror, ["--accept-stale", "debian"])
    assert "T0005" not in result.out + result.err, result
    assert "Valid-Until" in result.err or "stale" in result.err, result
    lock = next((world.work / place).glob("*.lock")).read_text()
    assert '"accepted_stale": true' in lock or '"accepted_stale":true' in lock, lock[:1500]
    world.remove(place)


@case()
def no_network_is_told(world):
    """A mirror that does not answer is an environment error that a retry may cure."""
    place = "no-network"
    with Mirror(world, "none") as mirror:
        keyring = world.work / "keyring.gpg"
        shutil.copy(mirror.keyring, keyring)
        mirror.keyring = keyring
    result = build(world, place, tiny_recipe(), mirror)
    assert_refused(result, 3, "P0004")
    assert mirror.uri.split("/")[2] not in result.err, "the mirror's host is shown without -v"
    assert_nothing_written(world, place)
    world.remove(place)


@case()
def missing_key_is_told(world):
    """A signing key that is not there is a usage error, before anything is fetched."""
    world.key()
    place = "missing-key"
    recipe = tiny_recipe().replace("release", "no-such-key")
    result = build(world, place, recipe, AINODE_MIRROR_DEBIAN="http://127.0.0.1:9/debian")
    assert_refused(result, 2, "T0020")
    assert "ainode key gen no-such-key" in result.err, result
    assert_nothing_written(world, place)
    world.remove(place)


@case()
def foreign_output_directory_is_refused(world):
    """An --out that holds something else is refused before anything is fetched, and keeps what it holds."""
    place = "foreign-out"
    kept = world.work / place / "out" / "thesis.txt"
    kept.parent.mkdir(parents=True)
    kept.write_text("three years of work\n")
    result = build(world, place, tiny_recipe(), AINODE_MIRROR_DEBIAN="http://127.0.0.1:9/debian")
    assert_refused(result, 2, "B0007")
    assert kept.read_text() == "three years of work\n" and len(list(kept.parent.iterdir())) == 1
    world.remove(place)


@case()
def unknown_key_of_recipe_is_shown(world):
    """A misspelt key is shown with its line and a caret."""
    place = "unknown-key"
    result = build(world, place, tiny_recipe().replace("cmdline", "cmdlne"))
    assert_refused(result, 2, "R0107")
    assert "cmdlne: [quiet]" in result.err and "^^^^^^" in result.err and "did you mean `cmdline`" in result.err, result
    world.remove(place)


@case()
def duplicate_key_of_recipe_is_shown(world):
    """A key that stands twice is refused."""
    place = "duplicate-key"
    result = build(world, place, tiny_recipe() + "name: again\n")
    assert_refused(result, 2, "R0106")
    world.remove(place)


@case()
def empty_apt_lists_are_told(world):
    """Where apt has no lists and no mirror is given, the cure is named."""
    place = "empty-lists"
    folder = world.work / place
    for part in ("lists/partial", "parts", "etc"):
        (folder / part).mkdir(parents=True)
    config = folder / "apt.conf"
    config.write_text(
        f'Dir::State::lists "{folder}/lists";\nDir::Etc::sourcelist "/dev/null";\nDir::Etc::sourceparts "{folder}/parts";\n'
    )
    result = build(world, place, tiny_recipe(), APT_CONFIG=config)
    said = result.json()
    assert result.status == 3 and said["code"] in ("P0001", "P0002"), result
    assert "apt-get update" in result.err or "--mirror debian=" in result.err, result
    assert_nothing_written(world, place)
    world.remove(place)


@contextlib.contextmanager
def small_tmpfs(folder, mebibytes):
    folder.mkdir(parents=True, exist_ok=True)
    mounted = run(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", folder])
    if mounted.status != 0:
        raise Skip(f"no tmpfs can be mounted here: {mounted.err.strip()}")
    try:
        yield
    finally:
        unmounted = run(["umount", folder])
        assert unmounted.status == 0, unmounted


@case()
def full_disk_is_told(world):
    """A store on a file system with no room left ends with H0003 or H0011, and the rest is untouched."""
    if os.getuid() != 0:
        raise Skip("needs root to mount a small tmpfs")
    place = "full-disk"
    store = world.work / "full-disk-store"
    with small_tmpfs(store, 3), Mirror(world, "none") as mirror:
        result = build(world, place, tiny_recipe(), mirror, ["--store", store])
    said = result.json()
    assert result.status == 3 and said["code"] in ("H0003", "H0011"), result
    assert_nothing_written(world, place)
    world.remove(place)
