#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds our solver's answers against apt's on the same suites (needs the network).

    compare_with_apt.py RESOLVE_BENCH SCRATCH [GOAL...]

Solves the goals of apt_goals.txt (or those named) without and with Recommends, over trixie, -updates, -security and
-backports with all components, from the mirrors that the environment or the host's apt names. Equal, or ours a subset of apt's that lacks no dependency, or both refuse: exit 0. A
package or version that apt would not take, or only one of the two refuses: exit 1. SCRATCH keeps what was downloaded.
"""
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import time

GOALS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "apt_goals.txt")
# By priority, then name, as our solver orders repositories: apt's arbitrary picks depend on the order in sources.list.
SUITES = {"trixie": "Debian", "trixie-security": "Debian-Security", "trixie-updates": "Debian", "trixie-backports": "Debian"}
COMPONENTS = ["main", "contrib", "non-free", "non-free-firmware"]
VARIABLES = {"Debian": "AINODE_MIRROR_DEBIAN", "Debian-Security": "AINODE_MIRROR_DEBIAN_SECURITY"}
MODES = ("plain", "recommends")
CONFIGURATION = """
Dir "{root}/";
Dir::State::status "{root}/var/lib/dpkg/status";
Dir::Etc::main "/dev/null";
Dir::Etc::parts "{root}/etc/apt/apt.conf.d";
APT::Architecture "amd64";
APT::Architectures {{ "amd64"; }};
Acquire::Languages "none";
Acquire::Check-Valid-Until "{checked}";
APT::Sandbox::User "root";
"""


class Apt:
    """An apt of its own below `root`, with a package cache, as on any host."""

    def __init__(self, root):
        self.root = os.path.abspath(root)
        for directory in ("etc/apt/apt.conf.d", "etc/apt/preferences.d", "etc/apt/sources.list.d", "etc/apt/trusted.gpg.d",
                          "var/lib/apt/lists/partial", "var/cache/apt/archives/partial", "var/lib/dpkg", "var/log/apt"):
            os.makedirs(os.path.join(self.root, directory), exist_ok=True)
        self.write("var/lib/dpkg/status", "")
        shutil.copy("/usr/share/keyrings/debian-archive-keyring.gpg", self.path("etc/apt/trusted.gpg.d"))
        # Whoever lets us read an archive past its Valid-Until lets apt, too.
        self.write("apt.conf", CONFIGURATION.format(root=self.root, checked=not os.environ.get("AINODE_ACCEPT_STALE")))
        self.mirrors = mirrors()
        lines = [f"deb {self.mirrors[label]} {suite} {' '.join(COMPONENTS)}" for suite, label in SUITES.items()]
        self.write("etc/apt/sources.list", "\n".join(lines) + "\n")

    def path(self, name):
        return os.path.join(self.root, name)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)
        return self.path(name)

    def run(self, *arguments, check=True):
        environment = dict(os.environ, APT_CONFIG=self.path("apt.conf"), LC_ALL="C")
        return subprocess.run(arguments, env=environment, capture_output=True, text=True, check=check)

    def stanzas(self):
        """Every package of every index, as a dictionary of the fields that matter here."""
        wanted = ("Package", "Version", "Architecture", "Depends", "Pre-Depends", "Provides", "Essential", "Priority")
        pattern = re.compile(rf"^({'|'.join(wanted)}): (.*)$", re.M)
        lists = self.path("var/lib/apt/lists")
        for name in sorted(os.listdir(lists)):
            if name.endswith("_Packages"):
                with open(os.path.join(lists, name)) as file:
                    yield from (dict(pattern.findall(stanza)) for stanza in file.read().split("\n\n") if stanza.strip())

    def answer(self, name, words, recommends):
        """The packages that apt would install; nothing when it refuses."""
        packages = [word for word in words if "=" not in word]
        pins = [word.split("=") for word in words if "=" in word]
        text = "".join(f"Package: {package}\nPin: version {glob}\nPin-Priority: 1001\n\n" for package, glob in pins)
        preferences = self.write(f"preferences-{name}", text)
        result = self.run("apt-get", "-s", "-q", "-o", "Debug::NoLocking=1", "-o", f"Dir::Etc::preferences={preferences}",
                          "-o", f"APT::Install-Recommends={'true' if recommends else 'false'}", "install", *packages, check=False)
        if result.returncode != 0:
            return None
        # Inst NAME (VERSION ARCHIVE… [ARCHITECTURE]) …
        return {found.groups() for found in re.finditer(r"^Inst (\S+) \((\S+) [^)]*\[(\w+)\]\)", result.stdout, re.M)}


def mirrors():
    """URIs by Label: what the environment names for ainode, else the host's apt."""
    form = "$(CREATED_BY)\t$(REPO_URI)\t$(ORIGIN)\t$(LABEL)"
    lines = subprocess.run(["apt-get", "indextargets", "--format", form], capture_output=True, text=True, check=True).stdout
    found = {label: os.environ[name] for label, name in VARIABLES.items() if name in os.environ}
    for line in lines.splitlines():
        kind, uri, origin, label = line.split("\t")
        if kind == "Packages" and origin == "Debian" and label in VARIABLES:
            found.setdefault(label, uri)
    if lacking := VARIABLES.keys() - found.keys():
        sys.exit(f"no mirror of {', '.join(sorted(lacking))}: set {' and '.join(VARIABLES[label] for label in sorted(lacking))}")
    return found


def read_goals(names):
    with open(GOALS) as file:
        lines = [line.split(": ") for line in file if ": " in line and not line.startswith("#")]
    goals = {name: words.split() for name, words in lines}
    if unknown := set(names) - goals.keys():
        sys.exit(f"{GOALS} has no goal {', '.join(sorted(unknown))}")
    return {name: goals[name] for name in names} if names else goals


def our_answers(program, scratch, names, uris):
    result = subprocess.run([program, os.path.join(scratch, "ainode"), "--suites", ",".join(SUITES), "--components",
                             ",".join(COMPONENTS), "--goals", GOALS, *names], capture_output=True, text=True,
                            env=os.environ | {VARIABLES[label]: uri for label, uri in uris.items()})
    if result.returncode != 0:
        sys.exit(result.stderr)
    print(result.stderr.strip().splitlines()[-1])
    answers = {}
    for block in result.stdout.split("== ")[1:]:
        header, *lines = block.splitlines()
        answers[tuple(header.split())] = None if lines == ["failed"] else {tuple(line.split()) for line in lines}
    return answers


def unmet(chosen, stanzas):
    """Dependencies, by name, that no chosen package meets: a subset must still be whole."""
    mine = [stanzas[package] for package in chosen]
    present = {stanza["Package"] for stanza in mine}
    for stanza in mine:
        present.update(re.split(r"[ (:]", name.strip())[0] for name in stanza.get("Provides", "").split(","))
    lacking = set()
    for stanza in mine:
        for clause in f"{stanza.get('Depends', '')},{stanza.get('Pre-Depends', '')}".split(","):
            names = {re.split(r"[ (:]", alternative.strip())[0] for alternative in clause.split("|")}
            if clause.strip() and not names & present:
                lacking.add(f"{stanza['Package']} needs {clause.strip()}")
    return lacking


def judge(ours, theirs, asked, stanzas):
    """(verdict, lines)"""
    if ours is None or theirs is None:
        return ("both refuse", []) if ours is theirs else ("OTHER", [f"only {'ours' if ours is None else 'apt'} refuses"])
    lines = [f"only ours: {' '.join(package)}" for package in sorted(ours - theirs)]
    lines += [f"lacks {name}, which was asked for" for name in sorted(asked - {name for name, _, _ in ours})]
    lines += sorted(unmet(ours, stanzas))
    if lines:
        return "OTHER", lines + [f"only apt: {' '.join(package)}" for package in sorted(theirs - ours)]
    return ("identical" if ours == theirs else "subset"), []


def check_the_judge():
    """Planted differences: a comparison that cannot fail would say nothing."""
    app, lib = ("app", "1", "amd64"), ("lib", "1", "amd64")
    stanzas = {app: {"Package": "app", "Depends": "lib | other, libc (>= 2)"}, lib: {"Package": "lib", "Provides": "libc (= 2)"}}
    for ours, theirs, verdict in [({app, lib}, {app, lib}, "identical"), ({app, lib}, {app, lib, ("x", "1", "all")}, "subset"),
                                  ({app, lib}, {app}, "OTHER"), ({app}, {app, lib}, "OTHER"), ({lib}, {app, lib}, "OTHER"),
                                  (None, {app}, "OTHER"), ({app, lib}, None, "OTHER"), (None, None, "both refuse")]:
        assert judge(ours, theirs, {"app"}, stanzas)[0] == verdict, (ours, theirs, verdict)


def main():
    check_the_judge()
    program, scratch, *names = sys.argv[1:]
    os.makedirs(scratch, exist_ok=True)
    goals = read_goals(names)
    apt = Apt(os.path.join(scratch, "apt"))
    # For work on the solver: what an earlier run left here is new enough.
    if "AINODE_COMPARE_AGAIN" not in os.environ:
        apt.run("apt-get", "update")
    # First, while this process is small: a child's peak memory is at least its parent's.
    answers = our_answers(program, scratch, names, apt.mirrors)
    stanzas = {(s["Package"], s["Version"], s["Architecture"]): s for s in apt.stanzas()}
    base = sorted({s["Package"] for s in stanzas.values() if s.get("Essential") == "yes" or s.get("Priority") == "required"})
    counts = {}
    start, before = time.monotonic(), os.times()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = {(name, mode): pool.submit(apt.answer, f"{name}-{mode}", base + words, mode == "recommends")
                for name, words in goals.items() for mode in MODES}
        for (name, mode), job in jobs.items():
            asked = set(base) | {word for word in goals[name] if "=" not in word}
            ours, theirs = answers.get((name, mode)), job.result()
            verdict, lines = judge(ours, theirs, asked, stanzas)
            counts[verdict] = counts.get(verdict, 0) + 1
            print(f"{verdict:12} {name} {mode}: ours {len(ours or ())}, apt {len(theirs or ())}", *lines, sep="\n    ", flush=True)
    cpu = os.times().children_user + os.times().children_system - before.children_user - before.children_system
    print(f"apt: {cpu / len(jobs):.2f} CPU-s a goal, {time.monotonic() - start:.0f} s in all")
    print(", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items())))
    return 1 if "OTHER" in counts or not counts else 0


if __name__ == "__main__":
    sys.exit(main())
