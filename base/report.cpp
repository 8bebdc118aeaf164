// SPDX-License-Identifier: Apache-2.0
// Reports as JSON, both directions and the schema side by side. A report is read as foreign text: typed, bounded, or
// refused.
#include "base/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <span>
#include <utility>

#include "base/files.h"
#include "base/report_boot.h"

namespace ainode {
namespace {

constexpr std::string_view kSchema = "ainode.validate/1";
constexpr std::array<std::pair<Verdict, std::string_view>, 5> kVerdicts{{
    {Verdict::pass, "pass"},
    {Verdict::fail, "fail"},
    {Verdict::skip, "skip"},
    {Verdict::unmeasurable, "unmeasurable"},
    {Verdict::infra, "infra"},
}};

constexpr std::array<std::pair<GapKind, std::string_view>, 12> kGapKinds{{
    {GapKind::machine, "machine"},
    {GapKind::kernel, "kernel"},
    {GapKind::nothing, "nothing"},
    {GapKind::emulation, "emulation"},
    {GapKind::unmeasurable, "unmeasurable"},
    {GapKind::run, "run"},
    {GapKind::target, "target"},
    {GapKind::level, "level"},
    {GapKind::profile, "profile"},
    {GapKind::selection, "selection"},
    {GapKind::statement, "statement"},
    {GapKind::elsewhere, "elsewhere"},
}};
constexpr std::size_t kLargestReport = std::size_t{64} << 20;

template <class Table>
Json words_of(const Table& table) {
  Json words = Json::array();
  for (const auto& row : table) words.push_back(row.second);
  return words;
}

// One row a key: what the schema says of it. to_json writes the same keys; a test holds real reports to the schema.
struct Key {
  const char* name;
  Json (*shape)();
  const char* says;
  bool is_required = true;
};

Json text() {
  return {{"type", "string"}};
}
Json texts() {
  return {{"type", "array"}, {"items", text()}};
}
Json count() {
  return {{"type", "integer"}, {"minimum", 0}};
}
Json seconds() {
  return {{"type", "number"}, {"minimum", 0}};
}
Json anything() {
  return Json::object();
}
Json verdict_word() {
  return {{"enum", words_of(kVerdicts)}};
}
Json verdict_words() {
  return {{"type", "object"}, {"additionalProperties", verdict_word()}};
}
Json check_id() {
  return {{"type", "string"}, {"pattern", "^[a-z0-9-]+\\.[a-z0-9.-]+$"}, {"maxLength", 100}};
}
Json check_ids() {
  return {{"type", "array"}, {"items", check_id()}};
}

Json object_of(std::span<const Key> keys) {
  Json properties = Json::object(), required = Json::array();
  for (const Key& key : keys) {
    Json shape = key.shape();
    shape["description"] = key.says;
    properties[key.name] = std::move(shape);
    if (key.is_required) required.push_back(key.name);
  }
  return {{"type", "object"}, {"properties", properties}, {"required", required}, {"additionalProperties", false}};
}

constexpr Key kRetryKeys[] = {
    {"code", text, "of what ended the start"},
    {"text", text, "what ended it, and why that may pass"},
};

// Of every run that knows them: what a boot was like differs by target.
constexpr Key kRunKeys[] = {
    {"seconds", seconds, "from the start of the guest to its end", false},
    {"cpu_seconds", seconds, "of processor time that QEMU took", false},
    {"boots", count, "how often the guest started; more than one where it rebooted", false},
    {"machine",
     [] {
       return Json{{"type", "object"}};
     },
     "the host: what figures depend on", false},
    {"evidence", text, "the directory of console, agent and QEMU logs", false},
    {"repeat", text, "the command that does the same again; empty where none does", false},
    {"repeat_one", text, "the same without what was asked for, to be followed by `--check ID`", false},
    {"failure_code", text, "of `failure`: `ainode explain CODE` says more; empty when the run ended well", false},
    {"last_lines", text, "what was said last before the run failed, or the error's place, reasons and cure", false},
    {"retries",
     [] {
       return Json{{"type", "array"}, {"items", object_of(kRetryKeys)}};
     },
     "starts that the environment ended, and resets of a guest while it booted", false},
};

constexpr Key kBootKeys[] = {
    {"spoke",
     [] {
       return Json{{"type", "boolean"}};
     },
     "whether the agent said a word", false},
    {"first_word_seconds", seconds, "from the start of the guest to the agent's first word", false},
    {"first_word_cpu_seconds", seconds, "the same as QEMU's processor time", false},
    {"console_bytes", count, "that the guest wrote to its console", false},
    {"agent_bytes", count, "that the agent sent", false},
    {"accelerator", text, "tcg, or tcg,icount where instructions are counted", false},
    {"harness_arguments", texts, "kernel arguments that the harness added", false},
    {"unplanted", texts, "defects that were to be planted and were not", false},
    {"recorded_on", text, "of a recording: the target that it was taken on", false},
    {"memory_bytes", count, "of a session that was asked for so much", false},
    {"processors", count, "of a session that was asked for so many", false},
};

constexpr Key kMergedRunKeys[] = {
    {"target", text, "which of the report's targets", false},
    {"kernel_release", text, "as the report of this run said it", false},
    {"level", text, "quick, standard or full", false},
    {"verdict", verdict_word, "of this run", false},
    {"failure", text, "of the run as a whole; empty when its checks ran", false},
    {"failure_verdict", verdict_word, "of `failure`", false},
};

/// Keys of both; a later version may have more.
Json open_object(std::span<const Key> keys, std::span<const Key> more) {
  Json properties = object_of(keys)["properties"];
  properties.update(object_of(more)["properties"]);
  return {{"type", "object"}, {"properties", properties}};
}

/// Of one run, or of a merged report the runs.
Json boot_object() {
  Json shape = open_object(kRunKeys, kBootKeys);
  shape["properties"]["runs"] = {{"type", "array"},
                                 {"items", open_object(kRunKeys, kMergedRunKeys)},
                                 {"description", "of a merged report: each target's run"}};
  return shape;
}

constexpr std::size_t kMostFigures = 1000, kMostSamples = 100'000;  // of a check, of a figure

Json figure_name() {
  return {{"type", "string"}, {"pattern", "^[a-z0-9-]+\\.[A-Za-z0-9.-]+$"}, {"maxLength", 100}};
}
Json samples() {
  return {{"type", "array"},
          {"items", {{"type", "number"}, {"exclusiveMinimum", 0}}},
          {"minItems", 1},
          {"maxItems", kMostSamples}};
}

constexpr Key kFigureKeys[] = {
    {"name", figure_name, "family.what-unit; what a policy's limits name"},
    {"unit", text, "of the samples"},
    {"better",
     [] {
       return Json{{"enum", {"higher", "lower"}}};
     },
     "which way is an improvement"},
    {"counted",
     [] {
       return Json{{"type", "boolean"}};
     },
     "events were counted, which the host's noise does not touch; else time was taken"},
    {"samples", samples, "one a boot"},
    {"target", text, "of a merged report: where these were taken; else empty"},
};

constexpr Key kCheckKeys[] = {
    {"id", check_id, "family.promise"},
    {"sentence", text, "what it promises"},
    {"verdict", verdict_word, "pass and fail are judgements; skip, unmeasurable and infra say why there is none"},
    {"measured", anything, "what was found"},
    {"expected", anything, "what was due"},
    {"evidence", text, "where it was read: a path, a command, lines of a log"},
    {"reason", text, "of anything but pass"},
    {"place", text, "the recipe's line that declared it: FILE:LINE:COLUMN"},
    {"seconds", seconds, "time that the check took in the node"},
    {"lacks", text, "of a skip: the need that was not met"},
    {"verdicts", verdict_words, "of a merged report: each target's verdict; else empty"},
    {"figures",
     [] {
       return Json{{"type", "array"}, {"items", object_of(kFigureKeys)}, {"maxItems", kMostFigures}};
     },
     "what was measured that `ainode gate` and `ainode compare` judge"},
    {"repeat", text, "of fail and infra: the command that runs this check again, where one is known", false},
};

constexpr Key kGapKeys[] = {
    {"kind",
     [] {
       return Json{{"enum", words_of(kGapKinds)}};
     },
     "why these checks judged nothing"},
    {"lacking", text, "what it takes"},
    {"checks", check_ids, "which"},
    {"targets", texts, "values of --target that give all of them what they lack"},
};

constexpr Key kCoverageKeys[] = {
    {"checks", count, "checks of the catalogue; each is covered or stands in one gap"},
    {"covered", count, "of these, what passed or failed"},
    {"gaps",
     [] {
       return Json{{"type", "array"}, {"items", object_of(kGapKeys)}};
     },
     "the others, by reason"},
    {"families", texts, "of which no check was covered"},
    {"unproven", texts, "statements of the recipe that no covered check read"},
};

constexpr Key kReportKeys[] = {
    {"schema",
     [] {
       return Json{{"const", kSchema}};
     },
     "the form of this report"},
    {"image", text, "the image's name"},
    {"commit", text, "the OSTree commit that was judged"},
    {"target", text,
     "qemu, qemu:TOPOLOGY, local, local:TOPOLOGY, tree, recorded; of a merged report: each, with a comma"},
    {"topology", text, "the name of the machine's topology; empty where none was known"},
    {"kernel_release", text, "as `uname -r` says it"},
    {"builder_version", text, "of the program that built the image"},
    {"level", text, "quick, standard or full"},
    {"profiles", texts, "the families that were asked for; boot: all"},
    {"verdict", verdict_word, "fail, infra or pass: the worst of the checks and of the run"},
    {"failure", text, "of the run as a whole; empty when the checks ran"},
    {"failure_verdict", verdict_word, "of `failure`"},
    {"coverage", [] { return object_of(kCoverageKeys); }, "what this report says nothing of"},
    {"boot", boot_object, "what the run was like: which keys it has differs by target"},
    {"checks",
     [] {
       return Json{{"type", "array"}, {"items", object_of(kCheckKeys)}};
     },
     "in running order"},
};

bool is_check_id(std::string_view id) {
  const std::size_t dot = id.find('.');
  return dot != std::string_view::npos && dot > 0 && dot + 1 < id.size() && id.size() <= 100 &&
         id.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-.") == std::string_view::npos;
}

std::vector<double> read_samples(const JsonObject& json) {
  const Json& array = json.value("samples");
  if (!array.is_array() || array.empty()) json.refuse("samples", "is not an array that holds samples");
  if (array.size() > kMostSamples) json.refuse("samples", "are too many");
  std::vector<double> samples;
  for (const Json& each : array) {
    if (!each.is_number() || !std::isfinite(each.get<double>()) || each.get<double>() <= 0)
      json.refuse(fmt::format("samples[{}]", samples.size()), "is not a number above 0");
    samples.push_back(each.get<double>());
  }
  return samples;
}

/// None in the reports of versions that had no figures. Two of one name and place could not be told apart.
std::vector<Figure> read_figures(const JsonObject& check) {
  std::vector<Figure> figures;
  if (!check.has("figures")) return figures;
  std::set<std::pair<std::string, std::string>> seen;
  for (const JsonObject& json : check.objects("figures")) {
    figures.push_back(Figure::from_json(json));
    if (!seen.insert({figures.back().name, figures.back().target}).second) json.refuse("name", "stands twice");
    if (figures.size() > kMostFigures) check.refuse("figures", "are too many");
  }
  return figures;
}

Json check_json(const Report& report, const CheckResult& check) {
  Json verdicts = Json::object();
  for (const TargetVerdict& each : check.verdicts) verdicts[each.target] = to_string(each.verdict);
  Json figures = Json::array();
  for (const Figure& figure : check.figures) figures.push_back(figure.to_json());
  Json json = {{"id", check.id},
               {"sentence", check.sentence},
               {"verdict", to_string(check.verdict)},
               {"measured", check.measured},
               {"expected", check.expected},
               {"evidence", check.evidence},
               {"reason", check.reason},
               {"place", check.place},
               {"seconds", check.seconds},
               {"lacks", check.lacks},
               {"verdicts", std::move(verdicts)},
               {"figures", std::move(figures)}};
  const std::string repeat = is_bad(check) ? repeat_command(report, check) : "";
  if (!repeat.empty()) json["repeat"] = repeat;
  return json;
}

CheckResult read_check(const JsonObject& json) {
  CheckResult check;
  check.id = json.text("id");
  if (!is_check_id(check.id)) json.refuse("id", "is not the id of a check");
  check.sentence = json.text("sentence");
  check.verdict = verdict_from_string(json.text("verdict"));
  check.measured = json.value("measured");
  check.expected = json.value("expected");
  check.evidence = json.text("evidence");
  check.reason = json.text("reason");
  check.place = json.text("place");
  check.seconds = json.number("seconds");
  if (!std::isfinite(check.seconds) || check.seconds < 0) json.refuse("seconds", "is not a duration");
  check.lacks = json.text("lacks");
  const JsonObject verdicts = json.object("verdicts");
  for (const auto& [target, verdict] : json.value("verdicts").items())
    check.verdicts.push_back({target, verdict_from_string(verdicts.text(target.c_str()))});
  check.figures = read_figures(json);
  return check;
}

Json coverage_json(const Coverage& coverage) {
  Json gaps = Json::array();
  for (const Gap& gap : coverage.gaps)
    gaps.push_back(
        {{"kind", to_string(gap.kind)}, {"lacking", gap.lacking}, {"checks", gap.checks}, {"targets", gap.targets}});
  return {{"checks", coverage.checks},
          {"covered", coverage.covered},
          {"gaps", std::move(gaps)},
          {"families", coverage.families},
          {"unproven", coverage.unproven}};
}

Coverage read_coverage(const JsonObject& json) {
  Coverage coverage;
  coverage.checks = json.size("checks");
  coverage.covered = json.size("covered");
  std::size_t sum = coverage.covered;
  for (const JsonObject& gap : json.objects("gaps")) {
    const std::string kind = gap.text("kind");
    const auto* found = std::find_if(kGapKinds.begin(), kGapKinds.end(), [&](auto& row) { return row.second == kind; });
    if (found == kGapKinds.end()) gap.refuse("kind", "is not a kind of gap");
    coverage.gaps.push_back({found->first, gap.text("lacking"), gap.texts("checks"), gap.texts("targets")});
    sum += coverage.gaps.back().checks.size();
  }
  if (sum != coverage.checks) json.refuse("checks", "is not the sum of what is covered and what is not");
  coverage.families = json.texts("families");
  coverage.unproven = json.texts("unproven");
  return coverage;
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  for (const auto& [value, text] : kVerdicts)
    if (value == verdict) return text;
  return "infra";
}

std::string_view to_string(GapKind kind) {
  for (const auto& [value, text] : kGapKinds)
    if (value == kind) return text;
  return "run";
}

Json Figure::to_json() const {
  return {{"name", name},          {"unit", unit},       {"better", is_more_better ? "higher" : "lower"},
          {"counted", is_counted}, {"samples", samples}, {"target", target}};
}

Figure Figure::from_json(const JsonObject& json) {
  Figure figure;
  figure.name = json.text("name");
  if (!is_figure_name(figure.name)) json.refuse("name", "is not the name of a figure");
  figure.unit = json.text("unit");
  const std::string better = json.text("better");
  if (better != "higher" && better != "lower") json.refuse("better", "is neither `higher` nor `lower`");
  figure.is_more_better = better == "higher";
  figure.is_counted = json.boolean("counted");
  figure.samples = read_samples(json);
  if (json.has("target")) figure.target = json.text("target");  // a baseline has one target, and names it once
  return figure;
}

Verdict verdict_from_string(std::string_view text) {
  for (const auto& [value, name] : kVerdicts)
    if (name == text) return value;
  throw Error(codes::report_malformed, fmt::format("`{}` is not a verdict", printable(text.substr(0, 80))));
}

Verdict Report::verdict() const {
  const auto has = [this](Verdict wanted) {
    return failure_verdict == wanted || std::any_of(checks.begin(), checks.end(), [wanted](const CheckResult& check) {
             return check.verdict == wanted;
           });
  };
  if (has(Verdict::fail)) return Verdict::fail;
  return has(Verdict::infra) ? Verdict::infra : Verdict::pass;
}

Json Report::to_json() const {
  Json results = Json::array();
  for (const CheckResult& check : checks) results.push_back(check_json(*this, check));
  return {{"schema", kSchema},
          {"image", image},
          {"commit", commit},
          {"target", target},
          {"topology", topology},
          {"kernel_release", kernel_release},
          {"builder_version", builder_version},
          {"level", level},
          {"profiles", profiles},
          {"verdict", to_string(verdict())},
          {"failure", failure},
          {"failure_verdict", to_string(failure_verdict)},
          {"coverage", coverage_json(coverage)},
          {"boot", boot.is_object() ? boot : Json::object()},
          {"checks", std::move(results)}};
}

Report Report::from_json(const Json& json, const std::string& origin) {
  const JsonObject top(json, origin, codes::report_malformed);
  if (const std::string schema = top.text("schema"); schema != kSchema)
    top.refuse("schema", fmt::format("is `{}`, and this ainode reads `{}`", printable(schema.substr(0, 80)), kSchema));
  Report report;
  report.image = top.text("image");
  report.commit = top.text("commit");
  report.target = top.text("target");
  report.topology = top.text("topology");
  report.kernel_release = top.text("kernel_release");
  report.builder_version = top.text("builder_version");
  report.level = top.text("level");
  report.profiles = top.texts("profiles");
  report.failure = top.text("failure");
  report.failure_verdict = verdict_from_string(top.text("failure_verdict"));
  report.coverage = read_coverage(top.object("coverage"));
  top.object("boot");  // refused unless it is one
  report.boot = top.value("boot");
  std::set<std::string> seen;
  for (const JsonObject& check : top.objects("checks")) {
    report.checks.push_back(read_check(check));
    if (!seen.insert(report.checks.back().id).second) check.refuse("id", "stands twice");
  }
  if (verdict_from_string(top.text("verdict")) != report.verdict()) top.refuse("verdict", "disagrees with the checks");
  return report;
}

Report read_report(const fs::path& file) {
  constexpr const char* kCure = "a report is what `ainode validate IMAGE -o FILE` or `ainode report merge` wrote";
  if (!fs::is_regular_file(file))
    throw Error(codes::report_not_found, fmt::format("there is no report {}", file.string())).help(kCure);
  try {
    const std::string origin = file.string();
    return Report::from_json(parse_json(read_file(file, kLargestReport), origin, codes::report_malformed), origin);
  } catch (Error& error) {
    if (error.hint().empty()) error.help(fmt::format("{}; one of another version is read by that version", kCure));
    throw;
  }
}

Json report_schema() {
  Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                 {"$id", kSchema},
                 {"title", "A report of ainode validate"}};
  schema.update(object_of(kReportKeys));
  return schema;
}

}  // namespace ainode
