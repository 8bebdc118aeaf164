#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes hostile .debs, one function a case, into a directory: NAME.deb, and NAME.other.deb where two are needed.

Byte by byte and by Python's own tarfile and lzma, so that nothing of the reader under test has a part in them.
"""

import io
import lzma
import sys
import tarfile
import zlib
from pathlib import Path

CASES = {}


def case(function):
    CASES[function.__name__.replace("_", "-")] = function
    return function


# ---- parts of a .deb ----

def member(name, data, size=None):
    header = f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data) if size is None else size:<10}`\n"
    return header.encode() + data + b"\n" * (len(data) % 2)


def entry(name, kind=tarfile.REGTYPE, content=b"", **attributes):
    info = tarfile.TarInfo("x")
    info.name, info.type, info.size = name, kind, len(content)
    info.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
    for key, value in attributes.items():
        setattr(info, key, value)
    return info, content


def header(*entries, format=tarfile.PAX_FORMAT):
    """The entries without a tar's end."""
    out = io.BytesIO()
    for info, content in entries:
        out.write(info.tobuf(format, "utf-8", "surrogateescape"))
        out.write(content + b"\0" * (-len(content) % 512))
    return out.getvalue()


def tar(*entries, format=tarfile.PAX_FORMAT):
    return header(*entries, format=format) + b"\0" * 10240


CONTROL = b"Package: p\nVersion: 1\nArchitecture: all\n"
VERSION = member("debian-binary", b"2.0\n")
CONTROL_MEMBER = member("control.tar", tar(entry("./control", content=CONTROL)))
DATA_MEMBER = member("data.tar", tar(entry("./f", content=b"f")))


def deb(*members):
    return b"!<arch>\n" + b"".join(members)


def with_data(data, name="data.tar"):
    return deb(VERSION, CONTROL_MEMBER, member(name, data))


def holding(*entries, format=tarfile.PAX_FORMAT):
    return with_data(tar(*entries, format=format))


def xz(data, **options):
    return lzma.compress(data, check=lzma.CHECK_CRC32, preset=0, **options)


# ---- ar ----

@case
def ar_empty_file():
    return b""


@case
def ar_empty():
    return deb()


@case
def ar_magic():
    return b"!<arch>\r" + deb(VERSION, CONTROL_MEMBER, DATA_MEMBER)[8:]


@case
def ar_size_too_large():
    return deb(VERSION, CONTROL_MEMBER, member("data.tar", b"data", size=5000))


@case
def ar_size_negative():
    return deb(VERSION, CONTROL_MEMBER, member("data.tar", b"data", size=-4))


@case
def ar_order():
    return deb(VERSION, DATA_MEMBER, CONTROL_MEMBER)


@case
def ar_version_not_first():
    return deb(CONTROL_MEMBER, VERSION, DATA_MEMBER)


@case
def ar_version_3():
    return deb(member("debian-binary", b"3.0\n"), CONTROL_MEMBER, DATA_MEMBER)


@case
def ar_without_data():
    return deb(VERSION, CONTROL_MEMBER)


@case
def ar_duplicate_member():
    return deb(VERSION, CONTROL_MEMBER, CONTROL_MEMBER, DATA_MEMBER)


@case
def ar_two_data_members():
    return deb(VERSION, CONTROL_MEMBER, DATA_MEMBER, member("data.tar.xz", xz(tar())))


@case
def ar_unknown_member():
    return deb(VERSION, CONTROL_MEMBER, DATA_MEMBER, member("_gpgorigin", b"signed, it says"))


@case
def ar_trailing_bytes():
    return deb(VERSION, CONTROL_MEMBER, DATA_MEMBER) + b"#!/bin/sh\n"


@case
def xz_second_stream():
    return with_data(xz(tar(entry("./f"))) + xz(tar(entry("./g"))), "data.tar.xz")


# ---- control ----

def with_control(*entries):
    return deb(VERSION, member("control.tar", tar(*entries)), DATA_MEMBER)


@case
def control_missing():
    return with_control(entry("./postinst", content=b"#!/bin/sh\n"))


@case
def control_twice():
    return with_control(entry("./control", content=CONTROL), entry("./control", content=CONTROL))


@case
def control_below_a_directory():
    return with_control(entry("./control", content=CONTROL), entry("./a/postinst", content=b"#!/bin/sh\n"))


@case
def control_holds_a_list():
    return with_control(entry("./control", content=CONTROL), entry("./list", content=b"/etc/shadow\n"))


@case
def control_other_version():
    return with_control(entry("./control", content=CONTROL.replace(b"Version: 1", b"Version: 2")))


@case
def control_other_name():
    return with_control(entry("./control", content=CONTROL.replace(b"Package: p", b"Package: libc6")))


@case
def control_other_architecture():
    return with_control(entry("./control", content=CONTROL.replace(b"all", b"arm64")))


# ---- names ----

@case
def path_with_dots():
    return holding(entry("./usr/../../etc/passwd"))


@case
def path_absolute():
    return holding(entry("/etc/passwd"))


@case
def path_too_long():
    return holding(entry("./" + "/".join(["d" * 100] * 45)))


@case
def name_too_long():
    return holding(entry("./" + "n" * 256))


@case
def name_with_newline():
    return holding(entry("./etc/a\nb"))


@case
def name_with_escape():
    return holding(entry("./etc/\x1b[2Ja"))


@case
def name_of_bad_utf8():
    return holding(entry("./etc/\udcff\udcfe"), format=tarfile.GNU_FORMAT)


@case
def target_of_bad_utf8():
    return holding(entry("./l", tarfile.SYMTYPE, linkname="\udcff"), format=tarfile.GNU_FORMAT)


@case
def target_with_newline():
    return holding(entry("./l", tarfile.SYMTYPE, linkname="a\nb"))


@case
def path_in_dpkgs_database():
    return holding(entry("./var/lib/dpkg/info/libc6.postinst", content=b"#!/bin/sh\n"))


# ---- links and types ----

@case
def symlink_then_write_through():
    return holding(entry("./a", tarfile.SYMTYPE, linkname="/etc"), entry("./a/passwd", content=b"x"))


@case
def directory_replaced_by_link():
    return holding(entry("./a", tarfile.DIRTYPE), entry("./a/f"), entry("./a", tarfile.SYMTYPE, linkname="/etc"))


@case
def link_replaced_by_directory():
    return holding(entry("./a", tarfile.SYMTYPE, linkname="/etc"), entry("./a", tarfile.DIRTYPE))


@case
def file_below_a_file():
    return holding(entry("./a"), entry("./a/b"))


@case
def duplicate():
    return holding(entry("./a", content=b"1"), entry("./a", content=b"2"))


@case
def duplicate_by_the_merged_usr():
    return holding(entry("./lib/a", content=b"1"), entry("./usr/lib/a", content=b"2"))


@case
def hardlink_outside():
    return holding(entry("./a", tarfile.LNKTYPE, linkname="/etc/shadow"))


@case
def hardlink_with_dots():
    return holding(entry("./a", tarfile.LNKTYPE, linkname="./../../etc/shadow"))


@case
def device():
    return holding(entry("./null", tarfile.CHRTYPE, devmajor=1, devminor=3))


@case
def block_device():
    return holding(entry("./disk", tarfile.BLKTYPE, devmajor=8, devminor=0))


@case
def fifo():
    return holding(entry("./pipe", tarfile.FIFOTYPE))


# ---- owners, modes, times, attributes ----

@case
def owner_wraps():
    return holding(entry("./f", uid=2**32 - 1))


@case
def group_wraps():
    return holding(entry("./f", gid=2**32 - 1))


@case
def capability():
    value = "\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    return holding(entry("./ping", pax_headers={"SCHILY.xattr.security.capability": value}))


@case
def a_million_xattrs():
    records = b"".join(b"30 SCHILY.xattr.user.%06d=v\n" % i for i in range(1_000_000))
    return with_data(xz(header(entry("./PaxHeaders/f", tarfile.XHDTYPE, records)) + tar(entry("./f"))), "data.tar.xz")


@case
def some_thousand_xattrs():
    records = b"".join(b"30 SCHILY.xattr.user.%06d=v\n" % i for i in range(30_000))
    return holding(entry("./PaxHeaders/f", tarfile.XHDTYPE, records), entry("./f"))


@case
def pax_header_of_200_mb():
    records = b"200000020 comment=" + b"x" * 200_000_001 + b"\n"
    return with_data(xz(header(entry("./PaxHeaders/f", tarfile.XHDTYPE, records)) + tar(entry("./f"))), "data.tar.xz")


@case
def setuid():  # accepted
    return holding(entry("./usr/bin/su", mode=0o4755), entry("./usr/bin/wall", mode=0o2755, gid=5))


@case
def root_of_another():  # accepted
    return holding(entry("./", tarfile.DIRTYPE, mode=0o1777, uid=1234, gid=1234), entry("./f", content=b"f"))


@case
def time_far_away():  # accepted
    return holding(entry("./f", content=b"f", mtime=2**60), entry("./g", content=b"g", mtime=-(2**60)))


@case
def directory_of_mode_000():  # accepted
    return holding(entry("./d", tarfile.DIRTYPE, mode=0), entry("./d/f", content=b"f"))


# ---- sizes and ends ----

@case
def sparse_of_1_tib():
    attributes = {"GNU.sparse.map": "0,1,1099511627775,1", "GNU.sparse.size": str(2**40), "GNU.sparse.name": "./f"}
    return holding(entry("./f", content=b"xy", pax_headers=attributes))


@case
def sparse_of_1_tib_by_gnu():
    info, _ = entry("./f", tarfile.GNUTYPE_SPARSE)
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    block[386:410] = b"%011o\0%011o\0" % (0, 0)
    block[483:495] = (2**40).to_bytes(12, "big")
    block[483] |= 0x80
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return with_data(bytes(block) + b"\0" * 10240)


@case
def file_of_1_tib():
    info, _ = entry("./f")
    info.size = 2**40
    return with_data(info.tobuf(tarfile.GNU_FORMAT) + b"\0" * 10240)


@case
def truncated_body():
    return with_data(tar(entry("./f", content=b"x" * 2000))[:1536])


@case
def without_end():
    return with_data(header(entry("./f", content=b"x")))


@case
def second_archive():
    return with_data(tar(entry("./f")) + tar(entry("./g")))


@case
def xz_truncated():
    return with_data(xz(tar(entry("./f", content=bytes(range(256)) * 8)))[:-40], "data.tar.xz")


@case
def xz_bomb_in_one_file():
    return with_data(xz(tar(entry("./zeros", content=bytes(300 << 20)))), "data.tar.xz")


@case
def xz_bomb_in_many_files():
    zeros = bytes(1 << 20)
    return with_data(xz(tar(*[entry(f"./zeros-{i}", content=zeros) for i in range(200)])), "data.tar.xz")


@case
def xz_bomb_behind_the_end():
    return with_data(xz(tar(entry("./f")) + bytes(300 << 20)), "data.tar.xz")


@case
def xz_dictionary_of_3_gib():
    bytes_ = bytearray(xz(tar(entry("./f"))))
    at, size = 12, (bytes_[12] + 1) * 4  # the block header: its size, flags, filter LZMA2, one byte of property
    bytes_[at + 4] = 39
    bytes_[at + size - 4 : at + size] = zlib.crc32(bytes_[at : at + size - 4]).to_bytes(4, "little")
    return with_data(bytes(bytes_), "data.tar.xz")


@case
def clash_of_two_packages():
    other = b"Package: q\nVersion: 1\nArchitecture: all\n"
    second = deb(VERSION, member("control.tar", tar(entry("./control", content=other))), DATA_MEMBER)
    return deb(VERSION, CONTROL_MEMBER, DATA_MEMBER), second


def main():
    out = Path(sys.argv[1])
    for name, make in CASES.items():
        made = make()
        first, *others = made if isinstance(made, tuple) else (made,)
        (out / f"{name}.deb").write_bytes(first)
        for other in others:
            (out / f"{name}.other.deb").write_bytes(other)
    return 0


if __name__ == "__main__":
    sys.exit(main())
