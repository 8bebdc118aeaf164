// SPDX-License-Identifier: Apache-2.0
// Whatever they come from, files are taken by their digest.
#include "builder/obtain_packages.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/crypto.h"
#include "base/error.h"
#include "base/files.h"
#include "builder/store/packages.h"

namespace ainode {

namespace {

fs::path vendored(const LockedPackage& package, const fs::path& vendor) {
  fs::path path = vendor / package.path;
  std::error_code missing;
  const std::uint64_t size = fs::file_size(path, missing);
  if (missing)
    throw Error(codes::vendor_incomplete, fmt::format("{} lacks {}", vendor.string(), package.str()))
        .help("write it anew with `ainode vendor`, or build without --vendor");
  if (size != package.size || sha256_hex_of_file(path) != package.sha256)
    throw Error(codes::checksum_mismatch, fmt::format("{} is not {} as it is locked", path.string(), package.str()))
        .help("write it anew with `ainode vendor`, or build without --vendor");
  return path;
}

}  // namespace

std::vector<LockedPackage> all_packages(const Lock& lock) {
  std::vector<LockedPackage> all;
  std::set<std::string> contents;
  for (const auto* packages : {&lock.packages, &lock.tools, &lock.module_build})
    for (const LockedPackage& package : *packages)
      if (contents.insert(package.sha256).second) all.push_back(package);
  return all;
}

std::map<std::string, fs::path> fetch_debs(RunContext& run, const Store& store,
                                           const std::vector<LockedPackage>& packages,
                                           const std::vector<LockedRepository>& repositories,
                                           const BuildOptions& options) {
  std::map<std::string, fs::path> debs;
  if (!options.vendor.empty()) {
    for (const LockedPackage& package : packages) {
      throw_if_interrupted();
      debs.emplace(package.sha256, vendored(package, options.vendor));
    }
    return debs;
  }
  std::set<std::string> distributions;
  for (const LockedRepository& repository : repositories) distributions.insert(repository.distribution);
  const Mirrors mirrors = find_mirrors(distributions, options.mirrors);
  return fetch_packages(run, packages, repositories, mirrors, store.directory() / "debs");
}

void obtain_packages(RunContext& run, Store& store, const std::vector<LockedPackage>& packages,
                     const std::vector<LockedRepository>& repositories, const BuildOptions& options) {
  const std::vector<LockedPackage> missing = packages_to_import(store, packages);
  if (missing.empty()) return;
  std::uint64_t bytes = 0;
  for (const LockedPackage& package : missing) bytes += package.size;
  store.require_space(bytes);
  const auto debs = run_step(run, "fetch", [&] { return fetch_debs(run, store, missing, repositories, options); });
  run_step(run, "import", [&] {
    // One build at a time: each uses all processors anyway, and what it brought in the next need not.
    const FileLock maker = store.lock_maker(run, StepKey("import", 1), "packages");
    const std::vector<LockedPackage> lacking = packages_to_import(store, missing);
    if (!lacking.empty()) import_packages(run, store, lacking, debs);
  });
}

}  // namespace ainode
