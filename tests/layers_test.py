#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds every #include of the tree against the table of layers, and every library against the one folder that owns it."""

import re
from pathlib import Path

from source_tree import cpp_files, judge

BUILDER_PARTS = {"builder/stages", "builder/outputs", "builder/sandbox", "builder/store", "builder/recipe", "builder/packages"}

# Folder → folders whose headers it may include, beside its own. A folder that is not here is an error.
LAYERS = {
    "base": set(),
    "builder": BUILDER_PARTS | {"base"},
    "builder/recipe": {"base"},
    "builder/packages": {"base"},
    "builder/store": {"base"},
    "builder/sandbox": {"base"},
    # Linked without base: it runs inside a tree, as a stand-in for programs there.
    "builder/aids": set(),
    "builder/stages": {"builder/aids", "builder/sandbox", "builder/store", "base"},
    "builder/outputs": {"builder/sandbox", "builder/store", "base"},
    "validators": {"validators/controls", "validators/tree", "validators/verdict", "validators/machines", "validators/checks", "base"},
    "validators/checks": {"base"},
    "validators/agent": {"validators/checks", "base"},
    "validators/machines": {"validators/checks", "base"},
    "validators/tree": {"validators/checks", "base"},
    "validators/controls": {"validators/tree", "validators/checks", "base"},
    "validators/verdict": {"validators/machines", "validators/checks", "base"},
    # Benchmarks are programs that nobody includes; they measure parts of the builder one by one.
    "bench": BUILDER_PARTS | {"builder", "validators/checks", "base"},
    # Linked without base: it is carried into nodes.
    "bench/llm": set(),
    # Measures by the checks' own source, which is linked without base; errors and JSON lines are as its neighbour's.
    "bench/memory": {"bench/llm", "validators/checks"},
    "cli": {"builder", "validators", "base"},
    "python": {"builder", "validators", "base"},
}

# Folders below tests/ that mirror no folder of the tree, and what they may include.
TEST_LAYERS = {
    "mirror": {"base"},
    # What holds between builder and validators, who never include each other.
    "promises": {"builder/recipe", "builder/stages", "validators/checks", "validators/controls", "base"},
    "faults": set(),
    "variations": set(),
    "fuzz": {"base", "builder/recipe", "builder/packages", "builder/store", "bench/llm", "validators/checks",
             "validators/machines", "validators/tree"},
}

# Library → the folders that own it. Owned libraries never show in a header that another folder includes.
OWNED_LIBRARIES = [
    (r"archive(_entry)?\.h$", "libarchive", {"base"}),
    (r"curl/", "libcurl", {"base"}),
    (r"openssl/", "OpenSSL", {"base"}),
    (r"yaml-cpp/", "yaml-cpp", {"base"}),
    (r"solv/", "libsolv", {"builder/packages"}),
    (r"(ostree|glib|glib-object|glib-unix|gio/|gobject/)", "libostree", {"builder/store", "validators/tree"}),
    (r"seccomp\.h$", "libseccomp", {"builder/sandbox"}),
    # Of base the agent is linked with errors and YAML alone, so its checks read compressed modules themselves.
    (r"lzma\.h$", "liblzma", {"base", "validators/checks", "validators/agent"}),
    (r"(libelf|gelf)\.h$", "libelf", {"validators/tree"}),
    (r"zlib\.h$", "zlib", {"validators/checks", "validators/agent"}),
    (r"CLI/", "CLI11", {"cli"}),
    (r"benchmark/", "Google Benchmark", {"bench"}),
    (r"pybind11/", "pybind11", {"python"}),
]
# base/json.h gives the whole project its Json type, so this one may show.
SHOWN_LIBRARIES = [(r"nlohmann/", "nlohmann-json", {"base"})]
FREE = re.compile(
    r"(fmt/|sys/|linux/|asm/|net/|netinet/|arpa/|[a-z_0-9]+$"  # standard C++ headers have no dot
    r"|(aio|byteswap|cpuid|cxxabi|dirent|dlfcn|elf|endian|err|fcntl|fnmatch|ftw|getopt|glob|grp|ifaddrs|immintrin|link"
    r"|mntent|netdb|poll|pthread|pty|pwd|sched|shadow|signal|spawn|stdio_ext|strings|syscall|syslog|termios|time|ucontext|unistd"
    r"|utime)\.h$)"
)
TEST_LIBRARIES = re.compile(r"(gtest|gmock)/")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def includes_of(path):
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match[1] == '"', match[2]


def owner_of(include, libraries):
    return next(((name, owners) for pattern, name, owners in libraries if re.match(pattern, include)), None)


def hidden_libraries(root, header, seen):
    """Names of the owned libraries that a header shows to whoever includes it, with the header that does it."""
    path = root / header
    if header in seen or not path.is_file():
        return
    seen.add(header)
    for _, is_ours, include in includes_of(path):
        owned = owner_of(include, OWNED_LIBRARIES)
        if owned:
            yield owned[0], header
        elif is_ours:
            yield from hidden_libraries(root, include, seen)


def layers_of(folder, is_test):
    """What a folder may include; nothing when there is no such layer."""
    return (TEST_LAYERS if is_test and folder in TEST_LAYERS else LAYERS).get(folder)


def findings_of_library(folder, is_test, include):
    owned = owner_of(include, OWNED_LIBRARIES + SHOWN_LIBRARIES)
    if owned:
        if folder not in owned[1]:
            yield f"<{include}>: {owned[0]} belongs to {', '.join(sorted(owned[1]))}"
    elif TEST_LIBRARIES.match(include):
        if not is_test:
            yield f"<{include}>: only tests may include it"
    elif not FREE.match(include):
        yield f"<{include}>: no folder owns this library; name its owner in tests/layers_test.py"


def findings_of_header(root, folder, is_test, include):
    target = str(Path(include).parent)
    if is_test and target == ".":
        return  # a header beside the test; the compiler finds it there or stops
    if not (root / include).is_file():
        yield f'"{include}": no such file, counted from the root of the tree'
        return
    if is_test and target.startswith("tests"):
        return
    if target != folder and target not in layers_of(folder, is_test):
        yield f'"{include}": {folder} may not include {target}'
    if target != folder:
        for library, header in hidden_libraries(root, include, set()):
            yield f'"{include}": {header} shows {library} to another folder'


def find(root):
    findings = []
    for path in cpp_files(root):
        is_test = path.parts[0] == "tests"
        folder = str(Path(*path.parts[1:-1])) if is_test else str(path.parent)
        if layers_of(folder, is_test) is None:
            findings.append(f"{path}:1: no layer is named {folder}; tests/layers_test.py has the table")
            continue
        for number, is_ours, include in includes_of(root / path):
            check = findings_of_header(root, folder, is_test, include) if is_ours else findings_of_library(folder, is_test, include)
            findings += [f"{path}:{number}: {finding}" for finding in check]
    return findings


PLANTED = {
    "base/files.h": '#include <string>\n#include "builder/store/store.h"\n',
    "base/http.h": "#include <curl/curl.h>\n",
    "base/helper.cpp": '#include "missing.h"\n',
    "builder/store/store.h": '#include "base/http.h"\n#include "builder/packages/solver.h"\n',
    "builder/packages/solver.h": "#include <sys/stat.h>\n#include <fmt/core.h>\n",
    "builder/packages/solver.cpp": "#include <solv/pool.h>\n#include <ostree.h>\n#include <gtest/gtest.h>\n",
    "cli/main.cpp": '#include <CLI/CLI.hpp>\n#include "builder/store/store.h"\n#include <png.h>\n',
    "drawer/stuff.cpp": "",
    "tests/builder/packages/solver_test.cpp": '#include <gtest/gtest.h>\n#include "builder/packages/solver.h"\n',
}
EXPECTED = [
    'base/files.h:2: "builder/store/store.h": base may not include builder/store',
    'base/files.h:2: "builder/store/store.h": base/http.h shows libcurl to another folder',
    'base/helper.cpp:1: "missing.h": no such file, counted from the root of the tree',
    "builder/packages/solver.cpp:2: <ostree.h>: libostree belongs to builder/store, validators/tree",
    "builder/packages/solver.cpp:3: <gtest/gtest.h>: only tests may include it",
    'builder/store/store.h:1: "base/http.h": base/http.h shows libcurl to another folder',
    'builder/store/store.h:2: "builder/packages/solver.h": builder/store may not include builder/packages',
    'cli/main.cpp:2: "builder/store/store.h": cli may not include builder/store',
    'cli/main.cpp:2: "builder/store/store.h": base/http.h shows libcurl to another folder',
    "cli/main.cpp:3: <png.h>: no folder owns this library; name its owner in tests/layers_test.py",
    "drawer/stuff.cpp:1: no layer is named drawer; tests/layers_test.py has the table",
]

if __name__ == "__main__":
    judge("layers", find, PLANTED, EXPECTED)
