# SPDX-License-Identifier: Apache-2.0
"""Recipes and locks from Python: what they hold, and how a mistake arrives."""

import dataclasses
import os
import unittest

import ainode
from tiny_world import TinyWorld


class Recipes(TinyWorld):
    def test_holds_what_the_documents_say(self):
        recipe = ainode.Recipe.load(self.recipe_file)
        self.assertEqual((recipe.name, recipe.architecture, recipe.variant), ("tiny", "amd64", ""))
        self.assertEqual(recipe.path, self.recipe_file)
        self.assertEqual(recipe.to_dict()["packages"]["include"], ["hello"])
        self.assertIn("tiny", recipe._repr_html_())
        with self.assertRaises(dataclasses.FrozenInstanceError):
            recipe.name = "other"

    def test_lays_a_variant_over_it(self):
        self.write_recipe(lambda text: text + "variants:\n  loud: {kernel: {cmdline: [debug]}}\n")
        recipe = ainode.Recipe.load(self.recipe_file, variant="loud")
        self.assertEqual(recipe.variant, "loud")
        self.assertEqual(recipe.lock_path.name, "tiny@loud.amd64.lock")
        self.assertEqual(recipe.to_dict()["kernel"]["cmdline"], ["quiet", "debug"])

    def test_tells_place_and_cure_of_a_mistake(self):
        self.write_recipe(lambda text: text.replace("cmdline:", "cmdlne:"))
        with self.assertRaises(ainode.RecipeError) as caught:
            ainode.Recipe.load(self.recipe_file)
        error = caught.exception
        self.assertEqual((error.code, error.message, error.hint), ("R0107", "unknown key `cmdlne`", "did you mean `cmdline`?"))
        self.assertEqual((error.path, error.line, error.column), (str(self.recipe_file), 9, 25))
        self.assertEqual(
            str(error),
            "error[R0107]: unknown key `cmdlne`\n"
            f"   ┌─ {self.recipe_file}:9:25\n"
            "9│ kernel: {package: node, cmdlne: [quiet]}\n"
            " │                         ^^^^^^ not a key of `kernel`\n"
            "  = help: did you mean `cmdline`?",
        )

    def test_tells_every_mistake_at_once(self):
        self.write_recipe(lambda text: text.replace("cmdline:", "cmdlne:").replace("mount: /efi", "mount: 5"))
        with self.assertRaises(ainode.RecipeError) as caught:
            ainode.Recipe.load(self.recipe_file)
        self.assertEqual(len(caught.exception.problems), 2, caught.exception)

    def test_a_recipe_that_is_not_there(self):
        with self.assertRaises(ainode.RecipeError) as caught:
            ainode.Recipe.load(self.place / "none.yaml")
        self.assertEqual(caught.exception.code, "R0001")

    def test_locks(self):
        recipe = ainode.Recipe.load(self.recipe_file)
        with self.assertRaises(ainode.RecipeError) as caught:
            recipe.lock(locked=True)
        self.assertEqual(caught.exception.code, "P0022")
        made = recipe.lock()
        self.assertTrue(made.written)
        self.assertEqual({package.name for package in made.packages}, {"hello", "node"})
        self.assertEqual(os.fspath(made), str(recipe.lock_path))
        self.assertEqual(recipe.lock(locked=True), dataclasses.replace(made, written=False))
        self.assertFalse(recipe.lock().written)
        self.assertEqual([package["name"] for package in made.to_dict()["packages"]], [package.name for package in made.packages])

    def test_a_lock_that_no_longer_fits_is_refused(self):
        ainode.Recipe.load(self.recipe_file).lock()
        self.write_recipe(lambda text: text.replace("[quiet]", "[quiet, panic=10]"))
        with self.assertRaises(ainode.RecipeError) as caught:
            ainode.Recipe.load(self.recipe_file).lock(locked=True)
        self.assertEqual(caught.exception.code, "P0021")
        self.assertIn("panic=10", caught.exception.problems[0])

    def test_works_where_it_was_loaded(self):
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        os.chdir(self.place)
        recipe = ainode.Recipe.load("tiny.yaml")
        os.chdir("/")
        self.assertEqual(recipe.lock().path, self.place / "tiny.amd64.lock")
        self.assertTrue((self.place / "tiny.amd64.lock").exists())

    def test_what_cannot_be_satisfied_says_why(self):
        self.write_recipe(lambda text: text.replace("include: [hello]", "include: [hello], exclude: [node]"))
        with self.assertRaises(ainode.Unsatisfiable) as caught:
            ainode.Recipe.load(self.recipe_file).lock()
        self.assertEqual(caught.exception.code, "S0002")
        self.assertTrue(any("node" in problem for problem in caught.exception.problems), caught.exception.problems)

    def test_a_package_that_nobody_has_is_the_recipes_mistake(self):
        self.write_recipe(lambda text: text.replace("[hello]", "[helo]"))
        with self.assertRaises(ainode.RecipeError) as caught:
            ainode.Recipe.load(self.recipe_file).lock()
        self.assertEqual((caught.exception.code, caught.exception.line), ("S0001", 8))

    def test_an_archive_that_is_away_is_the_hosts_fault(self):
        with self.assertRaises(ainode.HostError):
            ainode.Recipe.load(self.recipe_file).lock(mirrors={"debian": "http://127.0.0.1:9"}, store=self.place / "store")


if __name__ == "__main__":
    unittest.main()
