# SPDX-License-Identifier: Apache-2.0
"""What stock ostree and openssl say of the repository that a build wrote."""

import ast
import re

from cases import case
from world import run


def ostree(*arguments, **options):
    return run(["ostree", *arguments], **options)


@case()
def stock_ostree_finds_no_error(world):
    """`ostree fsck` is clean and the ref names the commit."""
    image = world.image()
    checked = ostree("fsck", f"--repo={image.repository}", timeout=600)
    assert checked.status == 0, checked
    ref = ostree("rev-parse", f"--repo={image.repository}", image.ref)
    assert ref.out.strip() == image.commit, ref


@case()
def stock_ostree_names_the_openpgp_signature(world):
    """`ostree show` finds the OpenPGP signature good once the key is known."""
    image = world.image()
    world.remove("shown")
    repository = world.work / "shown"
    made = ostree("init", f"--repo={repository}", "--mode=bare-user")
    assert made.status == 0, made
    key = world.key() / "openpgp.pub.asc"
    added = ostree("remote", "add", f"--repo={repository}", f"--gpg-import={key}", "ainode", f"file://{image.repository}")
    assert added.status == 0, added
    pulled = ostree("pull", f"--repo={repository}", "--commit-metadata-only", "ainode", image.ref)
    assert pulled.status == 0, pulled
    shown = ostree("show", f"--repo={repository}", "--gpg-verify-remote=ainode", image.commit)
    assert shown.status == 0 and re.search(r"Found 1 signature", shown.out), shown
    assert re.search(r"Good signature from", shown.out), shown


def ed25519_signatures(image):
    shown = ostree("show", f"--repo={image.repository}", "--print-detached-metadata-key=ostree.sign.ed25519", image.commit)
    assert shown.status == 0, shown
    return byte_strings(shown.out)


def byte_strings(text):
    """GVariant's text of an `aay`: a list of numbers, or, of what ends in its only NUL, a string without that."""
    kinds = r"""\[(?:byte )?0x[0-9a-f]{2}[^\[\]]*\]|b'(?:[^'\\]|\\.)*'|b"(?:[^"\\]|\\.)*\""""
    return [ast.literal_eval(found) + b"\0" if found.startswith("b") and not found.startswith("byte")
            else bytes(int(byte, 16) for byte in re.findall(r"0x([0-9a-f]{2})", found))
            for found in re.findall(kinds, text)]  # fmt: skip


# glib's own words for 01 02 27 22 5c 0a ff 00 and for 01 00 02
assert byte_strings(r"""[b"\001\002'\"\\\n\377", [0x01, 0x00, 0x02]]""") == [b"\1\2'\"\\\n\xff\0", b"\1\0\2"]


@case()
def ed25519_signature_is_ours(world):
    """The detached ed25519 signature is 64 bytes and openssl finds it good over the raw commit, and over nothing else."""
    image = world.image()
    signatures = ed25519_signatures(image)
    assert [len(signature) for signature in signatures] == [64], signatures
    written = world.work / "signature"
    written.write_bytes(signatures[0])
    changed = world.work / "changed-commit"
    changed.write_bytes(image.object("commit").read_bytes() + b"\0")
    for file, status in ((image.object("commit"), 0), (changed, 1)):
        key = world.key() / "ed25519.pub.pem"
        checked = run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", key, "-rawin", "-in", file, "-sigfile", written])
        assert checked.status == status, checked


def pull_with_key(world, image, key, place):
    world.remove(place)
    repository = world.work / place
    made = ostree("init", f"--repo={repository}", "--mode=bare-user")
    assert made.status == 0, made
    added = ostree("remote", "add", f"--repo={repository}", f"--gpg-import={key}", "ainode", f"file://{image.repository}")
    assert added.status == 0, added
    return ostree("pull", f"--repo={repository}", "ainode", image.ref, timeout=600)


@case()
def pull_accepts_our_key(world):
    """A client that trusts the release key pulls the whole commit."""
    image = world.image()
    pulled = pull_with_key(world, image, world.key() / "openpgp.pub.asc", "pulled")
    assert pulled.status == 0, pulled
    listed = ostree("ls", f"--repo={world.work / 'pulled'}", image.commit, "/usr/bin")
    assert listed.status == 0, listed
    world.remove("pulled")


@case()
def pull_refuses_another_key(world):
    """A client that trusts another key gets nothing."""
    image = world.image()
    pulled = pull_with_key(world, image, world.key("stranger") / "openpgp.pub.asc", "refused")
    assert pulled.status != 0 and "public key not found" in pulled.err, pulled
    refs = ostree("refs", f"--repo={world.work / 'refused'}")
    assert refs.out.strip() == "", refs
    world.remove("refused")


def entry(image, path):
    """(mode, uid, gid) as `ostree ls` shows them."""
    listed = ostree("ls", f"--repo={image.repository}", image.commit, path)
    assert listed.status == 0, listed
    mode, uid, gid = listed.out.split()[:3]
    return mode, int(uid), int(gid)


@case()
def owners_and_modes_are_in_the_commit(world):
    """shadow belongs to group 42 with 0640, su is setuid root, and directories that packages own for others are so."""
    image = world.image()
    assert entry(image, "/usr/etc/shadow") == ("-00640", 0, 42), entry(image, "/usr/etc/shadow")
    assert entry(image, "/usr/bin/su") == ("-04755", 0, 0), entry(image, "/usr/bin/su")
    assert entry(image, "/usr/bin/chage") == ("-02755", 0, 42), entry(image, "/usr/bin/chage")


@case()
def edited_file_keeps_its_owner(world):
    """A file that a maintainer script edited in place (adding users to group and shadow) holds the edit, owner and mode."""
    image = world.image()
    shadow = ostree("cat", f"--repo={image.repository}", image.commit, "/usr/etc/shadow")
    group = ostree("cat", f"--repo={image.repository}", image.commit, "/usr/etc/group")
    assert re.search(r"^systemd-journal:x:\d+:$", group.out, re.M), group
    assert re.search(r"^messagebus:", shadow.out, re.M), "dbus's script did not add its user to shadow"
    assert entry(image, "/usr/etc/gshadow") == ("-00640", 0, 42), entry(image, "/usr/etc/gshadow")


@case()
def tree_has_ostree_layout(world):
    """The kernel lies where ostree looks for it; /boot and /var are empty; /etc lies below /usr."""
    image = world.image()
    root = ostree("ls", f"--repo={image.repository}", image.commit, "/")
    names = {line.split(None, 4)[4].split(" -> ")[0] for line in root.out.splitlines()}
    assert "/usr" in names and "/sysroot" in names and "/etc" not in names, sorted(names)
    release = image.manifest["kernel"]["release"]
    for file in ("vmlinuz", "initramfs.img"):
        assert entry(image, f"/usr/lib/modules/{release}/{file}")[1:] == (0, 0)
    assert len(ostree("ls", f"--repo={image.repository}", image.commit, "/boot").out.splitlines()) == 1
