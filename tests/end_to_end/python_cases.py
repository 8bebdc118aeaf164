# SPDX-License-Identifier: Apache-2.0
"""The Python package over a real guest, and builds by the hundred. The interpreter is the one the module was made for."""

import json
import textwrap

from cases import case
from world import ROOT, run

PYTHON = "/usr/bin/python3"

EXAMPLE = """\
import sys, ainode
recipe = ainode.Recipe.load(sys.argv[1])
image = ainode.build(recipe, recipe.lock(locked=True), out=sys.argv[2], on_event=print)
with ainode.boot(image, memory="2G", cpus=4, topology="two-nodes") as node:
    node.wait_ready(timeout=180)
    assert node.run("uname -r").stdout.strip() == image.kernel.release
    report = ainode.validate(node, profile=["boot", "numa"])
for c in report.failed:
    print(c.id, c.measured, c.expected, c.evidence)
report.to_html("report.html"); report.to_junit("report.xml"); report.save("report.json")
raise SystemExit(ainode.gate(report, baseline="main.json", policy="gate.yaml").exit_code)
"""

SESSION = """\
import sys, ainode
image = ainode.Image.load(sys.argv[1])
with ainode.boot(image) as node:
    said = node.run(["sh", "-c", "echo out; echo err >&2; cat; exit 3"], input="fed")
    assert (said.stdout, said.stderr, said.exit_code) == ("out\\nfed", "err\\n", 3), said
    try:
        node.run("false", check=True)
    except ainode.CommandFailed as error:
        assert "status 1" in str(error), error
    else:
        raise AssertionError("a status of 1 passed")
    try:
        node.run("sleep 1000", timeout=1)
    except ainode.Timeout as error:
        assert "sleep 1000" in str(error), error
    else:
        raise AssertionError("a thousand seconds passed")
    assert node.run("echo again").stdout == "again\\n"
    report = ainode.validate(node, checks="kernel.release")
    assert [(c.id, c.verdict) for c in report.checks] == [("kernel.release", "pass")], report
try:
    node.run("true")
except ainode.Error as error:
    print(error.code)
"""

INTERRUPTED = """\
import os, signal, sys, threading, time, ainode
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background starts with it ignored
def interrupt():
    while not os.path.exists(sys.argv[3]):
        time.sleep(0.05)
    times.append(time.monotonic())
    os.kill(os.getpid(), signal.SIGINT)
def call():
    threading.Thread(target=interrupt).start()
    try:
        if sys.argv[4] == "validate":
            ainode.validate(sys.argv[1], qemu=sys.argv[2])
        else:
            with ainode.boot(sys.argv[1], qemu=sys.argv[2]) as node:
                node.wait_ready()
    except KeyboardInterrupt:
        times.append(time.monotonic())
times = []
call()
assert times[1] - times[0] < 3, times  # a second, and patience with a busy machine
print("interrupted")
"""


def python(world, code, *arguments, place="first", timeout=900, **extra):
    """Runs a program with the package of the build that is tested; its directory is its own."""
    package = world.program.parent / "python"
    environment = world.environment(place, PYTHONPATH=package, **extra)
    work = world.work / "python"
    work.mkdir(exist_ok=True)
    return run([PYTHON, "-B", "-c", textwrap.dedent(code), *arguments], work, environment, timeout=timeout)


def write_baseline(world, folder):
    """main.json: of the default image, with a figure that was made up."""
    report = world.ainode("validate", world.image().directory, "--target", "tree", "--check", "driver.vermagic", "--json").json()
    figure = {"name": "llm.decode-instructions-per-token", "unit": "instructions/token", "better": "lower", "counted": True}
    report["checks"][0]["figures"] = [figure | {"samples": [1e7], "target": ""}]
    (folder / "made-up.json").write_text(json.dumps(report))
    written = world.ainode("baseline", folder / "made-up.json", "-o", folder / "main.json")
    assert written.status == 0, written


@case()
def python_example_builds_boots_and_judges(world):
    """INTERFACE's example: recipe, lock, image, a guest with a command, a report in every form, held to a baseline."""
    work = world.work / "python"
    work.mkdir(exist_ok=True)
    write_baseline(world, work)
    (work / "gate.yaml").write_text("must-pass: [kernel.release, numa.nodes]\n")
    recipe = world.work / "first" / "recipes" / "qemu-base.yaml"
    done = python(world, EXAMPLE, recipe, world.work / "first" / "by-python")
    assert done.status == 0, done
    report = json.loads((world.work / "python" / "report.json").read_text())
    verdicts = {check["id"]: check["verdict"] for check in report["checks"]}
    assert verdicts["numa.nodes"] == "pass" and verdicts["kernel.release"] == "pass", verdicts
    assert "numa.nodes" in (world.work / "python" / "report.html").read_text()
    assert world.ainode("report", "table", world.work / "python" / "report.json").status == 0
    world.remove("first/by-python")
    # The same report, held to what emulation did not let it pass.
    (work / "gate.yaml").write_text("must-pass: [numa.hmat]\n")
    refused = world.ainode("gate", work / "report.json", "--baseline", work / "main.json", "--policy", work / "gate.yaml", "--json")
    assert refused.status == 1 and [check["id"] for check in refused.json()["checks"]] == ["numa.hmat"], refused


@case()
def python_node_runs_commands(world):
    """A node from Python: streams, status, input and deadline of commands, single checks, and its end."""
    done = python(world, SESSION, world.image().directory)
    assert (done.status, done.out) == (0, "H0001\n"), done


@case()
def python_answers_an_interrupt(world):
    """Ctrl-C while a guest never speaks: KeyboardInterrupt within a second, and no emulator is left."""
    image = world.image()
    folder = world.work / "silent"
    folder.mkdir(exist_ok=True)
    qemu = folder / "qemu"
    qemu.write_text(f"#!/bin/sh\ntouch {folder}/started\nexec sleep 1000\n")
    qemu.chmod(0o755)
    for how in ("validate", "boot"):
        (folder / "started").unlink(missing_ok=True)
        done = python(world, INTERRUPTED, image.directory, qemu, folder / "started", how, timeout=120)
        assert (done.status, done.out) == (0, "interrupted\n"), done


@case(group="long")
def two_hundred_python_builds_do_not_grow(world):
    """200 builds of a two-package image in one Python: no memory, file, thread or process more than after the first few."""
    test = ROOT / "tests" / "python" / "builds_test.py"
    environment = world.environment(
        "python-builds", PYTHONPATH=world.program.parent / "python", AINODE_BINARY_DIR=world.program.parent,
        AINODE_END_TO_END_WORK=world.work, AINODE_PYTHON_BUILDS=200,
    )  # fmt: skip
    done = run([PYTHON, "-B", test, "Builds.test_many_builds_do_not_grow"], world.work, environment, timeout=1800)
    assert done.status == 0, done
