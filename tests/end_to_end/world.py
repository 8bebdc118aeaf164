# SPDX-License-Identifier: Apache-2.0
"""The world an end-to-end case lives in: the real program, directories of its own, keys, and a look at what is left.

Nothing of the host's user configuration, cache or keys is read. Everything lies below one work directory on a disk.
"""

import contextlib
import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RECIPE = ROOT / "recipes" / "qemu-base.yaml"


class Skip(Exception):
    """This host cannot run the case; the text says why."""


@dataclass
class Result:
    argv: list
    status: int
    out: str
    err: str

    def json(self):
        return json.loads(self.out)

    def __str__(self):
        return f"{' '.join(map(str, self.argv))}\nexit {self.status}\n{self.out[-1500:]}{self.err[-3000:]}"


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def run(argv, cwd=None, env=None, umask=-1, timeout=300, start=None):
    """Runs to the end in a process group of its own, which a timeout kills whole."""
    process = subprocess.Popen(
        [str(word) for word in argv], cwd=cwd, env=env, umask=umask, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True, preexec_fn=start,
    )
    try:
        out, err = process.communicate(timeout=timeout)
    except BaseException as stop:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if isinstance(stop, subprocess.TimeoutExpired):
            raise AssertionError(f"{argv[0]} {argv[1]}: no end after {timeout} s") from None
        raise
    return Result(argv, process.returncode, out, err)


class Image:
    """What one `build --out` wrote."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.manifest = json.loads((self.directory / "manifest.json").read_text())
        self.commit = self.manifest["commit"]
        self.ref = self.manifest["ref"]
        self.repository = self.directory / "repo"
        self.disk = self.directory / f"{self.manifest['name']}.qcow2"

    def object(self, kind):
        return self.repository / "objects" / self.commit[:2] / f"{self.commit[2:]}.{kind}"


class World:
    def __init__(self, program, work):
        self.program = Path(program).resolve()
        self.work = Path(work).resolve()
        self.logs = self.work / "logs"
        self.config = self.work / "config"
        self.images = {}
        self.resume = None  # where long cases note what passed; nowhere
        for folder in (self.work, self.logs, self.config):
            folder.mkdir(parents=True, exist_ok=True)

    def environment(self, place="home", **extra):
        """A bare environment; `place` is a directory of its own for cache and state, the keys are shared."""
        home = self.work / place
        home.mkdir(parents=True, exist_ok=True)
        kept = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
        kept |= {name: os.environ[name] for name in os.environ if name.startswith("AINODE_MIRROR_")}
        kept |= {name: os.environ[name] for name in ("AINODE_ACCEPT_STALE",) if name in os.environ}
        return kept | {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(self.config),
            "XDG_CACHE_HOME": str(home / "cache"),
            "XDG_STATE_HOME": str(home / "state"),
            "LC_ALL": "C.UTF-8",
            "AINODE_END_TO_END": str(self.work),
        } | {name: str(value) for name, value in extra.items()}

    def ainode(self, *arguments, place="home", cwd=None, umask=-1, timeout=1500, start=None, **extra):
        result = run([self.program, *arguments], cwd or self.work, self.environment(place, **extra), umask, timeout, start)
        with open(self.logs / "ainode.log", "a") as log:
            log.write(f"$ {result}\n\n")
        return result

    def key(self, name="release"):
        """The directory of a signing key, made on first use."""
        directory = self.config / "ainode" / "keys" / name
        if not directory.exists():
            made = self.ainode("key", "gen", name)
            assert made.status == 0, made
        return directory

    def image(self, name="first"):
        """The default image, built once from its own empty store; who needs it when it failed, fails too."""
        if name not in self.images:
            self.key()
            out = self.work / name / "qemu-base"
            lay_out = self.recipe_copy(name)
            built = self.ainode("build", lay_out, "--out", out, place=name)
            self.images[name] = Image(out) if built.status == 0 else built
        if isinstance(self.images[name], Result):
            raise AssertionError(f"the default image was not built:\n{self.images[name]}")
        return self.images[name]

    def further_image(self, folder, name):
        """An image of `folder` that extends the default one: built into its store, so only the rest is new."""
        if name not in self.images:
            self.image()
            images = self.work / "first" / "images"
            shutil.copytree(folder, images, dirs_exist_ok=True)
            recipe, at, variant = name.partition("@")
            out = self.work / "first" / name
            built = self.ainode("build", f"{images / recipe}.yaml{at}{variant}", "--out", out, place="first", timeout=900)
            assert built.status == 0, built
            self.images[name] = Image(out)
        return self.images[name]

    def recipe_copy(self, place, edit=lambda text: text):
        """A recipe beside which a lock may be written without touching the checkout."""
        folder = self.work / place / "recipes"
        folder.mkdir(parents=True, exist_ok=True)
        copy = folder / "qemu-base.yaml"
        copy.write_text(edit(RECIPE.read_text()))
        return copy

    def remove(self, place):
        """Frees the disk: stores are large."""
        for folder, _, _ in os.walk(self.work / place):
            with contextlib.suppress(OSError):
                os.chmod(folder, 0o700)
        shutil.rmtree(self.work / place, ignore_errors=True)

    def leftovers(self):
        """Processes, mounts and loop devices that live on below the work directory or carry its mark."""
        return [*self._processes(), *self._mounts(), *self._loops()]

    def _processes(self):
        mark = f"AINODE_END_TO_END={self.work}".encode()
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            with contextlib.suppress(OSError):
                if (entry / "stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                    continue
                links = [os.readlink(entry / link) for link in ("exe", "cwd", "root")]
                is_ours = mark in (entry / "environ").read_bytes().split(b"\0")
                if is_ours or any(f"{link}/".startswith(f"{self.work}/") for link in links):
                    yield f"process {entry.name}: {(entry / 'cmdline').read_bytes().replace(bytes(1), b' ').decode(errors='replace')}"

    def _mounts(self):
        for line in Path("/proc/self/mountinfo").read_text().splitlines():
            if f"{self.work}/" in line:
                yield f"mount {line.split()[4]}"

    def _loops(self):
        for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
            with contextlib.suppress(OSError):
                if backing.read_text().startswith(f"{self.work}/"):
                    yield f"loop device {backing.parts[3]}"


def measured(world, *arguments, **extra):
    """Exit status, CPU seconds and peak memory in bytes of one run that may take 2 CPU seconds."""
    pid = os.fork()
    if pid == 0:
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (2, 2))
            nothing = os.open(os.devnull, os.O_RDWR)
            os.dup2(nothing, 1)
            os.dup2(nothing, 2)
            os.execve(world.program, [str(world.program), *map(str, arguments)], world.environment(**extra))
        finally:
            os._exit(127)
    _, status, used = os.wait4(pid, 0)
    return os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, used.ru_maxrss * 1024


@contextlib.contextmanager
def flipped(path, offset=None):
    """One bit of a file turned over, and back at the end."""
    size = Path(path).stat().st_size
    place = size // 2 if offset is None else offset
    mode = Path(path).stat().st_mode

    def turn():
        os.chmod(path, 0o600)
        with open(path, "r+b") as file:
            file.seek(place)
            byte = file.read(1)[0]
            file.seek(place)
            file.write(bytes([byte ^ 1]))
        os.chmod(path, mode)

    turn()
    try:
        yield
    finally:
        turn()


@contextlib.contextmanager
def moved_away(path):
    aside = Path(f"{path}.aside")
    os.rename(path, aside)
    try:
        yield
    finally:
        os.rename(aside, path)
