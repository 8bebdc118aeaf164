#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every C++ file is as clang-format leaves it."""

import re
import shutil
import subprocess
import sys

from source_tree import cpp_files, judge

STYLE = "BasedOnStyle: Google\nColumnLimit: 120\n"


def find(root):
    files = [str(path) for path in cpp_files(root)]
    if not files:
        return []
    run = subprocess.run(["clang-format", "--dry-run", "-Werror", *files], cwd=root, capture_output=True, text=True)
    places = re.findall(r"^(\S+?):(\d+):\d+: error:", run.stderr, re.M)
    if run.returncode != 0 and not places:
        return [f"clang-format: {run.stderr.strip()}"]
    first = {}
    for path, line in places:
        first.setdefault(path, int(line))
    return [f"{path}:{line}: not formatted; run clang-format -i {path}" for path, line in sorted(first.items())]


PLANTED = {".clang-format": STYLE, "base/bad.cpp": "int  a;\nint   b;\n", "base/good.cpp": "int a;\n"}
EXPECTED = ["base/bad.cpp:1: not formatted; run clang-format -i base/bad.cpp"]

if __name__ == "__main__":
    if not shutil.which("clang-format"):
        print("format: skipped, clang-format is not installed (ci/install brings it)")
        sys.exit(77)
    judge("format", find, PLANTED, EXPECTED)
