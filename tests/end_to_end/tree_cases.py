# SPDX-License-Identifier: Apache-2.0
"""Images that are judged without a boot: what files alone prove, and planted defects that they must show."""

import lzma
import os
import shutil
import struct
import subprocess

from cases import case
from world import Image, run


def validate_tree(world, directory, *arguments):
    return world.ainode("validate", directory, "--target", "tree", "--json", *arguments)


def failed_checks(report):
    return {check["id"] for check in report["checks"] if check["verdict"] == "fail"}


@case()
def tree_proves_without_a_boot(world):
    """What files alone prove of the default image: all hold, every module is read, nothing is written."""
    directory = world.image().directory
    before = sorted(directory.iterdir())
    judged = validate_tree(world, directory)
    assert judged.status == 0, judged
    found = {check["id"]: check for check in judged.json()["checks"]}
    assert {check["verdict"] for check in found.values()} == {"pass"}, judged
    assert {"kernel.release", "kernel.config", "driver.vermagic", "driver.symbols", "driver.firmware-present",
            "driver.signed", "system.accounts"} <= set(found), sorted(found)  # fmt: skip
    seen = found["driver.symbols"]["measured"]
    assert seen["modules"] == found["driver.vermagic"]["measured"]["modules"] > 500, seen
    assert seen["exported_by_kernel"] > 5000 and seen["wanted"] > 10_000, seen
    assert sorted(directory.iterdir()) == before
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


def plant_other_type(tree):
    """The checksum before the name of a wanted symbol is another one."""
    module = tree.read_module("drivers/block/loop")
    row = module.index(b"module_layout".ljust(56, b"\0")) - 8
    (checksum,) = struct.unpack_from("<I", module, row)
    tree.plant_module("drivers/block/loop", module[:row] + struct.pack("<I", checksum ^ 1) + module[row + 4 :])


def plant_no_exporter(tree):
    tree.plant_module("drivers/scsi/scsi_mod", tree.read_module("drivers/block/loop"))


def plant_wish_for_firmware(tree):
    module, said = tree.read_module("drivers/block/virtio_blk"), b"\0description=Virtio block driver\0"
    assert module.count(said) == 1
    tree.plant_module("drivers/block/virtio_blk", module.replace(said, b"\0firmware=acme/none.bin".ljust(len(said), b"\0")))


SIGNED = b"~Module signature appended~\n"


def plant_no_signature(tree):
    """Without what sign-file(1) appends: the message, its length in a trailer of 12 bytes, a line."""
    module = tree.read_module("drivers/block/loop").removesuffix(SIGNED)
    (size,) = struct.unpack(">I", module[-4:])
    tree.plant_module("drivers/block/loop", module[: -12 - size])


def plant_other_signer(tree):
    """One bit of the serial number, which stands behind the issuer's name."""
    module = tree.read_module("drivers/block/loop")
    (size,) = struct.unpack(">I", module.removesuffix(SIGNED)[-4:])
    serial = module.index(b"kernel key", len(module) - size - 12 - len(SIGNED)) + len(b"kernel key") + 6
    tree.plant_module("drivers/block/loop", module[:serial] + bytes([module[serial] ^ 1]) + module[serial + 1 :])


def plant_other_configuration(tree):
    path = f"{tree.modules}/config"
    tree.plant(path, tree.read(path).replace(b"CONFIG_OVERLAY_FS=m", b"CONFIG_OVERLAY_FS=n"))


def plant_other_account(tree):
    path = "/usr/etc/group"
    lines = tree.read(path).split(b"\n")
    tree.plant(path, b"\n".join(b"systemd-journal:x:4711:" if line.startswith(b"systemd-journal:") else line for line in lines))


# (case, what is planted, the checks that must fail: these and no other)
CONTROLS = [
    ("other-release-of-a-module", plant_other_release, {"driver.vermagic"}),
    ("other-type-of-a-symbol", plant_other_type, {"driver.symbols"}),
    ("no-exporter", plant_no_exporter, {"driver.symbols"}),
    ("no-firmware", plant_wish_for_firmware, {"driver.firmware-present"}),
    ("no-signature", plant_no_signature, {"driver.signed"}),
    ("other-signer", plant_other_signer, {"driver.signed"}),
    ("other-configuration", plant_other_configuration, {"kernel.config"}),
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


def add_control(name, plant, caught):
    def control(world):
        image = copied(world, name)
        overlay = world.work / f"{name}-overlay"
        plant(Tree(world, image, overlay))
        made = run(["ostree", f"--repo={image.repository}", "commit", "--branch=planted", f"--tree=ref={image.commit}", f"--tree=dir={overlay}"])
        assert made.status == 0, made
        path = image.directory / "manifest.json"
        path.write_text(path.read_text().replace(image.commit, made.out.strip()))
        judged = validate_tree(world, image.directory)
        assert judged.status == 1, judged
        failed = failed_checks(judged.json())
        assert failed == caught, f"failed: {sorted(failed)}, planted for {sorted(caught)}\n{judged}"
        world.remove(name)
        world.remove(overlay.name)

    control.__doc__ = f"A defect planted in the commit fails {', '.join(sorted(caught))} without a boot, and no other check."
    case(name=f"tree-control-{name}")(control)


for row in CONTROLS:
    add_control(*row)


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
