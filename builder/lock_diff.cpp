// SPDX-License-Identifier: Apache-2.0
// Names and versions come from the locks; scripts and configurations from the packages' commits in the store.
#include "builder/lock_diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "builder/lock_drift.h"
#include "builder/obtain_packages.h"
#include "builder/store/packages.h"

namespace ainode {

namespace {

constexpr const char* kControlFolder = "var/lib/dpkg/info";
constexpr std::string_view kScripts[] = {"preinst", "postinst", "prerm", "postrm", "config", "triggers"};

void add_changes(LockDiff& diff, const std::vector<LockedPackage>& before, const std::vector<LockedPackage>& after,
                 bool is_tool) {
  std::map<std::string, PackageChange> by_name;
  for (const LockedPackage& package : before) by_name[package.name].before = package;
  for (const LockedPackage& package : after) by_name[package.name].after = package;
  for (auto& [name, change] : by_name) {
    if (change.before && change.after && change.before->sha256 == change.after->sha256) continue;
    change.is_tool = is_tool;
    diff.changes.push_back(std::move(change));
  }
}

std::uint64_t total_size(const std::vector<LockedPackage>& packages) {
  std::uint64_t total = 0;
  for (const LockedPackage& package : packages) total += package.size;
  return total;
}

void compare_repositories(LockDiff& diff, const Lock& before, const Lock& after) {
  std::map<std::string, std::pair<const LockedRepository*, const LockedRepository*>> by_id;
  for (const LockedRepository& repository : before.repositories) by_id[repository.id].first = &repository;
  for (const LockedRepository& repository : after.repositories) by_id[repository.id].second = &repository;
  for (const auto& [id, pair] : by_id) {
    const auto& [was, is] = pair;
    if (!is) {
      diff.repositories.push_back(id + ": gone");
    } else if (!was) {
      diff.repositories.push_back(fmt::format("{}: new, of {}", id, is->date));
    } else if (was->inrelease_sha256 != is->inrelease_sha256) {
      diff.repositories.push_back(fmt::format("{}: {} → {}", id, was->date, is->date));
      if (was->signer != is->signer)
        diff.repositories.push_back(fmt::format("{}: signed by {}, before by {}", id, is->signer, was->signer));
    }
  }
}

bool is_kernel(const LockedPackage& package) {
  return package.name.starts_with("linux-image-") || package.name.starts_with("linux-base-") ||
         package.name.starts_with("linux-binary-");
}

/// Changed packages whose files have to be looked into.
std::vector<LockedPackage> to_look_into(const LockDiff& diff) {
  std::vector<LockedPackage> packages;
  for (const PackageChange& change : diff.changes)
    for (const auto* side : {&change.before, &change.after})
      if (*side && !change.is_tool && ((change.before && change.after) || is_kernel(**side)))
        packages.push_back(**side);
  return packages;
}

/// The packages that are in the store in the end; the others are told in `unknown`.
std::set<std::string> obtain(RunContext& run, Store& store, LockDiff& diff, const Lock& before, const Lock& after,
                             const BuildOptions& options) {
  std::set<std::string> present;
  for (const LockedPackage& package : to_look_into(diff)) {
    const bool is_new = std::any_of(after.packages.begin(), after.packages.end(),
                                    [&](const LockedPackage& other) { return other.sha256 == package.sha256; });
    try {
      obtain_packages(run, store, {package}, is_new ? after.repositories : before.repositories, options);
      present.insert(package.sha256);
    } catch (const Error& error) {
      if (error.code().exit != Exit::environment || error.code().id == codes::interrupted.id) throw;
      diff.unknown.push_back(fmt::format("{} could not be looked into: {}", package.str(), error.message()));
    }
  }
  return present;
}

std::map<std::string, std::string> scripts_of(const Store& store, const LockedPackage& package) {
  const Tree tree = store.read_tree(package_commit(store, package));
  std::map<std::string, std::string> scripts;
  const TreeDirectory* folder = tree.directory(kControlFolder);
  if (!folder) return scripts;
  for (const auto& [name, file] : folder->files) {
    const std::string kind = name.substr(name.rfind('.') + 1);
    if (std::find(std::begin(kScripts), std::end(kScripts), kind) != std::end(kScripts)) scripts[kind] = file.checksum;
  }
  return scripts;
}

std::vector<std::string> changed_scripts(const Store& store, const PackageChange& change) {
  const auto before = scripts_of(store, *change.before), after = scripts_of(store, *change.after);
  std::vector<std::string> changed;
  for (const std::string_view kind : kScripts) {
    const auto was = before.find(std::string(kind)), is = after.find(std::string(kind));
    const bool is_same =
        (was == before.end()) == (is == after.end()) && (was == before.end() || was->second == is->second);
    if (!is_same) changed.emplace_back(kind);
  }
  return changed;
}

std::optional<KernelConfiguration> configuration_of(const Store& store, const std::vector<LockedPackage>& packages,
                                                    const std::set<std::string>& present) {
  for (const LockedPackage& package : packages) {
    if (!is_kernel(package) || !present.contains(package.sha256)) continue;
    const Tree tree = store.read_tree(package_commit(store, package));
    const TreeDirectory* boot = tree.directory("boot");
    if (!boot) continue;
    for (const auto& [name, file] : boot->files)
      if (name.starts_with("config-"))
        return parse_kernel_configuration(name.substr(7), store.read_file(file.checksum).content);
  }
  return std::nullopt;
}

void compare_kernels(LockDiff& diff, const Store& store, const Lock& before, const Lock& after,
                     const std::set<std::string>& present) {
  const auto was = configuration_of(store, before.packages, present),
             is = configuration_of(store, after.packages, present);
  if (was) diff.kernel_before = was->release;
  if (is) diff.kernel_after = is->release;
  if (was && is) diff.kernel_options = compare_configurations(*was, *is);
}

std::int64_t growth(const PackageChange& change) {
  return static_cast<std::int64_t>(change.after ? change.after->size : 0) -
         static_cast<std::int64_t>(change.before ? change.before->size : 0);
}

std::string versions(const PackageChange& change) {
  if (!change.before) return change.after->version;
  return change.after ? fmt::format("{} → {}", change.before->version, change.after->version) : change.before->version;
}

std::string section(const std::string& title, const std::vector<std::string>& lines) {
  std::string text = lines.empty() ? "" : title + "\n";
  for (const std::string& line : lines) text += "  " + line + "\n";
  return text;
}

}  // namespace

std::string signed_size(std::int64_t bytes) {
  const double size = static_cast<double>(bytes);
  if (std::abs(size) >= 1e6) return fmt::format("{:+.1f} MB", size / 1e6);
  return std::abs(size) >= 1e3 ? fmt::format("{:+.1f} kB", size / 1e3) : fmt::format("{:+} B", bytes);
}

std::string show_change(const PackageChange& change) {
  const char mark = !change.before ? '+' : change.after ? '~' : '-';
  const std::string& name = (change.after ? change.after : change.before)->name;
  std::string line = fmt::format("{} {:<32} {:<44} {:>10}", mark, name + (change.is_tool ? " (tool)" : ""),
                                 versions(change), signed_size(growth(change)));
  if (!change.scripts.empty()) line += fmt::format("  {} changed", fmt::join(change.scripts, ", "));
  return line;
}

LockDiff compare_locks(const Lock& before, const Lock& after) {
  LockDiff diff;
  add_changes(diff, before.packages, after.packages, false);
  add_changes(diff, before.tools, after.tools, true);
  add_changes(diff, before.module_build, after.module_build, true);
  if (before.recipe_digest != after.recipe_digest)
    diff.recipe = describe_drift(before.recipe_values, after.recipe_values);
  compare_repositories(diff, before, after);
  diff.bytes_before = total_size(before.packages);
  diff.bytes_after = total_size(after.packages);
  return diff;
}

LockDiff diff_locks(RunContext& run, Store& store, const Lock& before, const Lock& after, const BuildOptions& options) {
  LockDiff diff = compare_locks(before, after);
  const std::set<std::string> present = obtain(run, store, diff, before, after, options);
  for (PackageChange& change : diff.changes)
    if (change.before && change.after && present.contains(change.before->sha256) &&
        present.contains(change.after->sha256))
      change.scripts = changed_scripts(store, change);
  compare_kernels(diff, store, before, after, present);
  return diff;
}

std::string show_diff(const LockDiff& diff) {
  if (diff.empty()) return "no difference\n";
  std::string text = section("recipe", diff.recipe) + section("repositories", diff.repositories);
  if (!diff.changes.empty()) {
    const std::int64_t more =
        static_cast<std::int64_t>(diff.bytes_after) - static_cast<std::int64_t>(diff.bytes_before);
    text += fmt::format("packages: {} differ, {}\n", diff.changes.size(), signed_size(more));
    for (const PackageChange& change : diff.changes) text += "  " + show_change(change) + "\n";
  }
  if (!diff.kernel_before.empty() && !diff.kernel_after.empty()) {
    text += fmt::format("kernel {} → {}: {} options of its configuration differ\n", diff.kernel_before,
                        diff.kernel_after, diff.kernel_options.size());
    for (const OptionChange& option : diff.kernel_options)
      text += fmt::format("  {:<44} {} → {}\n", option.option, option.before, option.after);
  }
  return text + section("not compared", diff.unknown);
}

Json diff_json(const LockDiff& diff) {
  Json changes = Json::array(), options = Json::array();
  for (const PackageChange& change : diff.changes) {
    Json json = {{"name", (change.after ? change.after : change.before)->name}, {"tool", change.is_tool}};
    json["before"] = change.before ? Json(change.before->version) : Json(nullptr);
    json["after"] = change.after ? Json(change.after->version) : Json(nullptr);
    json["size_change"] = growth(change);
    json["scripts"] = change.scripts;
    changes.push_back(std::move(json));
  }
  for (const OptionChange& option : diff.kernel_options)
    options.push_back({{"option", option.option}, {"before", option.before}, {"after", option.after}});
  return {{"packages", std::move(changes)},
          {"bytes_before", diff.bytes_before},
          {"bytes_after", diff.bytes_after},
          {"recipe", diff.recipe},
          {"repositories", diff.repositories},
          {"kernel", {{"before", diff.kernel_before}, {"after", diff.kernel_after}, {"options", std::move(options)}}},
          {"not_compared", diff.unknown}};
}

}  // namespace ainode
