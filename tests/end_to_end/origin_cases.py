# SPDX-License-Identifier: Apache-2.0
"""Who made what: explain IMAGE PATH, a second build beside the image, and what stands in for slow programs."""

from cases import case
from tiny import Archive, Place
from world import Image, run


def makers(world, image, path):
    told = world.ainode("explain", image.directory, path, "--json")
    assert told.status == 0, told
    return told.json()["makers"]


@case()
def every_path_tells_its_maker(world):
    """A package, a script, a generator, a normaliser, a line of the recipe: each is named for what it made."""
    image = world.image()
    assert makers(world, image, "/usr/bin/bash")[0].startswith("package bash "), makers(world, image, "/usr/bin/bash")
    passwd = makers(world, image, "/etc/passwd")
    assert passwd == ["the postinst of passwd", "the recipe's users and groups"], passwd
    assert makers(world, image, "/usr/lib/udev/hwdb.bin") == ["generator hardware-database"]
    assert makers(world, image, "/etc/machine-id")[-1] == "normaliser machine-id"
    target = makers(world, image, "/etc/systemd/system/default.target")
    assert target[-1].startswith("`systemd.default-target` at ") and "qemu-base.yaml:" in target[-1], target
    told = world.ainode("explain", image.directory, "/bin/bash")
    assert told.out.startswith("/usr/bin/bash\n  file, "), told
    absent = world.ainode("explain", image.directory, "/etc/no-such-file")
    assert absent.status == 2 and "holds no /etc/no-such-file" in absent.err, absent
    removed = world.ainode("explain", image.directory, "/boot/System.map-" + image.manifest["kernel"]["release"])
    assert removed.status == 2 and "ships it" in removed.err, removed


@case()
def accounts_have_the_numbers_of_the_recipe(world):
    """What the recipe says of users and groups is in the image, and no package chose a number of its own."""
    image = world.image()
    read = run(["ostree", f"--repo={image.repository}", "cat", image.ref, "/usr/etc/passwd"])
    assert read.status == 0, read
    numbers = {line.split(":")[0]: int(line.split(":")[2]) for line in read.out.splitlines()}
    assert numbers["messagebus"] == 101 and numbers["systemd-network"] == 102, numbers
    assert not [name for name, number in numbers.items() if 100 <= number < 1000 and number not in (101, 102)], numbers


@case()
def second_build_agrees_and_names_the_culprit(world):
    """verify --rebuild gives the same commit; of a planted random file it names path and maker, and ends with exit 1."""
    with Archive(world) as archive:
        place = Place(world, archive, "rebuilt")
        built = place.build()
        assert built.status == 0, built
        same = place.ainode("verify", place.out, "--rebuild")
        assert same.status == 0 and "the same commit" in same.out, same
        told = place.ainode("verify", place.out, "--rebuild", "--json", AINODE_FAILPOINT="finalize:random=plant")
        assert told.status == 1, told
        paths = [(path["path"], path["change"], path["makers"]) for path in told.json()["paths"]]
        # A directory that is new as a whole stands for what it holds.
        assert paths == [("/usr/lib/ainode/", "+", ["the OSTree layout"])], paths
        left = [path.name for path in (place.cache / "ainode" / "work").iterdir() if path.name.startswith("rebuild-")]
        assert not left, left
        place.recipe.write_text(place.recipe.read_text().replace("quiet", "loud"))
        stale = place.ainode("verify", place.out, "--rebuild")
        assert stale.status == 1 and "P0021" in stale.err, stale
        place.remove()


@case("long")
def default_image_rebuilds(world):
    """verify --rebuild of the default image, from an empty store and otherwise, gives the same commit."""
    image = world.image()
    same = world.ainode("verify", image.directory, "--rebuild", place="first")
    assert same.status == 0 and image.commit in same.out, same


@case("long")
def stand_ins_make_what_the_originals_make(world):
    """Without stand-ins and generators, by the programs that the scripts call, the default image is the same commit."""
    first = world.image()
    try:
        recipe = world.recipe_copy("originals")
        for lock in (world.work / "first" / "recipes").glob("*.lock"):
            (recipe.parent / lock.name).write_bytes(lock.read_bytes())
        out = world.work / "originals" / "out"
        built = world.ainode("build", recipe, "--out", out, place="originals", AINODE_FAILPOINT="configure:stand-ins=none")
        assert built.status == 0, built
        assert Image(out).commit == first.commit, world.ainode("diff", first.directory, out)
    finally:
        world.remove("originals")
