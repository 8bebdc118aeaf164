// SPDX-License-Identifier: Apache-2.0
// Copies by digest; nothing in the directory is younger than its lock.
#include "builder/vendor_packages.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/files.h"
#include "builder/image_directory.h"
#include "builder/lock_packages.h"
#include "builder/obtain_packages.h"
#include "builder/store/store.h"

namespace ainode {

namespace {

constexpr const char* kMark = "ainode-vendor";  // holds the format's version

void require_vendor_directory(const fs::path& out) {
  if (!fs::exists(out) || (fs::is_directory(out) && fs::is_empty(out)) || fs::is_regular_file(out / kMark)) return;
  throw Error(codes::out_not_empty, fmt::format("{} holds something that `vendor` did not write", out.string()))
      .help("name a new or an empty directory");
}

void copy_packages(RunContext& run, const std::vector<LockedPackage>& packages,
                   const std::map<std::string, fs::path>& debs, const fs::path& out) {
  std::uint64_t done = 0, total = 0;
  for (const LockedPackage& package : packages) total += package.size;
  for (const LockedPackage& package : packages) {
    throw_if_interrupted();
    const fs::path path = out / package.path;
    make_directories(path.parent_path());
    std::error_code error;
    fs::copy_file(debs.at(package.sha256), path, error);
    if (error) throw system_error("write " + path.string(), error.value());
    run.events.progress("copy", done += package.size, total, "B");
  }
}

}  // namespace

Lock vendor_packages(RunContext& run, const Recipe& recipe, const BuildOptions& options) {
  require_vendor_directory(options.out);
  Store store(options.store.empty() ? cache_directory() : options.store);
  Lock lock = run_step(run, "resolve", [&] { return lock_packages(run, store, recipe, options); });
  const std::vector<LockedPackage> packages = all_packages(lock);
  const auto debs =
      run_step(run, "fetch", [&] { return fetch_debs(run, store, packages, lock.repositories, options); });
  NewImageDirectory directory(options.out);
  run_step(run, "copy", [&] { copy_packages(run, packages, debs, directory.path()); });
  write_file(directory.path() / lock_file_name(recipe), write_lock(lock));
  write_file(directory.path() / kMark, "1\n");
  directory.commit();
  return lock;
}

}  // namespace ainode
