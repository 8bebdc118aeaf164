# SPDX-License-Identifier: Apache-2.0
"""Booted images: a node answers commands and checks until it is closed."""

from __future__ import annotations

import dataclasses
import math
import os
import re
from pathlib import Path
from types import TracebackType
from typing import Iterable, Optional, Sequence, Union, overload

from . import _ainode
from .errors import CommandFailed, Timeout
from .reports import Report
from .results import OnEvent, Result, StrPath, listener, path_or_none

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_QEMU = "qemu-system-x86_64"
Names = Union[str, Iterable[str]]  #: one, or several


@dataclasses.dataclass(frozen=True)
class CommandResult(Result):
    stdout: str
    stderr: str
    exit_code: int
    truncated: bool  #: it wrote more than is kept here


def _bytes_of(size: Union[str, int]) -> int:
    """4G → 4294967296."""
    if isinstance(size, int):
        return size
    match = re.fullmatch(r"(\d+)([KMGT]?)", size)
    if not match:
        raise ValueError(f"{size!r} is no size: write 512M or 4G, or a number of bytes")
    return int(match[1]) * _UNITS[match[2]]


def _whole_seconds(seconds: float) -> int:
    if not 0 < seconds <= 10**9:
        raise ValueError(f"{seconds} is no time in seconds to wait for")
    return math.ceil(seconds)


def _as_list(names: Names) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


class Node:
    """A guest of an image in QEMU, over a disk that is thrown away. Close it, or use it as a context manager."""

    def __init__(self, session: _ainode.Session, image: Path) -> None:
        self._session = session
        self.image = image

    def wait_ready(self, timeout: float = 180) -> None:
        """Until its agent answers. Raises Timeout."""
        self._session.wait_ready(_whole_seconds(timeout))

    def run(
        self,
        command: Union[str, Sequence[StrPath]],
        *,
        timeout: float = 600,
        check: bool = False,
        input: Union[str, bytes] = b"",
    ) -> CommandResult:
        """Runs a command as root: a text by `/bin/sh -c`, a list as a program with its arguments. After `timeout`
        seconds it is killed, and Timeout raised; with `check` a status other than 0 is a CommandFailed."""
        argv = ["/bin/sh", "-c", command] if isinstance(command, str) else [os.fspath(word) for word in command]
        fed = input.encode() if isinstance(input, str) else input
        out, err, status, timed_out, truncated = self._session.run(argv, _whole_seconds(timeout), fed)
        result = CommandResult(out.decode(errors="replace"), err.decode(errors="replace"), status, truncated)
        if timed_out:
            raise Timeout(f"{command!r} did not end within {timeout} s in the guest", code="H0012", problems=(result.stderr,))
        if check and status != 0:
            raise CommandFailed(f"{command!r} ended with status {status}: {result.stderr.strip()}", problems=(result.stderr,))
        return result

    def validate(
        self, *, profile: Names = (), level: str = "", checks: Names = ()
    ) -> Report:
        """The report of this guest as it is now."""
        return Report.from_json(self._session.validate(_as_list(profile), level, _as_list(checks)))

    def close(self) -> None:
        """Ends the guest; what it wrote is gone."""
        self._session.close()

    def __enter__(self) -> Node:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()


def boot(
    image: StrPath,
    *,
    memory: Union[str, int, None] = None,
    cpus: Optional[int] = None,
    topology: str = "",
    append: Iterable[str] = (),
    qemu: str = _QEMU,
    evidence: Optional[StrPath] = None,
    deadline: float = 900,
    silence: float = 240,
    cpu_deadline: float = 1800,
    on_event: Optional[OnEvent] = None,
) -> Node:
    """Starts an image; `memory` ("4G", or bytes) and `cpus` are dealt to the topology's NUMA nodes, `append` goes to the
    kernel's command line. The deadlines are seconds: of a boot or request in time, of silence, of processor time."""
    session = _ainode.Session(
        Path(image),
        topology,
        None if memory is None else _bytes_of(memory),
        cpus,
        _as_list(append),
        qemu,
        path_or_none(evidence),
        _whole_seconds(deadline),
        _whole_seconds(silence),
        _whole_seconds(cpu_deadline),
        listener(on_event),
    )
    return Node(session, Path(image))


@overload
def validate(
    image: Node, *, profile: Names = (), level: str = "", checks: Names = ()
) -> Report: ...
@overload
def validate(
    image: StrPath,
    target: Names = "qemu",
    *,
    profile: Names = (),
    level: str = "",
    checks: Names = (),
    append: Iterable[str] = (),
    counted: bool = False,
    qemu: str = _QEMU,
    evidence: Optional[StrPath] = None,
    deadline: float = 900,
    silence: float = 240,
    cpu_deadline: float = 1800,
    jobs: int = 0,
    on_event: Optional[OnEvent] = None,
) -> Report: ...
def validate(
    image: Union[StrPath, Node],
    target: Names = "qemu",
    *,
    profile: Names = (),
    level: str = "",
    checks: Names = (),
    append: Iterable[str] = (),
    counted: bool = False,
    qemu: str = _QEMU,
    evidence: Optional[StrPath] = None,
    deadline: float = 900,
    silence: float = 240,
    cpu_deadline: float = 1800,
    jobs: int = 0,
    on_event: Optional[OnEvent] = None,
) -> Report:
    """Meets an image on `target` ("qemu", "qemu:TOPOLOGY", "tree", "local", "recorded"; of several, one merged report),
    with `counted` in a guest whose time is the number of its instructions; or asks a node that runs, by profile, level
    and checks alone."""
    if isinstance(image, Node):
        return image.validate(profile=profile, level=level, checks=checks)
    text = _ainode.validate(
        Path(image),
        _as_list(target),
        _as_list(profile),
        level,
        _as_list(checks),
        _as_list(append),
        counted,
        qemu,
        path_or_none(evidence),
        _whole_seconds(deadline),
        _whole_seconds(silence),
        _whole_seconds(cpu_deadline),
        jobs,
        listener(on_event),
    )
    return Report.from_json(text)
