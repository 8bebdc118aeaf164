#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs end-to-end cases over the real program, writes JUnit, prints `N passed, N failed` last.

A case is a function with @case; its docstring is its promise. After each one nothing of it may be left: no process, no
mount, no loop device. Cases run in the order of the files: the first builds the image that the next ones look at.
With --resume, what passed is noted, and a run that was stopped goes on there as long as program and cases are the same.
With --lanes, files of cases run side by side, each lane in a work directory with an image of its own: most cases keep
one processor busy.
"""

import argparse
import concurrent.futures
import contextlib
import ctypes
import io
import itertools
import multiprocessing
import os
import shutil
import signal
import sys
import time
import traceback
import xml.etree.ElementTree as xml
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))
from cases import all_cases  # noqa: E402  (the path is set above)
from resume import Passed, state_of  # noqa: E402
from world import ROOT, Skip, World  # noqa: E402


def judge(case, world):
    """(verdict, text) of one case."""
    try:
        case.function(world)
        left = world.leftovers()
        return ("failed", "left behind: " + "; ".join(left)) if left else ("passed", "")
    except Skip as reason:
        return "skipped", str(reason)
    except AssertionError as failure:
        place = traceback.extract_tb(failure.__traceback__)[-1]
        return "failed", f"{str(failure) or place.line}\n  at {Path(place.filename).name}:{place.lineno}"
    except Exception:  # a case's own mistake is a failure of that case
        return "failed", traceback.format_exc()


def keep_evidence(case, work, since):
    """Logs of guests that ran for a failed case: the work directory goes, and the next case writes over them."""
    for log in Path(work).rglob("evidence/*.log"):
        if log.stat().st_mtime >= since:
            kept = ROOT / "build" / "logs" / "evidence" / case.name
            kept.mkdir(parents=True, exist_ok=True)
            shutil.copy(log, kept)


def write_junit(path, outcomes):
    suite = xml.Element("testsuite", name="end-to-end", tests=str(len(outcomes)))
    for verdict in ("failed", "skipped"):
        suite.set({"failed": "failures"}.get(verdict, verdict), str(sum(o[1] == verdict for o in outcomes)))
    for case, verdict, text, seconds in outcomes:
        entry = xml.SubElement(suite, "testcase", classname=f"end-to-end.{case.group}", name=case.name, time=f"{seconds:.1f}")
        if verdict != "passed":
            clean = "".join(c if c >= " " or c in "\n\t" else "?" for c in text)
            child = xml.SubElement(entry, {"failed": "failure"}.get(verdict, verdict), message=clean.split("\n")[0])
            child.text = clean
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    xml.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--group", choices=["quick", "long", "all"], default="quick")
    parser.add_argument("--only", nargs="*", default=[], help="names, or parts of them")
    parser.add_argument("--program", default=ROOT / "build" / "release" / "ainode")
    parser.add_argument("--work", default=os.environ.get("AINODE_END_TO_END_WORK", ROOT / "build" / "end-to-end"))
    parser.add_argument("--lanes", type=int, default=1, help="files of cases side by side")
    parser.add_argument("--junit")
    parser.add_argument("--resume", metavar="DIR", help="note here what passed, and do not run it again")
    parser.add_argument("--keep", action="store_true", help="keep the work directory, and use what an earlier run kept")
    parser.add_argument("--list", action="store_true")
    return parser.parse_args()


def chosen(cases, given):
    named = [case for case in cases if any(part in case.name for part in given.only)]
    return named if given.only else [case for case in cases if given.group in ("all", case.group)]


class Lane:
    """Runs cases one after the other in a world of its own."""

    def __init__(self, cases, passed, program, work, is_alone):
        self.cases, self.passed, self.work, self.is_alone = cases, passed, work, is_alone
        self.world = World(program, work)
        self.world.resume = passed.directory

    def run(self, numbers):
        """(number, verdict, text, seconds) of each."""
        return [self.run_one(number) for number in numbers]

    def run_one(self, number):
        case, start, since = self.cases[number], time.monotonic(), time.time()
        print(f"[{number + 1}/{len(self.cases)}] {case.name}: {case.promise}", flush=True)
        said = io.StringIO()  # what a case says while others run is shown with its verdict
        with contextlib.nullcontext() if self.is_alone else contextlib.redirect_stdout(said):
            verdict, text = ("passed", "in an earlier run") if case.name in self.passed else judge(case, self.world)
        if verdict == "passed":
            self.passed.add(case.name)
        if verdict == "failed":
            keep_evidence(case, self.work, since)
        seconds = time.monotonic() - start
        name = "" if self.is_alone else f"{case.name} "
        print(f"{said.getvalue()}    {name}{verdict}, {seconds:.1f} s", *text.splitlines(), sep="\n      ", flush=True)
        return number, verdict, text, seconds


PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
_lane = None  # this process's


def start_lane(places, *parts):
    global _lane  # noqa: PLW0603  (an executor's initializer has no other way to give something to its tasks)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)  # nobody waits for a lane whose run was killed
    _lane = Lane(*parts, places.get(), is_alone=False)


def run_in_lane(numbers):
    return _lane.run(numbers)


def run_side_by_side(lanes, cases, passed, program, work):
    """Files in their order, each by the first lane that is free."""
    fork = multiprocessing.get_context("fork")  # cases are no values that could be sent
    places = fork.SimpleQueue()
    for number in range(1, lanes + 1):
        places.put(work / f"lane-{number}")
    files = itertools.groupby(range(len(cases)), key=lambda number: cases[number].function.__module__)
    with concurrent.futures.ProcessPoolExecutor(lanes, fork, start_lane, (places, cases, passed, program)) as pool:
        tasks = [pool.submit(run_in_lane, list(numbers)) for _, numbers in files]
        return [outcome for task in tasks for outcome in task.result()]


def main():
    given = options()
    cases = chosen(all_cases(), given)
    if given.list:
        print(*(f"{case.group:6}{case.name:45}{case.promise}" for case in cases), sep="\n")
        return 0
    work = Path(given.work)
    if not given.keep:
        World(given.program, work).remove("")
    passed = Passed(given.resume and Path(given.resume), "cases", state_of(Path(given.program).resolve()))
    if given.lanes > 1:
        outcomes = run_side_by_side(given.lanes, cases, passed, given.program, work)
    else:
        outcomes = Lane(cases, passed, given.program, work, is_alone=True).run(range(len(cases)))
    if given.junit:
        write_junit(given.junit, [(cases[number], *outcome) for number, *outcome in outcomes])
    if not given.keep:
        World(given.program, work).remove("")
    verdicts = [verdict for _, verdict, _, _ in outcomes]
    if "skipped" in verdicts:
        print(f"{verdicts.count('skipped')} skipped")
    print(f"{verdicts.count('passed')} passed, {verdicts.count('failed')} failed")
    return 0 if verdicts.count("passed") and not verdicts.count("failed") else 1


if __name__ == "__main__":
    sys.exit(main())
