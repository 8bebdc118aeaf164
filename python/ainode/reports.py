# SPDX-License-Identifier: Apache-2.0
"""Reports: what checks found, as frozen data."""

from __future__ import annotations

import dataclasses
import enum
import html
import json
from pathlib import Path
from typing import Any

from . import _ainode
from .results import Result, StrPath, table


class Verdict(str, enum.Enum):
    PASS = "pass"
    FAIL = "fail"
    SKIP = "skip"
    UNMEASURABLE = "unmeasurable"
    INFRA = "infra"

    def __str__(self) -> str:
        return str(self.value)


@dataclasses.dataclass(frozen=True)
class Check(Result):
    """One promise, and what came of it. Compare `verdict` with a Verdict or its text."""

    id: str  #: family.promise
    sentence: str
    verdict: Verdict
    measured: Any  #: as in the report's JSON
    expected: Any
    evidence: str  #: where it was read
    reason: str  #: of anything but pass
    place: str  #: the recipe's line that declared it; empty where none did
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        return super().to_dict() | {"verdict": self.verdict.value}


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@dataclasses.dataclass(frozen=True)
class Report(Result):
    """What the checks of an image came to on one machine, or on several. `str` gives the command line's table."""

    image: str
    commit: str
    target: str
    topology: str
    kernel_release: str
    level: str
    profiles: tuple[str, ...]
    verdict: Verdict
    failure: str  #: of the run as a whole: "guest panicked: …"; empty where the checks ran
    checks: tuple[Check, ...]
    _json: str = dataclasses.field(repr=False)

    @classmethod
    def from_json(cls, text: str) -> Report:
        says = json.loads(text)
        names = [field.name for field in dataclasses.fields(Check)]
        checks = []
        for one in says["checks"]:
            values: dict[str, Any] = {name: one.get(name) for name in names}
            values["verdict"] = Verdict(one["verdict"])
            checks.append(Check(**values))
        return cls(
            says["image"],
            says["commit"],
            says["target"],
            says["topology"],
            says["kernel_release"],
            says["level"],
            tuple(says["profiles"]),
            Verdict(says["verdict"]),
            says["failure"],
            tuple(checks),
            text,
        )

    @classmethod
    def load(cls, path: StrPath) -> Report:
        """Of a file that `save`, or `ainode validate -o`, wrote."""
        return cls.from_json(_ainode.read_report(Path(path)))

    @property
    def failed(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if check.verdict is Verdict.FAIL)

    def __getitem__(self, check: str) -> Check:
        """The check of this id."""
        for one in self.checks:
            if one.id == check:
                return one
        raise KeyError(check)

    def to_dict(self) -> dict[str, Any]:
        """The report's JSON, schema ainode.validate/1."""
        report: dict[str, Any] = json.loads(self._json)
        return report

    def save(self, path: StrPath) -> None:
        """Writes the JSON, for `load` and for `ainode report`."""
        Path(path).write_text(json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    def to_junit(self, path: StrPath) -> None:
        Path(path).write_text(_ainode.report_junit(self._json), encoding="utf-8")

    def to_markdown(self, path: StrPath) -> None:
        Path(path).write_text(_ainode.report_markdown(self._json), encoding="utf-8")

    def to_html(self, path: StrPath) -> None:
        """A page of its own with the table that a notebook shows."""
        title = html.escape(f"{self.image} on {self.target}: {self.verdict}")
        page = f'<!DOCTYPE html>\n<html lang="en"><meta charset="utf-8"><title>{title}</title>\n<h1>{title}</h1>\n'
        Path(path).write_text(page + self._repr_html_() + "\n</html>\n", encoding="utf-8")

    def __str__(self) -> str:
        return _ainode.report_table(self._json)

    def _repr_html_(self) -> str:
        head = ("check", "verdict", "measured", "expected", "evidence", "reason")
        rows = [
            (one.id, str(one.verdict), _as_text(one.measured), _as_text(one.expected), one.evidence, one.reason)
            for one in sorted(self.checks, key=lambda one: one.verdict is Verdict.PASS)
        ]
        failure = f"<p>{html.escape(self.failure)}</p>" if self.failure else ""
        return f"<p>{html.escape(self.commit)}: {self.verdict}</p>{failure}{table(rows, head)}"
