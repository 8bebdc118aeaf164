# SPDX-License-Identifier: Apache-2.0
"""Images that are judged without a boot: what files alone prove, and planted defects that they must show."""

import lzma
import os
import shutil
import subprocess
import time

from cases import case
from world import Image, run


def validate_tree(world, directory, *arguments):
    return world.ainode("validate", directory, "--target", "tree", "--json", *arguments)


def failed_checks(report):
    return {check["id"] for check in report["checks"] if check["verdict"] == "fail"}


@case()
def tree_proves_without_a_boot(world):
    """What files alone prove of the default image: all hold, every module is read; twice is told without reading."""
    directory = world.image().directory
    before = sorted(directory.iterdir())
    time.sleep(3)  # nothing is kept of files that were written just now
    judged = validate_tree(world, directory)
    assert judged.status == 0, judged
    found = {check["id"]: check for check in judged.json()["checks"]}
    skipped = found.pop("driver.userspace-match")
    assert skipped["reason"] == "no driver of NVIDIA has a module and libraries in the image", skipped
    assert "CONFIG_DEVICE_PRIVATE off" in found.pop("mem.hmm")["reason"], judged
    assert {check["verdict"] for check in found.values()} == {"pass"}, judged
    assert {"kernel.release", "kernel.config", "driver.vermagic", "driver.symbols", "driver.firmware-present",
            "driver.signed", "system.accounts"} <= set(found), sorted(found)  # fmt: skip
    seen = found["driver.symbols"]["measured"]
    assert seen["modules"] == found["driver.vermagic"]["measured"]["modules"] > 500, seen
    assert seen["exported_by_kernel"] > 5000 and seen["wanted"] > 10_000, seen
    assert sorted(directory.iterdir()) == before
    again = validate_tree(world, directory)
    assert again.json() == judged.json() and "kept" in again.err, again
    one = validate_tree(world, directory, "--check", "driver.vermagic")
    assert "kept" not in one.err, "another question has the answer of the first"
    refused = world.ainode("validate", directory, "--target", "tree", "--append", "quiet")
    assert refused.status == 2 and "--append" in refused.err, refused


class Tree:
    """The default image's commit, and the files that are planted over it."""

    def __init__(self, world, image, overlay):
        self.image, self.overlay = image, overlay
        self.modules = f"/usr/lib/modules/{image.manifest['kernel']['release']}"

    def read(self, path):
        return subprocess.check_output(["ostree", f"--repo={self.image.repository}", "cat", self.image.commit, path])

    def plant(self, path, content):
        file = self.overlay / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)

    def read_module(self, path):
        return lzma.decompress(self.read(f"{self.modules}/kernel/{path}.ko.xz"))

    def plant_module(self, path, content):
        self.plant(f"{self.modules}/kernel/{path}.ko.xz", lzma.compress(content, check=lzma.CHECK_CRC32))


def plant_other_release(tree):
    module = tree.read_module("drivers/block/loop")
    start = module.index(b"\0vermagic=") + len(b"\0vermagic=")
    tree.plant_module("drivers/block/loop", module[:start] + b"5" + module[start + 1 :])


def plant_other_account(tree):
    path = "/usr/etc/group"
    lines = tree.read(path).split(b"\n")
    tree.plant(path, b"\n".join(b"systemd-journal:x:4711:" if line.startswith(b"systemd-journal:") else line for line in lines))


def plant_driver(tree):
    """A module that has a version where its licence stood, and a library."""
    module = tree.read_module("drivers/block/loop")
    assert b"\0license=GPL\0" in module
    tree.plant_module("drivers/block/nvidia", module.replace(b"\0license=GPL\0", b"\0version=5.1\0"))
    tree.plant("/usr/lib/x86_64-linux-gnu/libcuda.so.5.1", b"")


# (case, what is planted, the checks that must fail: these and no other). `validate --controls` plants all others over
# the commit as it is read; these are commits.
CONTROLS = [
    ("other-release-of-a-module", plant_other_release, {"driver.vermagic", "driver.signed"}),
    ("other-account", plant_other_account, {"system.accounts"}),
]


def copied(world, name):
    """The default image with a repository of its own."""
    image, directory = world.image(), world.work / name
    directory.mkdir()
    shutil.copy(image.directory / "manifest.json", directory)
    made = run(["cp", "-a", image.repository, directory / "repo"])
    assert made.status == 0, made
    return Image(directory)


def planted(world, name, plant):
    """The default image with other files in its commit."""
    image = copied(world, name)
    overlay = world.work / f"{name}-overlay"
    plant(Tree(world, image, overlay))
    made = run(["ostree", f"--repo={image.repository}", "commit", "--branch=planted", f"--tree=ref={image.commit}", f"--tree=dir={overlay}"])
    assert made.status == 0, made
    path = image.directory / "manifest.json"
    path.write_text(path.read_text().replace(image.commit, made.out.strip()))
    world.remove(overlay.name)
    return image


def add_control(name, plant, caught):
    def control(world):
        judged = validate_tree(world, planted(world, name, plant).directory)
        assert judged.status == 1, judged
        failed = failed_checks(judged.json())
        assert failed == caught, f"failed: {sorted(failed)}, planted for {sorted(caught)}\n{judged}"
        world.remove(name)

    control.__doc__ = f"A defect planted in the commit fails {', '.join(sorted(caught))} without a boot, and no other check."
    case(name=f"tree-control-{name}")(control)


for row in CONTROLS:
    add_control(*row)


@case()
def tree_with_a_driver(world):
    """A module and a library of one version match; where the module is planted to be of another, they do not."""
    image = planted(world, "driver", plant_driver)
    judged = validate_tree(world, image.directory)
    assert failed_checks(judged.json()) == {"driver.signed"}, judged  # it was made of one that the kernel's key signed
    found = {check["id"]: check for check in judged.json()["checks"]}
    assert found["driver.userspace-match"]["verdict"] == "pass", judged
    judged = validate_tree(world, image.directory, "--control", "other-driver")
    assert judged.status == 1 and failed_checks(judged.json()) == {"driver.userspace-match", "driver.signed"}, judged
    world.remove("driver")


@case()
def tree_that_is_damaged_is_refused(world):
    """One bit of the kernel's object in the repository is flipped: an error that names the cure, no verdict."""
    image = copied(world, "damaged")
    release = image.manifest["kernel"]["release"]
    listed = run(["ostree", f"--repo={image.repository}", "ls", "-C", image.commit, f"/usr/lib/modules/{release}/vmlinuz"])
    checksum = listed.out.split()[4]
    file = image.repository / "objects" / checksum[:2] / f"{checksum[2:]}.file"
    with file.open("r+b") as kernel:
        kernel.seek(os.path.getsize(file) // 2)
        byte = kernel.read(1)
        kernel.seek(-1, os.SEEK_CUR)
        kernel.write(bytes([byte[0] ^ 1]))
    judged = validate_tree(world, image.directory)
    assert judged.status != 0 and "B0010" in judged.err and "ainode verify" in judged.err, judged
    world.remove("damaged")
