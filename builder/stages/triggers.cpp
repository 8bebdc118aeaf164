// SPDX-License-Identifier: Apache-2.0
#include "builder/stages/triggers.h"

#include <set>
#include <sstream>

namespace ainode {

namespace {

constexpr const char* kInfo = "var/lib/dpkg/info/";
constexpr const char* kWatchedPaths = "var/lib/dpkg/triggers/File";

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::string text_or_nothing(const Store& store, const Tree& tree, const std::string& path) {
  return tree.file(path) ? store.read_text(tree, path) : "";
}

/// `activate NAME`, `activate-await NAME`, `activate-noawait NAME`.
void add_named(std::set<std::string>& names, const std::string& declarations) {
  for (const std::string& line : lines_of(declarations)) {
    std::istringstream words(line);
    std::string directive, name;
    if (words >> directive >> name && directive.rfind("activate", 0) == 0) names.insert(name);
  }
}

bool is_at_or_below(const std::string& path, const std::string& watched) {
  return path == watched || path.rfind(watched + "/", 0) == 0;
}

}  // namespace

std::string activated_triggers(const Store& store, const Tree& tree, const std::vector<std::string>& packages) {
  std::set<std::string> names;
  std::vector<std::string> watched;
  for (const std::string& line : lines_of(text_or_nothing(store, tree, kWatchedPaths)))
    watched.push_back(line.substr(0, line.find(' ')));
  for (const std::string& package : packages) {
    add_named(names, text_or_nothing(store, tree, kInfo + package + ".triggers"));
    for (const std::string& path : lines_of(text_or_nothing(store, tree, kInfo + package + ".list")))
      for (const std::string& place : watched)
        if (is_at_or_below(path, place)) names.insert(place);
  }
  std::string text;
  for (const std::string& name : names) text += name + " -\n";
  return text;
}

}  // namespace ainode
