// SPDX-License-Identifier: Apache-2.0
// What `validate` and `report` share: where reports go, and their JSON.
#pragma once

#include <string>

#include "base/files.h"
#include "base/report.h"

namespace ainode::cli {

/// Throws usage_error where no file can be written; an empty path is fine. Found out before a boot of minutes.
void require_writable(const fs::path& file);

/// As `--json` and `-o` write it.
std::string json_text(const Report& report);

}  // namespace ainode::cli
