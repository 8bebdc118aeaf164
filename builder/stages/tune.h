// SPDX-License-Identifier: Apache-2.0
// A statement of the recipe becomes three things: what it writes into the tree, what the manifest declares, and the
// check that holds the running node to it. One row each.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "builder/stages/stages.h"

namespace ainode {

/// The tree that statements are written into, and what they promise.
class Tuning {
 public:
  Tuning(Store& store, Tree& tree, const Recipe& recipe, const Kernel& kernel)
      : store(store), tree(tree), recipe(recipe), kernel(kernel) {}

  /// A promise, which the check named `subject` holds the node to.
  void declare(std::string subject, Json expected, const Place& place = {});
  /// A file that `key` of the recipe asks for at `place`.
  void put(const std::string& path, std::string_view text, std::string_view key, const Place& place);
  void link(const std::string& path, const std::string& target, std::string_view key, const Place& place);

  Store& store;
  Tree& tree;
  const Recipe& recipe;
  const Kernel& kernel;
  std::vector<Declaration> declared;
};

struct Statement {
  std::string_view key;    ///< of the recipe: "kernel.sysctl"; empty for what every image promises
  std::string_view check;  ///< its id among the conformance checks
  void (*write)(Tuning&);
};
std::span<const Statement> statements();

// One file each: tune_kernel.cpp, tune_memory.cpp, tune_units.cpp, tune_files.cpp.
void promise_configuration(Tuning& tuning);
void promise_timer(Tuning& tuning);
void write_command_line(Tuning& tuning);
void write_sysctls(Tuning& tuning);
void write_modules(Tuning& tuning);
void write_module_parameters(Tuning& tuning);

void write_huge_pages(Tuning& tuning);
void write_transparent_huge_pages(Tuning& tuning);
void write_numa_balancing(Tuning& tuning);
void write_zone_reclaim(Tuning& tuning);
void write_governor(Tuning& tuning);
void write_isolated_processors(Tuning& tuning);
void write_tickless_processors(Tuning& tuning);
void write_block_settings(Tuning& tuning);
void promise_interrupt_affinity(Tuning& tuning);
void write_resource_limits(Tuning& tuning);

void write_units(Tuning& tuning);
void enable_units(Tuning& tuning);
void mask_units(Tuning& tuning);
void write_default_target(Tuning& tuning);

void promise_accounts(Tuning& tuning);
void write_files(Tuning& tuning);
void promise_security_modules(Tuning& tuning);
void promise_lockdown(Tuning& tuning);
void promise_setuid_files(Tuning& tuning);

}  // namespace ainode
