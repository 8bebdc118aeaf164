// SPDX-License-Identifier: Apache-2.0
// The kinds of target behind validate_image, and what they share. Internal to this folder.
#pragma once

#include <string>
#include <vector>

#include "base/manifest.h"
#include "validators/checks/expected.h"
#include "validators/collected_results.h"
#include "validators/image_guest.h"
#include "validators/recording_files.h"
#include "validators/validate.h"

namespace ainode {

/// Throws target_unknown for a profile that does not exist.
void require_profiles(const std::vector<std::string>& profiles);

/// What validate_image refuses before anything is made: unknown profiles, levels, checks, targets and topologies,
/// kernel arguments for what boots nothing, and a directory without an image.
void require_usage(const ValidateOptions& options);

/// The command that does the same again, for a shell. `of_one_check`: without what `--check` would contradict.
std::string command_of(const ValidateOptions& options, bool of_one_check = false);

/// Whether the target is none of the others: qemu, or unknown.
bool is_guest(const std::string& target);

/// Whether the target is `local` or `local:TOPOLOGY`.
bool is_local(const std::string& target);

/// Narrows what is asked to the profiles, level or checks that the options name.
void choose_checks(checks::Expected& asked, const ValidateOptions& options);

/// What the user asks of the image: its document but for the machine.
checks::Expected asked_of(const Manifest& manifest, const ValidateOptions& options);

/// A report without results.
Report report_on(const Manifest& manifest, const ValidateOptions& options, const checks::Expected& asked);

/// The report on a guest that was booted; `retries` are the caller's to add.
Report report_on_guest(const ImageGuest& guest, const ValidateOptions& options, const checks::Expected& asked,
                       const GuestOutcome& outcome, const CollectedResults& results);

/// Names of the programs that these checks run in a guest.
std::vector<std::string> companions_of(const std::vector<checks::Check>& chosen);
/// Notes in `retries` each boot of a guest that reset itself before its agent spoke.
void add_resets(Json& retries, const GuestOutcome& outcome, const std::string& name);
GuestDeadlines deadlines_of(const ValidateOptions& options);
/// Absolute.
fs::path evidence_of(const ValidateOptions& options);

/// Throws target_unknown, with a suggestion, for the name of no defect, and usage_error for a target that takes none.
void require_controls(const ValidateOptions& options);
/// Throws target_unknown where one that is named cannot be planted in the image, or on the machine.
void require_place(const ValidateOptions& options);
/// The run without defects, then those with them.
Report validate_controls(RunContext& run, ValidateOptions options);

/// Where `kept` is given, what the checks saw is recorded in it, and a guest that gives no last word is thrown.
Report validate_guest(RunContext& run, const ValidateOptions& options, KeptRecording* kept = nullptr);
/// This machine, the image's commit, a recording: checks that run in this process.
Report validate_local(RunContext& run, const ValidateOptions& options, KeptRecording* kept = nullptr);
Report validate_tree(RunContext& run, const ValidateOptions& options);
Report validate_recorded(RunContext& run, const ValidateOptions& options);

}  // namespace ainode
