#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every source file names its licence in its first lines."""

from source_tree import files_of, judge

LINE = "SPDX-License-Identifier: Apache-2.0"
# Data that is compared byte for byte, or whose format has no comments.
WITHOUT = {".json", ".expected", ".golden", ".lock"}
SOURCES = {".h", ".cpp", ".py", ".sh", ".yaml", ".yml", ".txt", ".cmake", ".S", ".c", ".toml"}
DATA_FOLDERS = {"cases", "golden", "machines"}


def is_source(root, path):
    if path.suffix in WITHOUT or (path.parts[0] == "tests" and DATA_FOLDERS & set(path.parts[1:-1])):
        return False
    if path.suffix in SOURCES:
        return True
    # Programs without a suffix: ci/test, bench/build_bench.
    return path.suffix == "" and (root / path).open("rb").read(2) == b"#!"


def find(root):
    findings = []
    for path in files_of(root):
        if is_source(root, path):
            head = (root / path).open(errors="replace").read(400).splitlines()[:3]
            if not any(LINE in line for line in head):
                findings.append(f"{path}:1: no `{LINE}` in the first three lines")
    return findings


PLANTED = {
    "base/good.h": f"// {LINE}\n",
    "base/bad.cpp": "// Copyright somebody\n",
    "ci/run": "#!/bin/sh\necho\n",
    "tests/cases/recipes/tabs.yaml": "a: b\n",
    "README.md": "# text\n",
}
EXPECTED = [f"base/bad.cpp:1: no `{LINE}` in the first three lines", f"ci/run:1: no `{LINE}` in the first three lines"]

if __name__ == "__main__":
    judge("licences", find, PLANTED, EXPECTED)
