// SPDX-License-Identifier: Apache-2.0
// .deb files by digest: what lies there whole is kept, the rest comes over several connections at once, and what
// a broken run left of it is resumed.
#include <fmt/format.h>

#include "base/files.h"
#include "base/http.h"
#include "base/partial_file.h"
#include "builder/packages/repositories.h"

namespace ainode {

namespace {

constexpr auto kLongestResumption = std::chrono::hours(14 * 24);  // by then an archive has moved on

const LockedRepository& repository_of(const LockedPackage& package, const std::vector<LockedRepository>& repositories) {
  for (const LockedRepository& repository : repositories) {
    if (repository.id == package.repository) return repository;
  }
  throw Error(codes::lock_malformed, fmt::format("package {} comes from repository `{}`, which is not declared",
                                                 package.str(), package.repository));
}

bool is_whole(const fs::path& path, const LockedPackage& package) {
  std::error_code error;
  return fs::file_size(path, error) == package.size && !error && sha256_hex_of_file(path) == package.sha256;
}

}  // namespace

std::map<std::string, fs::path> fetch_packages(RunContext& run, const std::vector<LockedPackage>& packages,
                                               const std::vector<LockedRepository>& repositories,
                                               const Mirrors& mirrors, const fs::path& directory) {
  std::map<std::string, fs::path> paths;
  std::vector<Download> downloads;
  make_directories(directory);
  PartialFile::remove_older(directory, kLongestResumption);
  for (const LockedPackage& package : packages) {
    throw_if_interrupted();
    const fs::path path = directory / (package.sha256 + ".deb");
    if (!paths.emplace(package.sha256, path).second) continue;
    if (is_whole(path, package)) {
      mark_used(path);
      continue;
    }
    const std::string& base = mirrors.uri(repository_of(package, repositories).distribution);
    Download& download = downloads.emplace_back();
    download.url = base + "/" + package.path;
    download.subject = package.str();
    download.destination = path;
    download.size = package.size;
    download.sha256 = package.sha256;
    download.cure_when_missing =
        "the archive may have replaced it since the lock was written: `ainode lock --update` takes what it has now";
    download.resumes = true;
  }
  download_all(run, downloads, mirrors.fetch);
  return paths;
}

}  // namespace ainode
