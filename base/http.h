// SPDX-License-Identifier: Apache-2.0
// Downloads over libcurl: several at once, hashed while they stream, each file whole or absent.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/steps.h"

namespace ainode {

struct Download {
  std::string url;
  std::string subject;  ///< how errors name it: "systemd 257.13-1 (amd64)"; never shows the host
  std::filesystem::path destination;
  std::uint64_t size = 0;  ///< exact; 0 means unknown, then `size_limit` holds
  std::string sha256;      ///< hex; empty means not checked here
  std::uint64_t size_limit = std::uint64_t{64} << 20;
};

/// Fetches all, at most `connections` at once; a stall of 30 s (less than 1 kB/s) ends a transfer; three tries each.
/// http, https and file URLs; redirects stay on http and https, at most 5. Proxies from the environment.
/// Throws network_failed, checksum_mismatch, size_mismatch or disk_full, naming the subject; nothing half-written
/// stays.
void download_all(RunContext& run, const std::vector<Download>& downloads, int connections = 6);

/// One small text, in memory. Nothing when the server answers 404.
std::optional<std::string> fetch_text(RunContext& run, const std::string& url, const std::string& subject,
                                      std::uint64_t size_limit);

}  // namespace ainode
