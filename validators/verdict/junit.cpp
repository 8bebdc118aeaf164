// SPDX-License-Identifier: Apache-2.0
// JUnit XML as junitparser and the common CI servers read it: testsuites → testsuite → testcase.
#include <fmt/format.h>

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "validators/verdict/report_lines.h"
#include "validators/verdict/report_text.h"

namespace ainode {

namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

/// The length of the UTF-8 sequence at the start of `text`, and its code point; length 0 when it is malformed.
struct Sequence {
  std::size_t length = 0;
  std::uint32_t code = 0;
};
Sequence decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const std::uint32_t first = byte(0);
  if (first < 0x80) return {1, first};
  const std::size_t length = first >= 0xf0 && first < 0xf5 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
  if (length == 0 || first >= 0xf5 || text.size() < length) return {};
  std::uint32_t code = first & (0x7fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3f);
  }
  const bool is_overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  return is_overlong || code > 0x10ffff ? Sequence{} : Sequence{length, code};
}

/// XML 1.0's characters, less those that turn a line's direction around.
bool is_allowed(std::uint32_t code) {
  if (code == '\t' || code == '\n') return true;
  if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) return false;
  if (code >= 0xd800 && code <= 0xdfff) return false;
  if ((code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069)) return false;
  return code != 0xfffe && code != 0xffff;
}

std::string escaped(std::string_view text) {
  std::string xml;
  while (!text.empty()) {
    const Sequence next = decode(text);
    const std::string_view character = text.substr(0, next.length == 0 ? 1 : next.length);
    text.remove_prefix(character.size());
    if (next.length == 0)
      xml += kReplacement;
    else if (next.code == '&')
      xml += "&amp;";
    else if (next.code == '<')
      xml += "&lt;";
    else if (next.code == '>')
      xml += "&gt;";
    else if (next.code == '"')
      xml += "&quot;";
    else if (next.code == '\n')
      xml += "&#10;";
    else if (is_allowed(next.code))
      xml += character;
  }
  return xml;
}

std::string family_of(const std::string& id) {
  return id.substr(0, id.find('.'));
}

std::string property(std::string_view name, const std::string& value) {
  return fmt::format("        <property name=\"{}\" value=\"{}\"/>\n", name, escaped(value));
}

/// A check, or a run as a whole.
struct Case {
  CheckResult check;
  std::string repeat, last_lines = {};
};

std::string body_of(const Case& each) {
  std::string body = fmt::format("measured: {}\nexpected: {}\nevidence: {}\n", compact(each.check.measured),
                                 compact(each.check.expected), each.check.evidence);
  if (!each.repeat.empty()) body += fmt::format("repeat: {}\n", each.repeat);
  if (!each.last_lines.empty()) body += fmt::format("last lines:\n{}\n", each.last_lines);
  return escaped(body);
}

std::string outcome_element(const Case& each) {
  const CheckResult& check = each.check;
  const std::string body = body_of(each);
  const std::string reason = escaped(check.reason);
  switch (check.verdict) {
    case Verdict::pass:
      return "";
    case Verdict::fail:
      return fmt::format("      <failure message=\"{}\" type=\"fail\">{}</failure>\n", reason, body);
    case Verdict::infra:
      return fmt::format("      <error message=\"{}\" type=\"infra\">{}</error>\n", reason, body);
    case Verdict::skip:
    case Verdict::unmeasurable:
      return fmt::format("      <skipped message=\"{}: {}\"/>\n", to_string(check.verdict), reason);
  }
  return "";
}

std::string case_element(const Case& each) {
  const CheckResult& check = each.check;
  std::string xml = fmt::format("    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3f}\">\n      <properties>\n",
                                escaped(family_of(check.id)), escaped(check.id), check.seconds);
  xml += property("verdict", std::string(to_string(check.verdict)));
  xml += property("sentence", check.sentence);
  xml += property("measured", compact(check.measured));
  xml += property("expected", compact(check.expected));
  xml += property("evidence", check.evidence);
  for (const Figure& figure : check.figures) xml += property(escaped(figure.name), figure_line(figure));
  if (!check.place.empty()) xml += property("place", check.place);
  if (!each.repeat.empty()) xml += property("repeat", each.repeat);
  return xml + "      </properties>\n" + outcome_element(each) + "    </testcase>\n";
}

struct Suite {
  std::string name;
  std::vector<Case> cases;
  std::size_t count(Verdict verdict) const {
    std::size_t total = 0;
    for (const Case& each : cases) total += each.check.verdict == verdict ? 1 : 0;
    return total;
  }
  double seconds() const {
    double total = 0;
    for (const Case& each : cases) total += each.check.seconds;
    return total;
  }
};

/// Families in the order in which they first appear; failed runs stand before them.
std::vector<Suite> suites_of(const Report& report) {
  std::vector<Suite> suites;
  std::map<std::string, std::size_t> places;
  const auto add = [&](Case added) {
    const auto [place, is_new] = places.try_emplace(family_of(added.check.id), suites.size());
    if (is_new) suites.push_back({place->first, {}});
    suites[place->second].cases.push_back(std::move(added));
  };
  for (const FailedRun& failed : failed_runs(report)) {
    CheckResult run;
    run.id = failed.target.empty() ? "run.finished" : "run.finished on " + failed.target;
    run.sentence = "the guest boots and its agent says its last word";
    run.verdict = failed.verdict;
    run.reason = failed.reason;
    run.evidence = failed.evidence;
    add({std::move(run), failed.repeat, failed.last_lines});
  }
  for (const CheckResult& check : report.checks)
    add({check, is_bad(check) ? repeat_command(report, check) : std::string()});
  return suites;
}

std::string suite_element(const Suite& suite, const Report& report) {
  std::string xml = fmt::format(
      "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{:.3f}\">\n",
      escaped(suite.name), suite.cases.size(), suite.count(Verdict::fail), suite.count(Verdict::infra),
      suite.count(Verdict::skip) + suite.count(Verdict::unmeasurable), suite.seconds());
  xml += "    <properties>\n";
  for (const auto& [name, value] :
       {std::pair("image", report.image), std::pair("commit", report.commit), std::pair("target", report.target),
        std::pair("topology", report.topology), std::pair("kernel_release", report.kernel_release),
        std::pair("level", report.level), std::pair("coverage", coverage_line(report)),
        std::pair("retries", retries_line(report))})
    xml += fmt::format("      <property name=\"{}\" value=\"{}\"/>\n", name, escaped(value));
  xml += "    </properties>\n";
  for (const Case& each : suite.cases) xml += case_element(each);
  return xml + "  </testsuite>\n";
}

}  // namespace

std::string to_junit(const Report& report) {
  const std::vector<Suite> suites = suites_of(report);
  std::size_t tests = 0, failures = 0, errors = 0;
  double seconds = 0;
  for (const Suite& suite : suites) {
    tests += suite.cases.size();
    failures += suite.count(Verdict::fail);
    errors += suite.count(Verdict::infra);
    seconds += suite.seconds();
  }
  std::string xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  xml += fmt::format("<testsuites name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"{:.3f}\">\n",
                     escaped(report.image), tests, failures, errors, seconds);
  for (const Suite& suite : suites) xml += suite_element(suite, report);
  return xml + "</testsuites>\n";
}

}  // namespace ainode
