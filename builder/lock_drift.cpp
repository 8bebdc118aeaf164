// SPDX-License-Identifier: Apache-2.0
// Two canonical texts side by side; lists of things with an id are compared thing by thing.
#include "builder/lock_drift.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/json.h"

namespace ainode {

namespace {

std::string shown(const Json& value) {
  constexpr std::size_t kLongest = 80;
  const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
  return text.size() <= kLongest ? text : text.substr(0, kLongest) + "…";
}

std::string identity_of(const Json& item) {
  if (!item.is_object()) return shown(item);
  for (const char* key : {"id", "name", "path"})
    if (item.contains(key)) return shown(item[key]);
  return shown(item);
}

class Comparison {
 public:
  void compare(const Json& was, const Json& is, const std::string& path) {
    if (was == is) return;
    if (was.is_object() && is.is_object()) return compare_mappings(was, is, path);
    if (was.is_array() && is.is_array()) return compare_lists(was, is, path);
    lines.push_back(fmt::format("{}: `{}` became `{}`", path, shown(was), shown(is)));
  }

  std::vector<std::string> lines;

 private:
  void compare_mappings(const Json& was, const Json& is, const std::string& path) {
    std::set<std::string> keys;
    for (const auto& [key, value] : was.items()) keys.insert(key);
    for (const auto& [key, value] : is.items()) keys.insert(key);
    for (const std::string& key : keys) {
      const std::string inner = path.empty() ? key : path + "." + key;
      if (!was.contains(key)) {
        added(is[key], inner);
      } else if (!is.contains(key)) {
        removed(was[key], inner);
      } else {
        compare(was[key], is[key], inner);
      }
    }
  }

  void added(const Json& value, const std::string& path) {
    if (value.is_array()) return compare_lists(Json::array(), value, path);
    if (value.is_object()) return compare_mappings(Json::object(), value, path);
    lines.push_back(fmt::format("{}: `{}` was added", path, shown(value)));
  }

  void removed(const Json& value, const std::string& path) {
    if (value.is_array()) return compare_lists(value, Json::array(), path);
    if (value.is_object()) return compare_mappings(value, Json::object(), path);
    lines.push_back(fmt::format("{}: `{}` was removed", path, shown(value)));
  }

  static const Json* find(const Json& list, const std::string& identity) {
    const auto item = std::find_if(list.begin(), list.end(),
                                   [&](const Json& candidate) { return identity_of(candidate) == identity; });
    return item == list.end() ? nullptr : &*item;
  }

  void compare_lists(const Json& was, const Json& is, const std::string& path) {
    const std::size_t before = lines.size();
    for (const Json& item : was)
      if (!find(is, identity_of(item))) lines.push_back(fmt::format("{}: `{}` was removed", path, identity_of(item)));
    for (const Json& item : is) {
      const Json* old = find(was, identity_of(item));
      if (!old) lines.push_back(fmt::format("{}: `{}` was added", path, identity_of(item)));
      if (old) compare(*old, item, fmt::format("{}[{}]", path, identity_of(item)));
    }
    if (lines.size() == before) lines.push_back(path + ": the order changed");
  }
};

Json asked_of_the_solver(const std::string& values) {
  const Json recipe = Json::parse(values);
  Json asked = Json::object();
  for (const char* key : {"architecture", "repositories", "packages"})
    if (recipe.contains(key)) asked[key] = recipe[key];
  if (!recipe.contains("kernel")) return asked;
  const Json& kernel = recipe["kernel"];
  if (kernel.contains("package")) asked["kernel"] = kernel["package"];
  if (!kernel.contains("extra-modules")) return asked;
  asked["extra-modules"] = Json::array();
  for (const Json& module : kernel["extra-modules"]) asked["extra-modules"].push_back(module.value("package", ""));
  return asked;
}

}  // namespace

std::vector<std::string> describe_drift(const std::string& was, const std::string& is) {
  Comparison comparison;
  comparison.compare(Json::parse(was), Json::parse(is), "");
  return std::move(comparison.lines);
}

bool ask_for_the_same_packages(const std::string& was, const std::string& is) {
  return asked_of_the_solver(was) == asked_of_the_solver(is);
}

}  // namespace ainode
