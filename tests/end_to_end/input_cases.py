# SPDX-License-Identifier: Apache-2.0
"""Bad inputs against a signed archive on the loopback: each has its own error code, and nothing is half-written."""

import contextlib
import json
import os
import shutil
import subprocess
import sys

from cases import case
from world import RECIPE, ROOT, Skip, measured, run

MAKE_MIRROR = ROOT / "tests" / "mirror" / "make_mirror.py"


class Mirror:
    """The loopback archive with one fault, while the block lasts: options that lead `build` to it.

    `vendor` names the fault whose Debian archive is served as the distribution `accelerators`, with the same keys.
    """

    def __init__(self, world, fault="none", vendor=None):
        self.folder = world.work / "mirror"
        shutil.rmtree(self.folder, ignore_errors=True)
        command = [sys.executable, "-B", str(MAKE_MIRROR), str(self.folder), "--fault", fault, "--serve"]
        if vendor:
            command += ["--fault", vendor]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        said = json.loads(self.process.stdout.readline())
        uris = said["mirrors"][fault]
        self.hosts = {uri.split("/")[2] for uri in uris.values()}
        self.environment = {
            "AINODE_MIRROR_DEBIAN": uris["debian"],
            "AINODE_MIRROR_DEBIAN_SECURITY": uris["debian-security"],
            "AINODE_ACCEPT_STALE": "",  # what holds for the host's archive does not hold here
            "AINODE_KEYRING_DEBIAN": said["keyring"],
            "AINODE_KEYRING_DEBIAN_SECURITY": said["keyring"],
        }
        self.keyring = said["keyring"]
        self.mirrors = said["mirrors"]
        if vendor:
            self.environment["AINODE_MIRROR_ACCELERATORS"] = said["mirrors"][vendor]["debian"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(timeout=10)
        shutil.rmtree(self.folder, ignore_errors=True)


INCLUDED = "include: [systemd-sysv, udev, dbus, kmod, iproute2, ostree-boot]"
NOWHERE = {"AINODE_MIRROR_DEBIAN": "http://127.0.0.1:9/debian", "AINODE_MIRROR_DEBIAN_SECURITY": "http://127.0.0.1:9/security"}


def recipe_with(included="", suite="trixie"):
    """The default recipe with more packages, or another suite."""
    text = RECIPE.read_text()
    assert INCLUDED in text, "the default recipe's list of packages changed"
    text = text.replace(INCLUDED, INCLUDED.replace("]", f", {included}]" if included else "]"))
    return text.replace("suite: trixie,", f"suite: {suite},")


def assert_nothing_written(world, place):
    out = world.work / place / "out"
    assert not out.exists() or not any(out.iterdir()), f"written: {list(out.iterdir())}"
    strays = list((world.work / place).glob(".ainode-out-*")) + list((world.work / place).rglob("*.deb.tmp*"))
    assert not strays, strays


def build(world, place, recipe, mirror=None, arguments=(), **extra):
    world.key()
    folder = world.work / place
    folder.mkdir(exist_ok=True)
    (folder / "node.yaml").write_text(recipe)
    extra |= mirror.environment if mirror else NOWHERE if not extra else {}
    command = ["build", folder / "node.yaml", "--out", folder / "out", "--json", *arguments]
    return world.ainode(*command, place=place, timeout=120, **extra)


def assert_refused(result, status, code):
    said = result.json() if result.out.startswith("{") else {}
    assert (result.status, said.get("code")) == (status, code), f"wanted exit {status} with {code}\n{result}"
    assert code in result.err, f"stderr does not name {code}\n{result}"


# (case, promise, the archive's fault, packages, suite, exit status, code)
REFUSED = [
    ("unknown-suite", "A suite that the archive lacks is a usage error.", "none", "", "no-such-suite", 2, "P0003"),
    ("unknown-package", "A package that no repository has is a usage error.", "none", "no-such-package", "trixie", 2, "S0001"),
    ("conflicting-packages", "Packages that exclude each other are unsatisfiable.", "none", "left, right", "trixie", 1, "S0002"),
    ("changed-byte-in-inrelease", "One changed byte in InRelease breaks its signature.", "changed-inrelease", "", "trixie", 1, "T0002"),
    ("foreign-key", "Metadata signed by another key is refused.", "foreign-key", "", "trixie", 1, "T0003"),
    ("expired-valid-until", "Metadata past its Valid-Until is refused.", "expired", "", "trixie", 1, "T0005"),
    ("broken-dependency", "A dependency that nothing provides is unsatisfiable.", "none", "broken", "trixie", 1, "S0002"),
    ("unsigned-metadata", "Metadata without a signature is refused.", "unsigned", "", "trixie", 1, "T0001"),
    ("text-after-the-signature", "Text outside the signed part is refused.", "text-after", "", "trixie", 1, "T0012"),
    ("clock-years-off", "Metadata from years ahead says that this clock is wrong.", "future-date", "", "trixie", 3, "H0010"),
    ("login-page", "An HTML page in place of metadata is refused.", "html", "", "trixie", 1, "T0001"),
    ("truncated-deb", "A truncated package is noticed by its size.", "truncated-deb", "", "trixie", 3, "P0006"),
    ("wrong-checksum", "A package with other bytes is noticed by its checksum.", "wrong-deb", "", "trixie", 3, "P0005"),
]  # fmt: skip


def add_refusal(name, promise, fault, packages, suite, status, code):
    def refused(world):
        with Mirror(world, fault) as mirror:
            result = build(world, name, recipe_with(packages, suite), mirror)
        assert_refused(result, status, code)
        assert_nothing_written(world, name)
        world.remove(name)

    refused.__doc__ = promise
    case(name=name)(refused)


for row in REFUSED:
    add_refusal(*row)


BAD_METADATA = [
    "changed-inrelease", "foreign-key", "unsigned", "text-before", "html", "truncated-packages", "broken-packages",
    "escaping-filename", "many-alternatives", "long-line", "longer-packages", "missing-field", "two-contents",
]


@case()
def bad_metadata_stays_within_limits(world):
    """No metadata, however bad, takes 2 CPU seconds or 256 MB, and no lock is left behind."""
    place = "limits"
    (world.work / place).mkdir()
    recipe = world.work / place / "node.yaml"
    recipe.write_text(recipe_with())
    for fault in BAD_METADATA:
        with Mirror(world, fault) as mirror:
            environment = {"AINODE_STORE": str(world.work / place / fault)} | mirror.environment
            status, seconds, memory = measured(world, "lock", recipe, "--arch", "amd64", **environment)
        assert status in (1, 2, 3), f"{fault}: exit {status} after {seconds:.2f} CPU-s"
        assert memory <= 256 << 20, f"{fault}: {memory >> 20} MiB"
        assert sorted(path.name for path in (world.work / place).glob("*.lock*")) == [], fault
    world.remove(place)


@case()
def expired_metadata_is_accepted_when_told(world):
    """With --accept-stale the same metadata is taken, a warning says so, and so does the lock."""
    place = "accept-stale"
    with Mirror(world, "expired") as mirror:
        result = build(world, place, recipe_with(), mirror, ["--accept-stale", "debian,debian-security"])
    assert "T0005" not in result.out + result.err, result
    assert "Valid-Until" in result.err or "stale" in result.err, result
    lock = next((world.work / place).glob("*.lock")).read_text()
    assert '"accepted_stale": true' in lock or '"accepted_stale":true' in lock, lock[:1500]
    world.remove(place)


@case()
def no_network_is_told(world):
    """A mirror that does not answer is an environment error that a retry may cure; its host is not shown."""
    place = "no-network"
    with Mirror(world, "down") as mirror:
        result = build(world, place, recipe_with(), mirror)
    assert_refused(result, 3, "P0004")
    assert not any(host in result.err + result.out for host in mirror.hosts), result
    assert_nothing_written(world, place)
    world.remove(place)


@case()
def missing_key_is_told(world):
    """A signing key that is not there is a usage error, before anything is fetched."""
    world.key()
    place = "missing-key"
    recipe = recipe_with().replace("release", "no-such-key")
    result = build(world, place, recipe)
    assert_refused(result, 2, "T0020")
    assert "ainode key gen no-such-key" in result.err, result
    assert_nothing_written(world, place)
    world.remove(place)


@case()
def recipe_without_signing_takes_the_development_key(world):
    """Where a recipe names no key, the build says so for each kind and goes on, whatever keys the host has."""
    world.key()
    place = "no-signing"
    recipe = world.recipe_copy(place, lambda text: "".join(line for line in text.splitlines(True) if not line.startswith("signing:")))
    # The step that chooses keys is the one of interest: the build ends after it.
    built = world.ainode("build", recipe, "--out", world.work / place / "out", place=place, AINODE_FAILPOINT="keys:after=kill")
    for kind in ("OpenPGP", "ed25519"):
        assert f"the recipe names no {kind} key (signing.ostree): signing with the development key" in built.err, built
    assert built.status != 0 and "error[" not in built.err, built
    assert_nothing_written(world, place)
    world.remove(place)


@case()
def foreign_output_directory_is_refused(world):
    """An --out that holds something else is refused before anything is fetched, and keeps what it holds."""
    place = "foreign-out"
    kept = world.work / place / "out" / "thesis.txt"
    kept.parent.mkdir(parents=True)
    kept.write_text("three years of work\n")
    result = build(world, place, recipe_with())
    assert_refused(result, 2, "B0007")
    assert kept.read_text() == "three years of work\n" and len(list(kept.parent.iterdir())) == 1
    world.remove(place)


@case()
def unknown_key_of_recipe_is_shown(world):
    """A misspelt key is shown with its line and a caret."""
    place = "unknown-key"
    result = build(world, place, recipe_with().replace("cmdline", "cmdlne"))
    assert_refused(result, 2, "R0107")
    assert "cmdlne: [quiet, panic=10]" in result.err and "^^^^^^" in result.err and "did you mean `cmdline`" in result.err, result
    world.remove(place)


@case()
def duplicate_key_of_recipe_is_shown(world):
    """A key that stands twice is refused."""
    place = "duplicate-key"
    result = build(world, place, recipe_with() + "name: again\n")
    assert_refused(result, 2, "R0106")
    world.remove(place)


@case()
def stale_archive_is_accepted_only_where_it_is(world):
    """ci's programs accept expired metadata of those distributions alone that the program finds expired, and say so."""
    ask = f". {ROOT}/ci/parts.sh; accept_stale_metadata {world.program} {RECIPE}; echo \"[${{AINODE_ACCEPT_STALE-}}]\""

    def asked(mirror, **extra):
        return run(["bash", "-euc", ask], world.work, world.environment("stale", **mirror.environment, **extra))

    with Mirror(world, vendor="expired") as mirror:
        sound = asked(mirror)
        assert (sound.status, sound.out) == (0, "[]\n"), sound
        mirror.environment["AINODE_MIRROR_DEBIAN_SECURITY"] = mirror.mirrors["expired"]["debian-security"]
        stale = asked(mirror)
        told = "==> metadata past its Valid-Until is accepted in this run, of: debian-security\n"
        assert (stale.status, stale.out) == (0, told + "[debian-security]\n"), stale
        doctor = world.ainode("doctor", RECIPE, "--only", "metadata", place="stale", **mirror.environment)
        assert doctor.status == 3 and "✓ trixie metadata             of " in doctor.out, doctor
        words = " ".join(doctor.out.split())
        assert "expired at " in words and "is meant to be this old, give --accept-stale debian-security" in words, doctor
        mirror.environment["AINODE_ACCEPT_STALE"] = "debian-security"
        assert asked(mirror).out == "[debian-security]\n", asked(mirror)
        accepted = world.ainode("doctor", RECIPE, "--only", "metadata", place="stale", **mirror.environment)
        assert accepted.status == 0 and "which is accepted" in " ".join(accepted.out.split()), accepted
        mirror.environment["AINODE_ACCEPT_STALE"] = "elsewhere"
        assert asked(mirror).out.endswith("[elsewhere,debian-security]\n"), asked(mirror)
        # What is wrong in another way is nothing to accept.
        mirror.environment["AINODE_MIRROR_DEBIAN_SECURITY"] = NOWHERE["AINODE_MIRROR_DEBIAN_SECURITY"]
        assert asked(mirror).out == "[elsewhere]\n", asked(mirror)
    world.remove("stale")


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
    result = build(world, place, recipe_with(), APT_CONFIG=config)
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
    with small_tmpfs(store, 3), Mirror(world) as mirror:
        result = build(world, place, recipe_with(), mirror, ["--store", store])
    said = result.json()
    assert result.status == 3 and said["code"] in ("H0003", "H0011"), result
    assert_nothing_written(world, place)
    world.remove(place)
