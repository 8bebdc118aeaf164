# SPDX-License-Identifier: Apache-2.0
"""While a call waits, Python's other threads run, and Ctrl-C ends it at once. Nothing here waits for a clock: the archive
never answers, so a call that ends was interrupted."""

import os
import signal
import threading
import time
import unittest

import ainode
from tiny_world import SilentServer, TinyWorld, processes_below


class Interrupts(TinyWorld):
    def setUp(self):
        super().setUp()
        # A job in the background starts with it ignored.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.addCleanup(signal.signal, signal.SIGINT, before)

    def lock_by(self, server):
        """Waits for ever."""
        recipe = ainode.Recipe.load(self.recipe_file)
        recipe.lock(update=True, mirrors={"debian": server.uri}, store=self.place / "store")

    def interrupt_when_met(self, server, do=lambda: os.kill(os.getpid(), signal.SIGINT)):
        def wait():
            server.met.wait()
            do()

        thread = threading.Thread(target=wait, daemon=True)
        thread.start()
        return thread

    def test_ctrl_c_ends_a_call_and_what_it_started(self):
        with SilentServer() as server:
            self.interrupt_when_met(server)
            with self.assertRaises(KeyboardInterrupt):
                self.lock_by(server)
            self.assertEqual(processes_below(self.place), [])

    def test_it_is_answered_within_a_second(self):
        sent = []

        def interrupt():
            sent.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGINT)

        with SilentServer() as server:
            self.interrupt_when_met(server, interrupt)
            with self.assertRaises(KeyboardInterrupt):
                self.lock_by(server)
        # A second, and patience with a busy machine.
        self.assertLess(time.monotonic() - sent[0], 3)

    def test_the_next_call_is_not_interrupted(self):
        with SilentServer() as server:
            self.interrupt_when_met(server)
            with self.assertRaises(KeyboardInterrupt):
                self.lock_by(server)
        recipe = ainode.Recipe.load(self.recipe_file)
        image = ainode.build(recipe, recipe.lock(), out=self.place / "out")
        self.assertEqual(ainode.verify(image).commit, image.commit)

    def test_other_threads_run_meanwhile(self):
        steps = []

        def work_then_interrupt():
            for step in range(100_000):
                steps.append(step)
            os.kill(os.getpid(), signal.SIGINT)

        with SilentServer() as server:
            self.interrupt_when_met(server, work_then_interrupt)
            with self.assertRaises(KeyboardInterrupt):
                self.lock_by(server)
        self.assertEqual(len(steps), 100_000)

    def test_a_handler_of_ones_own_is_heard(self):
        class Stop(Exception):
            pass

        def stop(*_):
            raise Stop

        before = signal.signal(signal.SIGTERM, stop)
        self.addCleanup(signal.signal, signal.SIGTERM, before)
        with SilentServer() as server:
            self.interrupt_when_met(server, lambda: os.kill(os.getpid(), signal.SIGTERM))
            with self.assertRaises(Stop):
                self.lock_by(server)

    def test_an_interrupt_leaves_the_calls_of_other_threads_alone(self):
        """Ctrl-C is the main thread's; the build of another one goes on to its end."""
        began, may_go_on = threading.Event(), threading.Event()
        images = []

        def hear(event):
            began.set()
            may_go_on.wait()

        def build():
            images.append(ainode.build(ainode.Recipe.load(self.recipe_file), out=self.place / "out", on_event=hear))

        other = threading.Thread(target=build)
        other.start()
        began.wait()
        with SilentServer() as server:
            self.interrupt_when_met(server)
            with self.assertRaises(KeyboardInterrupt):
                self.lock_by(server)
        may_go_on.set()
        other.join()
        self.assertEqual([image.name for image in images], ["tiny"])


if __name__ == "__main__":
    unittest.main()
