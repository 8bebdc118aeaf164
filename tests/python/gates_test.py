# SPDX-License-Identifier: Apache-2.0
"""The gate from Python: a candidate held to a baseline, with figures that a guest counted."""

import json
import unittest

import ainode
from tiny_world import TinyWorld


class Gates(TinyWorld):
    def setUp(self):
        super().setUp()
        image = ainode.build(ainode.Recipe.load(self.recipe_file), out=self.place / "out")
        report = ainode.validate(image, "local", profile="boot", level="quick").to_dict()
        for check in report["checks"]:
            check |= {"verdict": "pass", "reason": ""}
        report |= {"verdict": "pass", "failure": "", "failure_verdict": "pass"}
        self.values = report
        ainode.write_baseline(self.place / "main.json", self.report(1e9))

    def report(self, instructions):
        """Of a boot that took so many."""
        figure = {"name": "llm.instructions", "unit": "instructions", "better": "lower", "counted": True}
        self.values["checks"][0]["figures"] = [figure | {"samples": [instructions], "target": ""}]
        file = self.place / "report.json"
        file.write_text(json.dumps(self.values))
        return ainode.Report.load(file)

    def test_what_is_no_worse_passes(self):
        result = ainode.gate(self.report(1e9), baseline=self.place / "main.json")
        self.assertEqual((result.exit_code, result.checks), (0, ()), result)
        self.assertEqual([(figure.name, figure.holds) for figure in result.figures], [("llm.instructions", True)])
        self.assertEqual(result.to_dict()["schema"], "ainode.gate/1")
        self.assertIn("llm.instructions", str(result))

    def test_what_is_worse_does_not(self):
        result = ainode.gate([self.report(1.5e9)], baseline=self.place / "main.json")
        self.assertEqual((result.exit_code, result.figures[0].verdict), (1, "worse"), result)

    def test_a_policy_says_how_much(self):
        (self.place / "gate.yaml").write_text("limits: {llm.instructions: {regress: 90%}}\n")
        result = ainode.gate(self.report(1.5e9), baseline=self.place / "main.json", policy=self.place / "gate.yaml")
        self.assertEqual(result.exit_code, 0, result)

    def test_mistakes_are_told(self):
        (self.place / "gate.yaml").write_text("limts: {}\n")
        with self.assertRaises(ainode.RecipeError) as caught:
            ainode.gate(self.report(1e9), baseline=self.place / "main.json", policy=self.place / "gate.yaml")
        self.assertEqual((caught.exception.path, caught.exception.line), (str(self.place / "gate.yaml"), 1))
        with self.assertRaises(ainode.Error):
            ainode.gate(self.report(1e9), baseline=self.place / "none.json")


if __name__ == "__main__":
    unittest.main()
