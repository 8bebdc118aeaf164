# SPDX-License-Identifier: Apache-2.0
"""Locks at the command line: what fits, what drifted, what an update changes; plans; builds without a network."""

import json
import os
import shutil

from cases import case
from input_cases import NOWHERE, Mirror, assert_refused, recipe_with
from world import Image, Skip, run


class Folder:
    """A recipe in a directory of its own, and the program upon it."""

    def __init__(self, world, name, recipe):
        self.world, self.name = world, name
        self.path = world.work / name
        self.path.mkdir()
        self.recipe = self.path / "node.yaml"
        self.recipe.write_text(recipe)

    @property
    def lock_path(self):
        return self.path / "qemu-base.amd64.lock"

    def lock(self):
        return json.loads(self.lock_path.read_text())

    def versions(self):
        return {package["name"]: package["version"] for package in self.lock()["packages"]}

    def ainode(self, verb, *arguments, mirror=None, **extra):
        extra |= mirror.environment if mirror else {}
        return self.world.ainode(verb, self.recipe, *arguments, place=self.name, timeout=120, **extra)

    def edit(self, what, instead):
        text = self.recipe.read_text()
        assert what in text, what
        self.recipe.write_text(text.replace(what, instead))


@case()
def lock_is_written_and_fits(world):
    """`lock` resolves and writes once; a comment leaves it fitting, and nothing is downloaded."""
    with Mirror(world) as mirror:
        folder = Folder(world, "lock", recipe_with("hello"))
        first = folder.ainode("lock", "--arch", "amd64", mirror=mirror)
        assert first.status == 0 and "written" in first.out, first
        before = folder.lock_path.read_bytes()
        assert folder.versions()["hello"] == "2.10-5" and b"://" not in before
        folder.edit("ainode: 1", "ainode: 1  # a comment")
    again = folder.ainode("lock", "--arch", "amd64", "--json", "--offline")
    assert again.status == 0 and again.json()["written"] is False, again
    assert folder.lock_path.read_bytes() == before
    world.remove("lock")


@case()
def locked_build_says_what_drifted(world):
    """--locked refuses a lock that does not fit, and names each key that changed."""
    with Mirror(world) as mirror:
        folder = Folder(world, "drift", recipe_with("hello"))
        assert folder.ainode("lock", "--arch", "amd64", mirror=mirror).status == 0
        folder.edit("hello", "left")
        folder.edit("panic=10", "panic=5")
        refused = folder.ainode("build", "--arch", "amd64", "--locked", "--out", folder.path / "out", "--json", mirror=mirror)
    assert_refused(refused, 1, "P0021")
    for line in ("packages.include: `hello` was removed", "packages.include: `left` was added", "kernel.cmdline: `panic=5` was added"):
        assert line in refused.err, refused
    missing = Folder(world, "no-lock", recipe_with())
    refused = missing.ainode("build", "--arch", "amd64", "--locked", "--out", missing.path / "out", "--json")
    assert_refused(refused, 2, "P0022")
    world.remove("drift")
    world.remove("no-lock")


@case()
def what_is_not_asked_of_the_solver_keeps_the_packages(world):
    """A change of the disk or the command line brings the lock up to date without a network and without new versions."""
    with Mirror(world) as mirror:
        folder = Folder(world, "kept", recipe_with("hello"))
        assert folder.ainode("lock", "--arch", "amd64", mirror=mirror).status == 0
    before = folder.lock()
    folder.edit("size: 3G", "size: 4G")
    kept = folder.ainode("lock", "--arch", "amd64", "--offline")
    assert kept.status == 0 and "the packages stay as they are locked: disk.partitions[root].size" in kept.err, kept
    after = folder.lock()
    assert after["packages"] == before["packages"] and after["recipe_digest"] != before["recipe_digest"]
    folder.edit("hello", "left")
    refused = folder.ainode("lock", "--arch", "amd64", "--offline", "--json")
    assert_refused(refused, 3, "P0011")
    assert folder.lock() == after
    world.remove("kept")


@case()
def update_and_diff_say_what_changes(world):
    """`lock --diff` shows versions, sizes, scripts and kernel options and writes nothing; --update takes all or some."""
    with Mirror(world) as mirror:
        folder = Folder(world, "update", recipe_with("hello"))
        # A whole build would need real packages: the diff fetches what it looks into.
        assert folder.ainode("lock", "--arch", "amd64", mirror=mirror).status == 0
        same = folder.ainode("lock", "--arch", "amd64", "--diff", mirror=mirror)
        assert same.status == 0 and "no difference" in same.out, same
        before = folder.lock_path.read_bytes()
        # Now the store holds the old versions, which the newer archive no longer has.
        vendored = folder.ainode("vendor", "--arch", "amd64", "--out", folder.path / "vendored", mirror=mirror)
        assert vendored.status == 0, vendored
    with Mirror(world, "updated") as mirror:
        diff = folder.ainode("lock", "--arch", "amd64", "--diff", "--json", mirror=mirror)
        assert diff.status == 0, diff
        assert folder.lock_path.read_bytes() == before, "--diff wrote the lock"
        told = diff.json()["diff"]
        changes = {change["name"]: change for change in told["packages"]}
        assert set(changes) == {"hello", "linux-image-cloud-amd64"}, told
        assert (changes["hello"]["before"], changes["hello"]["after"]) == ("2.10-5", "2.10-6"), told
        assert changes["hello"]["scripts"] == ["postinst"], told
        assert told["kernel"]["options"] == [
            {"option": "CONFIG_DMABUF_MOVE_NOTIFY", "before": "absent", "after": "y"},
            {"option": "CONFIG_HZ", "before": "250", "after": "1000"},
        ], told
        shown = folder.ainode("lock", "--arch", "amd64", "--diff", mirror=mirror)
        assert "CONFIG_HZ" in shown.out and "250 → 1000" in shown.out and "postinst changed" in shown.out, shown
        some = folder.ainode("lock", "--arch", "amd64", "--update", "linux-image-cloud-amd64", mirror=mirror)
        assert some.status == 0 and "the archive no longer has hello" in some.err, some
        unknown = folder.ainode("lock", "--arch", "amd64", "--update", "helo", "--json", mirror=mirror)
        assert unknown.status == 2 and "did you mean `hello`" in unknown.err, unknown
        everything = folder.ainode("lock", "--arch", "amd64", "--update", mirror=mirror)
        assert everything.status == 0 and folder.versions()["hello"] == "2.10-6", everything
    world.remove("update")


@case()
def locked_package_gone_from_the_archive_is_told(world):
    """A build by a lock whose package the archive has dropped names that package and changes nothing."""
    with Mirror(world) as mirror:
        folder = Folder(world, "gone", recipe_with("hello"))
        assert folder.ainode("lock", "--arch", "amd64", mirror=mirror).status == 0
    before = folder.lock_path.read_bytes()
    with Mirror(world, "updated") as mirror:
        refused = folder.ainode("build", "--arch", "amd64", "--out", folder.path / "out", mirror=mirror)
    gone = {f"error[P0004]: {name} (amd64): the mirror does not have it (404)" for name in ("hello 2.10-5", "linux-image-cloud-amd64 6.12.48-1")}
    assert refused.status == 3 and gone & set(refused.err.splitlines()) and "ainode lock --update" in refused.err, refused
    assert folder.lock_path.read_bytes() == before and not (folder.path / "out").exists()
    world.remove("gone")


@case()
def partial_update_keeps_the_others(world):
    """With an archive that has both versions, --update PKG moves that package and no other."""
    with Mirror(world, "both-versions") as mirror:
        folder = Folder(world, "partial", recipe_with("hello").replace(
            "recommends: false", "recommends: false\n  pin: {hello: \"2.10-5\", linux-image-cloud-amd64: \"6.12.48-1\"}"))
        assert folder.ainode("lock", "--arch", "amd64", mirror=mirror).status == 0
        old = folder.versions()
        # Without the pins the recipe asks for something else: the lock no longer fits, and only `hello` may move.
        folder.recipe.write_text(recipe_with("hello"))
        moved = folder.ainode("lock", "--arch", "amd64", "--update", "hello", mirror=mirror)
        assert moved.status == 0, moved
        assert folder.versions() == old | {"hello": "2.10-6"}, folder.versions()
    world.remove("partial")


@case()
def vendor_archive_gives_only_what_is_allowed(world):
    """An archive outside the table is taken by its own keyring, and only packages that `allow` names come from it."""
    row = "  - {{id: vendor, distribution: accelerators, suite: trixie, components: [main]{}}}\npackages:"
    with Mirror(world, vendor="updated") as mirror:
        # The vendor offers hello 2.10-6 and another libc6 as well.
        trusted = row.format(f', keyring: "{mirror.keyring}", allow: ["hell*"], priority: 600')
        folder = Folder(world, "vendor", recipe_with("hello").replace("packages:", trusted, 1))
        locked = folder.ainode("lock", "--arch", "amd64", mirror=mirror)
        assert locked.status == 0, locked
        sources = {package["name"]: (package["version"], package["repository"]) for package in folder.lock()["packages"]}
        assert sources["hello"] == ("2.10-6", "vendor"), sources
        assert all(where != "vendor" for name, (_, where) in sources.items() if name != "hello"), sources
        folder.recipe.write_text(recipe_with("hello").replace("packages:", row.format(""), 1))
        unknown = folder.ainode("lock", "--arch", "amd64", "--json", mirror=mirror)
        assert_refused(unknown, 2, "R0110")
        assert "needs `keyring` and `allow`" in unknown.err, unknown
        foreign = row.format(', keyring: "/usr/share/keyrings/debian-archive-keyring.gpg", allow: ["hell*"]')
        folder.recipe.write_text(recipe_with("hello").replace("packages:", foreign, 1))
        assert_refused(folder.ainode("lock", "--arch", "amd64", "--json", mirror=mirror), 1, "T0003")
    world.remove("vendor")


@case()
def why_names_the_recipe_line(world):
    """`why` leads from the recipe's line to a package, says why another is not there, and what each wish costs."""
    with Mirror(world) as mirror:
        folder = Folder(world, "why", recipe_with("left"))
        line = next(number for number, text in enumerate(folder.recipe.read_text().splitlines(), 1) if "include:" in text)

        def why(*arguments):
            return folder.ainode("why", *arguments, "--arch", "amd64", mirror=mirror)

        asked = why("left")
        assert asked.status == 0 and f"left: asked for by {folder.recipe}:{line}:" in asked.out, asked
        chain = why("libc6", "--json").json()["why"]
        assert chain["links"][-1]["next"].startswith("libc6 2.41-12+deb13u1"), chain
        absent = why("hello")
        assert absent.status == 2 and "--not" in absent.err, absent
        assert why("hello", "--not", "--json").json()["why_not"]["reason"] == "not asked for"
        assert why("no-such", "--not", "--json").json()["why_not"]["reason"] == "unknown"
        impossible = why("right", "--not")
        assert "cannot be in" in impossible.out and "left" in impossible.out, impossible
        costs = {entry["package"]: entry for entry in why("--json").json()["sole_reason"]}
        assert costs["left"]["packages"] == ["left"] and costs["left"]["bytes"] > 0, costs
        assert f":{line}:" in costs["left"]["place"], costs
        assert why("--not").status == 2
    world.remove("why")


@case()
def plan_says_what_would_run(world):
    """`plan` names every step, whether its result is there and why not, and writes nothing."""
    with Mirror(world) as mirror:
        folder = Folder(world, "plan", recipe_with("hello"))
        first = folder.ainode("plan", "--arch", "amd64", "--json", mirror=mirror).json()
        assert not folder.lock_path.exists(), "plan wrote a lock"
        steps = {step["name"]: step for step in first["steps"]}
        assert first["has_work"] and steps["resolve"]["runs"] and "there is no lock" in steps["resolve"]["reason"], first
        assert steps["fetch"]["runs"] and len(first["downloads"]) > 10 and first["download_bytes"] > 0, first
        assert steps["configure"]["runs"] and steps["tools"]["runs"], first
        assert folder.ainode("vendor", "--arch", "amd64", "--out", folder.path / "vendored", mirror=mirror).status == 0
    second = folder.ainode("plan", "--arch", "amd64", "--json", "--offline").json()
    steps = {step["name"]: step for step in second["steps"]}
    assert not steps["resolve"]["runs"] and not steps["fetch"]["runs"] and steps["import"]["runs"], second
    assert second["downloads"] == [], second
    world.remove("plan")


@case()
def vendored_lock_that_fits_is_taken(world):
    """With --vendor, a lock beside the recipe that does not fit gives way to the vendor directory's own that does."""
    with Mirror(world) as mirror:
        folder = Folder(world, "vendor-lock", recipe_with("hello"))
        vendored = folder.path / "vendored"
        assert folder.ainode("vendor", "--arch", "amd64", "--out", vendored, mirror=mirror).status == 0
        folder.edit("hello", "left")
        assert folder.ainode("lock", "--arch", "amd64", mirror=mirror).status == 0
    stale = folder.lock_path.read_bytes()
    folder.edit("left", "hello")
    options = ["--arch", "amd64", "--vendor", vendored, "--offline", "--json"]
    taken = folder.ainode("plan", *options)
    assert taken.status == 0, taken
    resolve = next(step for step in taken.json()["steps"] if step["name"] == "resolve")
    assert not resolve["runs"] and resolve["reason"] == f"{vendored / folder.lock_path.name} fits the recipe", resolve
    # The packages of the tests hold no system, so the build ends later, and by that lock.
    built = folder.ainode("build", *options, "--locked", "--out", folder.path / "out")
    said = f"{folder.lock_path} no longer fits: packages.include: `left` was removed (and 1 more); taking {vendored / folder.lock_path.name}, which fits"
    assert said in built.err, built
    assert folder.lock_path.read_bytes() == stale
    folder.edit("hello", "right")
    refused = folder.ainode("build", *options, "--locked", "--out", folder.path / "out")
    assert_refused(refused, 1, "P0021")
    assert f"{folder.lock_path} no longer fits the recipe" in refused.err, refused
    world.remove("vendor-lock")


@case()
def unreachable_mirrors_change_nothing_locked(world):
    """With a lock and a store that holds its packages, mirrors that do not answer do not matter."""
    first = world.image()
    recipe = world.work / "first" / "recipes" / "qemu-base.yaml"
    out = world.work / "unreachable" / "out"
    built = world.ainode("build", recipe, "--out", out, "--locked", place="first", **NOWHERE)
    assert built.status == 0, built
    assert Image(out).commit == first.commit
    # Nor does the lack of any network: the store alone is enough.
    if shutil.which("unshare"):
        command = ["unshare", "--net", world.program, "build", recipe, "--offline", "--locked", "--out", out]
        if os.geteuid() != 0:
            command.insert(1, "--map-root-user")
        shutil.rmtree(out)
        built = run(command, world.work, world.environment("first"), timeout=1500)
        assert built.status == 0, built
        assert Image(out).commit == first.commit
    world.remove("unreachable")


@case()
def vendored_build_needs_no_network(world):
    """What `vendor` wrote builds the same image from an empty store where there is no network interface at all."""
    if shutil.which("unshare") is None:
        raise Skip("no unshare")
    first = world.image()
    recipe = world.work / "first" / "recipes" / "qemu-base.yaml"
    vendored = world.work / "vendored"
    made = world.ainode("vendor", recipe, "--out", vendored, "--locked", place="first")
    assert made.status == 0, made
    again = world.ainode("vendor", recipe, "--out", vendored, "--locked", place="first")
    assert again.status == 0, again
    foreign = world.ainode("vendor", recipe, "--out", world.work / "first", place="first")
    assert foreign.status == 2 and "error[B0007]" in foreign.err, foreign
    alone = world.work / "alone" / "recipes"
    alone.mkdir(parents=True)
    shutil.copy(recipe, alone)
    # No lock beside the recipe: the vendor directory brings its own. No interface, not even the loopback's address.
    command = ["unshare", "--net", world.program, "build", alone / "qemu-base.yaml", "--offline", "--vendor", vendored,
               "--out", world.work / "alone" / "out"]
    if os.geteuid() != 0:
        command.insert(1, "--map-root-user")
    built = run(command, world.work, world.environment("alone"), timeout=1500)
    assert built.status == 0, built
    assert Image(world.work / "alone" / "out").commit == first.commit
    world.remove("alone")
    victim = sorted((vendored / "pool").rglob("dbus_*.deb"))[0]
    victim.write_bytes(victim.read_bytes()[:-1] + b"x")
    bad = world.ainode("build", recipe, "--offline", "--vendor", vendored, "--out", world.work / "bad" / "out", "--json", place="bad")
    assert_refused(bad, 3, "P0005")
    victim.unlink()
    bad = world.ainode("build", recipe, "--offline", "--vendor", vendored, "--out", world.work / "bad" / "out", "--json", place="bad")
    assert_refused(bad, 3, "P0013")
    assert not (world.work / "bad" / "out").exists()
    world.remove("bad")
    world.remove("vendored")
