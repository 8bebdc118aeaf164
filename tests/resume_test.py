#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What passed is remembered for the same program and cases, by any thread, and for nothing else."""

import sys
import tempfile
import threading
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent / "end_to_end"))
from resume import Passed, state_of  # noqa: E402  (the path is set above)


def main():
    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder) / "notes"
        passed = Passed(notes, "cases", "state 1")
        threads = [threading.Thread(target=passed.add, args=(f"case-{number}",)) for number in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        again = Passed(notes, "cases", "state 1")
        assert all(f"case-{number}" in again for number in range(50)) and "case-50" not in again
        assert "case-1" not in Passed(notes, "faults", "state 1")
        assert "case-1" not in Passed(notes, "cases", "state 2"), "another state took over what passed"
        assert "case-1" not in Passed(notes, "cases", "state 1"), "the other state's run left the first one's notes"
        forgetful = Passed(None, "cases", "state 1")
        forgetful.add("case-1")
        program = Path(folder) / "ainode"
        program.write_bytes(b"one")
        first = state_of(program)
        assert state_of(program) == first
        program.write_bytes(b"two")
        assert state_of(program) != first
        (Path(folder) / "faults.so").write_bytes(b"")
        assert state_of(program) not in (first, "")
    print("resume: remembers what passed, for one state")


main()
