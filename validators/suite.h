// SPDX-License-Identifier: Apache-2.0
// Many runs of one command, side by side: machines, plans of defects, a real machine, the image's files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "validators/validate.h"

namespace ainode {

struct SuiteOptions {
  int jobs = 1;                         ///< runs at once, at most
  std::optional<std::uint64_t> memory;  ///< bytes for all guests at once; default: what the host has available
  std::filesystem::path resume;  ///< where reports, those with defects too, are kept and found again; empty: nowhere
};

/// The targets that `target` stands for: one a shipped topology for `qemu:all`, one with a single processor for `qemu`
/// where instructions are counted, else itself.
std::vector<std::string> targets_of(const std::string& target, bool counted = false);

/// Lets what the image's files alone decide (Where::tree_too) be asked once: of `tree`, else of the first guest. What
/// the other guests leave out stands in their gaps as `elsewhere`.
void ask_files_once(std::vector<ValidateOptions>& runs);

/// One report for each of `runs`, in their order, whatever they are; targets may be equal. Each has a directory below
/// its `evidence` of its own: TARGET, or TARGET.2 for the second of one target. As many run at once as `jobs` and
/// `memory` allow: a guest that finds no room waits. An error of one run that is no error of usage is that run's
/// `failure`, and says nothing of the others. A kept report is taken where image, asked checks, arguments and programs
/// are those of the run, and its verdict was not infra.
/// Throws for usage and for a machine that never fits (memory_needed) before anything is booted, and interrupted; no
/// QEMU is left on any way out.
std::vector<Report> validate_all(RunContext& run, const std::vector<ValidateOptions>& runs, const SuiteOptions& suite);

/// One report of one command: each of `targets` (targets_of) with the other options, merged where there are several.
Report validate_targets(RunContext& run, const ValidateOptions& options, const std::vector<std::string>& targets);

/// How validate_all calls the runs: their evidence's names.
std::vector<std::string> names_of(const std::vector<ValidateOptions>& runs);

}  // namespace ainode
