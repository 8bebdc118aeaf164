// SPDX-License-Identifier: Apache-2.0
#include "builder/recipe/statement_rules.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "base/kernel_settings.h"
#include "builder/recipe/rules.h"

namespace ainode {

namespace {

constexpr int kMostHugePages = 1 << 24;

/// Refuses what stands in both lists, at its place in the second one.
void check_apart(Mistakes& mistakes, const std::vector<Text>& one, const std::vector<Text>& other,
                 const std::string& what, const std::string& contradiction) {
  for (const Text& text : other) {
    const bool is_in_both = !text.value.empty() && std::any_of(one.begin(), one.end(), [&](const Text& each) {
      return each.value == text.value;
    });
    if (is_in_both) mistakes.bad_value(text.place, fmt::format("{} `{}` {}", what, text.value, contradiction));
  }
}

std::vector<Text> with_underscores(std::vector<Text> modules) {
  for (Text& module : modules) std::replace(module.value.begin(), module.value.end(), '-', '_');
  return modules;
}

/// Two statements of one sysctl: the later file would win, and nobody sees which that is.
void check_sysctls(Mistakes& mistakes, const Recipe& recipe) {
  std::map<std::string, std::string> writers;
  if (recipe.tuning.numa_balancing) writers[sysctl_path("kernel.numa_balancing")] = "tuning.numa.balancing";
  if (recipe.tuning.zone_reclaim) writers[sysctl_path("vm.zone_reclaim_mode")] = "tuning.numa.zone-reclaim";
  for (const auto& [name, value] : recipe.kernel.sysctl) {
    const auto [writer, is_new] = writers.try_emplace(sysctl_path(name), "kernel.sysctl." + name);
    if (!is_new)
      mistakes.bad_value(value.place, fmt::format("`{}` is written twice", name),
                         fmt::format("`{}` says it too", writer->second), "keep one of the two");
  }
}

void check_command_line(Mistakes& mistakes, const Recipe& recipe) {
  const std::vector<KernelArgument> arguments = kernel_arguments(recipe);
  for (const KernelArgument& own : arguments) {
    if (own.key != "kernel.cmdline") continue;
    for (const KernelArgument& other : arguments) {
      const std::string name = argument_name(other.text.value);
      if (other.key == "kernel.cmdline" || argument_name(own.text.value) != name) continue;
      mistakes.bad_value(own.text.place, fmt::format("`{}=` is written by `{}`", name, other.key), "",
                         "keep one of the two");
      break;
    }
  }
}

void check_huge_pages(Mistakes& mistakes, const Recipe& recipe) {
  for (const auto& [size, pages] : recipe.tuning.hugepages) {
    if (mistakes.concern(pages.count.place)) continue;
    if (pages.count.value < 1 || pages.count.value > kMostHugePages)
      mistakes.bad_value(pages.count.place,
                         fmt::format("`tuning.hugepages.{}.count` cannot be {}", size, pages.count.value),
                         fmt::format("it must be from 1 to {}", kMostHugePages));
  }
}

void check_block_settings(Mistakes& mistakes, const Recipe& recipe) {
  for (const auto& [glob, wishes] : recipe.tuning.block) {
    const auto& read_ahead = wishes.read_ahead;
    if (wishes.scheduler.place.line == 0 && !read_ahead)
      mistakes.bad_value(wishes.place, fmt::format("`tuning.block.{}` says nothing", glob), "",
                         "give `scheduler`, `read-ahead` or both");
    if (read_ahead && read_ahead->value < 0)
      mistakes.bad_value(read_ahead->place,
                         fmt::format("`tuning.block.{}.read-ahead` cannot be {}", glob, read_ahead->value),
                         "it must be 0 or more KiB");
  }
}

void check_net_settings(Mistakes& mistakes, const Recipe& recipe) {
  constexpr int kLeastMtu = 68, kMostMtu = 65535;  // RFC 791's, and what Linux takes for any device
  for (const auto& [glob, wishes] : recipe.tuning.net) {
    const auto& [place, mtu, length] = wishes;
    if (!mtu && !length)
      mistakes.bad_value(place, fmt::format("`tuning.net.{}` says nothing", glob), "",
                         "give `mtu`, `queue-length` or both");
    if (mtu && !mistakes.concern(mtu->place) && (mtu->value < kLeastMtu || mtu->value > kMostMtu))
      mistakes.bad_value(mtu->place, fmt::format("`tuning.net.{}.mtu` cannot be {}", glob, mtu->value),
                         fmt::format("it must be from {} to {}", kLeastMtu, kMostMtu));
    if (length && !mistakes.concern(length->place) && length->value < 1)
      mistakes.bad_value(length->place, fmt::format("`tuning.net.{}.queue-length` cannot be {}", glob, length->value),
                         "it must be 1 or more packets");
  }
}

/// systemd reads the first file that matches an interface, and no other.
void check_net_globs(Mistakes& mistakes, const Recipe& recipe) {
  const auto& net = recipe.tuning.net;
  for (const auto& [wide, at] : net)
    for (const auto& [narrow, wishes] : net)
      if (wide != narrow && fnmatch(wide.c_str(), narrow.c_str(), 0) == 0)
        mistakes.bad_value(wishes.place, fmt::format("`tuning.net.{}` is covered by `{}`", narrow, wide),
                           "one of the two would be without effect", "name drivers so that each is named once");
}

void check_container_devices(Mistakes& mistakes, const Recipe& recipe) {
  std::map<std::string, Place> seen;
  for (const ContainerDevice& device : recipe.container_devices)
    if (!device.name.value.empty() && !seen.try_emplace(device.name.value, device.name.place).second)
      mistakes.bad_value(device.name.place, fmt::format("device `{}` stands twice", device.name.value));
}

bool is_of_the_image(const std::string& path) {
  return (path.starts_with("/etc/") || path.starts_with("/usr/")) && !path.starts_with("/usr/local/") &&
         !path.starts_with("/usr/etc/");
}

void check_files(Mistakes& mistakes, const std::vector<PlacedFile>& files) {
  std::map<std::string, Place> seen;
  for (const PlacedFile& file : files) {
    const std::string& path = file.path.value;
    if (path.empty()) continue;
    if (!is_of_the_image(path))
      mistakes.bad_value(file.path.place, fmt::format("a file cannot be put at {}", path),
                         "it must lie below /usr or /etc",
                         "an image is /usr and /etc; /var and what lies there (/home, /opt, /usr/local) is the node's");
    if (!seen.try_emplace(path, file.path.place).second)
      mistakes.bad_value(file.path.place, fmt::format("file `{}` stands twice", path));
    if (file.source.value.empty() == !file.content)
      mistakes.bad_value(file.path.place,
                         fmt::format("file `{}` {}", path,
                                     file.content ? "has both `source` and `text`" : "has neither `source` nor `text`"),
                         "", "give one of the two");
  }
}

void check_units(Mistakes& mistakes, const std::vector<PlacedFile>& units) {
  std::map<std::string, Place> seen;
  for (const PlacedFile& unit : units) {
    if (unit.source.value.empty() || mistakes.concern(unit.source.place)) continue;
    const std::string name = std::filesystem::path(unit.source.value).filename();
    if (std::string problem = check_unit(name); !problem.empty())
      mistakes.bad_value(unit.source.place, fmt::format("`{}` cannot be a unit's name", shown(name)), problem);
    if (!seen.try_emplace(name, unit.source.place).second)
      mistakes.bad_value(unit.source.place, fmt::format("unit `{}` stands twice", name));
  }
}

/// What is compiled lies in one folder: a file of a name.
void check_extra_modules(Mistakes& mistakes, const Recipe& recipe) {
  std::vector<Text> names;
  for (const ExtraModule& module : recipe.kernel.extra_modules) {
    names.push_back(module.name);
    std::map<std::string, Place> seen;
    for (const PlacedFile& source : module.sources) {
      const std::string name = std::filesystem::path(source.source.value).filename();
      if (!mistakes.concern(source.source.place) && !seen.try_emplace(name, source.source.place).second)
        mistakes.bad_value(source.source.place, fmt::format("source `{}` stands twice", shown(name)),
                           "all sources of a module lie in one folder");
    }
  }
  std::map<std::string, Place> seen;
  for (const Text& name : with_underscores(names))
    if (!name.value.empty() && !seen.try_emplace(name.value, name.place).second)
      mistakes.bad_value(name.place, fmt::format("extra module `{}` stands twice", name.value));
}

}  // namespace

void check_statements(Mistakes& mistakes, const Recipe& recipe) {
  check_apart(mistakes, with_underscores(recipe.kernel.load_modules), with_underscores(recipe.kernel.deny_modules),
              "module", "is both loaded and denied");
  check_apart(mistakes, recipe.systemd.enable, recipe.systemd.mask, "unit", "is both enabled and masked");
  check_sysctls(mistakes, recipe);
  check_command_line(mistakes, recipe);
  check_huge_pages(mistakes, recipe);
  check_block_settings(mistakes, recipe);
  check_net_settings(mistakes, recipe);
  check_net_globs(mistakes, recipe);
  check_container_devices(mistakes, recipe);
  check_extra_modules(mistakes, recipe);
  check_files(mistakes, recipe.files);
  check_units(mistakes, recipe.systemd.units);
}

}  // namespace ainode
