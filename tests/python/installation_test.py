# SPDX-License-Identifier: Apache-2.0
"""What `cmake --install` writes works from there, with the build directory out of reach of it."""

import os
import subprocess
import sys
import unittest

import ainode
from tiny_world import BUILD, TinyWorld

BUILD_AND_VERIFY = """\
import sys, ainode
image = ainode.build(ainode.Recipe.load(sys.argv[1]), out=sys.argv[2])
ainode.verify(image)
print(ainode.__file__, ainode.validate(image, "local", profile="boot", level="quick").target)
"""


class Installation(TinyWorld):
    def test_installs_programs_and_package(self):
        prefix = self.place / "usr"
        subprocess.run(["cmake", "--install", BUILD, "--prefix", prefix], check=True, capture_output=True)
        said = subprocess.run([prefix / "bin" / "ainode", "--version"], capture_output=True, text=True, check=True).stdout
        self.assertEqual(said, f"ainode {ainode.__version__}\n")
        for name in ("ainode-agent", "ainode-aids", "ainode-llm", "ainode-memory"):
            self.assertTrue(os.access(prefix / "libexec" / "ainode" / name, os.X_OK), name)

        package = prefix / "lib" / "python3" / "dist-packages"
        done = subprocess.run(
            [sys.executable, "-c", BUILD_AND_VERIFY, self.recipe_file, self.place / "out"], capture_output=True, text=True,
            env=os.environ | {"PYTHONPATH": str(package)}, cwd=self.place,
        )  # fmt: skip
        self.assertEqual((done.returncode, done.stdout), (0, f"{package / 'ainode' / '__init__.py'} local\n"), done.stderr)
        self.assertEqual([file.name for file in (package / "ainode").iterdir() if file.is_symlink()], [])

    def test_without_its_programs_the_package_says_so(self):
        prefix = self.place / "usr"
        subprocess.run(["cmake", "--install", BUILD, "--prefix", prefix], check=True, capture_output=True)
        (prefix / "bin" / "ainode").unlink()
        code = "import sys, ainode\ntry: ainode.Recipe.load(sys.argv[1]).lock()\nexcept ainode.HostError as error: print(error.message)"
        done = subprocess.run(
            [sys.executable, "-c", code, self.recipe_file], capture_output=True, text=True, cwd=self.place,
            env=os.environ | {"PYTHONPATH": str(prefix / "lib/python3/dist-packages")},
        )  # fmt: skip
        self.assertIn("ainode is not installed beside", done.stdout, done.stderr)


if __name__ == "__main__":
    unittest.main()
