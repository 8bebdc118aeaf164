# SPDX-License-Identifier: Apache-2.0
"""What all results have in common, and the events on the way to them."""

from __future__ import annotations

import dataclasses
import html
import os
from typing import Any, Callable, Optional, Sequence, Union

StrPath = Union[str, "os.PathLike[str]"]


def path_or_none(path: Optional[StrPath]) -> str:
    """For the module, where nothing is the empty path."""
    return "" if path is None else os.fspath(path)


def table(rows: Sequence[tuple[str, ...]], head: tuple[str, ...] = ()) -> str:
    """An HTML table; every cell is text."""

    def row(cells: tuple[str, ...], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    return "<table>" + (row(head, "th") if head else "") + "".join(row(cells, "td") for cells in rows) + "</table>"


class Result:
    """A frozen value that knows itself as a dictionary and as a table."""

    def to_dict(self) -> dict[str, Any]:
        assert dataclasses.is_dataclass(self)
        return {name: _plain(value) for name, value in vars(self).items() if not name.startswith("_")}

    def _repr_html_(self) -> str:
        return table([(name, str(value)) for name, value in self.to_dict().items() if not isinstance(value, (dict, list))])


def _plain(value: Any) -> Any:
    if isinstance(value, Result):
        return value.to_dict()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return [_plain(one) for one in value] if isinstance(value, tuple) else value


@dataclasses.dataclass(frozen=True)
class Event(Result):
    """What happens meanwhile: a step begins, goes on or ends; a note; a warning."""

    kind: str  #: begin, progress, detail, note, warning, end
    step: str  #: which step speaks: "fetch"
    text: str
    done: int  #: of progress: this many `unit` of `total`
    total: int  #: 0: not known
    unit: str  #: "B" for bytes, else a plural noun
    seconds: float  #: of end: how long the step took

    def __str__(self) -> str:
        if self.kind == "progress":
            amount = f"{self.done} of {self.total} {self.unit}" if self.total else f"{self.done} {self.unit}"
            return f"{self.step}: {amount}{', ' if self.text else ''}{self.text}"
        if self.kind == "end":
            return f"{self.step}: done in {self.seconds:.1f} s{', ' if self.text else ''}{self.text}"
        return f"{self.step}: {self.text or '…'}"


OnEvent = Callable[[Event], object]


def listener(on_event: Optional[OnEvent]) -> Optional[Callable[..., object]]:
    """What the module calls, with an event's members one by one."""
    if on_event is None:
        return None
    told = on_event
    return lambda *members: told(Event(*members))
