#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds our solver's answer against apt's on the same suites of the host's mirrors (needs the network).

    compare_with_apt.py RESOLVE_BENCH SCRATCH [PACKAGE...]

Equal, or ours a subset of apt's: exit 0. A package or version that apt would not take: exit 1.
"""
import os
import re
import shutil
import subprocess
import sys

DEFAULT_GOAL = "systemd-sysv udev dbus kmod iproute2 ostree-boot linux-image-cloud-amd64".split()
CONFIGURATION = """
Dir "{root}/";
Dir::State::status "{root}/var/lib/dpkg/status";
Dir::Etc::main "/dev/null";
Dir::Etc::parts "{root}/etc/apt/apt.conf.d";
APT::Architecture "amd64";
APT::Architectures {{ "amd64"; }};
APT::Install-Recommends "false";
Acquire::Languages "none";
APT::Sandbox::User "root";
"""


def host_mirrors():
    form = "$(CREATED_BY)\t$(REPO_URI)\t$(ORIGIN)\t$(LABEL)"
    lines = subprocess.run(["apt-get", "indextargets", "--format", form], capture_output=True, text=True, check=True).stdout
    found = {}
    for line in lines.splitlines():
        kind, uri, origin, label = line.split("\t")
        if kind == "Packages" and origin == "Debian" and label in ("Debian", "Debian-Security"):
            found.setdefault(label, uri)
    return found


def make_root(root):
    for directory in ("etc/apt/apt.conf.d", "etc/apt/preferences.d", "etc/apt/sources.list.d", "etc/apt/trusted.gpg.d",
                      "var/lib/apt/lists/partial", "var/cache/apt/archives/partial", "var/lib/dpkg", "var/log/apt"):
        os.makedirs(os.path.join(root, directory), exist_ok=True)
    open(os.path.join(root, "var/lib/dpkg/status"), "w").close()
    shutil.copy("/usr/share/keyrings/debian-archive-keyring.gpg", os.path.join(root, "etc/apt/trusted.gpg.d"))
    mirrors = host_mirrors()
    with open(os.path.join(root, "etc/apt/sources.list"), "w") as sources:
        sources.write(f"deb {mirrors['Debian']} trixie main\ndeb {mirrors['Debian-Security']} trixie-security main\n")
    with open(os.path.join(root, "apt.conf"), "w") as configuration:
        configuration.write(CONFIGURATION.format(root=root))


def apt(root, *arguments):
    environment = dict(os.environ, APT_CONFIG=os.path.join(root, "apt.conf"), LC_ALL="C")
    return subprocess.run(arguments, env=environment, capture_output=True, text=True, check=True).stdout


def base_system(root):
    names = set()
    for stanza in apt(root, "apt-cache", "dumpavail").split("\n\n"):
        lines = stanza.splitlines()
        if "Essential: yes" in lines or "Priority: required" in lines:
            names.update(line.removeprefix("Package: ") for line in lines if line.startswith("Package: "))
    return sorted(names)


def apt_answer(root, goal):
    chosen = set()
    for line in apt(root, "apt-get", "-s", "-q", "-o", "Debug::NoLocking=1", "install", *goal).splitlines():
        # Inst NAME (VERSION ARCHIVE… [ARCHITECTURE]) …
        if match := re.match(r"Inst (\S+) \((\S+) [^)]*\[(\w+)\]\)", line):
            chosen.add(match.groups())
    return chosen


def main():
    program, root, *goal = sys.argv[1:]
    goal = goal or DEFAULT_GOAL
    root = os.path.abspath(root)
    make_root(root)
    apt(root, "apt-get", "update")
    theirs = apt_answer(root, base_system(root) + goal)
    result = subprocess.run([program, os.path.join(root, "ainode"), *goal], capture_output=True, text=True, check=True)
    ours = {tuple(line.split()) for line in result.stdout.splitlines()}
    print(result.stderr.strip())
    print(f"apt: {len(theirs)} packages, ours: {len(ours)}")
    for package in sorted(theirs - ours):
        print("only apt: ", *package)
    for package in sorted(ours - theirs):
        print("only ours:", *package)
    return 1 if ours - theirs else 0


if __name__ == "__main__":
    sys.exit(main())
