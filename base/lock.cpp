// SPDX-License-Identifier: Apache-2.0
// The lock has one text for one content: the reader writes what it understood again and accepts nothing else.
#include "base/lock.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "base/crypto.h"
#include "base/json.h"

namespace ainode {
namespace {

constexpr std::string_view kSchema = "ainode.lockfile/1";
constexpr std::size_t kSizeLimit = std::size_t{32} << 20;
constexpr std::string_view kDigestKey = " \"digest\": \"";

std::string line_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string key_of(const LockedPackage& package) {
  return package.name + ":" + package.arch;
}

bool precedes(const LockedPackage& left, const LockedPackage& right) {
  return std::tie(left.name, left.arch) < std::tie(right.name, right.arch);
}

Json package_json(const LockedPackage& package) {
  return {{"name", package.name},     {"version", package.version},
          {"arch", package.arch},     {"sha256", package.sha256},
          {"size", package.size},     {"path", package.path},
          {"source", package.source}, {"repository", package.repository},
          {"layer", package.layer}};
}

Json repository_json(const LockedRepository& repository) {
  return {{"id", repository.id},
          {"distribution", repository.distribution},
          {"suite", repository.suite},
          {"components", repository.components},
          {"origin", repository.origin},
          {"label", repository.label},
          {"codename", repository.codename},
          {"inrelease_sha256", repository.inrelease_sha256},
          {"date", repository.date},
          {"signer", repository.signer},
          {"accepted_stale", repository.accepted_stale}};
}

template <class Items, class ToJson>
std::string array_text(std::string_view key, const Items& items, ToJson&& to_json) {
  std::string text = fmt::format(" \"{}\": [", key);
  std::string_view separator = "\n  ";
  for (const auto& item : items) {
    text.append(separator).append(line_of(to_json(item)));
    separator = ",\n  ";
  }
  return text + (items.empty() ? "],\n" : "\n ],\n");
}

std::string packages_text(std::string_view key, std::string_view order_key,
                          const std::vector<LockedPackage>& packages) {
  std::vector<LockedPackage> sorted = packages;
  std::sort(sorted.begin(), sorted.end(), precedes);
  return array_text(key, sorted, package_json) +
         array_text(order_key, packages, [](const LockedPackage& package) { return Json(key_of(package)); });
}

/// One top-level key of the recipe a line: what changed shows in a review.
std::string values_text(std::string_view key, const std::string& values) {
  std::string text = fmt::format(" \"{}\": {{", key);
  std::string_view separator = "\n  ";
  const Json recipe = Json::parse(values);
  for (const auto& [name, value] : recipe.items()) {
    text.append(separator).append(fmt::format("{}: {}", line_of(Json(name)), line_of(value)));
    separator = ",\n  ";
  }
  return text + "\n },\n";
}

bool is_pool_path(std::string_view path) {
  if (path.empty() || path.front() == '/' || path.back() == '/' || path.find("://") != std::string_view::npos)
    return false;
  const std::string framed = "/" + std::string(path) + "/";
  for (const char* bad : {"/../", "/./", "//"})
    if (framed.find(bad) != std::string::npos) return false;
  return std::none_of(path.begin(), path.end(), [](unsigned char byte) { return byte <= 0x20 || byte == 0x7f; });
}

// Debian Policy 5.6.1: lower-case letters, digits, plus, minus and period.
bool is_package_name(std::string_view name) {
  return name.size() >= 2 && name.front() != '-' && name.front() != '.' && name.front() != '+' &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789+-.") == std::string_view::npos;
}

LockedPackage read_package(const JsonObject& json) {
  LockedPackage package;
  package.name = json.text("name");
  if (!is_package_name(package.name)) json.refuse("name", "is not a package's name");
  package.version = json.text("version");
  package.arch = json.text("arch");
  package.sha256 = json.sha256("sha256");
  package.size = json.size("size");
  package.path = json.text("path");
  if (!is_pool_path(package.path)) json.refuse("path", "is not a path in a repository's pool");
  package.source = json.text("source");
  package.repository = json.text("repository");
  package.layer = json.text("layer");
  return package;
}

LockedRepository read_repository(const JsonObject& json) {
  LockedRepository repository;
  repository.id = json.text("id");
  repository.distribution = json.text("distribution");
  repository.suite = json.text("suite");
  repository.components = json.texts("components");
  repository.origin = json.text("origin");
  repository.label = json.text("label");
  repository.codename = json.text("codename");
  repository.inrelease_sha256 = json.sha256("inrelease_sha256");
  repository.date = json.text("date");
  repository.signer = json.text("signer");
  repository.accepted_stale = json.boolean("accepted_stale");
  return repository;
}

// The packages stand sorted by name; `order_key` gives them back their configuration order.
std::vector<LockedPackage> read_packages(const JsonObject& top, const char* key, const char* order_key) {
  std::map<std::string, LockedPackage> by_key;
  for (const JsonObject& entry : top.objects(key)) {
    LockedPackage package = read_package(entry);
    const std::string name = key_of(package);
    if (!by_key.emplace(name, std::move(package)).second)
      entry.refuse("name", fmt::format("stands twice (`{}`)", name));
  }
  std::vector<LockedPackage> packages;
  for (const std::string& name : top.texts(order_key)) {
    const auto found = by_key.find(name);
    if (found == by_key.end()) top.refuse(order_key, fmt::format("names `{}`, which is not locked", printable(name)));
    packages.push_back(std::move(found->second));
    by_key.erase(found);
  }
  if (!by_key.empty()) top.refuse(order_key, fmt::format("lacks `{}`", by_key.begin()->first));
  return packages;
}

void check_repositories(const Lock& lock, const JsonObject& top) {
  const auto is_known = [&lock](const LockedPackage& package) {
    return std::any_of(lock.repositories.begin(), lock.repositories.end(),
                       [&](const LockedRepository& repository) { return repository.id == package.repository; });
  };
  for (const auto* packages : {&lock.packages, &lock.tools, &lock.module_build})
    for (const LockedPackage& package : *packages)
      if (!is_known(package))
        top.refuse("repositories",
                   fmt::format("lacks `{}`, where {} comes from", printable(package.repository), package.str()));
}

void check_digest(std::string_view text, const JsonObject& top, const std::string& origin) {
  const std::size_t at = text.rfind(kDigestKey);
  if (at != std::string_view::npos && top.sha256("digest") == sha256_hex(text.substr(0, at))) return;
  throw Error(codes::lock_malformed, origin + " was changed after it was written: its digest does not fit its text")
      .help("take the file as it was committed, or write it anew with `ainode lock`");
}

}  // namespace

std::string write_lock(const Lock& lock) {
  std::string text = "{\n";
  const auto field = [&text](std::string_view key, const Json& value) {
    text += fmt::format(" \"{}\": {},\n", key, line_of(value));
  };
  field("schema", kSchema);
  field("recipe", lock.recipe_name);
  field("variant", lock.variant);
  field("architecture", lock.architecture);
  field("recipe_digest", lock.recipe_digest);
  text += values_text("recipe_values", lock.recipe_values);
  field("builder_version", lock.builder_version);
  field("epoch", lock.epoch);
  text += array_text("repositories", lock.repositories, repository_json);
  text += packages_text("packages", "order", lock.packages);
  text += packages_text("tools", "tools_order", lock.tools);
  if (!lock.module_build.empty()) text += packages_text("module_build", "module_build_order", lock.module_build);
  return text + std::string(kDigestKey) + sha256_hex(text) + "\"\n}\n";
}

Lock read_lock(std::string_view text, const std::string& origin) {
  if (text.size() > kSizeLimit)
    throw Error(codes::lock_malformed, fmt::format("{} is larger than {} MiB", origin, kSizeLimit >> 20));
  const Json json = parse_json(text, origin, codes::lock_malformed);
  const JsonObject top(json, origin, codes::lock_malformed);
  if (top.text("schema") != kSchema) top.refuse("schema", fmt::format("is not `{}`", kSchema));
  check_digest(text, top, origin);
  Lock lock;
  lock.recipe_name = top.text("recipe");
  lock.variant = top.text("variant");
  lock.architecture = top.text("architecture");
  lock.recipe_digest = top.sha256("recipe_digest");
  lock.recipe_values = line_of(top.value("recipe_values"));
  if (!top.value("recipe_values").is_object() || sha256_hex(lock.recipe_values) != lock.recipe_digest)
    top.refuse("recipe_values", "is not what `recipe_digest` is made of");
  lock.builder_version = top.text("builder_version");
  lock.epoch = top.integer("epoch");
  for (const JsonObject& entry : top.objects("repositories")) lock.repositories.push_back(read_repository(entry));
  lock.packages = read_packages(top, "packages", "order");
  lock.tools = read_packages(top, "tools", "tools_order");
  if (top.has("module_build")) lock.module_build = read_packages(top, "module_build", "module_build_order");
  check_repositories(lock, top);
  if (write_lock(lock) != text)
    throw Error(codes::lock_malformed, origin + " is not in the form that `ainode lock` writes")
        .help("write it anew with `ainode lock`");
  return lock;
}

}  // namespace ainode
