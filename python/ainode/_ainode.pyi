# SPDX-License-Identifier: Apache-2.0
import os
from typing import Callable, Optional, Sequence

_Path = os.PathLike[str] | str
_Tell = Optional[Callable[..., object]]

version: str

class Recipe:
    def __init__(self, *args: object, **kwargs: object) -> None: ...  # not by callers
    def describe(self) -> str: ...
    def require_fit(self, lock: _Path) -> None: ...

class Session:
    def __init__(
        self,
        image: _Path,
        topology: str,
        memory: Optional[int],
        cpus: Optional[int],
        arguments: Sequence[str],
        qemu: str,
        evidence: _Path,
        deadline: int,
        silence: int,
        cpu_deadline: int,
        on_event: _Tell,
    ) -> None: ...
    def wait_ready(self, timeout: int) -> None: ...
    def run(self, argv: Sequence[str], timeout: int, input: bytes | str) -> tuple[bytes, bytes, int, bool, bool]: ...
    def validate(self, profiles: Sequence[str], level: str, checks: Sequence[str]) -> str: ...
    def close(self) -> None: ...

def load_recipe(name: str, architecture: str) -> Recipe: ...
def read_lock(path: _Path) -> str: ...
def program(arguments: Sequence[str], jobs: int, on_event: _Tell) -> str: ...
def read_manifest(image: _Path) -> str: ...
def verify(image: _Path, openpgp: _Path, ed25519: _Path, jobs: int, on_event: _Tell) -> None: ...
def validate(
    image: _Path,
    targets: Sequence[str],
    profiles: Sequence[str],
    level: str,
    checks: Sequence[str],
    arguments: Sequence[str],
    qemu: str,
    evidence: _Path,
    deadline: int,
    silence: int,
    cpu_deadline: int,
    jobs: int,
    on_event: _Tell,
) -> str: ...
def read_report(path: _Path) -> str: ...
def report_junit(report: str) -> str: ...
def report_markdown(report: str) -> str: ...
def report_table(report: str) -> str: ...
