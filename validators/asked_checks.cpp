// SPDX-License-Identifier: Apache-2.0
// Each check of the catalogue is covered, or in the gap of the first reason that kept it from being. Which machines
// would fill a gap follows from the checks' needs and the shipped topologies' facts.
#include "validators/asked_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "base/error.h"
#include "base/suggestion.h"
#include "validators/checks/catalog.h"
#include "validators/checks/declared.h"
#include "validators/machines/topology.h"
#include "validators/tree/tree_checks.h"

namespace ainode {

namespace {

using checks::Check;

struct Entry {
  Check check;
  bool is_seen;  ///< by this kind of target
};

std::vector<Entry> catalogue(Seen seen) {
  std::vector<Entry> all;
  for (Check& check : checks::all_checks()) {
    const bool is_seen = seen == Seen::running || check.where != checks::Where::node;
    all.push_back({std::move(check), is_seen});
  }
  for (Check& check : tree::tree_only_checks()) all.push_back({std::move(check), seen == Seen::files});
  return all;
}

std::string other_target(Seen seen) {
  return seen == Seen::running ? "tree" : "qemu";
}

struct Reason {
  GapKind kind;
  std::string lacking = {};
  std::vector<std::string> targets = {};
};

/// Machines that give a check all that it needs of one.
std::vector<std::string> machines_for(const Check& check) {
  std::vector<std::string> targets;
  for (const TopologyText& shipped : shipped_topologies()) {
    const checks::ExpectedTopology facts = find_topology(shipped.name).facts;
    const bool fits = std::all_of(check.needs.begin(), check.needs.end(), [&](std::string_view need) {
      const checks::MachineNeed* machine = checks::machine_need(need);
      return !machine || machine->is_met(facts);
    });
    if (fits) targets.push_back("qemu:" + shipped.name);
  }
  return targets;
}

Reason reason_of_skip(const Check& check, const CheckResult& result) {
  if (const checks::MachineNeed* machine = checks::machine_need(result.lacks))
    return {GapKind::machine, std::string(machine->thing), machines_for(check)};
  if (const std::string_view option = checks::kernel_option(result.lacks); !option.empty())
    return {GapKind::kernel, fmt::format("CONFIG_{}", option)};
  if (!checks::declared_subject(result.lacks).empty()) return {GapKind::statement};
  return {GapKind::nothing};
}

/// Nothing where a check was covered.
std::optional<Reason> reason_of(const Entry& entry, const CheckResult* result, const checks::Expected& asked,
                                Seen seen) {
  if (!entry.is_seen) return Reason{GapKind::target, "", {other_target(seen)}};
  if (const auto kind = checks::left_out(entry.check, asked)) {
    if (*kind == GapKind::profile) return Reason{*kind, std::string(entry.check.family)};
    if (*kind == GapKind::level) return Reason{*kind, std::string(to_string(entry.check.level))};
    return Reason{*kind};
  }
  if (!result || result->verdict == Verdict::infra) return Reason{GapKind::run};
  if (result->verdict == Verdict::skip) return reason_of_skip(entry.check, *result);
  if (result->verdict == Verdict::unmeasurable)
    return Reason{asked.emulated && seen == Seen::running ? GapKind::emulation : GapKind::unmeasurable};
  return std::nullopt;
}

void add(Gap& gap, std::string_view id, const std::vector<std::string>& targets) {
  if (gap.checks.empty()) gap.targets = targets;
  std::erase_if(gap.targets, [&](const std::string& target) {
    return std::find(targets.begin(), targets.end(), target) == targets.end();
  });
  gap.checks.emplace_back(id);
}

bool reads(const Check& check, const std::string& subject) {
  return check.id == subject || check.declared_as == subject ||
         std::any_of(check.needs.begin(), check.needs.end(),
                     [&](std::string_view need) { return checks::declared_subject(need) == subject; });
}

std::vector<std::string> unproven(const checks::Expected& asked, const std::vector<Check>& covered) {
  std::vector<std::string> statements;
  for (const Declaration& declaration : asked.declared) {
    const bool is_read = std::any_of(covered.begin(), covered.end(),
                                     [&](const Check& check) { return reads(check, declaration.subject); });
    if (!is_read) statements.push_back(declaration.subject + checks::placed(declaration));
  }
  return statements;
}

}  // namespace

void require_checks(const std::vector<std::string>& ids, Seen seen) {
  const std::vector<Entry> all = catalogue(seen);
  std::vector<std::string_view> names;
  for (const Entry& entry : all)
    if (entry.is_seen) names.push_back(entry.check.id);
  for (const std::string& id : ids) {
    if (std::find(names.begin(), names.end(), id) != names.end()) continue;
    const bool is_elsewhere =
        std::any_of(all.begin(), all.end(), [&](const Entry& entry) { return entry.check.id == id; });
    if (is_elsewhere)
      throw Error(codes::target_unknown, fmt::format("`{}` is not run on this target", id))
          .help(fmt::format("--target {} runs it", other_target(seen)));
    const std::string suggestion = nearest(id, names);
    throw Error(codes::target_unknown, fmt::format("there is no check `{}`", id))
        .help(suggestion.empty() ? fmt::format("there are: {}", fmt::join(names, ", "))
                                 : fmt::format("did you mean `{}`?", suggestion));
  }
}

Coverage coverage_of(const checks::Expected& asked, Seen seen, const std::vector<CheckResult>& results) {
  Coverage coverage;
  std::map<std::pair<GapKind, std::string>, Gap> gaps;
  std::vector<Check> covered;
  for (const Entry& entry : catalogue(seen)) {
    const auto result = std::find_if(results.begin(), results.end(),
                                     [&](const CheckResult& each) { return each.id == entry.check.id; });
    const auto reason = reason_of(entry, result == results.end() ? nullptr : &*result, asked, seen);
    ++coverage.checks;
    if (reason)
      add(gaps[{reason->kind, reason->lacking}], entry.check.id, reason->targets);
    else
      covered.push_back(entry.check);
  }
  for (auto& [reason, gap] : gaps) {
    std::tie(gap.kind, gap.lacking) = reason;
    coverage.gaps.push_back(std::move(gap));
  }
  coverage.covered = covered.size();
  for (const std::string_view family : checks::profile_names())
    if (family != "boot" &&
        std::none_of(covered.begin(), covered.end(), [&](const Check& check) { return check.family == family; }))
      coverage.families.emplace_back(family);
  coverage.unproven = unproven(asked, covered);
  return coverage;
}

}  // namespace ainode
