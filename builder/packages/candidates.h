// SPDX-License-Identifier: Apache-2.0
// What Candidates holds inside: the verified index texts, the records that point into them, and the solver's pool.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "builder/packages/index.h"
#include "builder/packages/repositories.h"

namespace ainode {

class PackagePool;

struct Candidates::Data {
  std::string architecture;
  std::deque<std::string> texts;  ///< a deque: records point into the strings, which must stay where they are
  std::vector<PackageRecord> packages;
  std::unique_ptr<PackagePool> pool;  ///< made by the first resolve()

  Data();
  ~Data();
};

}  // namespace ainode
