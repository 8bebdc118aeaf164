// SPDX-License-Identifier: Apache-2.0
// The solution as a graph: an edge leads from a package to each installed package that meets one of its clauses.
#include "builder/packages/why.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/error.h"
#include "builder/packages/solver.h"

namespace ainode {

namespace {

constexpr std::size_t kMostMentions = 5;

struct Edge {
  Id to, clause;
  const char* field;
};

struct Root {
  Id package;
  Text text;
  bool is_base_system;
};

class SolutionGraph {
 public:
  SolutionGraph(const Goal& goal, const Candidates& candidates) : goal_(goal), pool_(goal, candidates) {
    check_names(goal, pool(), *candidates.data);
    Request request(goal, pool());
    if (!request.solve()) throw explain_problem(request.solver(), pool(), goal, request.jobs(), *candidates.data);
    for (const Id id : request.chosen()) installed_.insert(id);
    find_roots();
  }

  const PackagePool& pool() const { return pool_.get(); }
  const std::set<Id>& installed() const { return installed_; }
  const std::vector<Root>& roots() const { return roots_; }
  Id find(const std::string& name) const;
  std::vector<Edge> edges(Id package) const;
  /// All that the roots lead to, each with the edge by which it was reached first (a root: none).
  std::map<Id, std::pair<Id, Edge>> reach(const std::vector<const Root*>& from) const;

 private:
  void find_roots();
  void add_edges(const std::vector<Id>& clauses, const char* field, std::vector<Edge>& edges) const;

  const Goal& goal_;
  GoalPool pool_;
  std::set<Id> installed_;
  std::vector<Root> roots_;
};

Id SolutionGraph::find(const std::string& name) const {
  const auto it =
      std::find_if(installed_.begin(), installed_.end(), [&](Id id) { return pool().record(id).name == name; });
  return it == installed_.end() ? 0 : *it;
}

void SolutionGraph::find_roots() {
  std::set<Id> known;
  for (const Text& name : goal_.install) {
    const Id id = find(name.value);
    if (known.insert(id).second) roots_.push_back({id, name, false});
  }
  if (!goal_.base_system) return;
  for (const Id id : pool().base_system()) {
    if (!installed_.contains(id) || !known.insert(id).second) continue;
    roots_.push_back({id, {std::string(pool().record(id).name), {}}, true});
  }
}

void SolutionGraph::add_edges(const std::vector<Id>& clauses, const char* field, std::vector<Edge>& edges) const {
  const char* now = field;
  for (const Id clause : clauses) {
    if (clause == SOLVABLE_PREREQMARKER) {
      now = "Pre-Depends";
      continue;
    }
    for (const Id provider : pool().providers(clause)) {
      if (installed_.contains(provider)) edges.push_back({provider, clause, now});
    }
  }
}

std::vector<Edge> SolutionGraph::edges(Id package) const {
  std::vector<Edge> edges;
  add_edges(pool().depends(package), "Depends", edges);
  if (goal_.recommends) add_edges(pool().recommends(package), "Recommends", edges);
  return edges;
}

std::map<Id, std::pair<Id, Edge>> SolutionGraph::reach(const std::vector<const Root*>& from) const {
  std::map<Id, std::pair<Id, Edge>> reached;
  std::vector<Id> queue;
  for (const Root* root : from) {
    if (reached.try_emplace(root->package, 0, Edge{}).second) queue.push_back(root->package);
  }
  for (std::size_t i = 0; i < queue.size(); ++i) {
    for (const Edge& edge : edges(queue[i])) {
      if (reached.try_emplace(edge.to, queue[i], edge).second) queue.push_back(edge.to);
    }
  }
  return reached;
}

std::optional<WhyChain> chain_from(const SolutionGraph& graph, bool base_system, Id package) {
  std::vector<const Root*> roots;
  for (const Root& root : graph.roots()) {
    if (root.is_base_system == base_system) roots.push_back(&root);
  }
  const auto reached = graph.reach(roots);
  if (!reached.contains(package)) return std::nullopt;
  WhyChain chain;
  chain.is_base_system = base_system;
  const PackagePool& pool = graph.pool();
  for (;;) {
    const auto& [from, edge] = reached.at(package);
    if (from == 0) break;
    chain.links.push_back(
        {pool.describe(from), edge.field, pool.describe_dependency(edge.clause), pool.describe(package)});
    package = from;
  }
  std::reverse(chain.links.begin(), chain.links.end());
  const auto is_start = [&](const Root* root) { return root->package == package; };
  chain.root = (*std::find_if(roots.begin(), roots.end(), is_start))->text;
  return chain;
}

/// Installed packages that name this one without needing it: in Recommends that are not followed, or as one of several.
std::vector<std::string> mentions(const SolutionGraph& graph, const std::string& name) {
  const PackagePool& pool = graph.pool();
  std::vector<std::string> lines;
  const auto look = [&](Id from, const std::vector<Id>& clauses, const char* verb) {
    for (const Id clause : clauses) {
      if (clause == SOLVABLE_PREREQMARKER) continue;
      const auto providers = pool.providers(clause);
      const auto is_it = [&](Id id) { return pool.record(id).name == name; };
      if (std::none_of(providers.begin(), providers.end(), is_it)) continue;
      const auto taken =
          std::find_if(providers.begin(), providers.end(), [&](Id id) { return graph.installed().contains(id); });
      lines.push_back(
          fmt::format("{} {} {}{}", pool.describe(from), verb, pool.describe_dependency(clause),
                      taken == providers.end() ? "" : fmt::format(", which {} meets", pool.describe(*taken))));
    }
  };
  for (const Id id : graph.installed()) look(id, pool.depends(id), "depends on");
  for (const Id id : graph.installed()) look(id, pool.recommends(id), "recommends");
  if (lines.size() > kMostMentions) {
    const std::size_t more = lines.size() - kMostMentions;
    lines.resize(kMostMentions);
    lines.push_back(fmt::format("and {} more", more));
  }
  return lines;
}

}  // namespace

std::optional<WhyChain> why(const Goal& goal, const Candidates& candidates, const std::string& package) {
  const SolutionGraph graph(goal, candidates);
  const Id id = graph.find(package);
  if (id == 0) return std::nullopt;
  if (auto chain = chain_from(graph, false, id)) return chain;
  return chain_from(graph, true, id);
}

std::vector<SoleReason> sole_reason_bytes(const Goal& goal, const Candidates& candidates) {
  const SolutionGraph graph(goal, candidates);
  std::vector<SoleReason> reasons;
  for (const Text& asked : goal.install) {
    std::vector<const Root*> others;
    for (const Root& root : graph.roots()) {
      if (root.is_base_system || root.text.value != asked.value) others.push_back(&root);
    }
    const auto without = graph.reach(others);
    SoleReason& reason = reasons.emplace_back();
    reason.root = asked;
    for (const Id id : graph.installed()) {
      if (without.contains(id)) continue;
      reason.packages.emplace_back(graph.pool().record(id).name);
      reason.bytes += graph.pool().record(id).size;
    }
    std::sort(reason.packages.begin(), reason.packages.end());
  }
  return reasons;
}

WhyNot why_not(const Goal& goal, const Candidates& candidates, const std::string& package) {
  const SolutionGraph graph(goal, candidates);
  if (graph.find(package) != 0) return {WhyNot::Reason::installed, {}, ""};
  const Candidates::Data& data = *candidates.data;
  if (graph.pool().versions(package).empty()) {
    const Error error = explain_unknown(graph.pool(), data, {package, {}});
    return {WhyNot::Reason::unknown, error.reasons(), error.hint()};
  }
  Request request(goal, graph.pool());
  request.add({package, {}});
  if (request.solve()) {
    return {WhyNot::Reason::not_asked, mentions(graph, package), fmt::format("add `{}` to packages.include", package)};
  }
  const Error error = explain_problem(request.solver(), graph.pool(), goal, request.jobs(), data);
  return {WhyNot::Reason::impossible, error.reasons(), error.hint()};
}

}  // namespace ainode
