// SPDX-License-Identifier: Apache-2.0
// What a module wants is held against what kernel and modules give before anybody boots: a driver of another build
// fails here, with its name, instead of at its first load on the node.
#include "validators/tree/tree_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "base/cms.h"
#include "base/error.h"
#include "base/parallel.h"
#include "validators/checks/catalog.h"
#include "validators/checks/text.h"
#include "validators/tree/driver_versions.h"
#include "validators/tree/kernel_symbols.h"
#include "validators/tree/module_files.h"

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

Finding symbols(const Node& node, const Expected&) {
  const Json due = {{"refused", Json::array()}};
  const auto kernel = find_kernel(node);
  if (!kernel) return checks::failed(nullptr, due, kModules, "the image holds no kernel, or several");
  Exports exports;
  try {
    add(exports, read_kernel_exports(node.read_file(*kernel).value_or(""), *kernel));
  } catch (const Error& error) {
    return checks::failed(nullptr, due, *kernel, error.message());
  }
  const std::size_t of_kernel = exports.size();
  const Words paths = find_modules(node);
  std::vector<ModuleSymbols> modules(paths.size());
  std::vector<std::string> unreadable(paths.size());
  parallel_for(static_cast<int>(std::thread::hardware_concurrency()), paths.size(), [&](std::size_t i) {
    try {
      modules[i] = read_module(read_unpacked(node, paths[i]), paths[i]);
    } catch (const Error& error) {
      unreadable[i] = error.message();
    }
  });
  for (const ModuleSymbols& module : modules) add(exports, module.exported);
  Words refused;
  std::size_t wanted = 0;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    wanted += modules[i].wanted.size();
    Words objections = symbol_objections(modules[i].wanted, exports);
    if (!unreadable[i].empty()) objections = {unreadable[i]};
    if (!objections.empty()) refused.push_back(fmt::format("{}: {}", paths[i], checks::joined(objections, ", ")));
  }
  std::string objection;
  if (!refused.empty())
    objection = fmt::format("{} of {} modules cannot load: {}", refused.size(), paths.size(), refused.front());
  return checks::judged({{"modules", paths.size()},
                         {"exported_by_kernel", of_kernel},
                         {"exported", exports.size()},
                         {"wanted", wanted},
                         {"refused", refused}},
                        due, fmt::format("{}, {}/**/*.ko*: .symtab, __versions", *kernel, kModules),
                        std::move(objection));
}

/// The recipe's own modules, which no key of the kernel's signed.
bool is_extra_module(const Expected& expected, const std::string& path) {
  const auto& declared = expected.declared;
  return std::any_of(declared.begin(), declared.end(), [&](const Declaration& declaration) {
    return declaration.subject == "driver.extra-modules" && declaration.expected.at("file") == path;
  });
}

/// The certificates that modules name, as the kernel has them built in. For several threads.
class BuiltInCertificates {
 public:
  explicit BuiltInCertificates(std::string kernel) : kernel_(std::move(kernel)) {}
  /// Empty where the kernel has none for this signer.
  const std::string& of(const CmsSigner& signer) {
    const std::lock_guard lock(mutex_);
    const auto [place, is_new] = found_.try_emplace(signer.name());
    if (is_new) place->second = find_certificate(kernel_, signer);
    return place->second;
  }

 private:
  std::string kernel_;
  std::mutex mutex_;
  std::map<std::string, std::string> found_;
};

struct Signature {
  bool is_there = false, is_known = false, holds = false;
  std::string signer;  ///< empty without one
};

Signature judge_signature(std::string_view module, BuiltInCertificates& certificates) {
  const auto parts = split_signature(module);
  if (!parts) return {};
  const std::vector<CmsSigner> signers = cms_signers(parts->message);
  const CmsSigner signer = signers.empty() ? CmsSigner{} : signers.front();
  const std::string& certificate = certificates.of(signer);
  return {true, !certificate.empty(), is_signed_by(parts->message, parts->content, certificate), signer.name()};
}

Finding signatures(const Node& node, const Expected& expected) {
  const Json due = {{"unsigned", 0}, {"changed", 0}, {"strangers", Json::array()}};
  const auto boot_image = find_kernel(node);
  if (!boot_image) return checks::failed(nullptr, due, kModules, "the image holds no kernel, or several");
  const Words paths = find_modules(node);
  std::vector<Signature> signatures(paths.size());
  try {
    BuiltInCertificates certificates(unpack_kernel(node.read_file(*boot_image).value_or(""), *boot_image));
    parallel_for(static_cast<int>(std::thread::hardware_concurrency()), paths.size(),
                 [&](std::size_t i) { signatures[i] = judge_signature(read_unpacked(node, paths[i]), certificates); });
  } catch (const Error& error) {
    return checks::failed(nullptr, due, kModules, error.message());
  }
  Json counts = Json::object();
  Words naked, changed, strangers;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const Signature& signature = signatures[i];
    if (!signature.is_there && !is_extra_module(expected, paths[i])) naked.push_back(paths[i]);
    if (!signature.is_there) continue;
    if (signature.is_known && !signature.holds) changed.push_back(paths[i]);
    const bool is_first = !counts.contains(signature.signer);
    counts[signature.signer] = counts.value(signature.signer, 0) + 1;
    if (!signature.is_known && is_first)
      strangers.push_back(fmt::format("{} is signed by {}", paths[i], signature.signer));
  }
  if (counts.empty()) return checks::skipped("no module is signed, as in kernels that a distribution has yet to sign");
  Words objections;
  if (!naked.empty())
    objections.push_back(fmt::format("{} of {} modules are not signed: {}", naked.size(), paths.size(), naked.front()));
  if (!changed.empty())
    objections.push_back(
        fmt::format("{} of {} modules are not what was signed: {}", changed.size(), paths.size(), changed.front()));
  for (const std::string& stranger : strangers)
    objections.push_back(stranger + ", whose certificate the kernel does not have");
  return checks::judged({{"modules", paths.size()},
                         {"unsigned", naked.size()},
                         {"changed", changed.size()},
                         {"signers", counts},
                         {"strangers", strangers}},
                        due, fmt::format("{}, {}/**/*.ko*: the signature at the end", *boot_image, kModules),
                        checks::joined(objections, "; "));
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

}  // namespace

std::optional<std::string> find_kernel(const Node& node) {
  std::optional<std::string> found;
  for (const checks::DirectoryEntry& entry : node.list(kModules)) {
    std::string path = fmt::format("{}/{}/vmlinuz", kModules, entry.name);
    if (!node.exists(path)) continue;
    if (found) return std::nullopt;
    found = std::move(path);
  }
  return found;
}

std::vector<checks::Check> tree_only_checks() {
  std::vector<checks::Check> all = {
      {"driver.symbols",
       "every module finds what it needs of the kernel and of other modules, of the type it was compiled for",
       {},
       checks::When::meanwhile,
       symbols,
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
       signatures,
       "",
       Where::tree_too,
       checks::Level::standard}};
  for (checks::Check& check : all) check.family = "driver";
  return all;
}

std::vector<checks::Check> checks_of_tree(const Expected& expected) {
  std::vector<checks::Check> chosen = checks::checks_for(expected);
  std::erase_if(chosen, [](const checks::Check& check) { return check.where == Where::node; });
  for (checks::Check& check : tree_only_checks())
    if (!checks::left_out(check, expected)) chosen.push_back(std::move(check));
  return chosen;
}

}  // namespace ainode::tree
