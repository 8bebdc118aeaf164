# SPDX-License-Identifier: Apache-2.0
"""Builds reproducible AI-node images from recipes, and proves that they are what the recipes say.

    recipe = ainode.Recipe.load("recipes/qemu-base.yaml")
    image = ainode.build(recipe, recipe.lock(), out="out/qemu-base", on_event=print)
    with ainode.boot(image, topology="two-nodes") as node:
        node.wait_ready(timeout=180)
        report = ainode.validate(node, profile=["boot", "numa"])
    assert not report.failed, report

Results are frozen; paths may be any os.PathLike. Every call that waits lets other threads run, and answers Ctrl-C.
"""

from ._ainode import version as __version__
from .errors import CommandFailed, Error, HostError, RecipeError, Timeout, Unsatisfiable, VerificationError
from .gates import Figure, GateResult, gate, write_baseline
from .images import Image, Kernel, Output, Verification, build, verify
from .nodes import CommandResult, Node, boot, validate
from .recipes import Lock, Package, Recipe
from .reports import Check, Report, Verdict
from .results import Event

__all__ = [
    "Check",
    "CommandFailed",
    "CommandResult",
    "Error",
    "Event",
    "Figure",
    "GateResult",
    "HostError",
    "Image",
    "Kernel",
    "Lock",
    "Node",
    "Output",
    "Package",
    "Recipe",
    "RecipeError",
    "Report",
    "Timeout",
    "Unsatisfiable",
    "Verdict",
    "Verification",
    "VerificationError",
    "__version__",
    "boot",
    "build",
    "gate",
    "validate",
    "verify",
    "write_baseline",
]
