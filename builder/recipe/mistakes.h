// SPDX-License-Identifier: Apache-2.0
// Collects what is wrong with a recipe, so that all of it is told at once.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/yaml.h"

namespace ainode {

class Mistakes {
 public:
  static constexpr std::size_t kMost = 200;

  void add(Error error);  ///< once: the same message at the same place says nothing new
  void wrong_type(const YamlNode& node, std::string_view path, std::string_view holds);
  void bad_value(const Place& place, std::string message, std::string label = "", std::string help = "");

  /// Whether something is wrong with the very value at this place.
  bool concern(const Place& place) const { return places_.contains(place.str()); }
  bool empty() const { return errors_.empty(); }
  /// More would help nobody: what comes now is not kept, and the last one says so.
  bool is_full() const { return errors_.size() >= kMost; }
  /// Throws Errors when there were any: file by file as they were first met, then by place.
  void throw_if_any();

 private:
  std::vector<Error> errors_;
  std::set<std::string> seen_, places_;
};

/// "a list", "text", "a number": what a node is, for messages.
std::string_view kind_in_words(const YamlNode& node);
/// Enough of a refused value to know it again: the whole could be a secret in the wrong place.
std::string shown(const std::string& text);

}  // namespace ainode
