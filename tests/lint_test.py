#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""clang-tidy finds nothing in the files that changed.

Changed: since the merge base with origin/main, or, where that is HEAD itself, since HEAD's parent; and whatever is not
committed. AINODE_LINT_ALL=1 takes every file; AINODE_LINT_FILES limits how many (12), the rest are named.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from source_tree import cpp_files, judge

LIMIT = int(os.environ.get("AINODE_LINT_FILES", "12"))


def git(root, *arguments):
    run = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True)
    return run.stdout.strip() if run.returncode == 0 else ""


def changed_files(root):
    head = git(root, "rev-parse", "HEAD")
    base = git(root, "merge-base", "HEAD", "origin/main")
    if not base or base == head:
        base = git(root, "rev-parse", "-q", "--verify", "HEAD~1")
    names = git(root, "diff", "--name-only", "--diff-filter=d", base or "HEAD").splitlines()
    names += git(root, "ls-files", "--others", "--exclude-standard").splitlines()
    return set(names)


# g++'s precompiled headers, which clang cannot read: each file is held to its own #include lines instead.
PRECOMPILED = re.compile(r"-Winvalid-pch|-fpch-preprocess|-include \S+/cmake_pch\.hxx")


def database_of(root):
    """The newest compile_commands.json below build/, as clang can use it: a copy in build/lint."""
    found = [path for path in root.glob("build/*/compile_commands.json") if path.parent.name != "lint"]
    if not found:
        return None
    text = max(found, key=lambda path: path.stat().st_mtime).read_text()
    copy = root / "build" / "lint" / "compile_commands.json"
    copy.parent.mkdir(exist_ok=True)
    copy.write_text(PRECOMPILED.sub("", text))
    return copy.parent


def candidates(root, database):
    """Changed translation units that the build knows, smallest first, so that the limit covers many."""
    known = {entry["file"] for entry in json.loads((database / "compile_commands.json").read_text())}
    take_all = os.environ.get("AINODE_LINT_ALL") == "1" or not (root / ".git").exists()
    changed = {str(path) for path in cpp_files(root)} if take_all else changed_files(root)
    units = [path for path in sorted(changed) if path.endswith(".cpp") and str(root / path) in known]
    units.sort(key=lambda path: ((root / path).stat().st_size, path))
    if not take_all and len(units) > LIMIT:
        print(f"lint: {len(units)} files changed, {LIMIT} linted; left for ci/full:", *units[LIMIT:])
        units = units[:LIMIT]
    return units


def lint(root, database, unit):
    run = subprocess.run(
        ["clang-tidy", "--quiet", "-p", str(database), str(root / unit)], capture_output=True, text=True
    )
    places = re.findall(r"^(\S+?):(\d+):\d+: (?:error|warning): (.*)$", run.stdout, re.M)
    if run.returncode != 0 and not places:
        return [f"{unit}:1: clang-tidy failed: {(run.stderr or run.stdout).strip()[-400:]}"]
    return [f"{os.path.relpath(path, root)}:{line}: {text}" for path, line, text in places]


def find(root):
    database = database_of(root)
    if database is None:
        return ["build:1: no compile_commands.json; configure first: cmake --preset dev"]
    units = candidates(root, database)
    print(f"lint: {len(units)} files of {root.name}", flush=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return sorted({line for lines in pool.map(lambda unit: lint(root, database, unit), units) for line in lines})


def control_of(directory):
    """A tree with one planted defect. Its database names the place, so it is made once the place is known."""
    root = Path(directory)
    command = [{"directory": str(root), "file": str(root / "base/bad.cpp"), "command": "c++ -c base/bad.cpp"}]
    (root / "build/dev").mkdir(parents=True)
    (root / "build/dev/compile_commands.json").write_text(json.dumps(command))
    return root


def find_with_control(root):
    is_control = (root / "base/bad.cpp").exists() and not (root / "CMakeLists.txt").exists()
    return find(control_of(root) if is_control else root)


PLANTED = {
    ".clang-tidy": "Checks: -*,modernize-use-nullptr\nWarningsAsErrors: '*'\n",
    "base/bad.cpp": "int* pointer = 0;\n",
}
EXPECTED = ["base/bad.cpp:1: use nullptr [modernize-use-nullptr,-warnings-as-errors]"]

if __name__ == "__main__":
    if not shutil.which("clang-tidy"):
        print("lint: skipped, clang-tidy is not installed (ci/install brings it)")
        sys.exit(77)
    judge("lint", find_with_control, PLANTED, EXPECTED)
