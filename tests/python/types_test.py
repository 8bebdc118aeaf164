# SPDX-License-Identifier: Apache-2.0
"""The package's types are those that it has: stubtest over the stub of the module, mypy over the rest and its users."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from tiny_world import BUILD, ROOT

USER = """\
import ainode
recipe = ainode.Recipe.load("recipes/qemu-base.yaml", variant="debug")
image = ainode.build(recipe, recipe.lock(locked=True), out="out", on_event=print)
with ainode.boot(image, memory="4G", cpus=4, topology="two-nodes") as node:
    node.wait_ready(timeout=180)
    assert node.run("uname -r").stdout.strip() == image.kernel.release
    report = ainode.validate(node, profile=["boot", "numa"])
for check in report.failed:
    print(check.id, check.measured, check.expected, check.evidence)
"""


def run(*command, **options):
    with tempfile.TemporaryDirectory() as cache:
        environment = os.environ | {"MYPY_CACHE_DIR": cache, "PYTHONPATH": str(BUILD / "python"), "MYPYPATH": str(BUILD / "python")}
        return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=cache, **options)


@unittest.skipUnless(shutil.which("stubtest") and shutil.which("mypy"), "mypy is not installed (ci/install brings it)")
class Types(unittest.TestCase):
    def judge(self, done, is_right=True):
        self.assertEqual(done.returncode == 0, is_right, done.stdout + done.stderr)

    def test_the_stub_is_the_module(self):
        self.judge(run("stubtest", "ainode._ainode"))

    def test_a_wrong_stub_is_found(self):
        with tempfile.TemporaryDirectory() as folder:
            package = Path(folder) / "ainode"
            shutil.copytree(BUILD / "python" / "ainode", package)
            stub = package / "_ainode.pyi"
            stub.write_text(stub.read_text().replace("def read_manifest(image: _Path)", "def read_manifesto(picture: _Path)"))
            environment = {"PYTHONPATH": folder, "MYPYPATH": folder}
            done = subprocess.run(["stubtest", "ainode._ainode"], capture_output=True, text=True, env=os.environ | environment, cwd=folder)
            self.judge(done, is_right=False)
            self.assertIn("read_manifesto", done.stdout)

    def test_the_package_is_typed_throughout(self):
        files = sorted(str(file) for file in (ROOT / "python" / "ainode").glob("*.py"))
        self.judge(run("mypy", "--strict", *files))

    def test_users_are_told_of_mistakes(self):
        self.judge(run("mypy", "--strict", "-c", USER))
        wrong = run("mypy", "--strict", "-c", USER.replace("cpus=4", "cpus='four'").replace("check.measured", "check.mesured"))
        self.assertIn("Found 2 errors", wrong.stdout)


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    unittest.main()
