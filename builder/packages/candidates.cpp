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

namespace {

/// The indices by their repositories' priority and name, then as they were read: the repositories' order in the recipe
/// has no part in it, nor has what else they hold.
std::vector<std::size_t> ranks_of_indices(const Candidates::Data& data) {
  using Index = std::tuple<int, std::string_view, std::size_t>;  // minus the priority, repository, number
  std::vector<Index> indices;
  for (const PackageRecord& record : data.packages) {
    while (indices.size() <= record.index) indices.emplace_back(0, "", indices.size());
    const RepositoryPolicy& policy = data.policies[record.repository];
    indices[record.index] = {-policy.priority, policy.id, record.index};
  }
  std::sort(indices.begin(), indices.end());
  std::vector<std::size_t> ranks(indices.size());
  for (std::size_t i = 0; i < indices.size(); ++i) ranks[std::get<2>(indices[i])] = i;
  return ranks;
}

}  // namespace

void Candidates::Data::make_pool() {
  if (pool) return;
  // Within an index by source, then name: the order of Debian's own indices, on which apt's tie-breaks depend.
  const auto ranks = ranks_of_indices(*this);
  const auto key = [&](const PackageRecord& r) {
    return std::tuple(ranks[r.index], r.source, r.name, r.version, r.architecture);
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
