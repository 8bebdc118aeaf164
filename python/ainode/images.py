# SPDX-License-Identifier: Apache-2.0
"""Images: the directories that a build writes."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, Iterable, Mapping, Optional

from . import _ainode
from .recipes import Lock, Recipe, Sources
from .results import OnEvent, Result, StrPath, listener, path_or_none


@dataclasses.dataclass(frozen=True)
class Kernel(Result):
    release: str  #: uname -r
    package: str
    version: str
    cmdline: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Output(Result):
    """A file of an image."""

    path: Path
    kind: str  #: qcow2
    size: int
    sha256: str


@dataclasses.dataclass(frozen=True)
class Image(Result):
    """What a build wrote. Is a path."""

    path: Path
    name: str
    architecture: str
    commit: str
    ref: str
    kernel: Kernel
    outputs: tuple[Output, ...]
    profiles: tuple[str, ...]
    unchanged: bool  #: the build that gave it had nothing to do
    _manifest: str = dataclasses.field(repr=False)

    @classmethod
    def load(cls, path: StrPath, unchanged: bool = False) -> Image:
        """Of a directory that `build` wrote earlier."""
        path = Path(path)
        text = _ainode.read_manifest(path)
        says = json.loads(text)
        kernel = says["kernel"]
        outputs = (Output(path / one["name"], one["kind"], one["size"], one["sha256"]) for one in says["outputs"])
        return cls(
            path,
            says["name"],
            says["architecture"],
            says["commit"],
            says["ref"],
            Kernel(kernel["release"], kernel["package"], kernel["version"], tuple(kernel["cmdline"])),
            tuple(outputs),
            tuple(says["profiles"]),
            unchanged,
            text,
        )

    def __fspath__(self) -> str:
        return str(self.path)

    def to_dict(self) -> dict[str, Any]:
        """The manifest."""
        manifest: dict[str, Any] = json.loads(self._manifest)
        return manifest


@dataclasses.dataclass(frozen=True)
class Verification(Result):
    """An image whose signatures and hashes are right; anything else is a VerificationError."""

    image: Path
    commit: str


def build(
    recipe: Recipe,
    lock: Optional[Lock] = None,
    *,
    out: StrPath,
    vendor: Optional[StrPath] = None,
    offline: bool = False,
    mirrors: Mapping[str, str] = {},
    accept_stale: Iterable[str] = (),
    store: Optional[StrPath] = None,
    jobs: int = 0,
    on_event: Optional[OnEvent] = None,
) -> Image:
    """Recipe to signed commit and outputs in the directory `out`, as `ainode build` does. With a lock, exactly by it;
    without one, by the lock that lies beside the recipe, resolved where it does not fit."""
    place = Path(out).absolute()
    words = ["--out", str(place), *Sources(mirrors, accept_stale, store).arguments()]
    if lock is not None:
        recipe.require_same(lock)
        words.append("--locked")
    if vendor is not None:
        words += ["--vendor", str(Path(vendor).absolute())]
    if offline:
        words.append("--offline")
    answer = recipe._ask("build", words, jobs, on_event)
    return Image.load(out, answer["unchanged"])


def verify(
    image: StrPath,
    *,
    openpgp_key: Optional[StrPath] = None,
    ed25519_key: Optional[StrPath] = None,
    jobs: int = 0,
    on_event: Optional[OnEvent] = None,
) -> Verification:
    """Both signatures, every object and every output, by the manifest's own keys or by those in the files given."""
    _ainode.verify(Path(image), path_or_none(openpgp_key), path_or_none(ed25519_key), jobs, listener(on_event))
    return Verification(Path(image), Image.load(image).commit)
