// SPDX-License-Identifier: Apache-2.0
// What the kernel is told: its arguments, its sysctls, its modules and their parameters.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <sstream>

#include "base/error.h"
#include "base/kernel_settings.h"
#include "base/suggestion.h"
#include "builder/stages/initrd_modules.h"
#include "builder/stages/tune.h"

namespace ainode {

namespace {

// Behind all that packages bring: files of one kind are read in the order of their names.
constexpr const char* kSysctls = "usr/lib/sysctl.d/zz-ainode.conf";
constexpr const char* kLoaded = "usr/lib/modules-load.d/ainode.conf";
constexpr const char* kModprobe = "usr/lib/modprobe.d/zz-ainode.conf";

std::string config_path(const Tree& tree, const Kernel& kernel) {
  const std::string in_boot = "boot/config-" + kernel.release;
  return tree.file(in_boot) ? in_boot : "usr/lib/modules/" + kernel.release + "/config";
}

/// CONFIG_<option>'s value; "n" when it is not set.
std::string config_value(const std::string& config, const std::string& option) {
  const std::string key = "\nCONFIG_" + option + "=";
  const std::size_t found = ("\n" + config).find(key);
  if (found == std::string::npos) return "n";
  const std::size_t start = found + key.size() - 1;
  return config.substr(start, config.find('\n', start) - start);
}

Error no_such_module(const KernelModuleNames& known, const std::string& release, const Text& module) {
  std::vector<std::string_view> names;
  for (const auto& [name, file] : known.files) names.push_back(name);
  const std::string suggestion = nearest(kernel_module_name(module.value), names);
  Error error(codes::bad_value, fmt::format("kernel {} has no module `{}`", release, module.value));
  error.at(module.place)
      .help(suggestion.empty() ? "name one of /usr/lib/modules, or include the package that ships it"
                               : fmt::format("did you mean `{}`?", suggestion));
  return error;
}

}  // namespace

/// What an image of ours needs of any kernel, so that it boots from OSTree, runs containers and can be judged. Several
/// values mean that any of them will do.
void promise_configuration(Tuning& tuning) {
  const Json built_in_or_module = {"y", "m"};
  Json expected = Json::object();
  for (const char* option : {"CGROUPS", "DEVTMPFS", "MODULES", "NAMESPACES", "NUMA", "SECCOMP", "TMPFS"})
    expected[option] = "y";
  for (const char* option : {"EROFS_FS", "OVERLAY_FS"}) expected[option] = built_in_or_module;
  tuning.declare("kernel.config", std::move(expected));
}

/// A kernel whose configuration says no frequency promises none, and its check is skipped for just that.
void promise_timer(Tuning& tuning) {
  const std::string config = tuning.store.read_text(tuning.tree, config_path(tuning.tree, tuning.kernel));
  const std::string text = config_value(config, "HZ");
  int frequency = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), frequency);
  if (problem == std::errc() && end == text.data() + text.size()) tuning.declare("kernel.timer", frequency);
}

/// What the recipe's package became.
void promise_kernel(Tuning& tuning) {
  tuning.declare("kernel.release", tuning.kernel.release, tuning.recipe.kernel.package.place);
}

/// The disk stage writes them into the boot entry.
void promise_command_line(Tuning& tuning) {
  for (const KernelArgument& argument : kernel_arguments(tuning.recipe))
    tuning.declare("kernel.cmdline", argument.text.value, argument.text.place);
}

void write_sysctls(Tuning& tuning) {
  ConfigurationFile file;
  for (const auto& [name, value] : tuning.recipe.kernel.sysctl) {
    file.add(fmt::format("{} = {}", name, value.value), "kernel.sysctl", value.place);
    tuning.declare("kernel.sysctl", {{"name", name}, {"path", sysctl_path(name)}, {"value", value.value}}, value.place);
  }
  const TuningWishes& wishes = tuning.recipe.tuning;
  if (const auto& wish = wishes.numa_balancing)
    file.add(fmt::format("kernel.numa_balancing = {:d}", wish->value), "tuning.numa.balancing", wish->place);
  if (const auto& wish = wishes.zone_reclaim)
    file.add(fmt::format("vm.zone_reclaim_mode = {:d}", wish->value), "tuning.numa.zone-reclaim", wish->place);
  file.put(tuning, kSysctls);
}

/// The denied ones too; what keeps them from loading stands in modprobe's file.
void write_modules(Tuning& tuning) {
  const KernelWishes& wishes = tuning.recipe.kernel;
  if (wishes.load_modules.empty() && wishes.deny_modules.empty()) return;
  const KernelModuleNames known = kernel_module_names(tuning.store, tuning.tree, tuning.kernel.release);
  ConfigurationFile file;
  for (const Text& module : wishes.load_modules) {
    const std::string name = kernel_module_name(module.value);
    if (!known.can_load(name) && !known.built_in.contains(name))
      throw no_such_module(known, tuning.kernel.release, module);
    file.add(module.value, "kernel.modules.load", module.place);
    tuning.declare("kernel.modules", {{"load", module.value}}, module.place);
  }
  file.put(tuning, kLoaded);
  for (const Text& module : wishes.deny_modules) {
    if (known.built_in.contains(kernel_module_name(module.value)))
      throw Error(codes::bad_value, fmt::format("module `{}` is built into kernel {}: it cannot be denied",
                                                module.value, tuning.kernel.release))
          .at(module.place)
          .help("choose another kernel, or switch it off by an argument of `kernel.cmdline`");
    tuning.declare("kernel.modules", {{"deny", module.value}}, module.place);
  }
}

/// They lie outside the kernel's own tree and no key of its own signed them: both leave a mark on the kernel
/// (linux/Documentation/admin-guide/tainted-kernels.rst, bits 12 and 13).
void promise_extra_modules(Tuning& tuning) {
  const auto& modules = tuning.recipe.kernel.extra_modules;
  if (modules.empty()) return;
  constexpr int kOutOfTree = 1 << 12, kUnsigned = 1 << 13;
  const std::string config = tuning.store.read_text(tuning.tree, config_path(tuning.tree, tuning.kernel));
  for (const ExtraModule& module : modules)
    tuning.declare("driver.extra-modules",
                   {{"module", module.name.value}, {"file", "/" + extra_module_path(tuning.kernel, module)}},
                   module.name.place);
  tuning.declare("driver.taint", kOutOfTree | (config_value(config, "MODULE_SIG") == "y" ? kUnsigned : 0),
                 modules.front().name.place);
}

namespace {

void require_settable(const KernelModuleNames& known, const std::string& release, const std::string& module,
                      const std::string& parameter, const Text& value) {
  const std::string name = kernel_module_name(module);
  if (known.built_in.contains(name))
    throw Error(
        codes::bad_value,
        fmt::format("module `{}` is built into kernel {}: modprobe does not set its parameters", module, release))
        .at(value.place)
        .help(fmt::format("write `{}.{}={}` into `kernel.cmdline`", module, parameter, value.value));
  if (!known.can_load(name)) throw no_such_module(known, release, {module, value.place});
}

}  // namespace

/// And what keeps the denied ones away: `blacklist` holds off the devices that call for a module, `install` everybody.
void write_module_parameters(Tuning& tuning) {
  const KernelWishes& wishes = tuning.recipe.kernel;
  if (wishes.deny_modules.empty() && wishes.module_parameters.empty()) return;
  const KernelModuleNames known = kernel_module_names(tuning.store, tuning.tree, tuning.kernel.release);
  ConfigurationFile file;
  for (const Text& module : wishes.deny_modules)
    file.add(fmt::format("blacklist {0}\ninstall {0} /usr/bin/false", module.value), "kernel.modules.deny",
             module.place);
  for (const auto& [module, parameters] : wishes.module_parameters) {
    for (const auto& [parameter, value] : parameters) {
      require_settable(known, tuning.kernel.release, module, parameter, value);
      file.add(fmt::format("options {} {}={}", module, parameter, value.value), "kernel.modprobe", value.place);
      tuning.declare("kernel.module-parameters", {{"module", module}, {"parameter", parameter}, {"value", value.value}},
                     value.place);
    }
  }
  file.put(tuning, kModprobe);
}

}  // namespace ainode
