// SPDX-License-Identifier: Apache-2.0
// From records to the pool, in an order of its own.
#include "builder/packages/candidates.h"

#include <algorithm>
#include <tuple>

#include "builder/packages/pool.h"

namespace ainode {

Candidates::Candidates() : data(std::make_unique<Data>()) {}
Candidates::~Candidates() = default;
Candidates::Candidates(Candidates&&) noexcept = default;
Candidates::Data::Data() = default;
Candidates::Data::~Data() = default;

void Candidates::Data::make_pool() {
  if (pool) return;
  const auto key = [&](const PackageRecord& record) {
    return std::tuple(record.name, record.version, record.architecture,
                      std::string_view(policies[record.repository].id));
  };
  const auto in_order = [&](const PackageRecord& a, const PackageRecord& b) { return key(a) < key(b); };
  if (!std::is_sorted(packages.begin(), packages.end(), in_order)) {
    std::stable_sort(packages.begin(), packages.end(), in_order);
  }
  pool = std::make_unique<PackagePool>(packages, policies, architecture);
}

GoalPool::GoalPool(const Goal& goal, const Candidates& candidates) {
  candidates.data->make_pool();
  pool_ = candidates.data->pool.get();
  if (goal.pins.empty()) return;
  own_ = pool_->with_pins(goal.pins);
  pool_ = own_.get();
}

GoalPool::~GoalPool() = default;

}  // namespace ainode
