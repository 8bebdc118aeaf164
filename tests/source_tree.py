# SPDX-License-Identifier: Apache-2.0
"""What the tests over the source share: the list of files, and the control that each of them must catch.

A test here is a function from a tree's root to a list of findings, each "file:line: what is wrong". Before it judges
the real tree it judges a small planted one and must find exactly what was planted: a test that cannot fail fails.
"""

import os
import sys
import tempfile
from pathlib import Path

SKIPPED_FOLDERS = {"build", "out", ".git", ".cache", "__pycache__"}


def files_of(root, extensions=None):
    """Paths relative to root, sorted, without build results."""
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if f not in SKIPPED_FOLDERS)
        for name in names:
            path = Path(folder, name).relative_to(root)
            if extensions is None or path.suffix in extensions:
                found.append(path)
    return sorted(found)


def cpp_files(root):
    return files_of(root, {".h", ".cpp"})


def plant(root, files):
    for path, text in files.items():
        target = Path(root, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


def judge(name, find, planted, expected):
    """Runs the control, then the real tree named by argv[1] (default: this checkout). Ends the program."""
    with tempfile.TemporaryDirectory(prefix="ainode-source-test-") as control:
        plant(control, planted)
        found = find(Path(control))
    if found != expected:
        print(f"{name}: the control was not caught as it must be\nexpected:", *expected, "found:", *found, sep="\n  ")
        sys.exit(1)
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent).resolve()
    findings = find(root)
    for finding in findings:
        print(finding)
    print(f"{name}: {len(findings)} findings, control caught" if findings else f"{name}: clean, control caught")
    sys.exit(1 if findings else 0)
