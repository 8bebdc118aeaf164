// SPDX-License-Identifier: Apache-2.0
// Files that are functions of the whole tree (module indices, certificate bundles, the hardware database …). While
// maintainer scripts run, the programs that make them only note that they were called; afterwards each runs once,
// beside the others, and its result is kept by the hash of what it reads.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "builder/store/store.h"

namespace ainode {

/// A call that a script made: the program's name and its arguments.
struct DeferredCall {
  std::string program;
  std::vector<std::string> arguments;
  bool operator<(const DeferredCall& other) const;
  bool operator==(const DeferredCall& other) const = default;
};
/// A line a call, fields separated by tabs (builder/aids/aids.h). Each call once, sorted.
std::vector<DeferredCall> read_calls(std::string_view text);
std::string write_calls(const std::vector<DeferredCall>& calls);

struct Generated;

struct Generator {
  std::string_view name;
  std::string_view program;  ///< what is deferred: a path of the tree
  /// What runs for the calls that were made; empty: nothing, we make it ourselves or no node needs it.
  std::vector<std::vector<std::string>> (*commands)(const std::vector<DeferredCall>& calls);
  std::vector<std::string_view> inputs;    ///< files and directories that it reads
  std::vector<std::string_view> programs;  ///< what it runs beyond the base layer, with their libraries
  std::vector<std::string_view> outputs;   ///< shell patterns (`*` crosses slashes) of all that it may change
  /// The same without running anything, where the case is known well enough.
  std::optional<Generated> (*natively)(Store& store, const Tree& tree) = nullptr;
};
const std::vector<Generator>& generators();

/// What one generator did to the tree.
struct Generated {
  Tree changes;                      ///< new and changed files, and the directories above them
  std::vector<std::string> removed;  ///< paths
};
void apply_changes(Tree& tree, const Generated& generated);

/// Runs the called generators on a tree, all cores at once, and applies what they changed. `on_disk` tells where the
/// tree lies; it is asked only when something has to run. `below` stands for what the keys do not list: the base system
/// that every program uses. Throws generator_failed, also for a change outside a generator's outputs.
void run_generators(RunContext& run, Store& store, Tree& tree, const std::vector<DeferredCall>& calls,
                    const std::string& below, const std::function<std::filesystem::path()>& on_disk,
                    std::int64_t epoch);

}  // namespace ainode
