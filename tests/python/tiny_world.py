# SPDX-License-Identifier: Apache-2.0
"""What tests of the Python package live in: directories of their own, a key, and the tiny archive on the loopback."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("AINODE_BINARY_DIR", ROOT / "build" / "release"))


class TinyWorld(unittest.TestCase):
    """One archive and one store a class; each test has a directory `self.place` with the recipe in it."""

    @classmethod
    def setUpClass(cls):
        cls.work = Path(tempfile.mkdtemp(prefix="ainode-python-", dir=os.environ.get("AINODE_END_TO_END_WORK")))
        cls.addClassCleanup(shutil.rmtree, cls.work, ignore_errors=True)
        set_variables(
            cls, HOME=cls.work, XDG_CONFIG_HOME=cls.work / "config", XDG_CACHE_HOME=cls.work / "cache",
            XDG_STATE_HOME=cls.work / "state", TMPDIR=cls.work,
        )  # fmt: skip
        subprocess.run([BUILD / "ainode", "key", "gen", "release"], check=True, capture_output=True)
        command = [sys.executable, "-B", ROOT / "tests/mirror/make_tiny_mirror.py", cls.work / "archive", "--tools", BUILD / "tiny-tools"]
        archive = subprocess.Popen([*map(str, command), "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        cls.addClassCleanup(archive.wait)
        cls.addClassCleanup(archive.stdout.close)
        cls.addClassCleanup(archive.stdin.close)
        said = json.loads(archive.stdout.readline())
        cls.tiny = Path(said["recipe"]).read_text()
        set_variables(cls, AINODE_MIRROR_DEBIAN=said["http"], AINODE_KEYRING_DEBIAN=said["keyring"])

    def setUp(self):
        self.place = self.work / self.id().rsplit(".", 1)[1]
        self.place.mkdir()
        self.recipe_file = self.write_recipe()

    def write_recipe(self, edit=lambda text: text, name="tiny.yaml"):
        file = self.place / name
        file.write_text(edit(self.tiny))
        return file


def set_variables(case, **variables):
    for name, value in variables.items():
        before = os.environ.get(name)
        case.addClassCleanup(restore, name, before)
        os.environ[name] = str(value)


def restore(name, value):
    os.environ.pop(name, None) if value is None else os.environ.update({name: value})


class SilentServer:
    """Takes connections and never says a word; `met` is set with the first one."""

    def __init__(self):
        self.met = threading.Event()
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.uri = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.connections = []
        threading.Thread(target=self.take, daemon=True).start()

    def take(self):
        with contextlib.suppress(OSError):
            while True:
                self.connections.append(self.socket.accept()[0])
                self.met.set()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for one in (*self.connections, self.socket):
            one.close()


def processes_below(folder):
    """Command lines that name a folder; a process that is being killed gets a moment."""
    for _ in range(100):
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
                if str(folder).encode() in words and int(entry.name) != os.getpid():
                    found.append(words.replace(b"\0", b" ").decode(errors="replace"))
        if not found:
            break
        time.sleep(0.02)
    return found
