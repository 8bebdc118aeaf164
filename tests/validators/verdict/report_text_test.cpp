// SPDX-License-Identifier: Apache-2.0
// What people and CI servers see of a report, whole; and that foreign text stays where it belongs.
#include "validators/verdict/report_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/files.h"
#include "base/process.h"

namespace ainode {
namespace {

using testing::HasSubstr;
using testing::Not;

CheckResult check(const std::string& id, Verdict verdict) {
  CheckResult result;
  result.id = id;
  result.sentence = "what it promises";
  result.verdict = verdict;
  result.measured = Json::array({1, 2});
  result.expected = Json::array({1, 3});
  result.evidence = "/sys/devices/system/node";
  result.seconds = 0.25;
  if (verdict != Verdict::pass) result.reason = "they differ";
  return result;
}

Report report() {
  Report report;
  report.image = "qemu-base";
  report.commit = std::string(64, 'c');
  report.target = "qemu";
  report.topology = "two-nodes";
  report.kernel_release = "6.12";
  report.boot = {{"spoke", true},       {"first_word_seconds", 8.5},
                 {"seconds", 71.7},     {"first_word_cpu_seconds", 12.7},
                 {"cpu_seconds", 43.9}, {"evidence", "out/evidence"},
                 {"last_lines", ""},    {"repeat", "ainode validate out --target qemu:two-nodes"}};
  return report;
}

TEST(Table, ShowsEveryCheckAndWhyOneFailed) {
  Report mixed = report();
  mixed.checks = {check("kernel.timer", Verdict::pass), check("numa.nodes", Verdict::fail),
                  check("dmabuf.heap", Verdict::skip)};
  mixed.checks[1].place = "recipes/x.yaml:7:3";
  EXPECT_EQ(to_table(mixed, false),
            "qemu-base on qemu (two-nodes), kernel 6.12\n"
            "  commit cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc\n"
            "  the agent's first word after 8.5 s (12.7 CPU-s); whole run 71.7 s (43.9 CPU-s)\n"
            "\n"
            "  pass    kernel.timer               what it promises\n"
            "  FAIL    numa.nodes                 what it promises\n"
            "    reason     they differ\n"
            "    measured   [1,2]\n"
            "    expected   [1,3]\n"
            "    declared   recipes/x.yaml:7:3\n"
            "    evidence   /sys/devices/system/node\n"
            "    repeat     ainode validate out --target qemu:two-nodes --check numa.nodes\n"
            "  skip    dmabuf.heap                they differ\n"
            "\n"
            "FAIL: 1 pass, 1 fail, 1 skip\n");
}

TEST(Figures, StandBelowTheirCheckAndAmongJUnitsProperties) {
  Report measured = report();
  measured.checks = {check("numa.bandwidth", Verdict::pass)};
  measured.checks[0].figures = {{"mem.triad-GBps", "GB/s", true, false, {7.6143}}};
  EXPECT_THAT(to_table(measured, false), HasSubstr("  pass    numa.bandwidth             what it promises\n"
                                                   "    figure     mem.triad-GBps: 7.614 GB/s\n"));
  EXPECT_THAT(to_junit(measured), HasSubstr("<property name=\"mem.triad-GBps\" value=\"7.614 GB/s\"/>"));
  EXPECT_THAT(to_markdown(measured), HasSubstr("| figure | |\n|---|---|\n"));
  EXPECT_THAT(to_markdown(report()), Not(HasSubstr("figure")));
}

TEST(Table, ShowsTheLastLinesOfAGuestThatNeverSpoke) {
  Report failed = report();
  failed.boot["spoke"] = false;
  failed.boot["last_lines"] = "one\ntwo\n";
  failed.failure = "V0005: guest `qemu-base` never spoke";
  failed.failure_verdict = Verdict::fail;
  failed.checks = {check("kernel.timer", Verdict::infra)};
  failed.checks[0].measured = failed.checks[0].expected = nullptr;
  failed.checks[0].reason = "did not run: the boot had ended";
  EXPECT_EQ(to_table(failed, false),
            "qemu-base on qemu (two-nodes), kernel 6.12\n"
            "  commit cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc\n"
            "\n"
            "  infra   kernel.timer               did not run: the boot had ended\n"
            "\n"
            "  FAIL    the run as a whole\n"
            "    reason     V0005: guest `qemu-base` never spoke\n"
            "    last lines one\n"
            "               two\n"
            "    evidence   out/evidence\n"
            "    repeat     ainode validate out --target qemu:two-nodes\n"
            "\n"
            "FAIL: 1 infra\n");
}

/// A merged report of a machine that passed and one that panicked.
Report merged_with_a_failed_run() {
  Report merged = report();
  merged.target = "qemu:a, qemu:b";
  merged.topology = "";
  merged.failure = "on qemu:b: V0003: guest `x` panicked";
  merged.failure_verdict = Verdict::fail;
  merged.boot = {{"runs",
                  {{{"target", "qemu:a"}, {"failure", ""}, {"failure_verdict", "pass"}},
                   {{"target", "qemu:b"},
                    {"failure", "V0003: guest `x` panicked"},
                    {"failure_verdict", "fail"},
                    {"last_lines", "Oops\n"},
                    {"evidence", "/e/b"},
                    {"repeat", "ainode validate /out --target qemu:b"}}}}};
  return merged;
}

TEST(FailedRun, OfAMergedReportIsShownInEachForm) {
  EXPECT_THAT(to_table(merged_with_a_failed_run(), false),
              HasSubstr("\n  FAIL    the run as a whole, on qemu:b\n"
                        "    reason     V0003: guest `x` panicked\n"
                        "    last lines Oops\n"
                        "    evidence   /e/b\n"
                        "    repeat     ainode validate /out --target qemu:b\n"));
  EXPECT_THAT(to_markdown(merged_with_a_failed_run()),
              HasSubstr("\n#### fail the run as a whole, on <code>qemu&#58;b</code>\n\n"
                        "- reason: <code>V0003&#58; guest &#96;x&#96; panicked</code>\n"
                        "- last lines: <code>Oops<br></code>\n"
                        "- evidence: <code>/e/b</code>\n"
                        "- repeat: <code>ainode validate /out --target qemu&#58;b</code>\n"));
  const std::string xml = to_junit(merged_with_a_failed_run());
  EXPECT_THAT(xml, HasSubstr("name=\"run.finished on qemu:b\""));
  EXPECT_THAT(xml, HasSubstr("<property name=\"evidence\" value=\"/e/b\"/>"));
  EXPECT_THAT(xml, HasSubstr("<property name=\"repeat\" value=\"ainode validate /out --target qemu:b\"/>"));
  EXPECT_THAT(xml, HasSubstr("<failure message=\"V0003: guest `x` panicked\" type=\"fail\">"
                             "measured: &#10;expected: &#10;evidence: /e/b&#10;"
                             "repeat: ainode validate /out --target qemu:b&#10;last lines:&#10;Oops&#10;"));
}

TEST(Table, ShowsACommandOnOneLineToBePasted) {
  Report long_way = report();
  const std::string command = "ainode validate /" + std::string(700, 'd') + " --target qemu:two-nodes --append quiet";
  long_way.boot["repeat"] = command;
  long_way.failure = "V0005: guest never spoke";
  long_way.failure_verdict = Verdict::fail;
  long_way.checks = {check("numa.nodes", Verdict::fail)};
  EXPECT_THAT(to_table(long_way, false), HasSubstr("    repeat     " + command + " --check numa.nodes\n"));
  EXPECT_THAT(to_table(long_way, false), HasSubstr("    repeat     " + command + "\n"));
  EXPECT_THAT(to_markdown(long_way), HasSubstr("- repeat: too long, see the JSON report\n"));
}

TEST(Table, StaysWithinAHundredColumnsAndOutOfTheTerminalsWay) {
  Report hostile = report();
  hostile.checks = {check("driver.bound", Verdict::fail)};
  hostile.checks[0].reason = "\x1b[2J\xe2\x80\xae" + std::string(300, 'x') + " and so on " + std::string(300, 'y');
  hostile.checks[0].sentence = std::string(300, 's');
  hostile.checks[0].measured = "\r\x07 bell";
  const std::string table = to_table(hostile, false);
  EXPECT_THAT(table, Not(HasSubstr("\x1b")));
  EXPECT_THAT(table, Not(HasSubstr("\x07")));
  EXPECT_THAT(table, Not(HasSubstr("\r")));
  EXPECT_THAT(table, Not(HasSubstr("\xe2\x80\xae")));
  for (std::size_t start = 0; start < table.size();) {
    const std::size_t end = table.find('\n', start);
    EXPECT_LE(end - start, 100u) << table.substr(start, end - start);
    start = end + 1;
  }
}

TEST(Table, SaysWhatIsNotCoveredAndWhereItWouldBe) {
  Report partly = report();
  partly.checks = {check("kernel.timer", Verdict::pass)};
  partly.level = "quick";
  partly.coverage = {8,
                     1,
                     {{GapKind::machine, "an HMAT", {"a.a"}, {"qemu:hmat", "qemu:large"}},
                      {GapKind::machine, "an IOMMU", {"a.b", "a.c"}, {"qemu:iommu", "qemu:large"}},
                      {GapKind::kernel, "CONFIG_X", {"a.d"}, {}},
                      {GapKind::emulation, "", {"a.e"}, {}},
                      {GapKind::level, "full", {"a.f"}, {}},
                      {GapKind::statement, "", {"a.g"}, {}}},
                     {"cpu"},
                     {"a.a (x.yaml:1:1)", "a.b", "a.c", "a.d", "a.e"}};
  EXPECT_THAT(
      to_table(partly, false),
      HasSubstr("\npass: 1 pass\n"
                "  covered 1 of 8 checks; not: 3 need an HMAT or an IOMMU (qemu:large), 1 needs a kernel with\n"
                "  CONFIG_X, 1 unmeasurable under emulation, 1 outside level quick, 1 of statements that the image\n"
                "  does not make\n"
                "  statements not proven: a.a (x.yaml:1:1), a.b, a.c and 2 more\n"));
}

TEST(Table, PaintsOnlyWhenAsked) {
  Report good = report();
  good.checks = {check("kernel.timer", Verdict::pass)};
  EXPECT_THAT(to_table(good, true), HasSubstr("\x1b[32mpass  \x1b[0m"));
  EXPECT_THAT(to_table(good, false), Not(HasSubstr("\x1b")));
}

TEST(JUnit, HasASuiteAFamilyWithPropertiesAndOutcomes) {
  Report mixed = report();
  mixed.checks = {check("numa.nodes", Verdict::pass), check("mem.size", Verdict::infra),
                  check("numa.placement", Verdict::fail), check("dmabuf.heap", Verdict::skip)};
  const std::string xml = to_junit(mixed);
  EXPECT_THAT(xml,
              HasSubstr("<testsuites name=\"qemu-base\" tests=\"4\" failures=\"1\" errors=\"1\" time=\"1.000\">\n"));
  EXPECT_THAT(xml, HasSubstr("  <testsuite name=\"numa\" tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"0\" "
                             "time=\"0.500\">\n"));
  EXPECT_THAT(xml, HasSubstr("    <testcase classname=\"numa\" name=\"numa.nodes\" time=\"0.250\">\n"
                             "      <properties>\n"
                             "        <property name=\"verdict\" value=\"pass\"/>\n"
                             "        <property name=\"sentence\" value=\"what it promises\"/>\n"
                             "        <property name=\"measured\" value=\"[1,2]\"/>\n"
                             "        <property name=\"expected\" value=\"[1,3]\"/>\n"
                             "        <property name=\"evidence\" value=\"/sys/devices/system/node\"/>\n"
                             "      </properties>\n"
                             "    </testcase>\n"));
  EXPECT_THAT(xml, HasSubstr("<failure message=\"they differ\" type=\"fail\">measured: [1,2]&#10;"));
  EXPECT_THAT(xml, HasSubstr("<error message=\"they differ\" type=\"infra\">"));
  EXPECT_THAT(xml, HasSubstr("<skipped message=\"skip: they differ\"/>"));
}

TEST(JUnit, SaysHowToRepeatWhatWentWrong) {
  Report failed = report();
  failed.checks = {check("numa.nodes", Verdict::fail), check("mem.size", Verdict::pass)};
  const std::string xml = to_junit(failed), command = "ainode validate out --target qemu:two-nodes --check numa.nodes";
  EXPECT_THAT(xml, HasSubstr("<property name=\"repeat\" value=\"" + command + "\"/>"));
  EXPECT_THAT(xml, HasSubstr("&#10;repeat: " + command + "&#10;</failure>"));
  EXPECT_THAT(xml, Not(HasSubstr("--check mem.size")));
}

TEST(JUnit, GivesAFailedRunACaseOfItsOwn) {
  Report failed = report();
  failed.failure = "V0003: guest `x` panicked";
  failed.failure_verdict = Verdict::fail;
  EXPECT_THAT(to_junit(failed), HasSubstr("<failure message=\"V0003: guest `x` panicked\" type=\"fail\">"));
}

/// The library that CI servers' plug-ins use reads it back.
TEST(JUnit, IsWhatJunitparserReads) {
  TemporaryDirectory work{testing::TempDir()};
  Report mixed = report();
  mixed.level = "quick";
  mixed.checks = {check("numa.nodes", Verdict::pass), check("mem.size", Verdict::infra),
                  check("numa.placement", Verdict::fail), check("dmabuf.heap", Verdict::unmeasurable)};
  write_file(work.path() / "report.xml", to_junit(mixed));
  Command command;
  command.argv = {"/usr/bin/python3", "-c",
                  "import junitparser, sys\n"
                  "for suite in junitparser.JUnitXml.fromfile(sys.argv[1]):\n"
                  "    level = {p.name: p.value for p in suite.properties()}['level']\n"
                  "    print(suite.name, suite.tests, suite.failures, suite.errors, suite.skipped, level)\n"
                  "    for case in suite:\n"
                  "        values = {p.get('name'): p.get('value') for p in case._elem.iter('property')}\n"
                  "        print(' ', case.name, [type(r).__name__ for r in case.result], values['measured'])\n",
                  (work.path() / "report.xml").string()};
  EXPECT_EQ(run_or_throw(command),
            "numa 2 1 0 0 quick\n"
            "  numa.nodes [] [1,2]\n"
            "  numa.placement ['Failure'] [1,2]\n"
            "mem 1 0 1 0 quick\n"
            "  mem.size ['Error'] [1,2]\n"
            "dmabuf 1 0 0 1 quick\n"
            "  dmabuf.heap ['Skipped'] [1,2]\n");
}

/// Python's parser is somebody else's idea of XML: it must read what we write and give the text back.
TEST(JUnit, IsXmlWhateverTheGuestSays) {
  TemporaryDirectory work{testing::TempDir()};
  Report hostile = report();
  hostile.checks = {check("driver.bound", Verdict::fail)};
  hostile.checks[0].reason = "]]><script>&\"'</failure>\x01\x1b[31m\xff\xed\xa0\x80\xef\xbf\xbf ende";
  write_file(work.path() / "report.xml", to_junit(hostile));
  Command command;
  command.argv = {"python3", "-c",
                  "import sys, xml.etree.ElementTree as t\n"
                  "r = t.parse(sys.argv[1]).getroot()\n"
                  "print(ascii(r.find('testsuite/testcase/failure').get('message')))",
                  (work.path() / "report.xml").string()};
  EXPECT_EQ(run_or_throw(command),
            "'"
            R"(]]><script>&"\'</failure>[31m\ufffd ende)"
            "'\n");
}

}  // namespace
}  // namespace ainode
