// SPDX-License-Identifier: Apache-2.0
// What a node showed, as data: contents of files, and the answers of everything else. A recording on disk is
//
//   DIR/root/…          each file that was read, by its path on the node; no links, nothing but plain files
//   DIR/probes.json     {"ainode-recording": 1, "run": {…}, "list": {…}, …}: recorded_node.h shows each probe
//   DIR/expected.json   what the harness knew of image and machine, without the run's nonce
//   DIR/report.json     how the checks came out when it was made
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "validators/checks/answers.h"

namespace ainode::checks {

inline constexpr int kRecordingVersion = 1;
inline constexpr std::size_t kRecordedFile = std::size_t{4} << 20;     ///< bytes of a file that a check reads
inline constexpr std::size_t kCapturedFile = std::size_t{64} << 10;    ///< bytes of a file that no check reads yet
inline constexpr std::size_t kRecordedTotal = std::size_t{32} << 20;   ///< bytes of all files
inline constexpr std::size_t kRecordedCount = 20'000;                  ///< files
inline constexpr std::size_t kRecordedProbes = std::size_t{16} << 20;  ///< bytes of probes.json
inline constexpr std::string_view kProbesName = "probes.json", kRootName = "root";

struct Recording {
  std::map<std::string, std::string> files;  ///< "/proc/cmdline" → content
  Answers answers;

  /// Keeps it unless it, or all, would be too large. What is there already stays unless `replaces`.
  void add(const std::string& path, std::string content, std::size_t limit, bool replaces);
  std::size_t bytes = 0;  ///< of all contents
};

/// The text of probes.json.
std::string write_probes(const Answers& answers);
/// Reads it, its version first.
ReadAnswers read_probes(const Json& json);

/// Whether a name may stand in a recording: `probes.json`, or `root/` and a path that leads nowhere else.
bool is_recorded_name(std::string_view name);

/// Both kinds of content by their names in the recording, in the order of names.
void each_recorded(const Recording& recording,
                   const std::function<void(const std::string& name, const std::string& content)>& take);

}  // namespace ainode::checks
