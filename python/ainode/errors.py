# SPDX-License-Identifier: Apache-2.0
"""What calls raise: one tree. A check that fails is no error, but data of a report."""

from __future__ import annotations

import json
from typing import Any, NoReturn


class Error(Exception):
    """A failed operation; its text is what the command line shows."""

    def __init__(
        self,
        text: str,
        *,
        code: str = "",
        message: str = "",
        hint: str = "",
        path: str | None = None,
        line: int | None = None,
        column: int | None = None,
        problems: tuple[str, ...] = (),
    ) -> None:
        super().__init__(text)
        self.code = code  #: stable: R0107; `ainode explain CODE` says more
        self.message = message or text  #: one line, without the place
        self.hint = hint  #: the cure; empty where none is known
        self.path = path  #: the user's file that it speaks of
        self.line = line  #: from 1
        self.column = column  #: from 1
        self.problems = problems  #: the chain of reasons, or every mistake of a recipe


class RecipeError(Error):
    """A recipe, or its lock, is wrong."""


class Unsatisfiable(Error):
    """No set of packages satisfies the recipe; `problems` says why."""


class VerificationError(Error):
    """A signature, a hash or signed metadata is not what it must be."""


class HostError(Error):
    """This machine or the network failed; trying again makes sense."""


class Timeout(Error):
    """A guest or a program did not answer in time."""


class CommandFailed(Error):
    """A command in a guest ended with another status than 0, and was asked to be checked."""


_USAGE, _ENVIRONMENT = 2, 3
_TIMEOUTS = {"H0012", "V0002", "V0005"}
_INTERRUPTED = "B0011"
_OF_RECIPES = {"P0003", "P0020", "P0021", "P0022", "S0001"}


def _kind_of(code: str, exit_status: int) -> type[Error]:
    if code in _TIMEOUTS:
        return Timeout
    if code.startswith("R") or code in _OF_RECIPES:
        return RecipeError
    if code.startswith("S"):
        return Unsatisfiable
    if exit_status == _ENVIRONMENT:
        return HostError
    if code.startswith("T") and exit_status != _USAGE:
        return VerificationError
    return Error


def _problems_of(error: dict[str, Any]) -> tuple[str, ...]:
    several = [one["message"] for one in error.get("errors", [])]
    return tuple(several or error.get("reasons", []))


def raise_reported(text: str) -> NoReturn:
    """Raises what the JSON object of an error (ainode.error/1) says."""
    error = json.loads(text)
    if error["code"] == _INTERRUPTED:
        raise KeyboardInterrupt
    place = error.get("place", {})
    raise _kind_of(error["code"], error.get("exit", 1))(
        error.get("text", error["message"]).rstrip("\n"),
        code=error["code"],
        message=error["message"],
        hint=error.get("help", ""),
        path=place.get("file"),
        line=place.get("line") or None,
        column=place.get("column") or None,
        problems=_problems_of(error),
    )
