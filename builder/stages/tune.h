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
  /// The same of a text, where the recipe says one.
  void declare_text(std::string subject, const Text& text);
  /// A file that `key` of the recipe asks for at `place`.
  void put(const std::string& path, std::string_view text, std::string_view key, const Place& place);
  void link(const std::string& path, const std::string& target, std::string_view key, const Place& place);

  Store& store;
  Tree& tree;
  const Recipe& recipe;
  const Kernel& kernel;
  std::vector<Declaration> declared;
};

/// A file of lines that several statements write. Its maker is the first of them.
class ConfigurationFile {
 public:
  void add(std::string_view line, std::string_view key, const Place& place);
  void put(Tuning& tuning, const std::string& path, std::string_view heading = {}) const;  ///< nothing without a line

 private:
  std::string text_, key_;
  Place place_;
};

struct Statement {
  std::string_view key;    ///< of the recipe: "kernel.sysctl"; empty for what every image promises
  std::string_view check;  ///< its id among the conformance checks
  void (*write)(Tuning&);  ///< null where a package, or the row above, does it
};
std::span<const Statement> statements();

// One file each: tune_kernel.cpp, tune_resources.cpp, tune_units.cpp, tune_files.cpp.
void promise_configuration(Tuning& tuning);
void promise_timer(Tuning& tuning);
void promise_kernel(Tuning& tuning);
void promise_command_line(Tuning& tuning);
void write_sysctls(Tuning& tuning);
void write_modules(Tuning& tuning);
void write_module_parameters(Tuning& tuning);
void promise_extra_modules(Tuning& tuning);

void promise_huge_pages(Tuning& tuning);
void promise_transparent_huge_pages(Tuning& tuning);
void promise_numa_balancing(Tuning& tuning);
void promise_zone_reclaim(Tuning& tuning);
void promise_governor(Tuning& tuning);
void promise_isolated_processors(Tuning& tuning);
void promise_tickless_processors(Tuning& tuning);
void write_block_settings(Tuning& tuning);
void promise_interrupt_affinity(Tuning& tuning);
void write_resource_limits(Tuning& tuning);
void write_net_settings(Tuning& tuning);

void write_units(Tuning& tuning);
void enable_units(Tuning& tuning);
void mask_units(Tuning& tuning);
void write_default_target(Tuning& tuning);

void promise_accounts(Tuning& tuning);
void write_files(Tuning& tuning);
void promise_security_modules(Tuning& tuning);
void promise_lockdown(Tuning& tuning);
void promise_container_runtime(Tuning& tuning);
void write_container_devices(Tuning& tuning);
void promise_audit(Tuning& tuning);
void promise_ports(Tuning& tuning);
void promise_setuid_files(Tuning& tuning);

}  // namespace ainode
