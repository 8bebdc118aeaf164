#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Adds up JUnit files and prints `N passed, N failed` as the last line; exit 1 unless something ran and all passed.

A file that is missing counts as one failure: its part did not get as far as writing it.
"""

import sys
import xml.etree.ElementTree as xml


def outcome(case):
    if case.find("failure") is not None or case.find("error") is not None or case.get("status") == "fail":
        return "failed"
    return "skipped" if case.find("skipped") is not None or case.get("status") in ("notrun", "disabled") else "passed"


def reason(case):
    found = next((child for child in case if child.tag in ("failure", "error", "skipped")), None)
    text = "" if found is None else (found.get("message") or found.text or "").strip()
    return text.splitlines()[0] if text else ""


def main(paths):
    totals = {"passed": 0, "failed": 0, "skipped": 0}
    for path in paths:
        try:
            cases = list(xml.parse(path).getroot().iter("testcase"))
        except (OSError, xml.ParseError) as problem:
            print(f"FAILED  {path}: no result ({problem})")
            totals["failed"] += 1
            continue
        for case in cases:
            result = outcome(case)
            totals[result] += 1
            if result != "passed":
                print(f"{result.upper():8}{case.get('name')}  {reason(case)}".rstrip())
    if totals["skipped"]:
        print(f"{totals['skipped']} skipped")
    print(f"{totals['passed']} passed, {totals['failed']} failed")
    return 0 if totals["passed"] and not totals["failed"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
