# SPDX-License-Identifier: Apache-2.0
"""Recipes, and the locks that say which packages they come to."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from pathlib import Path
from typing import Any, Iterable, Mapping, Optional

from . import _ainode
from .errors import RecipeError
from .results import OnEvent, Result, StrPath, listener, table


@dataclasses.dataclass(frozen=True)
class Package(Result):
    """A package of a lock."""

    name: str
    version: str
    arch: str
    sha256: str
    size: int  #: bytes of the .deb
    path: str  #: in its repository's pool
    source: str  #: the source package's name


@dataclasses.dataclass(frozen=True)
class Lock(Result):
    """Exactly which packages an image is made of, as its file says. Is a path."""

    path: Path
    packages: tuple[Package, ...] = dataclasses.field(repr=False)
    written: bool  #: by the call that gave it; false where the file held it already
    sha256: str  #: of the file

    @classmethod
    def load(cls, path: StrPath, written: bool = False) -> Lock:
        text = _ainode.read_lock(Path(path))
        packages = tuple(
            Package(**{field.name: package[field.name] for field in dataclasses.fields(Package)})
            for package in json.loads(text)["packages"]
        )
        return cls(Path(path), packages, written, hashlib.sha256(text.encode()).hexdigest())

    def __fspath__(self) -> str:
        return str(self.path)

    def to_dict(self) -> dict[str, Any]:
        """The file's own content."""
        values: dict[str, Any] = json.loads(_ainode.read_lock(self.path))
        return values

    def _repr_html_(self) -> str:
        rows = [(one.name, one.version, one.arch, str(one.size)) for one in self.packages]
        return table(rows, ("package", "version", "arch", "bytes"))


@dataclasses.dataclass(frozen=True)
class Sources:
    """Where packages come from, beside what the host's own configuration and AINODE_MIRROR_… say."""

    mirrors: Mapping[str, str] = dataclasses.field(default_factory=dict)
    accept_stale: Iterable[str] = ()
    store: Optional[StrPath] = None

    def arguments(self) -> list[str]:
        words = [word for name, uri in self.mirrors.items() for word in ("--mirror", f"{name}={uri}")]
        words += [word for name in self.accept_stale for word in ("--accept-stale", name)]
        return words + (["--store", str(Path(self.store).absolute())] if self.store is not None else [])


@dataclasses.dataclass(frozen=True)
class Recipe(Result):
    """A recipe with all that it extends, as it was when it was loaded."""

    name: str
    summary: str
    path: Path
    variant: str  #: the overlays, as named; empty: the recipe itself
    architecture: str  #: amd64 or arm64
    digest: str  #: SHA-256 of its effective values
    lock_path: Path  #: where its lock lies, or would lie
    _asked: str = dataclasses.field(repr=False)
    _directory: Path = dataclasses.field(repr=False)
    _values: str = dataclasses.field(repr=False)
    _loaded: _ainode.Recipe = dataclasses.field(repr=False, compare=False)

    @classmethod
    def load(cls, name: StrPath, variant: str = "", *, arch: str = "") -> Recipe:
        """`name` is a path, or a bare name looked for in images/ and recipes/ below the current directory; `variant`
        as behind `@`. Raises RecipeError with every mistake of its files in `problems`."""
        asked = os.fspath(name) + (f"@{variant}" if variant else "")
        loaded = _ainode.load_recipe(asked, arch)
        facts = json.loads(loaded.describe())
        return cls(
            facts["name"],
            facts["summary"],
            Path(facts["file"]),
            facts["variant"],
            facts["architecture"],
            facts["digest"],
            Path(facts["lock"]),
            asked,
            Path.cwd(),
            json.dumps(facts["values"]),
            loaded,
        )

    def lock(
        self,
        *,
        locked: bool = False,
        update: bool = False,
        mirrors: Mapping[str, str] = {},
        accept_stale: Iterable[str] = (),
        store: Optional[StrPath] = None,
        jobs: int = 0,
        on_event: Optional[OnEvent] = None,
    ) -> Lock:
        """The lock that fits this recipe, resolved and written where there is none. With `locked` nothing is resolved:
        a lock that is missing, or no longer fits, is a RecipeError. With `update` all is resolved anew."""
        if locked and update:
            raise ValueError("a lock is either taken as it is (locked) or made anew (update)")
        if locked:
            self._loaded.require_fit(self.lock_path)
            return Lock.load(self.lock_path)
        words = [*Sources(mirrors, accept_stale, store).arguments(), *(["--update"] if update else [])]
        answer = self._ask("lock", words, jobs, on_event)
        return Lock.load(self._directory / answer["lock"], answer["written"])

    def to_dict(self) -> dict[str, Any]:
        """The effective values: what its documents and overlays say together."""
        values: dict[str, Any] = json.loads(self._values)
        return values

    def _repr_html_(self) -> str:
        facts = ("name", "summary", "path", "variant", "architecture", "digest")
        return table([(fact, str(getattr(self, fact))) for fact in facts])

    def require_same(self, lock: Lock) -> None:
        """Raises RecipeError unless the lock's file is the one that this recipe is built by, and as it was read."""
        if lock.path.absolute() != self.lock_path:
            raise RecipeError(
                f"{lock.path} is not the lock of {self.name}, which is {self.lock_path}", code="P0021", path=str(lock.path),
                hint="take what Recipe.lock() gives",
            )  # fmt: skip
        if hashlib.sha256(lock.path.read_bytes()).hexdigest() != lock.sha256:
            raise RecipeError(
                f"{lock.path} was changed since it was read", code="P0021", path=str(lock.path), hint="call Recipe.lock() again",
            )  # fmt: skip

    def _ask(self, verb: str, words: list[str], jobs: int, on_event: Optional[OnEvent]) -> dict[str, Any]:
        """What the verb answers, run where this recipe was found."""
        command = ["-C", str(self._directory), verb, "--arch", self.architecture, *words, "--", self._asked]
        answer: dict[str, Any] = json.loads(_ainode.program(command, jobs, listener(on_event)))
        return answer
