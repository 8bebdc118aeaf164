// SPDX-License-Identifier: Apache-2.0
#include "builder/packages/cut_layers.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <tuple>
#include <unordered_map>

namespace ainode {

namespace {

// Each part costs its own start of dpkg and its own triggers; each package of a part that changed costs its scripts.
constexpr std::size_t kLongestPart = 48;

using Ids = std::set<Id>;

/// What of the solution one level brings in: `wanted` with all that they need, each dependency met by the package that
/// apt would take for it where that one is there.
class Growth {
 public:
  Growth(const PackagePool& pool, const Ids& installed) : pool_(pool), installed_(installed) {}

  void want(Id id) {
    if (installed_.contains(id) && all_.insert(id).second) queue_.push_back(id);
  }

  void follow(bool recommends) {
    if (recommends) {
      const Ids known = all_;
      for (const Id id : known) follow_recommends(id);
    }
    while (!queue_.empty()) {
      const Id package = queue_.back();
      queue_.pop_back();
      for (const Id clause : pool_.depends(package))
        if (clause != SOLVABLE_PREREQMARKER) follow_dependency(clause);
      if (recommends) follow_recommends(package);
    }
  }

  /// All levels so far.
  const Ids& all() const { return all_; }

 private:
  void follow_dependency(Id clause) {
    if (const Id preferred = pool_.preferred(clause); installed_.contains(preferred)) return want(preferred);
    for (const Id provider : pool_.providers(clause)) want(provider);
  }

  void follow_recommends(Id package) {
    for (const Id clause : pool_.recommends(package)) {
      const auto providers = pool_.providers(clause);
      if (std::any_of(providers.begin(), providers.end(), [&](Id id) { return all_.contains(id); })) continue;
      if (const Id preferred = pool_.preferred(clause); installed_.contains(preferred)) {
        want(preferred);
      } else {
        const auto other =
            std::find_if(providers.begin(), providers.end(), [&](Id id) { return installed_.contains(id); });
        if (other != providers.end()) want(*other);
      }
    }
  }

  const PackagePool& pool_;
  const Ids& installed_;
  Ids all_;
  std::vector<Id> queue_;
};

/// Packages that need each other in a circle; most are alone.
struct Circle {
  std::vector<Id> packages;
  std::size_t height = 0;  ///< of the longest chain of others that need it
};

/// Tarjan's algorithm on an explicit stack: an archive decides how long a chain is.
class Circles {
 public:
  Circles(const PackagePool& pool, const Ids& layer) : pool_(pool), layer_(layer) {
    for (const Id id : layer)
      if (!visits_.contains(id)) visit_from(id);
    // Dependants come last.
    for (std::size_t i = found_.size(); i-- > 0;)
      for (const Id id : found_[i].packages)
        for (const Id needed : needs(id)) {
          Circle& below = found_[visits_[needed].circle];
          if (&below != &found_[i]) below.height = std::max(below.height, found_[i].height + 1);
        }
  }

  std::vector<Circle> found() && { return std::move(found_); }

 private:
  struct Visit {
    std::size_t number, lowest, circle = 0;
    bool is_open = true;
  };
  struct Frame {
    Id id;
    std::vector<Id> needs;
    std::size_t next = 0;
  };

  std::vector<Id> needs(Id package) const {
    std::vector<Id> needed;
    for (const Id clause : pool_.depends(package)) {
      if (clause == SOLVABLE_PREREQMARKER) continue;
      for (const Id provider : pool_.providers(clause))
        if (layer_.contains(provider)) needed.push_back(provider);
    }
    return needed;
  }

  void open(Id id) {
    visits_[id] = {visits_.size(), visits_.size()};
    open_.push_back(id);
    frames_.push_back({id, needs(id)});
  }

  void visit_from(Id root) {
    open(root);
    while (!frames_.empty()) {
      Frame& frame = frames_.back();
      if (frame.next < frame.needs.size()) {
        const Id needed = frame.needs[frame.next++];
        const auto known = visits_.find(needed);
        if (known == visits_.end()) {
          open(needed);
        } else if (known->second.is_open) {
          Visit& own = visits_.at(frame.id);
          own.lowest = std::min(own.lowest, known->second.number);
        }
        continue;
      }
      const Id done = frame.id;
      frames_.pop_back();
      const Visit own = visits_.at(done);
      if (!frames_.empty()) {
        Visit& parent = visits_.at(frames_.back().id);
        parent.lowest = std::min(parent.lowest, own.lowest);
      }
      if (own.lowest == own.number) close(done);
    }
  }

  void close(Id first) {
    Circle circle;
    do {
      circle.packages.push_back(open_.back());
      visits_.at(open_.back()).is_open = false;
      visits_.at(open_.back()).circle = found_.size();
      open_.pop_back();
    } while (circle.packages.back() != first);
    found_.push_back(std::move(circle));
  }

  const PackagePool& pool_;
  const Ids& layer_;
  std::unordered_map<Id, Visit> visits_;
  std::vector<Id> open_;
  std::vector<Frame> frames_;
  std::vector<Circle> found_;
};

/// In configuration order, no circle cut through.
std::vector<std::vector<Id>> parts_of(const PackagePool& pool, const Ids& layer, std::size_t longest) {
  const auto name_of = [&](Id id) { return std::string_view(pool.record(id).name); };
  std::vector<Circle> circles = Circles(pool, layer).found();
  for (Circle& circle : circles)
    std::sort(circle.packages.begin(), circle.packages.end(), [&](Id a, Id b) { return name_of(a) < name_of(b); });
  std::sort(circles.begin(), circles.end(), [&](const Circle& a, const Circle& b) {
    return std::tuple(b.height, name_of(a.packages.front())) < std::tuple(a.height, name_of(b.packages.front()));
  });
  std::vector<std::vector<Id>> parts(1);
  for (const Circle& circle : circles) {
    if (parts.back().size() >= longest) parts.emplace_back();
    parts.back().insert(parts.back().end(), circle.packages.begin(), circle.packages.end());
  }
  return parts;
}

/// Names of levels may repeat: two documents can have one file name.
std::string unused(std::string name, std::set<std::string>& used) {
  while (!used.insert(name).second) name += "'";
  return name;
}

}  // namespace

std::vector<CutLayer> cut_layers(const Goal& goal, const PackagePool& pool, const std::vector<Id>& solution) {
  const Ids installed(solution.begin(), solution.end());
  std::vector<CutLayer> layers;
  std::set<std::string> used;
  Ids below;
  const auto add_layer = [&](const Ids& all, const std::string& wish, std::size_t longest_part) {
    Ids layer;
    std::set_difference(all.begin(), all.end(), below.begin(), below.end(), std::inserter(layer, layer.end()));
    below = all;
    if (layer.empty()) return;
    const std::string name = unused(wish, used);
    std::size_t number = 0;
    for (std::vector<Id>& part : parts_of(pool, layer, longest_part))
      layers.push_back({++number == 1 ? name : fmt::format("{}/{}", name, number), std::move(part)});
  };
  if (!goal.base_system) {
    add_layer(installed, "tools", installed.size());
    return layers;
  }
  used.insert("tools");
  Growth growth(pool, installed);
  for (const Id id : pool.base_system()) growth.want(id);
  growth.follow(false);
  // Every script takes the base system for granted without asking for it: it is never in parts.
  add_layer(growth.all(), "base", installed.size());
  for (const PackageLevel& level : goal.levels) {
    for (const std::string& package : level.packages)
      for (const Id id : pool.versions(package)) growth.want(id);
    growth.follow(level.recommends);
    if (&level != &goal.levels.back()) add_layer(growth.all(), level.name, kLongestPart);
  }
  add_layer(installed, goal.levels.empty() ? "node" : goal.levels.back().name, kLongestPart);
  return layers;
}

}  // namespace ainode
