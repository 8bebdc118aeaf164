// SPDX-License-Identifier: Apache-2.0
#include "validators/work_place.h"

#include <fcntl.h>
#include <sys/file.h>

#include <system_error>
#include <utility>

#include "base/error.h"

namespace ainode {

namespace {

constexpr const char* kWorkPrefix = ".guest-";
constexpr const char* kLock = "lock";

}  // namespace

void remove_abandoned(const fs::path& parent) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(parent, ignored)) {
    if (!entry.path().filename().string().starts_with(kWorkPrefix)) continue;
    // Never made here: one that is missing is about to be made, or somebody else clears the place away.
    const Descriptor lock(open((entry.path() / kLock).c_str(), O_RDWR | O_CLOEXEC));
    if (lock.is_open() && flock(lock.get(), LOCK_EX | LOCK_NB) == 0) fs::remove_all(entry.path(), ignored);
  }
}

/// Between making the lock and taking it, another run may take it and clear the place away.
WorkPlace take_work_place(const fs::path& parent) {
  try {
    while (true) {
      TemporaryDirectory work(parent, kWorkPrefix);
      FileLock lock(work.path() / kLock, FileLock::Mode::exclusive);
      if (fs::exists(work.path() / kLock)) return {std::move(work), std::move(lock)};
    }
  } catch (Error& error) {
    if (error.hint().empty()) error.help(kEvidenceHint);
    throw;
  }
}

}  // namespace ainode
