# SPDX-License-Identifier: Apache-2.0
"""Building the default image from the host's configured archive, twice, and again."""

import json
import shutil

from cases import case
from input_cases import Mirror
from world import Image, Skip, run, sha256_of


@case()
def default_image_builds(world):
    """The default recipe gives a commit, its repository and a disk that are what the manifest says."""
    image = world.image()
    assert len(image.commit) == 64, image.commit
    assert image.manifest["outputs"], "the manifest names no output"
    for output in image.manifest["outputs"]:
        path = image.directory / output["name"]
        assert path.stat().st_size == output["size"], f"{path}: {path.stat().st_size} bytes, not {output['size']}"
        assert sha256_of(path) == output["sha256"], f"{path}: not the digest that the manifest names"
    assert image.disk.exists(), f"no {image.disk}"


@case()
def lock_names_no_host(world):
    """The lock beside the recipe names packages by digest, and no host."""
    world.image()
    locks = list((world.work / "first" / "recipes").glob("*.lock"))
    assert len(locks) == 1, locks
    text = locks[0].read_text()
    assert "://" not in text, "the lock holds an address"
    packages = json.loads(text)["packages"]
    assert any(package["name"] == "systemd-sysv" for package in packages), "systemd-sysv is not locked"
    assert all(len(package["sha256"]) == 64 for package in packages)


@case()
def diff_tells_what_a_recipe_edit_did(world):
    """`diff` names what an edit of the recipe changed in the image, and nothing else; equal images have no difference."""
    first = world.image()
    place = "edited"
    recipe = world.recipe_copy(place, lambda text: text.replace("panic=10", "panic=7").replace("multi-user.target", "rescue.target"))
    for lock in (world.work / "first" / "recipes").glob("*.lock"):
        shutil.copy(lock, recipe.parent)
    out = world.work / place / "out"
    built = world.ainode("build", recipe, "--out", out, place="first")
    assert built.status == 0, built
    told = world.ainode("diff", first.directory, out, "--json", "--exit-code")
    assert told.status == 1, told
    diff = told.json()
    assert (diff["schema"], diff["different"]) == ("ainode.diff/1", True), diff
    assert (diff["before"]["commit"], diff["after"]["commit"]) == (first.commit, Image(out).commit), diff
    changed = {file["path"]: (file["change"], file["what"]) for file in diff["files"]}
    target = ("changed", ["target /usr/lib/systemd/system/multi-user.target → /usr/lib/systemd/system/rescue.target"])
    assert changed == {"/usr/etc/systemd/system/default.target": target}, changed
    assert diff["settings"] == [{"subject": "systemd.default-target", "before": '"multi-user.target"', "after": '"rescue.target"'}], diff
    kernel = diff["kernel"]
    assert (kernel["arguments_added"], kernel["arguments_removed"]) == (["panic=7"], ["panic=10"]), kernel
    assert kernel["options"] == [] and diff["packages"] == [] and diff["not_compared"] == [], diff
    assert diff["sizes"]["outputs"][0]["name"] == first.disk.name, diff
    shown = world.ainode("diff", first.directory, out)
    assert shown.status == 0 and "kernel command line\n  + panic=7\n  - panic=10\n" in shown.out, shown
    same = world.ainode("diff", first.directory, first.directory, "--exit-code")
    assert (same.status, same.out) == (0, "no difference\n"), same
    nothing = world.ainode("diff", first.directory, world.work / "nowhere")
    assert nothing.status == 2 and "error[B0009]" in nothing.err and "nowhere" in nothing.err, nothing
    world.remove(place)


def layers_kept(built):
    """(kept, all) as the build's events tell it."""
    told = [json.loads(line) for line in built.err.splitlines() if line.startswith("{")]
    texts = [event["text"] for event in told if event.get("step") == "configure" and "layers kept" in event.get("text", "")]
    assert len(texts) == 1, built
    words = texts[0].split()
    return int(words[0]), int(words[2])


@case()
def variant_stands_on_kept_layers(world):
    """A variant of a recipe that extends the default one configures its own packages only, and from nothing is the same commit."""
    world.image()
    upper = world.recipe_copy("upper").parent / "upper.yaml"
    # `adm` is of Debian, no package mentions the user: it joins when all is configured.
    upper.write_text(
        "ainode: 1\nname: upper\nextends: [qemu-base.yaml]\narch: [amd64]\n"
        "users: [{name: ainode-operator, uid: 900, groups: [adm]}]\n"
        "variants: {more: {packages: {include: [strace]}}}\n"
    )
    for lock in (world.work / "first" / "recipes").glob("*.lock"):
        shutil.copy(lock, upper.parent)
    try:
        images = {}
        for variant, (kept, layers) in {"": (3, 4), "@more": (3, 5)}.items():
            out = world.work / "upper" / f"out{variant}"
            built = world.ainode("-v", "build", f"{upper}{variant}", "--out", out, "--progress=json", place="first")
            assert built.status == 0 and layers_kept(built) == (kept, layers), built
            images[variant] = Image(out)
            group = run(["ostree", "cat", f"--repo={out / 'repo'}", images[variant].commit, "/usr/etc/group"])
            assert "adm:x:4:ainode-operator\n" in group.out, group
        assert images[""].commit != images["@more"].commit
        again = world.ainode("verify", images["@more"].directory, "--rebuild", place="first")
        assert again.status == 0 and images["@more"].commit in again.out, again
    finally:
        world.remove("upper")


@case()
def planted_random_byte_is_seen(world):
    """The comparison of two builds can fail: a random byte planted into the tree changes commit and disk."""
    first = world.image()
    out = world.work / "planted" / "qemu-base"
    built = world.ainode(
        "build", world.work / "first" / "recipes" / "qemu-base.yaml", "--out", out, place="first", AINODE_FAILPOINT="finalize:random=plant"
    )
    assert built.status == 0, built
    planted = Image(out)
    assert planted.commit != first.commit, "the planted byte did not change the commit"
    assert sha256_of(planted.disk) != sha256_of(first.disk), "the planted byte did not change the disk"
    world.remove("planted")


@case()
def unchanged_build_says_so(world):
    """Built again with nothing changed, it says unchanged, exits 77 when asked to, and writes nothing."""
    image = world.image()
    recipe = world.work / "first" / "recipes" / "qemu-base.yaml"
    before = {path: path.stat().st_mtime_ns for path in sorted(image.directory.rglob("*")) if path.is_file()}
    again = world.ainode("build", recipe, "--out", image.directory, place="first")
    assert again.status == 0 and "unchanged" in again.out + again.err, again
    asked = world.ainode("build", recipe, "--out", image.directory, "--exit-unchanged", place="first")
    assert asked.status == 77, asked
    assert {path: path.stat().st_mtime_ns for path in sorted(image.directory.rglob("*")) if path.is_file()} == before


@case()
def plan_of_an_unchanged_image_has_nothing_to_do(world):
    """For the image that was just built, `plan --out` says that nothing is to do; for another directory, what is cached."""
    image = world.image()
    recipe = world.work / "first" / "recipes" / "qemu-base.yaml"
    done = world.ainode("plan", recipe, "--out", image.directory, "--offline", place="first")
    assert done.status == 0 and "nothing to do" in done.out, done
    other = world.ainode("plan", recipe, "--out", world.work / "elsewhere", "--offline", "--json", place="first").json()
    cached = [step["name"] for step in other["steps"] if not step["runs"]]
    assert cached == ["resolve", "fetch", "import", "tools", "configure"], other


@case()
def locked_build_needs_no_network(world):
    """With the lock and a store that holds its packages, --locked --offline builds the same image elsewhere."""
    first = world.image()
    out = world.work / "offline" / "qemu-base"
    recipe = world.work / "first" / "recipes" / "qemu-base.yaml"
    built = world.ainode("build", recipe, "--out", out, "--locked", "--offline", place="first", http_proxy="http://127.0.0.1:9")
    assert built.status == 0, built
    assert Image(out).commit == first.commit
    world.remove("offline")


@case(group="long")
def resolving_anew_gives_the_same_lock(world):
    """Without the lock, the archive as it is now is solved to the same lock, byte by byte."""
    world.image()
    lock = next((world.work / "first" / "recipes").glob("*.lock"))
    recipe = world.recipe_copy("resolved anew")
    built = world.ainode("build", recipe, "--out", world.work / "resolved anew" / "out", place="resolved anew")
    assert built.status == 0, built
    again = next(recipe.parent.glob("*.lock")).read_text()
    if json.loads(again)["repositories"] != json.loads(lock.read_text())["repositories"]:
        raise Skip("the archive moved between the two builds")
    assert again == lock.read_text()
    world.remove("resolved anew")


@case()
def scripts_change_what_they_may(world):
    """python3-debugpy's preinst clears its directory, man-db's postinst sets mandb's mode: all is in the image, as under dpkg."""
    world.image()
    recipe = world.recipe_copy("cleared").parent / "cleared.yaml"
    recipe.write_text("ainode: 1\nname: cleared\nextends: [qemu-base.yaml]\narch: [amd64]\npackages: {include: [python3-debugpy, man-db]}\n")
    for lock in (world.work / "first" / "recipes").glob("*.lock"):
        shutil.copy(lock, recipe.parent)
    try:
        built = world.ainode("build", recipe, "--out", world.work / "cleared" / "out", place="first")
        assert built.status == 0, built
        image = Image(world.work / "cleared" / "out")
        path = "/usr/lib/python3/dist-packages/debugpy/__main__.py"
        listed = run(["ostree", "ls", f"--repo={image.repository}", image.ref, path, "/usr/bin/mandb", "/usr/bin/man"])
        assert listed.status == 0 and path in listed.out, listed
        packaged = run(["ostree", "cat", f"--repo={image.repository}", image.ref, "/usr/bin/mandb"], timeout=60)
        assert "ainode" not in packaged.out and "-00755 0 0" in listed.out.splitlines()[1], listed
        told = world.ainode("explain", image.directory, path)
        assert "python3-debugpy" in told.out and "preinst" not in told.out, told
    finally:
        world.remove("cleared")


@case()
def failing_preinst_is_told(world):
    """A preinst that fails: the error names the package, the script, its exit status and what it said."""
    world.image()
    recipe = world.recipe_copy("failing").parent / "failing.yaml"
    try:
        with Mirror(world, vendor="updated") as mirror:
            recipe.write_text(
                "ainode: 1\nname: failing\nextends: [qemu-base.yaml]\narch: [amd64]\npackages: {include: [left]}\nrepositories:\n"
                f"  - {{id: vendor, distribution: accelerators, suite: trixie, components: [main], keyring: {mirror.keyring}, allow: [left]}}\n"
            )
            served = {"AINODE_MIRROR_ACCELERATORS": mirror.environment["AINODE_MIRROR_ACCELERATORS"]}
            out = world.work / "failing" / "out"
            built = world.ainode("build", recipe, "--out", out, place="first", **served)
        assert built.status == 1 and "error[B0002]: the preinst of left failed with exit status 7" in built.err, built
        assert "nothing to the right" in built.err and not out.exists(), built
    finally:
        world.remove("failing")
