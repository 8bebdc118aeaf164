// SPDX-License-Identifier: Apache-2.0
// Reading YAML by tables of fields: a mapping's table names every key the language has, and what each holds; unknown
// keys, missing keys and keys whose stage is not built yet follow from it.
#pragma once

#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/recipe.h"
#include "base/yaml.h"

namespace ainode {

/// Collects mistakes while a recipe is read, so that all of them are told at once.
class Reader {
 public:
  Reader(std::string file, std::string architecture) : file_(std::move(file)), architecture_(std::move(architecture)) {}

  const std::string& architecture() const { return architecture_; }
  void mistake(Error error) { mistakes_.push_back(std::move(error)); }
  /// Throws Errors, sorted by place, when there were any.
  void throw_mistakes();

  void wrong_type(const YamlNode& node, std::string_view path, std::string_view holds);
  void bad_value(const Place& place, std::string message, std::string label = "", std::string help = "");

 private:
  std::string file_, architecture_;
  std::vector<Error> mistakes_;
};

/// What is wrong with a text, as it stands beside the caret; empty when nothing is.
using Rule = std::string (*)(std::string_view text);

enum class Presence { optional, required, not_built_yet };

/// One key of a mapping that is read into an `Into`.
template <class Into>
struct Field {
  std::string_view key;
  Presence presence;
  std::string_view holds;  ///< what it must be, in words: "a list of package names"
  /// `path` is the key's full name for messages: "kernel.cmdline". Null when not built yet.
  void (*read)(Reader& reader, const YamlNode& value, const std::string& path, Into& into) = nullptr;
};

/// A field without its reader: enough to find unknown and missing keys.
struct FieldName {
  std::string_view key;
  Presence presence;
  std::string_view holds;
};

/// Tells unknown, missing and not yet built keys. Returns false when the node is not a mapping at all.
bool check_keys(Reader& reader, const YamlNode& node, const std::string& path, std::string_view holds,
                std::span<const FieldName> fields);

template <class Into, std::size_t count>
void read_mapping(Reader& reader, const YamlNode& node, const std::string& path, std::string_view holds,
                  const Field<Into> (&fields)[count], Into& into) {
  std::vector<FieldName> names;
  for (const Field<Into>& field : fields) names.push_back({field.key, field.presence, field.holds});
  if (!check_keys(reader, node, path, holds, names)) return;
  for (const auto& [key, value] : node.entries)
    for (const Field<Into>& field : fields)
      if (field.read && field.key == key.text)
        field.read(reader, value, path.empty() ? key.text : path + "." + key.text, into);
}

/// Text: quoted, or plain and not looking like a number, a boolean or nothing. Obeys `rule`. After a mistake: empty,
/// with its place.
Text read_text(Reader& reader, const YamlNode& node, const std::string& path, Rule rule);
std::vector<Text> read_texts(Reader& reader, const YamlNode& node, const std::string& path, std::string_view holds,
                             Rule rule);
/// `true` or `false`, not quoted.
Located<bool> read_boolean(Reader& reader, const YamlNode& node, const std::string& path);
/// Bytes: a whole number with M, G or T (powers of 1024), above 0 and at most 16T.
Located<std::uint64_t> read_size(Reader& reader, const YamlNode& node, const std::string& path);
/// One text for all architectures, or a mapping from architecture to text; the chosen one's.
Text read_per_architecture(Reader& reader, const YamlNode& node, const std::string& path, Rule rule);

}  // namespace ainode
