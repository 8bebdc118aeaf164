# SPDX-License-Identifier: Apache-2.0
"""What a case is, and the list of all: files in the order in which they run."""

import importlib
from dataclasses import dataclass
from typing import Callable

FILES = [
    "recipe_cases", "image_cases", "origin_cases", "solver_cases", "ostree_cases", "verify_cases", "machine_cases", "gate_cases", "tree_cases", "recording_cases", "python_cases", "input_cases", "lock_cases",
    "store_cases", "fault_cases", "variation_cases", "sandbox_cases",
]  # fmt: skip


@dataclass
class Case:
    name: str
    promise: str
    group: str
    function: Callable


_cases = []


def case(group="quick", name=None):
    """Marks a function as a case; its docstring's first line is its promise."""

    def add(function):
        promise = (function.__doc__ or "").strip().split("\n")[0]
        _cases.append(Case(name or function.__name__.replace("_", "-"), promise, group, function))
        return function

    return add


def all_cases():
    for file in FILES:
        importlib.import_module(file)
    return list(_cases)
