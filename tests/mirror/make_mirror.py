#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A tiny signed Debian archive on the loopback interface, right or broken in one named way.

    make_mirror.py DIRECTORY [--fault NAME]... [--date SECONDS] [--serve]

Writes one archive for each fault below DIRECTORY/FAULT and prints one JSON line:

    {"keyring": "…/keyring.gpg", "mirrors": {"none": {"debian": "URI", "debian-security": "URI"}, …}, "server": "URI"}

With --serve it answers on 127.0.0.1 until its standard input closes; without, the URIs are file:// ones. The key is made
for this run in a private GNUPGHOME, whose agent is ended before anything is printed.
"""
import argparse
import email.utils
import functools
import gzip
import hashlib
import http.server
import io
import json
import lzma
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import time

ARCHIVES = {
    "debian": {"suite": "trixie", "label": "Debian"},
    "debian-security": {"suite": "trixie-security", "label": "Debian-Security"},
}

# What the default recipe and the tools tree name, and the world of the unit tests. One line a package:
# archive | name | version | further control fields
PACKAGES = """
debian | base-files | 13.8 | Essential: yes; Priority: required
debian | libc6 | 2.41-12 | Priority: optional
debian | systemd-sysv | 257.13-1 | Depends: libc6 (>= 2.36)
debian | udev | 257.13-1 | Depends: libc6
debian | dbus | 1.16.2-2 | Depends: libc6
debian | libarchive13t64 | 3.7.4-4 | Depends: libc6
debian | kmod | 34.2-2 | Depends: libc6
debian | iproute2 | 6.15.0-1 | Depends: libc6
debian | ostree-boot | 2025.2-1 | Depends: libc6
debian | linux-image-cloud-amd64 | 6.12.48-1 |
debian | linux-image-cloud-arm64 | 6.12.48-1 |
debian | busybox-static | 1.37.0-6 |
debian | dosfstools | 4.2-1.2 | Depends: libc6
debian | e2fsprogs | 1.47.2-3 | Depends: libc6
debian | fdisk | 2.41-5 | Depends: libc6
debian | mtools | 4.0.48-1 | Depends: libc6
debian | qemu-utils | 10.0.3 | Depends: libc6
debian | zstd | 1.5.7 | Depends: libc6
debian | hello | 2.10-5 | Depends: libc6
debian | left | 1.0 | Conflicts: right
debian | right | 1.0 |
debian | broken | 1.0 | Depends: nothing-has-this
debian-security | libc6 | 2.41-12+deb13u1 | Priority: optional
"""

FAULTS = [
    "none",
    "longer",  # no fault: one package more
    "updated",  # no fault: two packages in newer versions, one of them the kernel
    "both-versions",  # no fault: these two packages in both versions
    "unknown-suite",  # another suite only
    "changed-inrelease",  # one byte of the signed text
    "expired",  # Valid-Until is past
    "future-date",  # signed ten years from now: this machine's clock must be wrong
    "foreign-key",  # signed by a key that is not in the keyring
    "unsigned",
    "text-before",
    "text-after",
    "html",  # every answer is a login page
    "truncated-packages",  # what lies on the server is shorter than InRelease says
    "broken-packages",  # InRelease names a truncated xz
    "escaping-filename",  # Filename: ../…
    "truncated-deb",
    "wrong-deb",  # right size, wrong bytes
    "down",  # nobody listens
    "wrong-origin",
    "weak-hash",  # no SHA256 field
]

# Further faults, which --fault all leaves out: one test asks for each alone.
MORE_FAULTS = [
    "expired-key",
    "revoked-key",
    "text-inside",  # a line of text among the signature's lines
    "other-suite",  # Codename of another release
    "wrong-packages",  # right size, wrong bytes
    "longer-packages",  # more than InRelease says
    "html-packages",  # a login page in place of the index
    "lost-packages",
    "no-packages-named",  # InRelease names no index
    "missing-field",  # a stanza without Size
    "sha512-first",  # no fault: the order that libsolv's own parser dies of
    "many-alternatives",  # 200,000 in one clause
    "long-line",  # 10 MB
    "absolute-filename",
    "url-filename",
    "bad-version",
    "two-contents",  # both archives have hello 2.10-5, with different bytes
]

TEN_YEARS = 3650 * 86400


def date_text(seconds):
    return email.utils.formatdate(seconds, usegmt=True).replace("GMT", "UTC")


class Signer:
    """Keys in a private GNUPGHOME (a short path: the agent's socket lies in it)."""

    def __init__(self, now):
        self.home = tempfile.mkdtemp(prefix="ai-gpg-")
        # A clock that is years behind sees key and signature made in its future.
        self.born = {user: now for user in ("archive", "foreign", "expired", "revoked")} | {"future": now + TEN_YEARS}
        self.made = []

    def make(self, user):
        if user in self.made:
            return
        lifetime = "1d" if user == "expired" else "never"
        self.gpg(*self.clock(user), "--quick-generate-key", f"{user}@example.invalid", "ed25519", "sign", lifetime)
        self.made.append(user)

    def clock(self, user):
        return ["--faked-system-time", f"{self.born[user]}!"]

    def gpg(self, *arguments, data=None):
        command = ["gpg", "--homedir", self.home, "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""]
        result = subprocess.run([*command, *arguments], input=data, capture_output=True)
        if result.returncode != 0:
            raise SystemExit(result.stderr.decode())
        return result.stdout

    def sign(self, text, user="archive"):
        self.make(user)
        return self.gpg(*self.clock(user), "--local-user", f"{user}@example.invalid", "--clearsign", data=text)

    def revoke(self):
        """With the certificate that gpg made with the key; a colon keeps it from being used by mistake."""
        listing = self.gpg("--with-colons", "--list-keys", "revoked@example.invalid").decode()
        fingerprint = next(line for line in listing.splitlines() if line.startswith("fpr")).split(":")[9]
        with open(os.path.join(self.home, "openpgp-revocs.d", f"{fingerprint}.rev"), "rb") as file:
            self.gpg("--import", data=file.read().replace(b":-----BEGIN", b"-----BEGIN"))

    def export(self):
        self.make("archive")
        if "revoked" in self.made:
            self.revoke()
        known = [f"{user}@example.invalid" for user in self.made if user != "foreign"]
        return self.gpg("--export", *known)

    def close(self):
        subprocess.run(["gpgconf", "--homedir", self.home, "--kill", "all"], check=False)
        shutil.rmtree(self.home, ignore_errors=True)


def tar(entries):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, data in entries:
            info = tarfile.TarInfo(name)
            if data is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(info)
            else:
                info.size, info.mode = len(data), 0o755 if data.startswith(b"#!") else 0o644
                archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def ar(members):
    out = [b"!<arch>\n"]
    for name, data in members:
        out.append(f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode() + data)
        if len(data) % 2:
            out.append(b"\n")
    return b"".join(out)


UPDATED = {"hello": "2.10-6", "linux-image-cloud-amd64": "6.12.57-1"}


def kernel_configuration(version):
    is_new = version == UPDATED["linux-image-cloud-amd64"]
    options = ["CONFIG_SMP=y", "CONFIG_HZ=1000" if is_new else "CONFIG_HZ=250", "# CONFIG_HZ_100 is not set"]
    return "\n".join(options + (["CONFIG_DMABUF_MOVE_NOTIFY=y"] if is_new else [])).encode() + b"\n"


@functools.cache
def deb(name, control):
    version = control.split("\nVersion: ")[1].split("\n")[0]
    document = f"usr/share/doc/{name}"
    parents = ["usr", "usr/share", "usr/share/doc", document]
    entries = [("./", None)] + [(f"./{p}/", None) for p in parents] + [(f"./{document}/readme", name.encode() + b"\n")]
    scripts = []
    if name.startswith("linux-image-"):
        entries += [("./boot/", None), (f"./boot/config-{version}-cloud", kernel_configuration(version))]
    if name == "hello":
        scripts = [("./postinst", f"#!/bin/sh\necho {version}\n".encode()), ("./prerm", b"#!/bin/sh\n")]
    if name == "left":
        scripts = [("./preinst", b"#!/bin/sh\necho nothing to the right >&2\nexit 7\n")]
    data = tar(entries)
    control_tar = tar([("./", None), ("./control", control.encode()), *scripts])
    return ar([("debian-binary", b"2.0\n"), ("control.tar.xz", lzma.compress(control_tar)), ("data.tar.xz", lzma.compress(data))])


def control_of(name, version, fields, architecture):
    lines = [f"Package: {name}", f"Version: {version}", f"Architecture: {architecture}",
             "Maintainer: Nobody <nobody@example.invalid>", "Description: a package of the tests"]
    given = [field.strip() for field in fields.split(";") if field.strip()]
    if not any(field.startswith("Priority:") for field in given):
        given.append("Priority: optional")
    return "\n".join(lines + given) + "\n"


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)


SHOWN_PATHS = {
    "escaping-filename": "../../{}",
    "absolute-filename": "/{}",
    "url-filename": "http://elsewhere.invalid/{}",
}


def stanza(name, version, fields, root, fault):
    control = control_of(name, version, fields, "amd64")
    content = deb(name, control)
    path = f"pool/main/{name[0]}/{name}/{name}_{version}_amd64.deb"
    stored = content
    if fault == "truncated-deb":
        stored = content[: len(content) // 2]
    elif fault == "wrong-deb":
        stored = content[:-1] + bytes([content[-1] ^ 1])
    write(os.path.join(root, path), stored)
    shown = SHOWN_PATHS.get(fault, "{}").format(path)
    if name == "hello":
        control = spoil(control, content, fault)
    size = "" if name == "hello" and fault == "missing-field" else f"Size: {len(content)}\n"
    return f"{control}Filename: {shown}\n{size}SHA256: {hashlib.sha256(content).hexdigest()}\n"


def spoil(control, content, fault):
    """hello's fields, with the fault that one field can have."""
    if fault == "sha512-first":
        return f"SHA512: {hashlib.sha512(content).hexdigest()}\n{control}"
    if fault == "many-alternatives":
        return control.replace("Depends: libc6", "Depends: " + "|".join(["aa"] * 200_000))
    if fault == "long-line":
        return f"{control}Comment: {'x' * 10_000_000}\n"
    if fault == "bad-version":
        return control.replace("Version: 2.10-5", "Version: two.ten")
    return control


def packages_text(archive, root, fault):
    stanzas = []
    more = {"longer": ["debian | newcomer | 1.0 |"], "two-contents": ["debian-security | hello | 2.10-5 | Section: other"]}
    lines = PACKAGES.strip().splitlines() + more.get(fault, [])
    for line in lines:
        where, name, version, fields = (part.strip() for part in line.split("|"))
        if where == archive and name in UPDATED and fault in ("updated", "both-versions"):
            stanzas.append(stanza(name, UPDATED[name], fields, root, fault))
        if where == archive and not (name in UPDATED and fault == "updated"):
            stanzas.append(stanza(name, version, fields, root, fault))
    return "\n".join(stanzas).encode()


def release_text(archive, suite, files, fault, now):
    date = now + TEN_YEARS if fault == "future-date" else now
    lines = [
        "Origin: Elsewhere" if fault == "wrong-origin" else "Origin: Debian",
        f"Label: {ARCHIVES[archive]['label']}",
        "Suite: stable-security" if archive == "debian-security" else "Suite: stable",
        "Codename: bookworm" if fault == "other-suite" else f"Codename: {suite}",
        f"Date: {date_text(date)}",
        "Acquire-By-Hash: yes",
        "Architectures: all amd64",
        "Components: main",
    ]
    if fault == "expired":
        lines.append(f"Valid-Until: {date_text(now - 86400)}")
    kind, digest = ("MD5Sum", hashlib.md5) if fault == "weak-hash" else ("SHA256", hashlib.sha256)
    lines.append(f"{kind}:")
    lines += [f" {digest(data).hexdigest()} {len(data)} {path}" for path, data in sorted(files.items())]
    return ("\n".join(lines) + "\n").encode()


def wrap(signed, fault):
    if fault == "changed-inrelease":
        return signed.replace(b"Components: main", b"Components: mais")
    if fault == "text-before":
        return b"Origin: Elsewhere\n" + signed
    if fault == "text-after":
        return signed + b"Origin: Elsewhere\n"
    if fault == "text-inside":
        return signed.replace(b"-----END PGP SIGNATURE", b"Origin: Elsewhere\n-----END PGP SIGNATURE")
    return signed


LOGIN_PAGE = b"<!DOCTYPE html>\n<html><body>Please log in</body></html>\n"
SIGNERS = {"foreign-key": "foreign", "future-date": "future", "expired-key": "expired", "revoked-key": "revoked"}


def stored_index(packed, fault):
    """What lies on the server in place of what InRelease names."""
    return {
        "truncated-packages": packed[: len(packed) // 2],
        "wrong-packages": packed[:-1] + bytes([packed[-1] ^ 1]),
        "longer-packages": packed + b"x" * 1000,
        "html-packages": LOGIN_PAGE,
        "lost-packages": None,
    }.get(fault, packed)


def write_archive(root, archive, fault, signer, now):
    suite = "sid" if fault == "unknown-suite" else ARCHIVES[archive]["suite"]
    directory = os.path.join(root, "dists", suite)
    plain = packages_text(archive, root, fault)
    packed = lzma.compress(plain)
    if fault == "broken-packages":
        packed = packed[: len(packed) // 2]
    files = {"main/binary-amd64/Packages": plain, "main/binary-amd64/Packages.xz": packed,
             "main/binary-amd64/Packages.gz": gzip.compress(plain, mtime=0)}
    if fault == "no-packages-named":
        files = {"main/binary-arm64/Packages": b""}
    stored = stored_index(packed, fault)
    if stored is not None:
        write(os.path.join(directory, "main/binary-amd64/by-hash/SHA256", hashlib.sha256(packed).hexdigest()), stored)
        write(os.path.join(directory, "main/binary-amd64/Packages.xz"), stored)
    text = release_text(archive, suite, files, fault, now)
    if fault != "unsigned":
        text = wrap(signer.sign(text, SIGNERS.get(fault, "archive")), fault)
    write(os.path.join(directory, "InRelease"), text)


class Handler(http.server.SimpleHTTPRequestHandler):
    """Files, and below /http/ the ways in which a server can misbehave."""

    protocol_version = "HTTP/1.1"
    tries = {}

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if not any(name == "Content-Length" for name, _ in headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def misbehave(self, name):
        self.tries[name] = self.tries.get(name, 0) + 1
        if name == "good":
            self.answer(200, b"hello\n")
        elif name == "once-503":
            self.answer(503 if self.tries[name] == 1 else 200, b"hello\n")
        elif name == "always-503":
            self.answer(503, b"try later\n")
        elif name == "short":  # announces more than it sends
            self.answer(200, b"hel", [("Content-Length", "6")])
            self.close_connection = True
        elif name == "endless":
            self.send_response(200)
            self.end_headers()
            self.close_connection = True
            try:
                while True:
                    self.wfile.write(b"x" * 65536)
            except OSError:
                pass
        elif name == "silent":  # accepts, then says nothing
            self.close_connection = True
            time.sleep(20)
        elif name == "redirect":
            self.answer(302, b"moved\n", [("Location", "/http/good")])
        elif name == "redirect-loop":
            self.answer(302, b"moved\n", [("Location", "/http/redirect-loop")])
        elif name == "redirect-to-file":
            self.answer(302, b"moved\n", [("Location", "file:///etc/passwd")])
        else:
            self.answer(404, b"<html>no such page</html>\n")

    def do_GET(self):
        if self.path.startswith("/http/"):
            self.misbehave(self.path.removeprefix("/http/"))
        elif self.path.startswith("/html/"):
            self.answer(200, LOGIN_PAGE)
        else:
            super().do_GET()


def closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """A client that hangs up early is what these tests are about."""


def start_server(directory):
    server = Server(("127.0.0.1", 0), functools.partial(Handler, directory=directory))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"


def base_of(fault, directory, server):
    if fault == "down":
        return f"http://127.0.0.1:{closed_port()}"
    return f"{server}/{fault}" if server else f"file://{directory}/{fault}"


def make(directory, faults, now):
    signer = Signer(now)
    try:
        for fault in faults:
            for archive in ARCHIVES:
                write_archive(os.path.join(directory, fault, archive), archive, fault, signer, now)
        write(os.path.join(directory, "keyring.gpg"), signer.export())
    finally:
        signer.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory")
    parser.add_argument("--fault", action="append", choices=[*FAULTS, *MORE_FAULTS, "all"], help="default: none")
    parser.add_argument("--date", type=int, default=int(time.time()) - 60, help="the archives' Date, seconds since 1970")
    parser.add_argument("--serve", action="store_true")
    arguments = parser.parse_args()
    faults = FAULTS if "all" in (arguments.fault or []) else (arguments.fault or ["none"])
    directory = os.path.abspath(arguments.directory)
    os.makedirs(directory, exist_ok=True)
    make(directory, faults, arguments.date)
    server = start_server(directory) if arguments.serve else ""
    mirrors = {fault: {archive: f"{base_of(fault, directory, server)}/{archive}" for archive in ARCHIVES} for fault in faults}
    print(json.dumps({"keyring": f"{directory}/keyring.gpg", "mirrors": mirrors, "server": server}), flush=True)
    if arguments.serve:
        sys.stdin.read()


if __name__ == "__main__":
    main()
