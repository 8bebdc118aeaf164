// SPDX-License-Identifier: Apache-2.0
// A validation report: verdicts with measured and expected values and their evidence, bound to a commit.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace ainode {

enum class Verdict { pass, fail, skip, unmeasurable, infra };
std::string_view to_string(Verdict verdict);
Verdict verdict_from_string(std::string_view text);  ///< throws report_malformed

struct TargetVerdict {
  std::string target;
  Verdict verdict = Verdict::infra;
};

/// What a check measured beside its verdict, and a pipeline may hold to a limit (validators/verdict/gate.h).
struct Figure {
  std::string name;             ///< family.what-unit: "mem.triad-GBps"
  std::string unit;             ///< "GB/s"
  bool is_more_better = true;   ///< a rate; else a time or a count of work
  bool is_counted = false;      ///< instructions and the like, in which the host's noise is not; else timed
  std::vector<double> samples;  ///< finite and above 0, one a boot: a report of one boot has one, a merged one each
  std::string target = {};      ///< of a merged report: where these samples were taken; else empty

  /// Whether samples of both may stand together.
  bool is_alike(const Figure& other) const {
    return name == other.name && unit == other.unit && is_more_better == other.is_more_better &&
           is_counted == other.is_counted;
  }
  Json to_json() const;
  static Figure from_json(const JsonObject& json);  ///< throws the object's code
};
/// In this header, since the agent is made without base's sources.
inline bool is_figure_name(std::string_view name) {
  constexpr std::string_view kFamily = "abcdefghijklmnopqrstuvwxyz0123456789-";
  constexpr std::string_view kRest = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.";
  const std::size_t dot = name.find('.');
  return dot != std::string_view::npos && dot > 0 && dot + 1 < name.size() && name.size() <= 100 &&
         name.substr(0, dot).find_first_not_of(kFamily) == std::string_view::npos &&
         name.substr(dot + 1).find_first_not_of(kRest) == std::string_view::npos;
}

struct CheckResult {
  std::string id;        ///< family.promise
  std::string sentence;  ///< what it promises
  Verdict verdict = Verdict::infra;
  Json measured, expected;
  std::string evidence;  ///< where it was read: a path, a command, log lines
  std::string reason;    ///< of anything but pass
  std::string place;     ///< recipe line that declared it, if any
  double seconds = 0;    ///< guest CPU-independent wall time in the node
  std::string lacks;     ///< of a skip: the need that was not met, "hmat", "config:NUMA"; empty when it is no need's
  std::vector<TargetVerdict> verdicts;  ///< of a merged report: what each of its targets came to
  std::vector<Figure> figures;          ///< only what the node's own speed or work gave, never what emulation distorts

  Json to_json() const;
};

/// Why a check judged nothing.
enum class GapKind {
  machine,       ///< the machine lacks something
  kernel,        ///< the image's kernel lacks an option
  nothing,       ///< the node had nothing to judge
  emulation,     ///< cannot be measured under emulation
  unmeasurable,  ///< cannot be measured here
  run,           ///< the run ended before it, or the check itself did
  target,        ///< this kind of target does not run it
  level,         ///< not asked for: of a higher level
  profile,       ///< not asked for: of another family
  selection,     ///< not asked for: single checks were
  statement,     ///< it judges a statement that the image does not make
  elsewhere,     ///< another machine of the same run was asked
};
std::string_view to_string(GapKind kind);

struct Gap {
  GapKind kind = GapKind::run;
  std::string lacking;               ///< what it takes: "an HMAT", "CONFIG_NUMA"; may be empty
  std::vector<std::string> checks;   ///< their ids
  std::vector<std::string> targets;  ///< each a value of --target that gives all of them what they lack
};

/// What a report says nothing of. Each check of the catalogue is covered or in one gap.
struct Coverage {
  std::size_t checks = 0;   ///< of the catalogue
  std::size_t covered = 0;  ///< of these, what passed or failed
  std::vector<Gap> gaps;
  std::vector<std::string> families;  ///< of which no check was covered
  std::vector<std::string> unproven;  ///< "SUBJECT (FILE:LINE:COLUMN)": statements that no covered check read
};

struct Report {
  std::string image, commit, target, topology, kernel_release, builder_version;
  std::string level;  ///< quick, standard, full
  std::vector<std::string> profiles;
  std::vector<CheckResult> checks;
  Coverage coverage;
  Json boot;            ///< first word, kernel log size, QEMU's CPU seconds, harness arguments
  std::string failure;  ///< of the run as a whole ("guest panicked: …"); empty when the checks ran

  /// fail if a check failed or the run failed in the guest; infra if only the environment failed; pass otherwise.
  Verdict verdict() const;
  Verdict failure_verdict = Verdict::pass;                               ///< of `failure`
  Json to_json() const;                                                  ///< schema ainode.validate/1
  static Report from_json(const Json& json, const std::string& origin);  ///< throws report_malformed
};

/// Throws report_malformed, or file_failed where there is no such file.
Report read_report(const std::filesystem::path& file);
/// The JSON Schema (draft 2020-12) of what to_json gives.
Json report_schema();

}  // namespace ainode
