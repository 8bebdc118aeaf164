# SPDX-License-Identifier: Apache-2.0
"""The sandbox and the overlay on the kernel that Debian 12 itself boots: the very tests of this tree, in a machine."""

import os
import re
import shutil
import stat
from pathlib import Path

from cases import case
from tiny import Archive, Place
from world import ROOT, Skip, run

# What the tests' scripts use, beside the test programs.
PROGRAMS = """sh cat chmod chown cp cut date env grep head hostname id ls mkdir mount newgidmap newuidmap od perl rm setpriv
setsid sleep sort stat sync tee touch true umount uname uniq unshare wc""".split()
MODULES = ["virtio_ring", "virtio", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci", "virtio_blk", "overlay"]  # as they need each other


def package(world, name):
    """A package of this distribution, unpacked."""
    place = world.work / "bookworm" / name
    place.mkdir(parents=True)
    got = run(["apt-get", "download", name], place, timeout=300)
    if got.status != 0:
        raise Skip(f"{name} cannot be had from the archive here: {got.err.strip().splitlines()[-1]}")
    unpacked = run(["dpkg-deb", "-x", next(place.glob("*.deb")), place / "root"])
    assert unpacked.status == 0, unpacked
    return place / "root"


def kernel_package():
    """The package that Debian 12's meta-package names now."""
    told = run(["apt-cache", "depends", "linux-image-cloud-amd64"])
    names = re.findall(r"Depends: (linux-image-6\.1\.\S+)", told.out)
    if not names:
        raise Skip("this archive has no 6.1 kernel")
    return names[0]


def libraries_of(program):
    return [Path(path) for path in re.findall(r"(/\S+) \(0x", run(["ldd", program]).out)]


def lay(root, source, name=None):
    """A host's file at its own place in the machine's root, or at `name`, with its owner and mode."""
    target = root / str(name or source).lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        shutil.copy(source, target)
        os.chmod(target, stat.S_IMODE(os.stat(source).st_mode))


def lay_program(root, program):
    real = Path(os.path.realpath(program))
    lay(root, real, program)
    for library in libraries_of(real):
        lay(root, library, library.parent.resolve() / library.name)


# Root first, then somebody with subordinate ids; last what the same kernel refuses on a tmpfs.
SESSION = """#!/bin/sh
export GTEST_COLOR=no
cd {build}
echo "kernel $(uname -r)"
./sandbox_tests
echo "as root: $?"
setpriv --reuid=1000 --regid=1000 --clear-groups ./sandbox_tests --gtest_filter='*Escape*:Overlay.*:Sandbox.*'
echo "as a user: $?"
./stages_tests --gtest_filter='OverlayFold.*'
echo "folded as root: $?"
setpriv --reuid=1000 --regid=1000 --clear-groups ./stages_tests --gtest_filter='OverlayFold.*'
echo "folded as a user: $?"
cd /dev/shm && mkdir -p lower/dir upper work merged && touch lower/dir/file
unshare --user --map-root-user --mount sh -c '
  mount -t overlay -o userxattr,lowerdir=lower,upperdir=upper,workdir=work overlay merged && rm -r merged/dir && mkdir merged/dir' 2>&1
echo "on a tmpfs: $?"
echo "session ended"
/bin/busybox poweroff -f
"""
INIT = """#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /disk
for module in {modules}; do /bin/busybox insmod /$module.ko; done
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t ext4 /dev/vda /disk || echo "no disk"
for each in "proc proc" "sysfs sys" "devtmpfs dev" "cgroup2 sys/fs/cgroup"; do
  set -- $each; /bin/busybox mount -t $1 $1 /disk/$2
done
/bin/busybox mkdir -p /disk/dev/shm && /bin/busybox mount -t tmpfs tmpfs /disk/dev/shm
echo "+pids +memory" > /disk/sys/fs/cgroup/cgroup.subtree_control
# A chroot would not do: user namespaces are refused in one.
exec /bin/busybox switch_root /disk /session
"""


def machine_root(world, build, busybox):
    """The disk's content: the test programs at their own paths, and what they run."""
    root = world.work / "bookworm" / "disk"
    for name in ["etc", "proc", "sys", "dev", "run", "tmp", "root", "var", "usr/bin", "usr/sbin", "usr/lib", "usr/lib64"]:
        (root / name).mkdir(parents=True)
    for name in ["bin", "sbin", "lib", "lib64"]:
        (root / name).symlink_to(f"usr/{name}")
    os.chmod(root / "tmp", 0o1777)
    for name in PROGRAMS:
        found = shutil.which(name, path="/usr/bin:/usr/sbin")
        if not found:
            raise Skip(f"{name} is not installed")
        lay_program(root, found)
    perl = Path("/usr/lib/x86_64-linux-gnu/perl-base")
    for folder in [perl, Path("/usr/lib/locale/C.utf8")]:
        shutil.copytree(folder, root / folder.relative_to("/"))
    for name in ["sandbox_tests", "stages_tests", "escape-probe"]:
        lay_program(root, build / name)
    lay(root, busybox / "bin/busybox", "/bin/busybox")
    lay(root, ROOT / "tests/builder/sandbox/escape_attempts.txt")
    os.chown(root / str(build).lstrip("/"), 1000, 1000)
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nada:x:1000:1000::/tmp:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\nada:x:1000:\n")
    for name in ["subuid", "subgid"]:
        (root / "etc" / name).write_text("ada:100000:65536\n")
    (root / "session").write_text(SESSION.format(build=build))
    os.chmod(root / "session", 0o755)
    return root


def cpio(entries):
    """An archive of the format `newc`: name, mode, content."""
    out = b""
    for number, (name, mode, content) in enumerate([*entries, ("TRAILER!!!", 0, b"")], 1):
        fields = [number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0]
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
        out += head + bytes(-len(head) % 4) + content + bytes(-len(content) % 4)
    return out


def boot(world, kernel, busybox, disk):
    modules = {path.stem: path for path in kernel.rglob("*.ko")}
    wanted = [name for name in MODULES if name in modules]
    entries = [("bin", 0o40755, b""), ("bin/busybox", 0o100755, (busybox / "bin/busybox").read_bytes())]
    entries += [(f"{name}.ko", 0o100644, modules[name].read_bytes()) for name in wanted]
    entries += [("dev", 0o40755, b""), ("init", 0o100755, INIT.format(modules=" ".join(wanted)).encode())]
    initrd = disk.parent / "initrd"
    initrd.write_bytes(cpio(entries))
    return run(
        ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-m", "2048", "-smp", "2", "-nodefaults", "-display", "none",
         "-no-reboot", "-serial", f"file:{world.logs}/bookworm.log", "-kernel", next(kernel.glob("boot/vmlinuz-*")), "-initrd", initrd,
         "-drive", f"file={disk},if=virtio,format=raw", "-append", "console=ttyS0 quiet panic=-1"],
        disk.parent, timeout=1200,
    )  # fmt: skip


def said(console, name):
    """What stands after `name: `, once."""
    found = re.findall(rf"^{re.escape(name)}: (.*?)\r?$", console, re.MULTILINE)
    assert len(found) == 1, f"{name}: {found}\n{console[-6000:]}"
    return found[0]


@case(group="long")
def sandbox_holds_on_bookworms_kernel(world):
    """On Debian 12's own 6.1 kernel all sandbox and escape tests pass, and an overlay folds back, as root and as a user."""
    if os.getuid() != 0:
        raise Skip("needs root to lay out the machine's disk")
    build = world.program.parent
    for name in ["sandbox_tests", "stages_tests", "escape-probe"]:
        if not (build / name).exists():
            raise Skip(f"{name} is not built beside {world.program.name}")
    kernel, busybox = package(world, kernel_package()), package(world, "busybox-static")
    root = machine_root(world, build, busybox)
    disk = world.work / "bookworm" / "disk.ext4"
    made = run(["mke2fs", "-q", "-t", "ext4", "-d", root, disk, "1G"])
    assert made.status == 0, made
    booted = boot(world, kernel, busybox, disk)
    console = (world.logs / "bookworm.log").read_text(errors="replace")
    assert booted.status == 0 and "session ended" in console, console[-6000:] + booted.err
    assert re.search(r"^kernel 6\.1\.", console, re.MULTILINE), console[-6000:]
    failed = re.findall(r"^\[  FAILED  \] (\S+)", console, re.MULTILINE)
    assert failed == [], f"{sorted(set(failed))}\n{console[-12000:]}"
    for part in ("as root", "as a user", "folded as root", "folded as a user"):
        assert said(console, part) == "0", f"{part}\n{console[-6000:]}"
    passed = [int(count) for count in re.findall(r"^\[  PASSED  \] (\d+) tests?\.", console, re.MULTILINE)]
    assert len(passed) == 4 and passed[0] > 100 and passed[1] > 75 and passed[2:] == [1, 1], passed
    assert "SKIPPED" not in console, console[-6000:]
    # Why an overlay's upper directory must lie on a disk: this kernel mounts one on a tmpfs, and then cannot work.
    assert "rm: cannot remove 'merged/dir': Input/output error" in console, console[-3000:]
    assert said(console, "on a tmpfs") == "1", console[-3000:]
    world.remove("bookworm")


@case()
def script_that_the_sandbox_stops_is_told(world):
    """A package's script that mounts, or makes processes without end: the error tells what stopped it, and the cure."""
    expected = {
        "mount": ["the sandbox refused mount, asked for by", "cannot mount a tmpfs", "neither the kernel nor mounts"],
        "processes": ["the sandbox stopped it at its limit: 4096 processes at once", "cannot fork"],
    }
    with Archive(world) as archive:
        for wish, words in expected.items():
            place = Place(world, archive, f"wants-{wish}", lambda text: text.replace("[hello]", f"[hello, wants-{wish}]"))
            built = place.build()
            assert built.status == 1 and all(word in built.err for word in words), built
            assert not place.out.exists() and not place.processes() and not place.mounts(), wish
            place.remove()
