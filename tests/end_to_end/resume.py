# SPDX-License-Identifier: Apache-2.0
"""What passed in an earlier run of the same program and the same cases, so that hours of them can be run in parts."""

import hashlib
import threading
from pathlib import Path

HERE = Path(__file__).parent


def state_of(program):
    """A hash over the program, its helpers and the cases: what passed with one state says nothing about another."""
    beside = [program.parent / name for name in ("ainode-agent", "ainode-aids", "faults.so")]
    sources = sorted(path for path in HERE.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    parts = [hashlib.sha256(path.read_bytes()).digest() for path in (program, *beside, *sources) if path.exists()]
    return hashlib.sha256(b"".join(parts)).hexdigest()


class Passed:
    """A set of names in DIR/NAME.passed, one a line after the state; without a directory it forgets. Any thread may add,
    and any process that was forked since."""

    def __init__(self, directory, name, state):
        self.directory = directory
        self._lock = threading.Lock()
        self._path = directory and directory / f"{name}.passed"
        lines = self._path.read_text().splitlines() if self._path and self._path.exists() else []
        self._names = set(lines[1:]) if lines[:1] == [state] else set()
        if self._path and not self._names:
            directory.mkdir(parents=True, exist_ok=True)
            self._path.write_text(state + "\n")

    def __contains__(self, name):
        return name in self._names

    def add(self, name):
        with self._lock:
            if name in self._names:
                return
            self._names.add(name)
            if self._path:
                with self._path.open("a") as notes:
                    notes.write(name + "\n")
