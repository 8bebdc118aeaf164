// SPDX-License-Identifier: Apache-2.0
// What the kernel is told: its arguments, its sysctls, its modules and their parameters.
#include <fmt/format.h>

#include <algorithm>
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

void promise_timer(Tuning& tuning) {
  const std::string config = tuning.store.read_text(tuning.tree, config_path(tuning.tree, tuning.kernel));
  tuning.declare("kernel.timer", std::stoi(config_value(config, "HZ")));
}

/// The disk stage writes them into the boot entry.
void write_command_line(Tuning& tuning) {
  for (const KernelArgument& argument : kernel_arguments(tuning.recipe))
    tuning.declare("kernel.cmdline", argument.text.value, argument.text.place);
}

void write_sysctls(Tuning& tuning) {
  std::string text;
  Place first;
  const auto add = [&](const std::string& name, const std::string& value, const Place& place) {
    if (text.empty()) first = place;
    text += fmt::format("{} = {}\n", name, value);
  };
  for (const auto& [name, value] : tuning.recipe.kernel.sysctl) {
    add(name, value.value, value.place);
    tuning.declare("kernel.sysctl", {{"name", name}, {"path", sysctl_path(name)}, {"value", value.value}}, value.place);
  }
  const TuningWishes& wishes = tuning.recipe.tuning;
  if (const auto& wish = wishes.numa_balancing) add("kernel.numa_balancing", wish->value ? "1" : "0", wish->place);
  if (const auto& wish = wishes.zone_reclaim) add("vm.zone_reclaim_mode", wish->value ? "1" : "0", wish->place);
  if (!text.empty()) tuning.put(kSysctls, text, "kernel.sysctl", first);
}

void write_modules(Tuning& tuning) {
  const KernelWishes& wishes = tuning.recipe.kernel;
  if (wishes.load_modules.empty() && wishes.deny_modules.empty()) return;
  const KernelModuleNames known = kernel_module_names(tuning.store, tuning.tree, tuning.kernel.release);
  std::string text;
  for (const Text& module : wishes.load_modules) {
    const std::string name = kernel_module_name(module.value);
    if (!known.can_load(name) && !known.built_in.contains(name))
      throw no_such_module(known, tuning.kernel.release, module);
    text += module.value + "\n";
    tuning.declare("kernel.modules", {{"load", module.value}}, module.place);
  }
  if (!text.empty()) tuning.put(kLoaded, text, "kernel.modules.load", wishes.load_modules.front().place);
  for (const Text& module : wishes.deny_modules) {
    if (known.built_in.contains(kernel_module_name(module.value)))
      throw Error(codes::bad_value, fmt::format("module `{}` is built into kernel {}: it cannot be denied",
                                                module.value, tuning.kernel.release))
          .at(module.place)
          .help("choose another kernel, or switch it off by an argument of `kernel.cmdline`");
    tuning.declare("kernel.modules", {{"deny", module.value}}, module.place);
  }
}

/// The denied ones too: modprobe has one folder for both. `blacklist` keeps devices from calling for a module,
/// `install` keeps everybody.
void write_module_parameters(Tuning& tuning) {
  const KernelWishes& wishes = tuning.recipe.kernel;
  std::string text;
  Place first;
  for (const Text& module : wishes.deny_modules) {
    if (text.empty()) first = module.place;
    text += fmt::format("blacklist {0}\ninstall {0} /usr/bin/false\n", module.value);
  }
  if (!wishes.module_parameters.empty()) {
    const KernelModuleNames known = kernel_module_names(tuning.store, tuning.tree, tuning.kernel.release);
    for (const auto& [module, parameters] : wishes.module_parameters) {
      for (const auto& [parameter, value] : parameters) {
        const std::string name = kernel_module_name(module);
        if (known.built_in.contains(name))
          throw Error(codes::bad_value, fmt::format("module `{}` is built into kernel {}: modprobe does not set its "
                                                    "parameters",
                                                    module, tuning.kernel.release))
              .at(value.place)
              .help(fmt::format("write `{}.{}={}` into `kernel.cmdline`", module, parameter, value.value));
        if (!known.can_load(name)) throw no_such_module(known, tuning.kernel.release, {module, value.place});
        if (text.empty()) first = value.place;
        text += fmt::format("options {} {}={}\n", module, parameter, value.value);
        tuning.declare("kernel.module-parameters",
                       {{"module", module}, {"parameter", parameter}, {"value", value.value}}, value.place);
      }
    }
  }
  if (!text.empty()) tuning.put(kModprobe, text, "kernel.modprobe", first);
}

}  // namespace ainode
