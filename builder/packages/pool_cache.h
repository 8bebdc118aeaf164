// SPDX-License-Identifier: Apache-2.0
// The solver's pool on disk, beside the indices that it was made of: a warm start reads it in place of them.
//
// A file of three lines of text (name and format, its key, the SHA-256 of what follows), then counted arrays in this
// machine's byte order: the records' fixed part, their text, and the pool's tables. A file that is not exactly this, or
// of another key, is as good as none. The digest guards against damage; nothing of the file is looked at before it
// fits. Whoever can write this directory can also replace ainode's store.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "builder/packages/candidates.h"

namespace ainode {

/// What decides a pool: the indices' digests in order with their repositories, the policies, the architecture, and the
/// formats of this program and of libsolv.
struct PoolIndex {
  std::string sha256;
  std::uint32_t repository = 0;
};
std::string pool_cache_key(const std::string& architecture, const std::vector<RepositoryPolicy>& policies,
                           const std::vector<PoolIndex>& indices);

/// One pool's place below a directory, which holds the few that were made last.
class PoolCache {
 public:
  PoolCache(std::filesystem::path directory, std::string key);
  /// Fills packages, hidden, texts and pool; false when there is no whole file of this key.
  bool recall(Candidates::Data& data) const;
  /// Keeps what make_pool() left. A disk that cannot take the file is no error: the next run reads anew.
  void keep(const Candidates::Data& data) const;

 private:
  std::filesystem::path directory_, file_;
  std::string key_;
};

/// Whether a file of such a directory has its own digest.
bool is_sound_pool(const std::filesystem::path& file);

}  // namespace ainode
