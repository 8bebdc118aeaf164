// SPDX-License-Identifier: Apache-2.0
// The whole harness as one call: meet an image on a machine, run its checks, return the report.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "base/manifest.h"
#include "base/report.h"
#include "base/steps.h"
#include "validators/verdict/merge_reports.h"
#include "validators/verdict/report_text.h"

namespace ainode {

struct ValidateOptions {
  std::filesystem::path image;               ///< what `build --out` wrote; what record_image wrote for `recorded`
  std::string target = "qemu";               ///< qemu[:TOPOLOGY], local[:TOPOLOGY], tree: not booted, or recorded
  std::vector<std::string> profiles;         ///< empty: the manifest's
  std::string level;                         ///< quick, standard, full; empty: standard, or the recording's
  std::vector<std::string> checks;           ///< ids; not empty: these alone, whatever profile and level
  std::string qemu = "qemu-system-x86_64";   ///< or a stand-in, for tests
  std::filesystem::path evidence;            ///< where console and agent logs are kept; default: IMAGE/evidence
  std::chrono::seconds wall_deadline{900};   ///< of the whole boot; waiting for a processor of a busy host not counted
  std::chrono::seconds silence{240};         ///< no byte on any channel for this long, counted likewise: hung
  std::chrono::seconds cpu_deadline{1800};   ///< of QEMU's processor time, for the whole boot
  std::vector<std::string> extra_arguments;  ///< appended to the kernel command line
  std::vector<std::string> elsewhere;        ///< ids that are not asked here: another machine of the run answers them
  std::vector<std::string> controls;         ///< names of the defects to plant (validators/controls)
  bool counted = false;                      ///< the guest's time is the number of its instructions (QEMU's icount)
  bool all_controls = false;                 ///< after a run without defects, runs with all that there are
  bool apart = false;                        ///< each of these in a run of its own
  int share = 1, shares = 1;                 ///< of all of these, only every `shares`th, from the `share`th (1) on
  std::filesystem::path resume;              ///< SuiteOptions::resume of the runs that come of this one; empty: nowhere
};

/// A guest that hangs, panics, resets itself once its agent spoke, never speaks or ends early is a fail of the report,
/// told apart in `failure`; a QEMU that dies is infra, after two more starts where the cause may pass. Those starts,
/// and resets while the guest booted, stand in `boot.retries`. A run waits for another that keeps its logs in the same
/// place. Of a tree, the checks that read files alone are run here, on its commit; for `local` all checks run in this
/// process, on the machine that it runs on; for `recorded` on what was recorded. With `all_controls` each defect is a
/// check more, `control.NAME`, which passes where exactly the checks that it is planted for fail, and `control.score`
/// tells which checks that pass no defect made fail. Throws only for usage (no image, unknown target), for a machine
/// that this host cannot give, for one that QEMU refuses and for a commit that is damaged.
Report validate_image(RunContext& run, const ValidateOptions& options);

/// Validates on qemu or local, and writes what the checks saw, and a bounded part of /proc and /sys, to a new directory
/// that `validate --target recorded` judges again. Throws out_not_empty before anything is booted, and the failure of a
/// guest that gave no last word; failed checks are recorded as any others.
Report record_image(RunContext& run, const ValidateOptions& options, const std::filesystem::path& out);

struct BootOptions {
  std::filesystem::path image;
  std::string target = "qemu";       ///< as for ValidateOptions
  std::vector<std::string> command;  ///< empty: a console
  std::string qemu = ValidateOptions{}.qemu;
};

/// A console of the image in QEMU on this terminal, over a throw-away overlay; returns QEMU's exit status.
/// With `command`, runs it in the guest, prints its output and returns its status.
int boot_console(RunContext& run, const BootOptions& options);

}  // namespace ainode
