# SPDX-License-Identifier: Apache-2.0
"""The recipe language at the command line: schema, init, show, check."""

import json
import re

import jsonschema
import yaml

from cases import case
from world import RECIPE, ROOT, measured

CASES = ROOT / "tests" / "cases" / "recipes"
# What a schema can see. The other codes speak of YAML itself, of other files, or (lacks among them) of several values.
SEEN_BY_A_SCHEMA = {"R0107", "R0108"}


class TextualLoader(yaml.SafeLoader):
    """As YAML 1.2 has it: no dates, and only true and false are booleans."""


TextualLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rules if tag not in ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:bool")]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for first in "tf":
    TextualLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(true|false)$"), [first])


def load(path):
    with open(path, "rb") as file:
        return yaml.load(file, TextualLoader)


def is_valid(validator, path):
    try:
        return validator.is_valid(load(path))
    except yaml.YAMLError:  # a stricter reader than ours
        return False


@case()
def schema_fits_every_recipe(world):
    """The emitted schema is one, accepts what the program accepts, and refuses unknown keys, types and lacks."""
    schema = world.ainode("schema").json()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for path in [*ROOT.glob("recipes/*.yaml"), *ROOT.glob("images/*.yaml")]:
        assert not list(validator.iter_errors(load(path))), path
        assert path.read_text().startswith("# yaml-language-server: $schema="), path
    accepted, refused = 0, 0
    for path in sorted(CASES.glob("*.yaml")):
        expected = path.with_suffix(".expected").read_text()
        codes = {line[6:11] for line in expected.splitlines() if line.startswith("error[")}
        if not codes:
            errors = list(validator.iter_errors(load(path)))
            assert not errors, f"{path}: {errors[0].message}"
            accepted += 1
        elif codes <= SEEN_BY_A_SCHEMA:
            assert not is_valid(validator, path), f"{path}: the schema sees nothing of {codes}"
            refused += 1
    assert accepted >= 4 and refused >= 5, (accepted, refused)
    kept = (ROOT / "recipes" / "ainode.schema.json").read_text()
    assert kept == world.ainode("schema").out, "recipes/ainode.schema.json is not what `ainode schema` prints"


@case()
def init_starts_a_recipe_that_is_good(world):
    """`init` writes a recipe that has no mistakes, with its schema beside it, and never over another."""
    folder = world.work / "init"
    folder.mkdir()
    made = world.ainode("init", "my-node", cwd=folder)
    assert made.status == 0 and "recipes/my-node.yaml" in made.out, made
    assert json.loads((folder / "recipes" / "ainode.schema.json").read_text())["title"] == "ainode recipe"
    more = world.ainode("init", "more", "--extends", "my-node", "--json", cwd=folder)
    assert more.json()["recipe"] == "images/more.yaml", more
    checked = world.ainode("check", "my-node", "more", "--arch", "amd64", cwd=folder)
    assert checked.status == 0, checked
    assert "images/more.yaml: good, also with debug" in checked.out, checked
    written = (folder / "recipes" / "my-node.yaml").read_text()
    again = world.ainode("init", "my-node", cwd=folder)
    assert again.status == 2 and "exists already" in again.err, again
    assert (folder / "recipes" / "my-node.yaml").read_text() == written
    bad = world.ainode("init", "My Node", cwd=folder)
    assert bad.status == 2 and "error[R0110]" in bad.err, bad
    lost = world.ainode("init", "x", "--extends", "no-such", cwd=folder)
    assert lost.status == 2 and "error[R0001]" in lost.err and not (folder / "images" / "x.yaml").exists(), lost
    world.remove("init")


@case()
def show_says_where_each_value_comes_from(world):
    """`show --origin` names file and line of every value; its JSON holds the same."""
    shown = world.ainode("show", "layers.yaml@debug", "--origin", "--arch", "amd64", cwd=CASES)
    assert shown.status == 0, shown
    assert shown.out == (CASES / "layers@debug.expected").read_text(), shown
    told = world.ainode("show", "layers.yaml@debug", "--json", "--arch", "amd64", cwd=CASES).json()
    assert told["recipe"]["packages"]["include"][-1] == "strace", told
    assert told["origins"]["packages.include[5]"].startswith("layers.yaml:13:"), told["origins"]
    assert told["picks"] == ["debug", "small", "kernel=lts", "kernel=latest"], told
    plain = world.ainode("show", RECIPE, "--arch", "arm64")
    assert "linux-image-cloud-arm64" in plain.out and "#" not in plain.out.split("\n", 2)[2], plain


@case()
def check_looks_into_every_variant(world):
    """A mistake that only a variant makes is told by `check`, once, beside the others."""
    folder = world.work / "check"
    folder.mkdir()
    recipe = folder / "node.yaml"
    recipe.write_text(
        (CASES / "smallest.yaml").read_text()
        + "variants:\n  a: {outputs: {disk: [qcow2]}}\n  b: {packages: {include: {remove: [gdb]}}}\n"
    )
    checked = world.ainode("check", recipe, "--arch", "amd64", "--json")
    assert checked.status == 2, checked
    codes = [error["code"] for error in checked.json()["recipes"][0]["error"]["errors"]]
    assert codes == ["R0109", "R0109", "R0110"], checked
    assert checked.err.count("has no `gdb` to remove") == 1, checked
    world.remove("check")


@case()
def bad_recipes_stay_within_limits(world):
    """No recipe, however bad, takes 2 CPU seconds or 256 MB: those of the tests, and the worst of a mebibyte."""
    folder = world.work / "worst"
    folder.mkdir()
    head = "ainode: 1\nname: worst\n"
    worst = {
        "wide": head + "packages: {include: [" + "a, " * 95_000 + "b]}\n",
        "keys": head + "".join(f"k{number}: 1\n" for number in range(49_000)),
        "deep": head + "x: " + "[" * 900 + "\n",
        "brackets": head + "x: " + "[" * 1_000_000,
        "quotes": head + 'x: "' + "\\n" * 500_000 + '"\n',
        "comment": "#" * 1_048_000 + "\n" + head,
        "line": head + "summary: " + "x" * 1_000_000 + "\n",
        "overlays": head + "variants: {" + ", ".join(f"v{n}: {{packages: {{include: [p{n}]}}}}" for n in range(14_000)) + "}\n",
        "remove": head + "packages: {include: {remove: [" + ", ".join(f"p{n}" for n in range(20_000)) + "]}}\n",
    }
    for name, text in worst.items():
        assert len(text) <= 1 << 20, name
        (folder / f"{name}.yaml").write_text(text)
    many = ", ".join(f"pp{n}" for n in range(50_000))
    (folder / "edits.yaml").write_text(
        head + f"packages: {{include: [{many}]}}\nvariants: {{x: {{packages: {{include: {{remove: [{many[:240_000]}]}}}}}}}}\n"
    )
    paths = [*sorted(CASES.glob("*.yaml")), *sorted(folder.glob("*.yaml")), f"{folder / 'edits.yaml'}@x"]
    for path in paths:
        status, seconds, memory = measured(world, "show", path, "--arch", "amd64")
        assert status in (0, 2), f"{path}: exit {status} after {seconds:.2f} CPU-s"
        assert memory <= 256 << 20, f"{path}: {memory >> 20} MiB"
    world.remove("worst")
