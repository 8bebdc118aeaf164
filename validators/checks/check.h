// SPDX-License-Identifier: Apache-2.0
// A check is a row: what it promises, what it needs, when it runs, and a function of a node and what is expected of it.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/report.h"
#include "validators/checks/expected.h"
#include "validators/checks/node.h"

namespace ainode::checks {

/// What a check's function found.
struct Finding {
  Verdict verdict = Verdict::infra;
  Json measured, expected;
  std::string evidence;              ///< where it was read: paths, a command, log lines
  std::string reason;                ///< of anything but pass
  std::string lacks = {};            ///< the need that was not met
  std::vector<Figure> figures = {};  ///< each with the one sample of this boot
  std::string place = {};            ///< of the first statement that does not hold; empty: that of the first of all
};

Finding passed(Json measured, Json expected, std::string evidence);
Finding failed(Json measured, Json expected, std::string evidence, std::string reason);
/// Fails for a reason against it, unless that is a lack of rights (kOnlyRoot); else is unmeasurable for a gap, for what
/// cannot be told; else passes.
Finding judged(Json measured, Json expected, std::string evidence, std::string reason_against, std::string gap = "");
Finding skipped(std::string reason);
Finding unmeasurable(std::string reason, std::string evidence);

enum class When {
  early,      ///< as soon as there is a process
  meanwhile,  ///< needs as little, but takes long: while systemd still starts units
  booted,     ///< when systemd finished starting units
  last,       ///< after all others, since it judges what they caused too
};

enum class Where {
  node,          ///< only where the system runs
  tree_too,      ///< on files of the image alone, so also where it was never booted
  tree_in_part,  ///< files of the image tell a part of it, each running system the whole
};

struct Check {
  std::string_view id;        ///< family.promise
  std::string_view sentence;  ///< what it promises
  /// Facts that must hold, else the check is a skip that says so: `topology` (it is known), `devices`, `dma-device`,
  /// `peer-memory`, `memory-nodes`, `several-memory-nodes`, `hmat`, `tiers`, `device-nodes` (of it), `iommu` (of it,
  /// and the image's kernel has its driver), `config:OPTION` (y or m in the image's kernel), `declared:SUBJECT`.
  std::vector<std::string_view> needs;
  When when = When::early;
  std::function<Finding(const Node&, const Expected&)> function = {};
  std::string_view declared_as = {};  ///< the subject whose place is reported; empty: the id
  Where where = Where::node;
  Level level = Level::quick;       ///< the least at which it runs
  std::string_view companion = {};  ///< the program that Node::run_companion is asked for; carried into the node
  std::string_view family = {};     ///< set by the catalogue
};

/// What a machine may give a check.
struct MachineNeed {
  std::string_view name;   ///< of Check::needs
  std::string_view thing;  ///< "an IOMMU"
  std::string_view lack;   ///< "the machine has no IOMMU"
  bool (*is_met)(const ExpectedTopology& topology);
};
/// Null where a need is none of the machine's.
const MachineNeed* machine_need(std::string_view need);
/// SUBJECT of `declared:SUBJECT`, OPTION of `config:OPTION`; empty where a need is another.
std::string_view declared_subject(std::string_view need);
std::string_view kernel_option(std::string_view need);

/// The skip of a need that does not hold, or nothing.
std::optional<Finding> unmet(std::string_view need, const Node& node, const Expected& expected);

/// The whole result: needs, function, time taken, the place that declared it. An exception of the check's own is infra.
CheckResult run_check(const Check& check, const Node& node, const Expected& expected);

/// What the caller of run_checks does meanwhile.
struct CheckRun {
  std::function<void(const Check&)> on_begin;  ///< may be empty
  std::function<void(CheckResult)> on_result;  ///< may throw: that ends the run
  std::function<void()> while_booting;         ///< each second of waiting; empty: the node is as it is, nobody waits
};

/// Runs the checks in their order. Before the first one that needs a booted system it waits until systemd has started
/// its units, two minutes at most.
void run_checks(const std::vector<Check>& chosen, const Node& node, const Expected& expected, const CheckRun& run);

}  // namespace ainode::checks
