#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The smallest archive that a whole image can be built of: no scripts, programs of some kilobytes, a build in a moment.

    make_tiny_mirror.py DIRECTORY --tools PROGRAM [--serve]

PROGRAM is build/…/tiny-tools. Writes the signed archive and `tiny.yaml`, and prints one JSON line:

    {"keyring": "…/keyring.gpg", "recipe": "…/tiny.yaml", "file": "file://…", "http": "http://127.0.0.1:…"}

With --serve it answers on the loopback until its standard input closes; GET /requests tells how often each path was asked for.
"""
import argparse
import collections
import functools
import hashlib
import io
import json
import lzma
import os
import sys
import tarfile
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import make_mirror  # noqa: E402  (the path is set above)

SUITE = "trixie"
RELEASE = "6.12.0-tiny"
CONFIGURATION = "CONFIG_HZ=250\nCONFIG_SMP=y\n"

RECIPE = """\
# SPDX-License-Identifier: Apache-2.0
ainode: 1
name: tiny
summary: Two packages, no scripts
arch: [amd64]
repositories:
  - {id: main, distribution: debian, suite: trixie, components: [main]}
packages: {recommends: false, include: [hello]}
kernel: {package: node, cmdline: [quiet]}
disk:
  partitions:
    - {id: esp, type: esp, fs: vfat, size: 64M, mount: /efi}
    - {id: root, type: root, fs: ext4, size: 64M, mount: /}
signing: {ostree: {openpgp: release, ed25519: release}}
outputs: {ostree: {ref: "ainode/{arch}/{name}"}, disk: [qcow2]}
"""


def packages(program):
    """name → (control fields, {path: (content, mode) or a symlink's target})."""
    executable = (program, 0o755)
    node = {
        "bin": "usr/bin", "lib": "usr/lib", "sbin": "usr/sbin", "lib64": "usr/lib64",
        "usr/bin/tiny": executable, "usr/bin/sh": "tiny", "usr/bin/dpkg": "tiny", "usr/sbin/init": "../bin/tiny",
        "usr/lib/ostree/ostree-prepare-root": executable,
        "etc/os-release": (b"PRETTY_NAME=Tiny\n", 0o644), "etc/shadow": (b"root:*:::::::\n", 0o640),
        f"boot/vmlinuz-{RELEASE}": (b"a kernel " * 100, 0o644), f"boot/config-{RELEASE}": (CONFIGURATION.encode(), 0o644),
        f"usr/lib/modules/{RELEASE}/modules.builtin": (b"", 0o644),
        **{name: None for name in ("dev", "proc", "sys", "run", "tmp", "var/log", "usr/lib64", "usr/sbin", "efi")},
    }
    tools = {"usr/bin/busybox": executable}
    tools |= {f"usr/bin/{name}": "busybox" for name in ("zstd", "mke2fs", "mkfs.vfat")}
    nothing = {}
    return {
        "node": ("Essential: yes\nPriority: required\n", node),
        "hello": ("Depends: node\n", {"usr/share/hello/readme": (b"hello\n", 0o644), "usr/bin/hello": executable}),
        **{f"wants-{wish}": ("", {"usr/share/mischief": (wish.encode(), 0o644), "mnt": None}) for wish in ("mount", "processes")},
        "busybox-static": ("", tools), "dosfstools": ("", nothing), "e2fsprogs": ("", nothing),
        "libarchive13t64": ("", nothing), "zstd": ("", nothing),
    }  # fmt: skip


def tar(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        made = set()

        def directory(path):
            if path and path not in made:
                directory(os.path.dirname(path))
                made.add(path)
                info = tarfile.TarInfo(f"./{path}")
                info.type, info.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(info)

        for path, what in sorted(files.items()):
            directory(os.path.dirname(path) if what is not None else path)
            info = tarfile.TarInfo(f"./{path}")
            if isinstance(what, str):
                info.type, info.linkname, info.mode = tarfile.SYMTYPE, what, 0o777
                archive.addfile(info)
            elif what is not None:
                info.size, info.mode = len(what[0]), what[1]
                archive.addfile(info, io.BytesIO(what[0]))
    return buffer.getvalue()


def deb(control, files):
    members = [("debian-binary", b"2.0\n"), ("control.tar", tar({"control": (control.encode(), 0o644)})), ("data.tar", tar(files))]
    return make_mirror.ar(members)


def write_archive(root, program, signer, now):
    stanzas = []
    for name, (fields, files) in packages(program).items():
        control = (f"Package: {name}\nVersion: 1.0\nArchitecture: amd64\nMaintainer: Nobody <nobody@example.invalid>\n"
                   f"Description: a package of the tests\n{fields if 'Priority' in fields else 'Priority: optional' + chr(10) + fields}")
        content = deb(control, files)
        path = f"pool/main/{name[0]}/{name}/{name}_1.0_amd64.deb"
        make_mirror.write(os.path.join(root, path), content)
        stanzas.append(f"{control}Filename: {path}\nSize: {len(content)}\nSHA256: {hashlib.sha256(content).hexdigest()}\n")
    plain = "\n".join(stanzas).encode()
    packed = lzma.compress(plain)
    index = os.path.join(root, "dists", SUITE, "main/binary-amd64")
    make_mirror.write(os.path.join(index, "by-hash/SHA256", hashlib.sha256(packed).hexdigest()), packed)
    named = {"main/binary-amd64/Packages": plain, "main/binary-amd64/Packages.xz": packed}
    text = make_mirror.release_text("debian", SUITE, named, "none", now)
    make_mirror.write(os.path.join(root, "dists", SUITE, "InRelease"), signer.sign(text))


class Handler(make_mirror.Handler):
    """Files, each request counted."""

    asked = collections.Counter()
    lock = threading.Lock()

    def do_GET(self):
        if self.path == "/requests":
            with self.lock:
                return self.answer(200, json.dumps(self.asked).encode())
        with self.lock:
            self.asked[self.path] += 1
        return super().do_GET()


def serve(directory):
    server = make_mirror.Server(("127.0.0.1", 0), functools.partial(Handler, directory=directory))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory")
    parser.add_argument("--tools", required=True, help="the program that stands for all programs of the trees")
    parser.add_argument("--date", type=int, default=int(time.time()) - 60, help="the archive's Date, seconds since 1970")
    parser.add_argument("--serve", action="store_true")
    arguments = parser.parse_args()
    directory = os.path.abspath(arguments.directory)
    with open(arguments.tools, "rb") as file:
        program = file.read()
    signer = make_mirror.Signer(arguments.date)
    try:
        write_archive(os.path.join(directory, "archive"), program, signer, arguments.date)
        make_mirror.write(os.path.join(directory, "keyring.gpg"), signer.export())
    finally:
        signer.close()
    make_mirror.write(os.path.join(directory, "tiny.yaml"), RECIPE.encode())
    http = serve(os.path.join(directory, "archive")) if arguments.serve else ""
    print(json.dumps({"keyring": f"{directory}/keyring.gpg", "recipe": f"{directory}/tiny.yaml",
                      "file": f"file://{directory}/archive", "http": http}), flush=True)  # fmt: skip
    if arguments.serve:
        sys.stdin.read()


if __name__ == "__main__":
    main()
