# SPDX-License-Identifier: Apache-2.0
"""The decision for a pipeline: reports held to a baseline and a policy."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, Iterable, Optional, Union

from . import _ainode
from .reports import Report
from .results import Result, StrPath, path_or_none, table


@dataclasses.dataclass(frozen=True)
class Figure(Result):
    """What was measured, and what its change against the baseline comes to."""

    name: str
    unit: str
    verdict: str  #: better, same, worse, inconclusive
    holds: bool  #: its limits are kept
    base: Optional[float]  #: geometric mean; None where it was not measured
    measured: Optional[float]
    change: Optional[float]  #: -0.05: 5 % less
    reason: str
    waived: str  #: the tracker of the waiver that counts; empty without one


@dataclasses.dataclass(frozen=True)
class GateResult(Result):
    """What a gate decides. `str` gives the command line's table."""

    verdict: str
    exit_code: int  #: 0 good, 1 worse or a check failed, 3 the environment failed, 4 nothing to judge, 5 inconclusive
    figures: tuple[Figure, ...]
    checks: tuple[str, ...]  #: ids of those that speak against the candidate, and are not waived
    notes: tuple[str, ...]
    _json: str = dataclasses.field(repr=False)
    _table: str = dataclasses.field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Schema ainode.gate/1."""
        result: dict[str, Any] = json.loads(self._json)
        return result

    def __str__(self) -> str:
        return self._table

    def _repr_html_(self) -> str:
        rows = [(one.name, one.verdict, str(one.base), str(one.measured), one.reason) for one in self.figures]
        return f"<p>{self.verdict}</p>" + table(rows, ("figure", "verdict", "baseline", "measured", "reason"))


def _reports(report: Union[Report, Iterable[Report]]) -> list[str]:
    return [one._json for one in ([report] if isinstance(report, Report) else report)]


def gate(report: Union[Report, Iterable[Report]], *, baseline: StrPath, policy: Optional[StrPath] = None) -> GateResult:
    """Holds a report, or one of each of several boots, to what `ainode baseline` wrote. Without a policy no figure of
    the baseline may become 5 % worse, no counted one 1 %."""
    text, shown = _ainode.gate(_reports(report), Path(baseline), path_or_none(policy))
    says = json.loads(text)
    names = [field.name for field in dataclasses.fields(Figure)]
    figures = tuple(Figure(**{name: one.get(name) for name in names}) for one in says["figures"])
    checks = tuple(one["id"] for one in says["checks"] if not one["waived"])
    return GateResult(says["verdict"], says["exit_code"], figures, checks, tuple(says["notes"]), text, shown)


def write_baseline(path: StrPath, report: Union[Report, Iterable[Report]], *, valid_days: int = 90) -> None:
    """Writes the baseline that later candidates are held to: the figures of these boots."""
    Path(path).write_text(_ainode.make_baseline(_reports(report), valid_days), encoding="utf-8")
