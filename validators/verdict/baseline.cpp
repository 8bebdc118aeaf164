// SPDX-License-Identifier: Apache-2.0
#include "validators/verdict/baseline.h"

#include <fmt/format.h>

#include <chrono>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "validators/verdict/report_lines.h"

namespace ainode {

namespace {

constexpr std::string_view kSchema = "ainode.baseline/1";
constexpr std::size_t kLargest = std::size_t{16} << 20;

std::chrono::year_month_day day_of(const std::string& text) {
  const auto number = [&](std::size_t at, std::size_t count) { return std::stoi(text.substr(at, count)); };
  return {std::chrono::year(number(0, 4)), std::chrono::month(static_cast<unsigned>(number(5, 2))),
          std::chrono::day(static_cast<unsigned>(number(8, 2)))};
}

std::string date_of(std::chrono::sys_days days) {
  const std::chrono::year_month_day day(days);
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(day.year()), static_cast<unsigned>(day.month()),
                     static_cast<unsigned>(day.day()));
}

MachineFacts read_machine(const JsonObject& json) {
  return {json.text("target"), json.boolean("emulated"), json.text("processor"), json.size("processors")};
}

std::string read_date(const JsonObject& json, const char* key) {
  std::string date = json.text(key);
  if (!is_date(date)) json.refuse(key, "is not a date like 2027-02-28");
  return date;
}

}  // namespace

bool is_date(const std::string& text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (i != 4 && i != 7 && (text[i] < '0' || text[i] > '9')) return false;
  return day_of(text).ok();
}

std::string date_after(const std::string& date, int days) {
  return date_of(std::chrono::sys_days(day_of(date)) + std::chrono::days(days));
}

std::string date_today() {
  return date_of(std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now()));
}

Json Baseline::to_json() const {
  Json figures = Json::array();
  for (const Figure& figure : set.figures) {
    Json one = figure.to_json();
    one.erase("target");  // all of one machine
    figures.push_back(std::move(one));
  }
  return {{"schema", kSchema},
          {"image", set.image},
          {"commit", set.commit},
          {"kernel_release", set.kernel_release},
          {"machine",
           {{"target", set.machine.target},
            {"emulated", set.machine.is_emulated},
            {"processor", set.machine.processor},
            {"processors", set.machine.processors}}},
          {"made", made},
          {"expires", expires},
          {"reports", reports},
          {"figures", std::move(figures)}};
}

Baseline Baseline::from_json(const Json& json, const std::string& origin) {
  const JsonObject top(json, origin, codes::baseline_malformed);
  if (const std::string schema = top.text("schema"); schema != kSchema)
    top.refuse("schema", fmt::format("is `{}`, and this ainode reads `{}`", printable(schema.substr(0, 80)), kSchema));
  Baseline baseline;
  FigureSet& set = baseline.set;
  set.image = top.text("image");
  set.commit = top.text("commit");
  set.kernel_release = top.text("kernel_release");
  set.machine = read_machine(top.object("machine"));
  baseline.made = read_date(top, "made");
  baseline.expires = read_date(top, "expires");
  baseline.reports = top.texts("reports");
  std::set<std::string> seen;
  for (const JsonObject& each : top.objects("figures")) {
    Figure figure = Figure::from_json(each);
    if (!seen.insert(figure.name).second) each.refuse("name", "stands twice");
    set.boots = std::max(set.boots, figure.samples.size());
    set.figures.push_back(std::move(figure));
  }
  if (set.figures.empty()) top.refuse("figures", "holds none: nothing can be held to it");
  return baseline;
}

Baseline make_baseline(const Report& report, std::vector<std::string> names, const std::string& made, int valid_days) {
  Baseline baseline{figures_of(report), made, date_after(made, valid_days), std::move(names)};
  if (!baseline.set.figures.empty()) return baseline;
  throw Error(codes::figures_of_several, fmt::format("no report of {} holds a figure", printable(report.image)))
      .help(
          "ask for checks that measure, where they can: `ainode validate IMAGE --level full --profile llm`; "
          "what an emulated machine cannot give is in no report");
}

std::string to_table(const Baseline& baseline) {
  const FigureSet& set = baseline.set;
  std::string text = fmt::format("{} on {}, commit {}, holds until {}\n", printable(set.image),
                                 printable(set.machine.str()), printable(set.commit), baseline.expires);
  for (const Figure& figure : set.figures)
    text += fmt::format("  {}: {}\n", figure.name, printable(figure_line(figure)));
  return text;
}

bool is_baseline(const Json& json) {
  return json.is_object() && json.contains("schema") && json["schema"] == kSchema;
}

Baseline read_baseline(const fs::path& file) {
  constexpr const char* kCure = "a baseline is what `ainode baseline REPORT... -o FILE` wrote";
  if (!fs::is_regular_file(file))
    throw Error(codes::baseline_not_found, fmt::format("there is no baseline {}", file.string())).help(kCure);
  try {
    const std::string origin = file.string();
    return Baseline::from_json(parse_json(read_file(file, kLargest), origin, codes::baseline_malformed), origin);
  } catch (Error& error) {
    if (error.hint().empty()) error.help(fmt::format("{}; make it again of the reports", kCure));
    throw;
  }
}

}  // namespace ainode
