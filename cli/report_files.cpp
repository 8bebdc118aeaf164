// SPDX-License-Identifier: Apache-2.0
#include "cli/report_files.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/error.h"

namespace ainode::cli {

void require_writable(const fs::path& file) {
  if (file.empty()) return;
  const fs::path folder = file.has_parent_path() ? file.parent_path() : ".";
  if (fs::is_directory(file) || !fs::is_directory(folder) || access(folder.c_str(), W_OK) != 0)
    throw Error(codes::usage_error, fmt::format("a report cannot be written to {}", file.string()))
        .help("name a file in a directory that exists and that you may write to");
}

std::string json_text(const Report& report) {
  return report.to_json().dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace ainode::cli
