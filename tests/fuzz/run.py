#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the fuzz targets for some seconds each, as many at a time as there are processors, and prints `N passed, N failed`.

Targets start from tests/fuzz/corpus/NAME, from the repository's own recipes, and from what earlier runs found
(build/fuzz/corpus/NAME, which grows). An input that breaks a promise is kept in build/fuzz/found/NAME, its path is
printed, and each later run tries it again; `build/fuzz/NAME_fuzz PATH` repeats it alone. When its cause is gone, it
belongs into tests/fuzz/corpus/NAME.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as xml
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

FUZZ = Path(__file__).resolve().parent
ROOT = FUZZ.parent.parent
SEEDS = {"recipe": [ROOT / "recipes", ROOT / "tests" / "cases" / "recipes"]}
# One input: seconds and bytes of memory that a reader may take; far above what any needs.
LONGEST = {"disk": 131072}  # bytes; of the others 16384
LIMITS = ["-timeout=20", "-rss_limit_mb=1024", "-malloc_limit_mb=512"]


class Result:
    def __init__(self, name, failure, seconds, tried, found):
        self.name, self.failure, self.seconds, self.tried, self.found = name, failure, seconds, tried, found

    def __str__(self):
        verdict = f"FAILED  {self.failure}" if self.failure else "passed"
        inputs = "".join(f"\n    input: {path}" for path in self.found)
        return f"{self.name:12}{self.seconds:6.0f} s {self.tried:12,} inputs  {verdict}{inputs}"


def reason_of(log):
    """The line of libFuzzer's or a sanitizer's output that says what happened."""
    for pattern in (r"broken promise: .*", r"terminate called .*", r"runtime error: .*", r"ERROR: .*"):
        match = re.search(pattern, log)
        if match:
            return match[0].strip()
    return "ended without a reason; see its log"


def fuzz(name, given, logs):
    program = given.build / f"{name}_fuzz"
    corpus, found = given.build / "corpus" / name, given.build / "found" / name
    for folder in (corpus, found):
        folder.mkdir(parents=True, exist_ok=True)
    seeds = [path for path in [found, FUZZ / "corpus" / name, *SEEDS.get(name, [])] if path.is_dir()]
    dictionary = FUZZ / f"{name}.dict"
    command = [program, f"-max_total_time={given.seconds}", f"-artifact_prefix={found}/", "-print_final_stats=1", *LIMITS]
    command += [f"-max_len={LONGEST.get(name, 16384)}"]
    command += [f"-dict={dictionary}"] if dictionary.exists() else []
    command += [f"-seed={given.seed}"] if given.seed else []
    start = time.monotonic()
    shared_memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix=f"ainode-fuzz-{name}-", dir=shared_memory) as scratch:
        environment = {"PATH": os.environ["PATH"], "TMPDIR": scratch, "LC_ALL": "C.UTF-8", "ASAN_OPTIONS": "quarantine_size_mb=64"}
        log = logs / f"fuzz-{name}.log"
        try:
            with log.open("wb") as output:
                # libFuzzer ends by itself; the rest is for loading the corpus on a busy machine.
                run = subprocess.run(
                    list(map(str, command + [corpus, *seeds])), stdin=subprocess.DEVNULL, stdout=output,
                    stderr=subprocess.STDOUT, cwd=scratch, env=environment, timeout=given.seconds * 2 + 300,
                )
            status = run.returncode
        except subprocess.TimeoutExpired:
            status = "did not end"
        except OSError as error:
            status = str(error)
    text = log.read_text(errors="replace") if log.exists() else ""
    tried = re.search(r"stat::number_of_executed_units:\s*(\d+)", text)
    count = int(tried[1]) if tried else 0
    failure = ""
    if status != 0:
        failure = f"{reason_of(text)} (exit {status}; log: {log})"
    elif count < 100:
        failure = f"only {count} inputs were tried (log: {log})"
    written = re.findall(r"Test unit written to (\S+)", text)
    return Result(name, failure, time.monotonic() - start, count, written)


def write_junit(path, results):
    suite = xml.Element("testsuite", name="fuzz", tests=str(len(results)), failures=str(sum(bool(r.failure) for r in results)))
    for result in results:
        case = xml.SubElement(suite, "testcase", classname="fuzz", name=f"fuzz.{result.name}", time=f"{result.seconds:.1f}")
        if result.failure:
            inputs = "".join(f"; input: {found}" for found in result.found)
            clean = "".join(c if c >= " " else "?" for c in result.failure + inputs)
            xml.SubElement(case, "failure", message=clean).text = clean
        xml.SubElement(case, "system-out").text = f"{result.tried} inputs"
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    xml.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("targets", nargs="*", help="recipe, packages, …; none: all")
    parser.add_argument("--seconds", type=int, default=15, help="for each target")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="targets at a time")
    parser.add_argument("--seed", type=int, default=0, help="of libFuzzer's random numbers; its log names the one it took")
    parser.add_argument("--build", type=lambda text: Path(text).resolve(), default=ROOT / "build" / "fuzz")
    parser.add_argument("--junit")
    return parser.parse_args()


def main():
    given = options()
    names = sorted(path.name[: -len("_fuzz.cpp")] for path in FUZZ.glob("*_fuzz.cpp"))
    unknown = sorted(set(given.targets) - set(names))
    if unknown or not names:
        print(f"fuzz: no target is named {', '.join(unknown)}; there are: {', '.join(names)}", file=sys.stderr)
        return 2
    logs = given.build / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    results = []
    with ThreadPoolExecutor(max(1, given.jobs)) as pool:
        for result in pool.map(lambda name: fuzz(name, given, logs), given.targets or names):
            print(result, flush=True)
            results.append(result)
    if given.junit:
        write_junit(given.junit, results)
    failed = sum(bool(result.failure) for result in results)
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
