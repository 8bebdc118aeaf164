# SPDX-License-Identifier: Apache-2.0
"""Builds that are killed, interrupted, or run by an ordinary user: the same digest, and nothing left behind."""

import json
import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path

from cases import case
from world import Image, Skip, run, sha256_of


def build_arguments(world, place, recipe):
    return [world.program, "build", recipe, "--out", world.work / place / "out", "--progress=json"]


def recipe_with_lock(world, place):
    world.image()
    copy = world.recipe_copy(place)
    for lock in (world.work / "first" / "recipes").glob("*.lock"):
        shutil.copy(lock, copy.parent)
    return copy


def signal_at(world, place, recipe, step, number):
    """Starts a build and sends the signal when `step` begins; (exit status, stderr)."""
    process = subprocess.Popen(
        [str(word) for word in build_arguments(world, place, recipe)], env=world.environment(place), cwd=world.work,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )
    said = []
    for line in process.stderr:
        said.append(line)
        if f'"{step}"' in line and '"begin"' in line:
            process.send_signal(number)
    process.stdout.read()
    return process.wait(timeout=60), "".join(said)


def steps_of(events):
    """Names of the steps that announced themselves, in order, each once."""
    found = []
    for line in events.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if event.get("event", event.get("kind")) == "begin" and event["step"] not in found:
            found.append(event["step"])
    return found


def assert_nothing_half_written(world, place):
    out = world.work / place / "out"
    left = [str(path.relative_to(out)) for path in out.rglob("*")] if out.exists() else []
    assert "manifest.json" not in left, left
    assert not [path for path in left if path.endswith(".qcow2")], left
    assert world.leftovers() == [], world.leftovers()


@case()
def interrupt_ends_the_build(world):
    """Ctrl-C while packages are fetched: it ends by itself, says interrupted, exit 3, and leaves nothing."""
    place = "interrupted"
    status, said = signal_at(world, place, recipe_with_lock(world, place), "fetch", signal.SIGINT)
    assert status == 3 and "B0011" in said, f"exit {status}\n{said[-2000:]}"
    assert_nothing_half_written(world, place)
    world.remove(place)


@case(group="long")
def killed_at_every_step(world):
    """kill -9 before and after each step of a cold build, one after the other in one store: the same commit and disk."""
    first = world.image()
    place = "killed"
    recipe = recipe_with_lock(world, place)
    # A warm store would leave out the steps that fetch and import.
    clean = run(build_arguments(world, "steps", recipe), world.work, world.environment("steps"), timeout=1500)
    assert clean.status == 0, clean
    steps = steps_of(clean.err)
    assert {"fetch", "import", "configure", "commit", "sign", "disk"} <= set(steps), steps
    for step in steps:
        for where in ("before", "after"):
            killed = run(build_arguments(world, place, recipe), world.work,
                         world.environment(place, AINODE_FAILPOINT=f"{step}:{where}=kill"), timeout=1500)
            assert killed.status != 0, f"{step}:{where} was not reached\n{killed}"
            assert world.leftovers() == [], f"{step}:{where}: {world.leftovers()}"
    finished = run(build_arguments(world, place, recipe), world.work, world.environment(place), timeout=1500)
    assert finished.status == 0, finished
    image = Image(world.work / place / "out")
    assert image.commit == first.commit and sha256_of(image.disk) == sha256_of(first.disk)
    world.remove(place)
    world.remove("steps")


@case(group="long")
def killed_in_the_middle(world):
    """kill -9 while packages are imported, scripts run and the disk is written; then the same commit and disk."""
    first = world.image()
    place = "killed in the middle"
    recipe = recipe_with_lock(world, place)
    for step in ("import", "configure", "disk"):
        status, said = signal_at(world, place, recipe, step, signal.SIGKILL)
        assert status == -signal.SIGKILL, f"{step}: exit {status}\n{said[-1500:]}"
        assert world.leftovers() == [], f"{step}: {world.leftovers()}"
    finished = run(build_arguments(world, place, recipe), world.work, world.environment(place), timeout=1500)
    assert finished.status == 0, finished
    image = Image(world.work / place / "out")
    assert image.commit == first.commit and sha256_of(image.disk) == sha256_of(first.disk)
    world.remove(place)


USER = "ainode-test-user"


def ordinary_user(world):
    """An account with subordinate ids and a home below the work directory; root only."""
    if os.getuid() != 0:
        raise Skip("needs root to make the account; this run is an ordinary user's itself")
    for parent in world.work.parents:
        if not parent.stat().st_mode & 0o001:
            raise Skip(f"{parent} is closed to other users")
    try:
        pwd.getpwnam(USER)
    except KeyError:
        made = run(["useradd", "--create-home", "--home-dir", world.work / "user", "--shell", "/bin/sh", USER])
        assert made.status == 0, made
    if USER not in Path("/etc/subuid").read_text():
        run(["usermod", "--add-subuids", "600000-665535", "--add-subgids", "600000-665535", USER])
    return pwd.getpwnam(USER)


def remove_user(world):
    run(["userdel", USER])
    world.remove("user")


@case()
def user_without_subordinate_ids_is_told(world):
    """A user who has no subordinate ids gets H0006 with the cure, and nothing is written."""
    if os.getuid() != 0:
        raise Skip("needs root to run as another user")
    world.image()
    home = world.work / "nobody"
    recipe = recipe_with_lock(world, "nobody/work")
    config = home / "config"
    shutil.copytree(world.config, config)
    nobody = pwd.getpwnam("nobody")
    run(["chown", "-R", f"{nobody.pw_uid}:{nobody.pw_gid}", home])
    command = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
    environment = world.environment("nobody", XDG_CONFIG_HOME=config)
    built = run([*command, world.program, "build", recipe, "--out", home / "out"], home, environment)
    assert built.status == 3 and "H0006" in built.err and "usermod" in built.err, built
    assert not (home / "out").exists()
    world.remove("nobody")


@case()
def user_namespaces_off_is_told(world):
    """Where the kernel gives no user namespace, the error is H0005 with the cure."""
    if os.getuid() != 0:
        raise Skip("needs root to take user namespaces away")
    world.image()
    recipe = recipe_with_lock(world, "no-namespaces")
    # The limit is a namespace's own: the host's stays as it is.
    script = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
    command = ["unshare", "--user", "--map-root-user", "--mount-proc", "--fork", "--pid", "sh", "-c", script, "sh"]
    built = run([*command, *build_arguments(world, "no-namespaces", recipe)], world.work, world.environment("no-namespaces"))
    assert built.status == 3 and "H0005" in built.err, built
    world.remove("no-namespaces")
