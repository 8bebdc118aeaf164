# SPDX-License-Identifier: Apache-2.0
"""Reports from Python: of an image's files, from a file, and as others read them."""

import dataclasses
import json
import unittest
import xml.etree.ElementTree as xml

import ainode
from tiny_world import TinyWorld


class Reports(TinyWorld):
    """The machine of the test is not the tiny image: that fails, whatever the machine is."""

    def setUp(self):
        super().setUp()
        self.image = ainode.build(ainode.Recipe.load(self.recipe_file), out=self.place / "out")

    def judge(self, **options):
        return ainode.validate(self.image, "local", profile="boot", level="quick", **options)

    def test_a_failed_check_is_data(self):
        report = self.judge()
        self.assertEqual((report.target, report.commit), ("local", self.image.commit))
        self.assertEqual(report.verdict, "fail")
        self.assertTrue(report.failed)
        for check in report.failed:
            self.assertEqual((check.verdict, bool(check.reason or check.expected)), (ainode.Verdict.FAIL, True))
            self.assertEqual(report[check.id], check)
        self.assertIn(report.failed[0].id, str(report))
        with self.assertRaises(KeyError):
            report["no.such"]
        with self.assertRaises(dataclasses.FrozenInstanceError):
            report.checks[0].verdict = ainode.Verdict.PASS

    def test_nobody_counts_the_instructions_of_a_real_machine(self):
        with self.assertRaises(ainode.Error) as caught:
            self.judge(counted=True)
        self.assertEqual(caught.exception.code, "H0001")
        self.assertIn("tiny-edge", caught.exception.hint)

    def test_what_is_saved_is_loaded(self):
        report = self.judge()
        report.save(self.place / "report.json")
        self.assertEqual(ainode.Report.load(self.place / "report.json"), report)
        self.assertEqual(json.loads((self.place / "report.json").read_text()), report.to_dict())

    def test_others_read_it(self):
        report = self.judge()
        report.to_junit(self.place / "report.xml")
        failures = xml.parse(self.place / "report.xml").findall(".//failure")
        self.assertEqual(len(failures), len(report.failed))
        report.to_markdown(self.place / "report.md")
        self.assertIn(report.failed[0].id, (self.place / "report.md").read_text())
        report.to_html(self.place / "report.html")
        self.assertIn(report.failed[0].id, (self.place / "report.html").read_text())

    def test_text_of_an_image_makes_no_markup(self):
        values = self.judge().to_dict()
        values["checks"][0] |= {"reason": "<script>alert(1)</script>", "verdict": "fail"}
        values["verdict"] = "fail"
        (self.place / "report.json").write_text(json.dumps(values))
        page = ainode.Report.load(self.place / "report.json")._repr_html_()
        self.assertIn("&lt;script&gt;", page)
        self.assertNotIn("<script>", page)

    def test_asks_for_single_checks(self):
        every = self.judge().checks
        report = ainode.validate(self.image, "local", checks=every[0].id)
        self.assertEqual([check.id for check in report.checks], [every[0].id])

    def test_a_file_that_is_no_report(self):
        (self.place / "report.json").write_text("{}")
        with self.assertRaises(ainode.Error) as caught:
            ainode.Report.load(self.place / "report.json")
        self.assertEqual(caught.exception.code, "V0021")
        with self.assertRaises(ainode.Error) as caught:
            ainode.Report.load(self.place / "none.json")
        self.assertEqual(caught.exception.code, "V0020")

    def test_usage(self):
        for wrong, hint in (
            ({"target": "qemu:moon"}, "two-nodes"),
            ({"target": "tree", "profile": "bot"}, "boot"),
            ({"target": "tree", "level": "quik"}, "quick"),
            ({"target": "tree", "append": ["quiet"]}, "--append"),
        ):
            with self.assertRaises(ainode.Error) as caught:
                ainode.validate(self.image, **wrong)
            self.assertIn(hint, caught.exception.hint, wrong)
        for wrong in ({"memory": "4 gigabytes"}, {"deadline": 0}):
            with self.assertRaises(ValueError):
                ainode.boot(self.image, **wrong)
        with self.assertRaises(ainode.Error) as caught:
            ainode.validate(self.place, "tree")
        self.assertEqual(caught.exception.code, "B0009")


if __name__ == "__main__":
    unittest.main()
