// SPDX-License-Identifier: Apache-2.0
// What a module wants is held against what kernel and modules give before anybody boots: a driver of another build
// fails here, with its name, instead of at its first load on the node.
#include "validators/tree/tree_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "base/error.h"
#include "validators/checks/catalog.h"
#include "validators/checks/kernel_config.h"
#include "validators/checks/module_version.h"
#include "validators/checks/text.h"
#include "validators/tree/driver_versions.h"
#include "validators/tree/kernel_symbols.h"
#include "validators/tree/module_files.h"
#include "validators/tree/module_survey.h"

namespace ainode::tree {

namespace {

using checks::Expected;
using checks::Finding;
using checks::Node;
using checks::Where;
using Words = std::vector<std::string>;

/// Symbol → the checksums that somebody exports it with: two modules of which one is loaded may give the same.
using Exports = std::map<std::string, std::set<std::optional<std::uint32_t>>>;

void add(Exports& exports, const Symbols& symbols) {
  for (const auto& [name, checksum] : symbols) exports[name].insert(checksum);
}

/// What keeps a module from loading.
Words symbol_objections(const Symbols& wanted, const Exports& exports) {
  Words objections;
  for (const auto& [name, checksum] : wanted) {
    const auto given = exports.find(name);
    if (given == exports.end()) {
      objections.push_back(fmt::format("nobody exports {}", name));
    } else if (checksum && !given->second.contains(checksum)) {
      objections.push_back(fmt::format("{} has another type than it was compiled for", name));
    }
  }
  return objections;
}

Finding judge_symbols(const ModuleSurvey& survey, const Json& due) {
  if (!survey.malformed.empty()) return checks::failed(nullptr, due, survey.kernel, survey.malformed);
  Exports exports;
  add(exports, survey.exports);
  const std::size_t of_kernel = exports.size();
  for (const SurveyedModule& module : survey.modules) add(exports, module.symbols.exported);
  Words refused;
  std::size_t wanted = 0;
  for (const SurveyedModule& module : survey.modules) {
    wanted += module.symbols.wanted.size();
    Words objections = symbol_objections(module.symbols.wanted, exports);
    if (!module.malformed.empty()) objections = {module.malformed};
    if (!module.problem.empty()) objections = {module.problem};
    if (!objections.empty()) refused.push_back(fmt::format("{}: {}", module.path, checks::joined(objections, ", ")));
  }
  std::string objection;
  if (!refused.empty())
    objection = fmt::format("{} of {} modules cannot load: {}", refused.size(), survey.modules.size(), refused.front());
  return checks::judged({{"modules", survey.modules.size()},
                         {"exported_by_kernel", of_kernel},
                         {"exported", exports.size()},
                         {"wanted", wanted},
                         {"refused", refused}},
                        due, fmt::format("{}, {}/**/*.ko*: .symtab, __versions", survey.kernel, kModules),
                        std::move(objection));
}

Finding symbols(SurveyOnce& once, const Node& node) {
  const Json due = {{"refused", Json::array()}};
  const auto& [survey, problem] = once.of(node);
  return survey ? judge_symbols(*survey, due) : checks::failed(nullptr, due, kModules, problem);
}

/// The recipe's own modules, which no key of the kernel's signed.
bool is_extra_module(const Expected& expected, const std::string& path) {
  const auto& declared = expected.declared;
  return std::any_of(declared.begin(), declared.end(), [&](const Declaration& declaration) {
    return declaration.subject == "driver.extra-modules" && declaration.expected.at("file") == path;
  });
}

/// "3 of 4,230 modules WORDS: the first"; nothing where there is none.
void object(Words& objections, const Words& paths, std::size_t all, std::string_view words) {
  if (!paths.empty())
    objections.push_back(fmt::format("{} of {} modules {}: {}", paths.size(), all, words, paths.front()));
}

/// Why a kernel's modules must be signed at all: those who sign a kernel for Secure Boot sign its modules with it, for
/// it then loads no others. Empty for a kernel that nobody has signed yet, whose modules wait for the same hand.
std::string reason_to_be_signed(const ModuleSurvey& survey, const Node& node) {
  if (survey.is_kernel_signed) return "the boot image is signed for Secure Boot";
  const auto config = checks::read_kernel_config(node);
  for (const char* option : {"MODULE_SIG_FORCE", "MODULE_SIG_ALL"})
    if (config && config->value(option) == "y") return fmt::format("CONFIG_{} is y", option);
  return "";
}

Finding judge_signatures(const ModuleSurvey& survey, const Node& node, const Expected& expected, const Json& due) {
  Json counts = Json::object();
  Words unreadable, naked, changed, strangers;
  for (const SurveyedModule& module : survey.modules) {
    if (!module.problem.empty()) unreadable.push_back(module.path);
    if (!module.signature) {
      if (module.problem.empty() && !is_extra_module(expected, module.path)) naked.push_back(module.path);
      continue;
    }
    const auto& [signer, is_known, holds] = *module.signature;
    if (is_known && !holds) changed.push_back(module.path);
    if (!is_known && !counts.contains(signer))
      strangers.push_back(fmt::format("{} is signed by {}", module.path, signer));
    counts[signer] = counts.value(signer, 0) + 1;
  }
  const std::string reason = counts.empty() ? reason_to_be_signed(survey, node) : "";
  if (counts.empty() && unreadable.empty() && reason.empty())
    return checks::skipped("no module is signed, as in kernels that a distribution has yet to sign");
  Words objections;
  object(objections, unreadable, survey.modules.size(), "cannot be read");
  object(objections, naked, survey.modules.size(), "are not signed" + (reason.empty() ? "" : ", but " + reason));
  object(objections, changed, survey.modules.size(), "are not what was signed");
  for (const std::string& stranger : strangers)
    objections.push_back(stranger + ", whose certificate the kernel does not have");
  return checks::judged({{"modules", survey.modules.size()},
                         {"unsigned", naked.size()},
                         {"changed", changed.size()},
                         {"signers", counts},
                         {"strangers", strangers}},
                        due, fmt::format("{}, {}/**/*.ko*: the signature at the end", survey.kernel, kModules),
                        checks::joined(objections, "; "));
}

Finding signatures(SurveyOnce& once, const Node& node, const Expected& expected) {
  const Json due = {{"unsigned", 0}, {"changed", 0}, {"strangers", Json::array()}};
  const auto& [survey, problem] = once.of(node);
  return survey ? judge_signatures(*survey, node, expected, due) : checks::failed(nullptr, due, kModules, problem);
}

struct Module {
  std::string path;
  Words needs;  ///< names of the modules that are loaded before it
};

/// modules.dep: "kernel/a.ko.xz: kernel/b.ko.xz …", paths below the release's directory.
std::map<std::string, Module> read_dependencies(const Node& node, const std::string& directory) {
  std::map<std::string, Module> modules;
  for (const std::string& line : checks::split_lines(node.read_file(directory + "/modules.dep").value_or(""))) {
    const Words words = checks::split_words(line);
    const std::string own = words.front().substr(0, words.front().find(':'));
    Module& module = modules[module_name(own)];
    module.path = directory + "/" + own;
    for (std::size_t i = 1; i < words.size(); ++i) module.needs.push_back(module_name(words[i]));
  }
  return modules;
}

/// Those that the initrd loads and that the recipe has loaded, with what they need.
std::set<std::string> modules_at_boot(const Expected& expected, const std::map<std::string, Module>& modules) {
  std::deque<std::string> queue(expected.initrd_modules.begin(), expected.initrd_modules.end());
  for (const Declaration& declaration : expected.declared)
    if (declaration.subject == "kernel.modules" && declaration.expected.contains("load"))
      queue.push_back(declaration.expected["load"].get<std::string>());
  std::set<std::string> names;
  for (; !queue.empty(); queue.pop_front()) {
    const auto module = modules.find(module_name(queue.front()));
    if (module == modules.end() || !names.insert(module->first).second) continue;  // built in, or seen
    queue.insert(queue.end(), module->second.needs.begin(), module->second.needs.end());
  }
  return names;
}

/// Compressed or not.
bool has_firmware(const Node& node, const std::string& release, const std::string& name) {
  for (const std::string& folder : firmware_folders(release))
    for (const char* end : {"", ".xz", ".zst"})
      if (node.exists(folder + name + end)) return true;
  return false;
}

Finding firmware(const Node& node, const Expected& expected) {
  const std::string release = node.kernel_release();
  const auto modules = read_dependencies(node, fmt::format("{}/{}", kModules, release));
  const std::set<std::string> names = modules_at_boot(expected, modules);
  std::size_t count = 0;
  Words missing;
  for (const std::string& name : names) {
    const std::string& path = modules.at(name).path;
    for (const std::string& each : module_info(read_unpacked(node, path), "firmware", path)) {
      ++count;
      if (!has_firmware(node, release, each)) missing.push_back(fmt::format("{} asks for {}", name, each));
    }
  }
  std::string objection;
  if (!missing.empty())
    objection = fmt::format("{} of {} firmware files are not in the image: {}", missing.size(), count,
                            checks::joined(missing, ", "));
  return checks::judged({{"modules", names}, {"firmware", count}, {"missing", missing}}, {{"missing", Json::array()}},
                        fmt::format("{}/{}/modules.dep, .modinfo, /usr/lib/firmware", kModules, release),
                        std::move(objection));
}

/// Where all modules are unpacked anyway, their versions need no unpacking of their own.
void take_versions_from(const std::shared_ptr<SurveyOnce>& once, checks::Check& vermagic) {
  vermagic.function = [once, otherwise = vermagic.function](const Node& node, const Expected& expected) {
    const auto& [survey, problem] = once->of(node);
    if (!survey) return otherwise(node, expected);
    checks::ModuleVersions versions;
    for (const SurveyedModule& module : survey->modules)
      versions[module.path] = module.problem.empty() ? module.version : checks::kUnreadable;
    return checks::judge_module_versions(versions, node.kernel_release());
  };
}

std::vector<checks::Check> checks_with(const std::shared_ptr<SurveyOnce>& once) {
  std::vector<checks::Check> all = {
      {"driver.symbols",
       "every module finds what it needs of the kernel and of other modules, of the type it was compiled for",
       {},
       checks::When::meanwhile,
       [once](const Node& node, const Expected&) { return symbols(*once, node); },
       "",
       Where::tree_too,
       checks::Level::standard},
      {"driver.firmware-present",
       "the firmware of each module that loads at boot is in the image",
       {},
       checks::When::meanwhile,
       firmware,
       "",
       Where::tree_too},
      {"driver.userspace-match",
       "a driver's modules, libraries, firmware and CDI files are of one version",
       {},
       checks::When::meanwhile,
       userspace_match,
       "",
       Where::tree_too},
      {"driver.signed",
       "every module is as it was signed, by somebody whose certificate the kernel has",
       {"config:MODULE_SIG"},
       checks::When::meanwhile,
       [once](const Node& node, const Expected& expected) { return signatures(*once, node, expected); },
       "",
       Where::tree_too,
       checks::Level::standard}};
  for (checks::Check& check : all) check.family = "driver";
  return all;
}

}  // namespace

std::vector<checks::Check> tree_only_checks() {
  return checks_with(std::make_shared<SurveyOnce>());
}

std::vector<checks::Check> checks_of_tree(const Expected& expected) {
  std::vector<checks::Check> chosen = checks::checks_for(expected);
  std::erase_if(chosen, [](const checks::Check& check) { return check.where == Where::node; });
  const auto once = std::make_shared<SurveyOnce>();
  for (checks::Check& check : checks_with(once))
    if (!checks::left_out(check, expected)) chosen.push_back(std::move(check));
  const auto find = [&](std::string_view id) {
    return std::find_if(chosen.begin(), chosen.end(), [id](const checks::Check& check) { return check.id == id; });
  };
  const bool is_surveyed = find("driver.symbols") != chosen.end() || find("driver.signed") != chosen.end();
  if (const auto vermagic = find("driver.vermagic"); is_surveyed && vermagic != chosen.end())
    take_versions_from(once, *vermagic);
  return chosen;
}

}  // namespace ainode::tree
