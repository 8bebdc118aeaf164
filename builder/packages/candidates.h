// SPDX-License-Identifier: Apache-2.0
// What Candidates holds inside: the verified index texts, the records that point into them, and the solver's pool.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "builder/packages/index.h"
#include "builder/packages/policy.h"
#include "builder/packages/repositories.h"

namespace ainode {

class PackagePool;

struct Candidates::Data {
  std::string architecture;
  std::deque<std::string> texts;  ///< a deque: records point into the strings, which must stay where they are
  std::vector<PackageRecord> packages;
  std::vector<PackageRecord> hidden;       ///< kept out by their repositories' `allow`
  std::vector<RepositoryPolicy> policies;  ///< one a repository
  std::unique_ptr<PackagePool> pool;       ///< made by make_pool()

  Data();
  ~Data();
  /// Puts the packages into an order that does not depend on how they were read, and makes the pool over them, once.
  void make_pool();
};

/// A pool for one goal: the candidates' own, or with the goal's pins one that is made for it.
class GoalPool {
 public:
  GoalPool(const Goal& goal, const Candidates& candidates);
  ~GoalPool();
  const PackagePool& get() const { return *pool_; }

 private:
  std::unique_ptr<PackagePool> own_;
  const PackagePool* pool_;
};

}  // namespace ainode
