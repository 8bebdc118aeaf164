// SPDX-License-Identifier: Apache-2.0
// Downloads over libcurl: several at once, hashed while they stream, each file whole or absent.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/server_access.h"
#include "base/steps.h"

namespace ainode {

struct Download {
  std::string url;
  std::string subject;  ///< how errors name it: "systemd 257.13-1 (amd64)"; never shows the host
  std::filesystem::path destination;
  std::uint64_t size = 0;               ///< exact; 0 means unknown, then `size_limit` holds
  std::string sha256;                   ///< hex; empty means not checked here
  std::string cure_when_missing;        ///< the hint where the server has no such file; empty: to try another mirror
  std::string authority = "its index";  ///< who declares size and digest, for errors
  std::uint64_t size_limit = std::uint64_t{64} << 20;
  /// What came of it is kept beside the destination as SHA256.partial and resumed, by later runs too. Needs size and
  /// sha256. Two processes that want one file: the second waits and takes what the first has fetched.
  bool resumes = false;
};

/// How patient a call is, and how servers are reached. The defaults are the program's; tests are less patient.
struct FetchOptions {
  int connections = 6;  ///< to one host at once
  int tries = 3;        ///< each time 1 MiB more has come than ever before, the count starts anew
  std::chrono::milliseconds connect{30'000};
  std::chrono::milliseconds stall{30'000};  ///< a transfer that brings too little in such a time is cut
  std::uint64_t slowest = 1000;             ///< bytes a second that are enough
  std::chrono::milliseconds back_off{250};  ///< before the second try; four times as long before each further one
  std::chrono::milliseconds longest_wait{60'000};  ///< of what a server's Retry-After may ask for
  ServerAccess access;
};

/// Fetches all. What may pass (a server's 5xx, a broken connection, a stall, truncation) is tried again; all else is an
/// error at once. http, https and file URLs; at most 5 redirects, to http and https only, and never from https to http.
/// Throws network_failed, redirect_refused, checksum_mismatch, size_mismatch or disk_full, naming the subject; a final
/// name never holds wrong bytes.
void download_all(RunContext& run, const std::vector<Download>& downloads, const FetchOptions& options = {});

/// One small text, in memory. Nothing when the server answers 404.
std::optional<std::string> fetch_text(RunContext& run, const std::string& url, const std::string& subject,
                                      std::uint64_t size_limit, const FetchOptions& options = {});

}  // namespace ainode
