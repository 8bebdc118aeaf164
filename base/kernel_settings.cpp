// SPDX-License-Identifier: Apache-2.0
// Documentation/admin-guide/kernel-parameters.txt says what each argument does.
#include "base/kernel_settings.h"

#include <fmt/format.h>

namespace ainode {

namespace {

class CommandLine {
 public:
  void add(const char* key, const Place& place, std::string argument) {
    arguments_.push_back({{std::move(argument), place}, key});
  }
  /// `prefix` and the value, where there is one.
  void add(const char* key, const Text& value, const char* prefix) {
    if (!value.value.empty()) add(key, value.place, prefix + value.value);
  }
  std::vector<KernelArgument> take() { return std::move(arguments_); }

 private:
  std::vector<KernelArgument> arguments_;
};

}  // namespace

std::vector<KernelArgument> kernel_arguments(const Recipe& recipe) {
  CommandLine line;
  for (const Text& argument : recipe.kernel.cmdline) line.add("kernel.cmdline", argument, "");
  const TuningWishes& tuning = recipe.tuning;
  for (const auto& [size, pages] : tuning.hugepages) {
    line.add("tuning.hugepages", pages.count.place, "hugepagesz=" + size);
    line.add("tuning.hugepages", pages.count.place, fmt::format("hugepages={}", pages.count.value));
  }
  line.add("tuning.thp", tuning.thp, "transparent_hugepage=");
  line.add("tuning.cpu.governor", tuning.governor, "cpufreq.default_governor=");
  line.add("tuning.cpu.isolate", tuning.isolate, "isolcpus=domain,managed_irq,");
  line.add("tuning.cpu.nohz-full", tuning.nohz_full, "nohz_full=");
  line.add("tuning.irq.affinity", tuning.irq_affinity, "irqaffinity=");
  std::string modules;
  for (const Text& module : recipe.security.lsm) modules += (modules.empty() ? "lsm=" : ",") + module.value;
  if (!modules.empty()) line.add("security.lsm", recipe.security.lsm.front().place, modules);
  if (recipe.security.lockdown.value != "none") line.add("security.lockdown", recipe.security.lockdown, "lockdown=");
  if (const auto& audit = recipe.security.audit)
    line.add("security.audit", audit->place, audit->value ? "audit=1" : "audit=0");
  return line.take();
}

std::string argument_name(const std::string& argument) {
  return argument.substr(0, argument.find('='));
}

std::string sysctl_path(const std::string& name) {
  std::string path = name;
  const std::size_t first = path.find_first_of("./");
  if (first != std::string::npos && path[first] == '.') {
    for (char& byte : path) byte = byte == '.' ? '/' : byte == '/' ? '.' : byte;
  }
  return "/proc/sys/" + path;
}

}  // namespace ainode
