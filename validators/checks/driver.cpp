// SPDX-License-Identifier: Apache-2.0
// The driver family: modules made for this kernel, devices with their drivers, and an untainted kernel.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "validators/checks/catalog.h"
#include "validators/checks/declared.h"
#include "validators/checks/module_version.h"
#include "validators/checks/pci.h"
#include "validators/checks/text.h"

namespace ainode::checks {

namespace {

using Words = std::vector<std::string>;

/// vendor:device → the drivers of its devices, sorted.
using Drivers = std::map<std::string, Words>;

Drivers expected_drivers(const Expected& expected) {
  Drivers drivers;
  for (const ExpectedDevice& device : expected.topology.devices) {
    drivers[hardware_id(device)].push_back(device.driver);
  }
  for (auto& [id, names] : drivers) std::sort(names.begin(), names.end());
  return drivers;
}

std::string named(const Words& drivers) {
  Words names;
  for (const std::string& each : drivers) names.push_back(each.empty() ? "no driver" : each);
  return names.empty() ? "nothing" : joined(names, ", ");
}

Finding bound(const Node& node, const Expected& expected) {
  const Drivers wanted = expected_drivers(expected);
  Drivers found;
  Words measured, rows, objections;
  for (const PciDevice& device : pci_devices(node)) {
    found[device.id].push_back(device.driver);
    measured.push_back(
        fmt::format("{} {} {}", device.address, device.id, device.driver.empty() ? "(no driver)" : device.driver));
  }
  for (const auto& [id, drivers] : wanted) {
    Words& names = found[id];
    std::sort(names.begin(), names.end());
    rows.push_back(fmt::format("{} {}", id, named(drivers)));
    if (names != drivers)
      objections.push_back(fmt::format("{} has {} instead of {}", id, named(names), named(drivers)));
  }
  return judged(measured, rows, "/sys/bus/pci/devices/*/driver", joined(objections, "; "));
}

constexpr const char* kModules = "/usr/lib/modules";

void add_versions(const Node& node, const std::string& directory, ModuleVersions& versions) {
  for (const DirectoryEntry& entry : node.list(directory)) {
    const std::string path = directory + "/" + entry.name;
    if (entry.is_directory)
      add_versions(node, path, versions);
    else if (is_module_file(entry.name))
      versions[path] = node.module_version(path).value_or(kUnreadable);
  }
}

Finding vermagic(const Node& node, const Expected&) {
  ModuleVersions versions;
  add_versions(node, kModules, versions);
  return judge_module_versions(versions, node.kernel_release());
}

/// Letters as /proc/sys/kernel/tainted documents them, bit 0 first.
constexpr std::string_view kTaintLetters = "PFSRMBUDAWCIOELKXTNJ";

std::string taint_letters(std::int64_t taint) {
  std::string letters;
  for (std::size_t bit = 0; bit < kTaintLetters.size(); ++bit) {
    if (taint >> bit & 1) letters += kTaintLetters[bit];
  }
  return letters;
}

/// Module as the kernel names it → its letters.
std::map<std::string, std::string> tainting_modules(const Node& node) {
  std::map<std::string, std::string> modules;
  for (const DirectoryEntry& entry : node.list("/sys/module")) {
    std::string letters = trimmed(node.read_file("/sys/module/" + entry.name + "/taint").value_or(""));
    if (!letters.empty()) modules[entry.name] = std::move(letters);
  }
  return modules;
}

std::string told(const std::map<std::string, std::string>& modules) {
  Words words;
  for (const auto& [name, letters] : modules) words.push_back(fmt::format("{} ({})", name, letters));
  return words.empty() ? "no module" : joined(words, ", ");
}

/// The bits tell what happened, whoever did it; a module that nobody declared is told even where its bits are allowed.
Finding taint(const Node& node, const Expected& expected) {
  const std::string path = "/proc/sys/kernel/tainted";
  const Declaration* declaration = expected.declaration("driver.taint");
  const std::int64_t allowed = declaration ? declaration->expected.get<std::int64_t>() : 0;
  const auto bits = to_number(trimmed(node.read_file(path).value_or("")));
  if (!bits) return failed(nullptr, allowed, path, path + " cannot be read");
  const std::map<std::string, std::string> modules = tainting_modules(node);
  std::map<std::string, std::string> strangers = modules;
  for (const Declaration& declared : expected.declared) {
    if (declared.subject != "driver.extra-modules") continue;
    std::string name = declared.expected.at("module");
    std::replace(name.begin(), name.end(), '-', '_');
    strangers.erase(name);
  }
  std::string objection;
  if (const std::int64_t excess = *bits & ~allowed; excess != 0)
    objection = fmt::format("the kernel is tainted: {}, by {}", taint_letters(excess), told(modules));
  else if (!strangers.empty())
    objection = "the kernel is tainted by what the recipe does not compile: " + told(strangers);
  return judged({{"taint", *bits}, {"modules", modules}}, {{"taint", allowed}}, path + ", /sys/module/*/taint",
                std::move(objection));
}

Measured extra_module(const Node& node, const Json& statement) {
  const auto name = statement.at("module").get<std::string>(), file = statement.at("file").get<std::string>();
  if (!node.read_file(file)) return {nullptr, fmt::format("the image lacks {}", file)};
  const std::string folder = "/usr/lib/modules/" + node.kernel_release() + "/";
  const Words index = split_lines(node.read_file(folder + "modules.dep").value_or(""));
  const bool is_listed = std::any_of(index.begin(), index.end(), [&](const std::string& line) {
    return folder + line.substr(0, line.find(':')) == file;
  });
  return {is_listed ? file : "", is_listed ? "" : fmt::format("modules.dep does not name {}", name)};
}

Finding extra_modules(const Node& node, const Expected& expected) {
  return judge_each(expected, "driver.extra-modules", "/usr/lib/modules/*/modules.dep",
                    [&](const Json& statement) { return extra_module(node, statement); });
}

}  // namespace

Finding judge_module_versions(const ModuleVersions& versions, const std::string& release) {
  std::set<std::string> magics;
  Words strangers;
  for (const auto& [path, magic] : versions) {
    magics.insert(magic);
    if (magic.substr(0, magic.find(' ')) != release) strangers.push_back(path + ": " + magic);
  }
  std::string objection;
  if (versions.empty()) objection = "the image holds no kernel module";
  if (!strangers.empty())
    objection = fmt::format("{} of {} modules are not made for kernel {}: {}", strangers.size(), versions.size(),
                            release, strangers.front());
  return judged({{"modules", versions.size()}, {"vermagic", magics}}, {{"release", release}},
                fmt::format("{}/**/*.ko*, .modinfo", kModules), std::move(objection));
}

std::vector<Check> driver_checks() {
  std::vector<Check> checks = {
      {"driver.bound", "each expected device has its driver", {"devices"}, When::booted, bound},
      {"driver.vermagic",
       "every module file in the image is made for its kernel",
       {},
       When::meanwhile,
       vermagic,
       "",
       Where::tree_too,
       Level::standard},
      {"driver.extra-modules",
       "each module that the recipe compiles is in the image, where modprobe finds it",
       {"declared:driver.extra-modules"},
       When::meanwhile,
       extra_modules,
       "",
       Where::tree_too},
      {"driver.taint", "nothing tainted the kernel but modules of the recipe", {}, When::last, taint},
  };
  for (Check& check : link_checks()) checks.push_back(std::move(check));
  return checks;
}

}  // namespace ainode::checks
