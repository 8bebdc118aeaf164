// SPDX-License-Identifier: Apache-2.0
// Recordings on disk (validators/checks/recording.h has their form), and as they come out of a guest.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "base/report.h"
#include "validators/checks/expected.h"
#include "validators/checks/recording.h"

namespace ainode {

/// What one directory holds.
struct KeptRecording {
  checks::Recording recording;
  checks::Expected expected;
  Report report;
};

/// Contents by their names in the recording: `probes.json`, `root/proc/cmdline`.
using RecordedFiles = std::map<std::string, std::string>;

/// Throws `code` naming `origin` for what no recording holds: bad JSON, an unknown version, probe or member, a file
/// that is a directory too.
checks::Recording recording_of(RecordedFiles files, const std::string& origin, const ErrorCode& code);

/// Throws out_not_empty unless the directory is empty or not there.
void require_new(const std::filesystem::path& out);
/// The directory appears whole or not at all; only its owner may enter it, since it may hold what only root may read.
void write_recording(const KeptRecording& kept, const std::filesystem::path& out);
/// Throws recording_not_found, recording_malformed.
KeptRecording read_recording(const std::filesystem::path& directory);

}  // namespace ainode
