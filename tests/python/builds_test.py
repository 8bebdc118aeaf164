# SPDX-License-Identifier: Apache-2.0
"""Builds from Python: their results, events and failures, and that they leave nothing behind."""

import dataclasses
import os
import shutil
import threading
import unittest

import ainode
from tiny_world import TinyWorld

BUILDS = int(os.environ.get("AINODE_PYTHON_BUILDS", "20"))
WARM_UP = 4


def resident_bytes():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def open_files():
    return len(os.listdir("/proc/self/fd"))


class Builds(TinyWorld):
    def build(self, *arguments, **options):
        return ainode.build(ainode.Recipe.load(self.recipe_file), *arguments, out=self.place / "out", **options)

    def test_gives_the_image(self):
        recipe = ainode.Recipe.load(self.recipe_file)
        image = ainode.build(recipe, recipe.lock(), out=self.place / "out")
        self.assertEqual((image.name, image.ref, image.unchanged), ("tiny", "ainode/amd64/tiny", False))
        self.assertEqual((image.kernel.release, image.kernel.cmdline[-1]), ("6.12.0-tiny", "quiet"))
        self.assertEqual([output.kind for output in image.outputs], ["qcow2"])
        self.assertEqual(image.outputs[0].path.stat().st_size, image.outputs[0].size)
        self.assertEqual(os.fspath(image), str(self.place / "out"))
        self.assertEqual(image.to_dict()["commit"], image.commit)
        self.assertIn(image.commit, image._repr_html_())
        with self.assertRaises(dataclasses.FrozenInstanceError):
            image.commit = ""
        again = ainode.build(recipe, recipe.lock(locked=True), out=self.place / "out")
        self.assertTrue(again.unchanged)
        self.assertEqual(dataclasses.replace(again, unchanged=False), image)
        self.assertEqual(ainode.Image.load(image), image)
        self.assertEqual(ainode.verify(image).commit, image.commit)

    def test_tells_what_happens(self):
        events, threads = [], set()

        def hear(event):
            events.append(event)
            threads.add(threading.current_thread())

        self.build(on_event=hear)
        begun = [event.step for event in events if event.kind == "begin"]
        ended = [event.step for event in events if event.kind == "end"]
        self.assertIn("commit", begun)
        self.assertEqual(sorted(begun), sorted(ended))
        self.assertEqual(threads, {threading.current_thread()})
        self.assertTrue(all(str(event) for event in events))
        with self.assertRaises(dataclasses.FrozenInstanceError):
            events[0].kind = "end"

    def test_what_a_listener_raises_arrives_and_ends_the_build(self):
        class Enough(Exception):
            pass

        def refuse(event):
            if event.step == "commit":
                raise Enough(event.step)

        with self.assertRaises(Enough):
            self.build(on_event=refuse)
        self.assertFalse((self.place / "out").exists())
        self.assertEqual(self.build().name, "tiny", "the next call is not interrupted")

    def test_a_lock_that_changed_since_is_refused(self):
        recipe = ainode.Recipe.load(self.recipe_file)
        lock = recipe.lock()
        lock.path.write_text(lock.path.read_text() + "\n")
        with self.assertRaises(ainode.RecipeError) as caught:
            ainode.build(recipe, lock, out=self.place / "out")
        self.assertEqual(caught.exception.code, "P0021")

    def test_a_directory_with_something_else_is_left_alone(self):
        (self.place / "out").mkdir()
        (self.place / "out" / "thesis.txt").write_text("mine")
        with self.assertRaises(ainode.Error) as caught:
            self.build()
        self.assertEqual(caught.exception.code, "B0007")
        self.assertEqual((self.place / "out" / "thesis.txt").read_text(), "mine")

    def test_an_image_that_was_altered_is_no_longer_good(self):
        image = self.build()
        with open(image.outputs[0].path, "r+b") as disk:
            disk.seek(4096)
            disk.write(b"altered")
        with self.assertRaises(ainode.VerificationError) as caught:
            ainode.verify(image)
        self.assertEqual(caught.exception.code, "T0033")

    def test_a_key_that_is_not_there(self):
        image = self.build()
        with self.assertRaises(ainode.Error) as caught:
            ainode.verify(image, openpgp_key=self.place / "none.asc")
        self.assertEqual(caught.exception.code, "T0020")

    def test_a_failing_step_says_which(self):
        os.environ["AINODE_FAILPOINT"] = "commit:after=error"
        self.addCleanup(os.environ.pop, "AINODE_FAILPOINT")
        with self.assertRaises(ainode.HostError) as caught:
            self.build()
        self.assertEqual(caught.exception.code, "B0012")
        self.assertIn("while: commit", str(caught.exception))

    def test_a_program_that_dies_is_told(self):
        os.environ["AINODE_FAILPOINT"] = "commit:before=kill"
        self.addCleanup(os.environ.pop, "AINODE_FAILPOINT")
        with self.assertRaises(ainode.HostError) as caught:
            self.build()
        self.assertEqual(caught.exception.message, "`ainode` ended with status 137 and no answer")

    def test_many_builds_do_not_grow(self):
        """Every one makes a new image: what is kept is the store."""
        recipe = ainode.Recipe.load(self.recipe_file)
        lock = recipe.lock()
        self.assertEqual(len(lock.packages), 2)
        before = None
        for number in range(BUILDS):
            image = ainode.build(recipe, lock, out=self.place / "out", on_event=lambda event: None)
            ainode.verify(image)
            shutil.rmtree(image)
            if number == WARM_UP:
                before = (resident_bytes(), open_files(), threading.active_count())
        grown = resident_bytes() - before[0]
        self.assertLess(grown, 2 << 20, f"{BUILDS} builds took {grown} bytes")
        self.assertEqual((open_files(), threading.active_count()), before[1:])


if __name__ == "__main__":
    unittest.main()
