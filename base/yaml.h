// SPDX-License-Identifier: Apache-2.0
// YAML as a plain tree with places, read strictly over yaml-cpp's events: what recipes do not use is refused, not
// interpreted.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace ainode {

struct YamlEntry;

struct YamlNode {
  enum class Kind { null, scalar, sequence, mapping };
  Kind kind = Kind::null;
  std::string text;        ///< of a scalar
  bool is_quoted = false;  ///< a quoted scalar is text, never a number or a boolean
  std::vector<YamlNode> items;
  std::vector<YamlEntry> entries;  ///< in the file's order; keys are scalars
  Place place;

  const YamlNode* find(std::string_view key) const;  ///< a mapping's value
};

struct YamlEntry {
  YamlNode first, second;  ///< key and value
};

/// One document. Refused, each with its code, line, column and caret: duplicate keys, `<<`, anchors, aliases, tags, a
/// second document, tabs in indentation, control bytes, bad UTF-8, UTF-16, more than 1 MiB, more than 32 levels, more
/// than 100,000 nodes.
YamlNode parse_yaml(std::string_view text, const std::string& file);

}  // namespace ainode
