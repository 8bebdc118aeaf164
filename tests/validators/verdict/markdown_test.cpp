// SPDX-License-Identifier: Apache-2.0
// Markdown as GitHub's own parser (cmark-gfm) renders it: hostile text comes out as text, and nothing else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "base/process.h"
#include "validators/verdict/report_text.h"

namespace ainode {
namespace {

using testing::HasSubstr;
using testing::Not;

CheckResult failing(const std::string& id) {
  CheckResult check;
  check.id = id;
  check.sentence = "what it promises";
  check.verdict = Verdict::fail;
  check.measured = Json::array({1, 2});
  check.expected = Json::array({1, 3});
  check.evidence = "/sys/x";
  check.reason = "they differ";
  check.place = "recipes/x.yaml:7:3";
  return check;
}

Report report_of(std::vector<CheckResult> checks) {
  Report report;
  report.image = "node";
  report.commit = "abc";
  report.target = "qemu";
  report.topology = "two-nodes";
  report.kernel_release = "6.12";
  report.level = "standard";
  report.profiles = {"boot"};
  report.boot = {{"repeat", "ainode validate out --target qemu:two-nodes"}};
  report.checks = std::move(checks);
  report.coverage = {3,
                     1,
                     {{GapKind::machine, "an HMAT", {"numa.hmat"}, {"qemu:memory-only-node"}},
                      {GapKind::level, "full", {"x.long"}, {}}},
                     {},
                     {"mem.thp (x.yaml:1:2)"}};
  return report;
}

TEST(Markdown, SaysWhatFailedWhatIsNotCoveredAndHowToRepeatIt) {
  EXPECT_EQ(to_markdown(report_of({failing("numa.nodes")})),
            "## fail: <code>node</code> on <code>qemu</code>\n\n1 fail\n\n"
            "- commit: <code>abc</code>\n- kernel: <code>6.12</code>\n- machine: <code>two-nodes</code>\n"
            "- level: <code>standard</code>\n- profile: <code>boot</code>\n"
            "\n#### fail <code>numa.nodes</code>\n<code>what it promises</code>\n\n"
            "- reason: <code>they differ</code>\n- measured: <code>&#91;1,2&#93;</code>\n"
            "- expected: <code>&#91;1,3&#93;</code>\n- declared: <code>recipes/x.yaml&#58;7&#58;3</code>\n"
            "- evidence: <code>/sys/x</code>\n"
            "- repeat: <code>ainode validate out --target qemu&#58;two-nodes --check numa.nodes</code>\n"
            "\n### Covered: 1 of 3 checks\n\n| not covered | checks |\n|---|---|\n"
            "| <code>1 needs an HMAT &#40;qemu&#58;memory-only-node&#41;</code> | <code>numa.hmat</code> |\n"
            "| <code>1 outside level standard</code> | <code>x.long</code> |\n\n"
            "- statements not proven: <code>mem.thp &#40;x.yaml&#58;1&#58;2&#41;</code>\n"
            "\n<details><summary>All 1 checks</summary>\n\n| verdict | check | | s |\n|---|---|---|---|\n"
            "| fail | <code>numa.nodes</code> | <code>they differ</code> | 0.00 |\n\n</details>\n");
}

/// HTML that GitHub's parser makes of it, as "tag tag …" of what is not in our own form, then all text.
std::string rendered(const std::string& markdown) {
  TemporaryDirectory work{testing::TempDir()};
  write_file(work.path() / "report.md", markdown);
  Command command;
  command.argv = {
      "python3", "-c",
      "import subprocess, sys\n"
      "from html.parser import HTMLParser\n"
      "html = subprocess.check_output(['cmark-gfm', '--unsafe', '-e', 'table', '-e', 'autolink', '-e',\n"
      "                                'strikethrough', '-e', 'tasklist', sys.argv[1]], text=True)\n"
      "ours = {'h2', 'h3', 'h4', 'p', 'ul', 'li', 'code', 'br', 'table', 'thead', 'tbody', 'tr', 'th', 'td',\n"
      "        'details', 'summary', 'wbr'}\n"
      "class Reader(HTMLParser):\n"
      "    def handle_starttag(self, tag, attributes):\n"
      "        print(*([f'<{tag} {attributes}>'] if tag not in ours or attributes else []), end='')\n"
      "    def handle_comment(self, text): print('comment', text)\n"
      "    def handle_data(self, text): print(text, end='')\n"
      "Reader().feed(html)\n",
      (work.path() / "report.md").string()};
  return run_or_throw(command);
}

TEST(Markdown, ShowsHostileTextAsText) {
  const std::vector<std::string> hostile = {
      "</code><script>alert(1)</script><img src=x onerror=y>",
      "| a | b |",
      "`` ` ``` code",
      "**bold** _it_ ~~gone~~ [link](http://evil.example) ![image](x)",
      "https://evil.example www.evil.example a@evil.example",
      "&lt;b&gt; &#60;b&#62; <!-- hidden",
      "- [x] task",
      "$x^2$ :smile: @everyone #1",
  };
  for (const std::string& text : hostile) {
    Report report = report_of({failing("driver.bound")});
    report.image = report.target = report.commit = text;
    CheckResult& check = report.checks[0];
    check.reason = check.sentence = check.evidence = check.place = text;
    check.measured = text;
    report.coverage.gaps[0].lacking = report.coverage.unproven[0] = text;
    const std::string shown = rendered(to_markdown(report));
    EXPECT_THAT(shown, Not(HasSubstr("['"))) << text;
    EXPECT_THAT(shown, Not(HasSubstr(" []>"))) << text;
    EXPECT_THAT(shown, Not(HasSubstr("comment "))) << text;
    EXPECT_THAT(shown, HasSubstr("reason: " + text + "\n")) << text;
    EXPECT_THAT(shown, HasSubstr("measured: " + text + "\n")) << text;
    EXPECT_THAT(shown, HasSubstr("declared: " + text + "\n")) << text;
  }
}

TEST(Markdown, NamesEachTargetWhereTheyDiffer) {
  Report report = report_of({failing("a.x"), failing("a.y")});
  report.checks[0].verdicts = {{"tree", Verdict::fail}, {"qemu:one-node", Verdict::pass}};
  report.checks[1].verdicts = {{"tree", Verdict::fail}, {"local", Verdict::fail}};
  const std::string text = to_markdown(report);
  EXPECT_THAT(text, HasSubstr("<code>tree&#58; fail<br>qemu&#58;one-node&#58; pass</code>"));
  EXPECT_THAT(text, Not(HasSubstr("local")));
}

TEST(Markdown, KeepsEachLineOfHostileTextInItsPlace) {
  Report report = report_of({failing("driver.bound")});
  report.checks[0].evidence = "one\n# two\n\n---\n\x1b[31m\xe2\x80\xaethree";
  const std::string text = to_markdown(report);
  EXPECT_THAT(text,
              HasSubstr("- evidence: <code>one<br>&#35; two<br><br>---<br>&#92;x1b&#91;31m&#92;u202ethree</code>\n"));
}

TEST(Markdown, ShortensEvidenceFirstAndSaysSo) {
  Report large = report_of({});
  for (int i = 0; i < 200; ++i) {
    large.checks.push_back(failing("a.x" + std::to_string(i)));
    large.checks.back().evidence = std::string(100'000, 'e');
  }
  const std::string text = to_markdown(large);
  EXPECT_LE(text.size(), 1u << 20);
  EXPECT_THAT(text,
              HasSubstr("Shortened to fit into 1048576 bytes: evidence to 1000, other texts to 4000 each; the JSON "
                        "report has all."));
  EXPECT_THAT(text, HasSubstr("a.x199"));
}

TEST(Markdown, FitsWhateverIsInAReport) {
  Report huge = report_of({});
  const std::string text(100'000, '|');
  huge.image = huge.target = huge.commit = huge.failure = huge.topology = huge.level = text;
  huge.failure_verdict = Verdict::fail;
  huge.boot["repeat"] = text;
  huge.profiles = huge.coverage.families = huge.coverage.unproven = std::vector<std::string>(20, text);
  huge.coverage.gaps.assign(3, {GapKind::machine, text, std::vector<std::string>(20, text), {text}});
  for (int i = 0; i < 6000; ++i) {
    huge.checks.push_back(failing("a.x" + std::to_string(i)));
    CheckResult& check = huge.checks.back();
    check.reason = check.evidence = check.place = check.sentence = std::string(300, '|');
    check.measured = std::string(300, '<');
    check.verdicts.assign(20, {std::string(300, '|'), Verdict::pass});
  }
  const std::string text_of_checks = to_markdown(huge);
  EXPECT_LE(text_of_checks.size(), 1u << 20);
  EXPECT_THAT(text_of_checks, HasSubstr("more are not shown"));
  const std::string mentions(480, '@');
  huge.boot = {{"repeat", mentions}, {"runs", Json::array()}};
  for (int i = 0; i < 1000; ++i)
    huge.boot["runs"].push_back({{"target", mentions},
                                 {"failure", mentions},
                                 {"last_lines", mentions},
                                 {"evidence", mentions},
                                 {"repeat", mentions}});
  const std::string text_of_runs = to_markdown(huge);
  EXPECT_LE(text_of_runs.size(), 1u << 20);
  EXPECT_THAT(text_of_runs, HasSubstr("more failed runs are not shown"));
}

}  // namespace
}  // namespace ainode
