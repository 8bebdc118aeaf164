// SPDX-License-Identifier: Apache-2.0
// What the table, Markdown and JUnit say alike of a report. Foreign text is as it came: each writer makes it harmless.
#pragma once

#include <string>
#include <vector>

#include "base/report_boot.h"

namespace ainode {

/// Text as it is, nothing for null, other values as JSON on one line.
std::string compact(const Json& value);
/// At most `limit` bytes, never half a character; "..." ends what was cut.
std::string cut(const std::string& text, std::size_t limit);
/// Line by line: newlines stay, everything else that could move a cursor is escaped.
std::string printable_lines(const std::string& text);

/// "the agent's first word after 8.5 s (12.7 CPU-s); …"; empty where nothing was booted.
std::string boot_line(const Report& report);
/// "tried again 2 times: V0006 QEMU of guest …"; of a merged report with each target's name. Empty where nothing was.
std::string retries_line(const Report& report);
/// "40 pass, 1 fail, 2 skip".
std::string count_line(const Report& report);
/// What a report calls its one target: "qemu:two-nodes", "local".
std::string target_label(const Report& report);
/// "7.614", "123456789": four digits at least.
std::string figure_number(double value);
/// "7.61 GB/s"; of several boots "7.61 GB/s (7.43 to 7.8, 4 boots)", and where they were, if the report is merged.
std::string figure_line(const Figure& figure);
/// Checks of the catalogue that were covered, and the others by reason; empty where the report knows of no catalogue.
std::string coverage_line(const Report& report);
/// The first few statements that nothing proved, and how many more; empty where all are proven.
std::string unproven_line(const Report& report);
/// Why these checks judged nothing: "2 need an HMAT or memory tiers (qemu:memory-only-node)". All of one kind.
std::string gap_line(const Report& report, const std::vector<Gap>& gaps);
/// The gaps of a report, those of one kind together, in the order of GapKind.
std::vector<std::vector<Gap>> gaps_by_kind(const Report& report);

/// A run that failed as a whole, and what there is to look at.
struct FailedRun {
  std::string target;  ///< of a merged report; else empty
  Verdict verdict = Verdict::infra;
  std::string reason, last_lines, evidence, repeat;
};
/// Of a report that is not merged one at most.
std::vector<FailedRun> failed_runs(const Report& report);

}  // namespace ainode
