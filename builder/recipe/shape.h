// SPDX-License-Identifier: Apache-2.0
// What a value of the recipe language may be. Checking, reading, merging, the JSON Schema and the messages all follow
// the same tables of shapes.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/recipe.h"
#include "base/yaml.h"

namespace ainode {

/// What is wrong with a text, as it stands beside the caret; empty when nothing is.
using Rule = std::string (*)(std::string_view text);

enum class Presence { optional, required, not_built_yet };

class ValueReader;
struct Key;

struct Shape {
  enum class Kind {
    text,     ///< quoted, or plain and not looking like a number, a boolean or nothing
    boolean,  ///< `true` or `false`, not quoted
    integer,
    scalar,            ///< text, a number or a boolean, as it is written, that obeys `rule`
    size,              ///< bytes: a whole number with M, G or T (powers of 1024), above 0 and at most 16T
    duration,          ///< a whole number with h, d or w
    moment,            ///< a day or a second in UTC: 2026-03-01, 2026-03-01T12:00:00Z
    list,              ///< of `item`
    table,             ///< a mapping with the keys of `keys`
    map,               ///< a mapping from texts that obey `rule` to `item`
    per_architecture,  ///< one text for all architectures, or a mapping from architecture to text
    mapping,           ///< any mapping, until its stage says more
    overlay,           ///< a part of a recipe
  };
  Kind kind;
  std::string_view holds;         ///< in words: "a list of package names"
  Rule rule = nullptr;            ///< of a text or scalar, of a map's keys
  std::string_view pattern = {};  ///< the rule as a regular expression for editors: it never refuses what `rule` allows
  const Shape* item = nullptr;    ///< of a list or a map
  std::span<const Key> keys = {};  ///< of a table
  std::size_t at_least = 0;        ///< items of a list
  bool is_whole = false;           ///< a list that names all there may be: an empty one says that there are none
};

/// One key of a table: a row of the language.
struct Key {
  std::string_view key;
  Presence presence;
  std::string_view about;  ///< one line, for editors and for who forgot it: "the release's codename, such as trixie"
  const Shape* shape;
  /// Takes the value into the recipe. Null where the rows below, or the row above, do that.
  void (*read)(const ValueReader& reader, const YamlNode& value, Recipe& into) = nullptr;
};

}  // namespace ainode
