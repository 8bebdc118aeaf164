// SPDX-License-Identifier: Apache-2.0
// Typed values out of checked YAML. A value that the check refused reads as empty, with its place, so that the rules
// between values can still be told in the same go.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "builder/recipe/mistakes.h"
#include "builder/recipe/shape.h"

namespace ainode {

class ValueReader {
 public:
  explicit ValueReader(const Mistakes& mistakes) : mistakes_(mistakes) {}

  Text text(const YamlNode& node) const;
  std::vector<Text> texts(const YamlNode& node) const;
  std::map<std::string, Text> texts_by_key(const YamlNode& node) const;  ///< of a mapping
  Located<bool> boolean(const YamlNode& node) const;
  Located<int> integer(const YamlNode& node) const;
  Located<std::uint64_t> size(const YamlNode& node) const;
  Located<std::int64_t> duration(const YamlNode& node) const;
  Located<std::int64_t> moment(const YamlNode& node) const;

  /// Reads all rows of a table that has been checked, its inner tables too.
  void read_table(const YamlNode& node, const Shape& table, Recipe& into) const;

 private:
  const Mistakes& mistakes_;
};

/// Numbers behind texts that the check has accepted; nothing for any other text.
std::optional<std::int64_t> parse_integer(std::string_view text);
std::optional<std::uint64_t> parse_size(std::string_view text);     ///< bytes
std::optional<std::int64_t> parse_duration(std::string_view text);  ///< seconds
std::optional<std::int64_t> parse_moment(std::string_view text);    ///< seconds since 1970
std::string problem_of_size(std::string_view text);                 ///< why it is none; empty when it is one

}  // namespace ainode
