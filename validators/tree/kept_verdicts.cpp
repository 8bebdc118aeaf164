// SPDX-License-Identifier: Apache-2.0
// An object's name is its content's hash, but only reading it tells that it still is: the times of its inode stand in
// for that, as in every build tool. What a disk loses by itself `ainode verify` finds.
#include "validators/tree/kept_verdicts.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <ctime>
#include <vector>

#include "base/crypto.h"
#include "base/error.h"
#include "base/files.h"
#include "base/kept_results.h"
#include "base/own_file.h"

namespace ainode::tree {

namespace {
constexpr std::int64_t kTooFresh = 2;  // seconds
}

std::optional<std::string> state_of_objects(const fs::path& repository) {
  std::vector<std::string> lines;
  std::int64_t newest = 0;
  std::error_code failed;
  for (fs::recursive_directory_iterator it(repository / "objects", failed), end; !failed && it != end;
       it.increment(failed)) {
    struct stat status = {};
    if (lstat(it->path().c_str(), &status) != 0) return std::nullopt;
    newest = std::max<std::int64_t>(newest, status.st_ctim.tv_sec);
    if (S_ISDIR(status.st_mode)) continue;
    lines.push_back(fmt::format("{} {} {} {}.{} {}.{}\n", it->path().string(), status.st_size, status.st_ino,
                                status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec,
                                status.st_ctim.tv_nsec));
  }
  if (failed || std::time(nullptr) - newest < kTooFresh) return std::nullopt;
  std::sort(lines.begin(), lines.end());
  return sha256_hex(fmt::format("{}", fmt::join(lines, "")));
}

KeptVerdicts::KeptVerdicts(const fs::path& repository, const checks::Expected& expected)
    : repository_(fs::absolute(repository)),
      directory_(cache_directory() / "results"),
      state_(state_of_objects(repository_)) {
  if (!state_) return;
  key_.emplace("tree", 1);
  key_->add(sha256_hex_of_file(own_file().path)).add(expected.commit).add(checks::write_expected(expected));
  key_->add(*state_);
}

std::optional<std::vector<CheckResult>> KeptVerdicts::recall() const {
  if (!key_) return std::nullopt;
  try {
    const auto text = recall_result(directory_, *key_);
    if (!text) return std::nullopt;
    return Report::from_json(parse_json(*text, directory_.string(), codes::report_malformed), directory_.string())
        .checks;
  } catch (const Error&) {
    return std::nullopt;  // a cache that cannot be read is none
  }
}

void KeptVerdicts::remember(const Report& report) const {
  const auto did_not_run = [](const CheckResult& check) { return check.verdict == Verdict::infra; };
  if (!key_ || std::any_of(report.checks.begin(), report.checks.end(), did_not_run)) return;
  if (state_of_objects(repository_) != state_) return;
  try {
    make_directories(directory_);
    remember_result(directory_, *key_, report.to_json().dump(-1, ' ', false, Json::error_handler_t::replace));
  } catch (const Error&) {
    return;  // nothing is lost but time
  }
}

}  // namespace ainode::tree
