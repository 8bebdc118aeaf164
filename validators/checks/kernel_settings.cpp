// SPDX-License-Identifier: Apache-2.0
// The kernel family, what the recipe sets: sysctls, modules and their parameters.
#include <fmt/format.h>

#include <algorithm>

#include "validators/checks/catalog.h"
#include "validators/checks/declared.h"
#include "validators/checks/node_files.h"
#include "validators/checks/text.h"

namespace ainode::checks {

namespace {

using Words = std::vector<std::string>;

Finding sysctls(const Node& node, const Expected& expected) {
  return judge_each(expected, "kernel.sysctl", "/proc/sys", [&](const Json& statement) {
    return held_to(read_words(node, statement.at("path").get<std::string>()),
                   joined(split_words(statement.at("value").get<std::string>()), " "),
                   fmt::format("`{}`", statement.at("name").get<std::string>()));
  });
}

Finding modules(const Node& node, const Expected& expected) {
  Words wanted = expected.initrd_modules, denied, there, objections;
  for (const std::string& name : wanted) {
    if (!is_module_loaded(node, name)) objections.push_back(fmt::format("{} of the initrd is not loaded", name));
  }
  for (const Declaration& declaration : expected.declared) {
    if (declaration.subject != "kernel.modules") continue;
    const bool must_be_there = declaration.expected.contains("load");
    const auto name = declaration.expected[must_be_there ? "load" : "deny"].get<std::string>();
    (must_be_there ? wanted : denied).push_back(name);
    const bool is_there = is_module_loaded(node, name);
    if (must_be_there && !is_there) objections.push_back(fmt::format("{} is not loaded{}", name, placed(declaration)));
    if (must_be_there) continue;
    if (is_there) there.push_back(name);
    if (is_there)
      objections.push_back(fmt::format("{} is loaded though it is denied{}", name, placed(declaration)));
    else if (can_load_module(node, name))
      objections.push_back(fmt::format("{} is denied, but modprobe would load it{}", name, placed(declaration)));
  }
  if (wanted.empty() && denied.empty()) return skipped("neither the initrd nor the recipe names a module");
  for (const std::string& name : wanted)
    if (is_module_loaded(node, name)) there.push_back(name);
  return judged({{"loaded", there}}, {{"loaded", wanted}, {"denied", denied}}, "/sys/module, modprobe --show-depends",
                joined(objections, "; "));
}

/// Booleans are written in many ways and shown as Y or N.
bool is_same_parameter(const std::string& shown, const std::string& wanted) {
  if (shown == wanted) return true;
  if (shown == "Y") return wanted == "1" || wanted == "y" || wanted == "on" || wanted == "true";
  return shown == "N" && (wanted == "0" || wanted == "n" || wanted == "off" || wanted == "false");
}

bool has_line(const std::string& text, const std::string& line) {
  const Words lines = split_lines(text);
  return std::find(lines.begin(), lines.end(), line) != lines.end();
}

bool has_parameter(const Node& node, const std::string& module, const std::string& parameter) {
  const Words lines = split_lines(node.run({"modinfo", "--parameters", module}).output);
  return std::any_of(lines.begin(), lines.end(), [&](const std::string& line) {
    return line.compare(0, parameter.size() + 1, parameter + ":") == 0;
  });
}

Measured parameter(const Node& node, const Json& statement) {
  const auto module = statement.at("module").get<std::string>(), name = statement.at("parameter").get<std::string>(),
             wanted = statement.at("value").get<std::string>();
  const std::string full = fmt::format("{}.{}", module, name);
  if (const auto shown = read_words(node, fmt::format("/sys/module/{}/parameters/{}", module_name(module), name)))
    return {*shown,
            is_same_parameter(*shown, wanted) ? "" : fmt::format("{} is {} instead of {}", full, *shown, wanted)};
  if (!has_parameter(node, module, name)) return {nullptr, fmt::format("module {} has no parameter {}", module, name)};
  const std::string line = fmt::format("options {} {}={}", module_name(module), name, wanted);
  if (!has_line(node.run({"modprobe", "--showconfig"}).output, line))
    return {nullptr, fmt::format("modprobe does not set {}", full)};
  if (is_module_loaded(node, module)) return {nullptr, "", fmt::format("the kernel does not show {}", full)};
  return {"set when it loads", ""};
}

Finding module_parameters(const Node& node, const Expected& expected) {
  return judge_each(expected, "kernel.module-parameters", "/sys/module/*/parameters, modprobe --showconfig",
                    [&](const Json& statement) { return parameter(node, statement); });
}

}  // namespace

std::vector<Check> kernel_setting_checks() {
  return {{"kernel.sysctl", "each declared sysctl has its value", {"declared:kernel.sysctl"}, When::booted, sysctls},
          {"kernel.modules",
           "the initrd's and the declared modules are loaded, the denied ones are not and cannot be",
           {},
           When::booted,
           modules},
          {"kernel.module-parameters",
           "each declared parameter of a module has its value",
           {"declared:kernel.module-parameters"},
           When::booted,
           module_parameters}};
}

}  // namespace ainode::checks
