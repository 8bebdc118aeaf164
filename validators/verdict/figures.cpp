// SPDX-License-Identifier: Apache-2.0
#include "validators/verdict/figures.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "validators/verdict/report_lines.h"

namespace ainode {

namespace {

/// A report is foreign text: what has another type is unknown.
MachineFacts facts_in(const Json& boot) {
  MachineFacts facts;
  if (!boot.is_object() || !boot.contains("machine") || !boot["machine"].is_object()) return facts;
  const Json& machine = boot["machine"];
  facts.processor = text_at(machine, "processor");
  if (machine.contains("emulated") && machine["emulated"].is_boolean())
    facts.is_emulated = machine["emulated"].get<bool>();
  if (machine.contains("processors") && machine["processors"].is_number_unsigned())
    facts.processors = machine["processors"].get<std::size_t>();
  return facts;
}

[[noreturn]] void refuse(const Report& report, const std::string& what, const std::string& one,
                         const std::string& other) {
  throw Error(codes::figures_of_several, fmt::format("figures of {} were measured {}: {} and {}",
                                                     printable(report.image), what, printable(one), printable(other)))
      .help("give the reports of one machine; merge those of different machines only for `ainode report`");
}

MachineFacts machine_of(const Report& report) {
  const bool is_merged = report.boot.is_object() && report.boot.contains("runs") && report.boot["runs"].is_array() &&
                         !report.boot["runs"].empty();
  if (!is_merged) return facts_in(report.boot);
  MachineFacts common = facts_in(report.boot["runs"][0]);
  for (const Json& run : report.boot["runs"]) {
    const MachineFacts facts = facts_in(run);
    if (!common.is_alike(facts)) refuse(report, "on different machines", common.str(), facts.str());
    if (!common.is_as_fast(facts)) common.processor.clear(), common.processors = 0;  // several hosts
  }
  return common;
}

void add(FigureSet& set, const Report& report, Figure figure) {
  const std::string target = figure.target.empty() ? target_label(report) : figure.target;
  if (set.machine.target.empty()) set.machine.target = target;
  if (target != set.machine.target) refuse(report, "on different targets", set.machine.target, target);
  if (set.find(figure.name)) refuse(report, "by several checks", figure.name, figure.name);
  figure.target.clear();
  set.boots = std::max(set.boots, figure.samples.size());
  set.figures.push_back(std::move(figure));
}

}  // namespace

std::string MachineFacts::str() const {
  std::string text = target.empty() ? "a machine" : target;
  if (is_emulated) return text + " (emulated)";
  if (processor.empty() && processors == 0) return text + " (processor not known)";
  return fmt::format("{} ({}, {} processors)", text, processor.empty() ? "processor not known" : processor, processors);
}

bool MachineFacts::is_alike(const MachineFacts& other) const {
  if (target != other.target || is_emulated != other.is_emulated) return false;
  return is_emulated || (processor == other.processor && processors == other.processors);
}

bool MachineFacts::is_as_fast(const MachineFacts& other) const {
  return is_alike(other) && processor == other.processor && processors == other.processors &&
         !(is_emulated && processor.empty());
}

const Figure* FigureSet::find(const std::string& name) const {
  const auto found =
      std::find_if(figures.begin(), figures.end(), [&](const Figure& each) { return each.name == name; });
  return found == figures.end() ? nullptr : &*found;
}

FigureSet figures_of(const Report& report) {
  FigureSet set;
  set.image = report.image;
  set.commit = report.commit;
  set.kernel_release = report.kernel_release;
  set.machine = machine_of(report);
  for (const CheckResult& check : report.checks)
    for (const Figure& figure : check.figures) add(set, report, figure);
  std::sort(set.figures.begin(), set.figures.end(), [](const Figure& a, const Figure& b) { return a.name < b.name; });
  return set;
}

}  // namespace ainode
