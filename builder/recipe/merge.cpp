// SPDX-License-Identifier: Apache-2.0
// Merging knows no tables: the kinds of the values decide, and a handful of named exceptions.
#include "builder/recipe/merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "base/suggestion.h"
#include "builder/recipe/check_shape.h"

namespace ainode {

namespace {

/// A key of a mapping at `path` that puts others out of force.
struct Exclusion {
  std::string_view path, key, excludes;
};
constexpr Exclusion kExclusions[] = {
    {"kernel", "package", "source"}, {"kernel", "package", "config"}, {"kernel", "source", "package"},
    {"files[]", "source", "text"},   {"files[]", "text", "source"},
};
/// The one list that says what is allowed, not what is wanted.
constexpr std::string_view kReplacedList = "arch";

/// What a list's item is known by: an identity of a mapping, or the text itself; empty when it has none.
std::string_view identity_of(const YamlNode& item) {
  if (item.kind == YamlNode::Kind::scalar) return item.text;
  for (const char* key : {"id", "name", "path"})
    if (const YamlNode* value = item.find(key); value && value->kind == YamlNode::Kind::scalar) return value->text;
  return {};
}

bool is_known(const YamlNode& item) {
  return item.kind == YamlNode::Kind::mapping && !identity_of(item).empty();
}

// A hostile recipe's lists and mappings are long: nothing here may look through one for every item of the other.
using Positions = std::unordered_map<std::string, std::size_t>;

Positions positions_of_keys(const std::vector<YamlEntry>& entries) {
  Positions positions;
  for (std::size_t i = 0; i < entries.size(); ++i) positions.emplace(entries[i].first.text, i);
  return positions;
}

Positions positions_of_mappings(const std::vector<YamlNode>& items) {
  Positions positions;
  for (std::size_t i = 0; i < items.size(); ++i)
    if (is_known(items[i])) positions.emplace(identity_of(items[i]), i);
  return positions;
}

std::unordered_set<std::string_view> texts_of(const std::vector<YamlNode>& items) {
  std::unordered_set<std::string_view> texts;
  for (const YamlNode& item : items)
    if (item.kind == YamlNode::Kind::scalar) texts.insert(item.text);
  return texts;
}

class Merge {
 public:
  explicit Merge(Mistakes& mistakes) : mistakes_(mistakes) {}

  YamlNode merge(YamlNode base, const YamlNode& over, const std::string& path) {
    if (is_list_edit(over)) return edited(std::move(base), over, path);
    if (over.kind == YamlNode::Kind::mapping) return merged_mapping(std::move(base), over, path);
    if (over.kind == YamlNode::Kind::sequence) return merged_list(std::move(base), over, path);
    return over;
  }

 private:
  YamlNode merged_mapping(YamlNode base, const YamlNode& over, const std::string& path) {
    YamlNode result = std::move(base);
    if (result.kind != YamlNode::Kind::mapping) result = YamlNode{YamlNode::Kind::mapping, "", false, {}, {}, {}};
    result.place = over.place;
    drop_excluded(result, over, path);
    const Positions positions = positions_of_keys(result.entries);
    for (const auto& [key, value] : over.entries) {
      const std::string inner = path.empty() ? key.text : path + "." + key.text;
      const auto position = positions.find(key.text);
      if (position == positions.end()) {
        result.entries.push_back({key, merge({}, value, inner)});
      } else {
        YamlEntry& entry = result.entries[position->second];
        entry = {key, merge(std::move(entry.second), value, inner)};
      }
    }
    return result;
  }

  static void drop_excluded(YamlNode& mapping, const YamlNode& over, std::string_view path) {
    for (const Exclusion& exclusion : kExclusions)
      if (exclusion.path == path && over.find(exclusion.key) && !over.find(exclusion.excludes))
        std::erase_if(mapping.entries, [&](const YamlEntry& entry) { return entry.first.text == exclusion.excludes; });
  }

  YamlNode merged_list(YamlNode base, const YamlNode& over, const std::string& path) {
    YamlNode result = over;
    result.items.clear();
    if (base.kind == YamlNode::Kind::sequence && path != kReplacedList) result.items = std::move(base.items);
    append(result.items, over.items, path);
    return result;
  }

  void append(std::vector<YamlNode>& items, const std::vector<YamlNode>& more, const std::string& path) {
    const auto later = texts_of(more);
    std::erase_if(
        items, [&](const YamlNode& item) { return item.kind == YamlNode::Kind::scalar && later.contains(item.text); });
    const Positions positions = positions_of_mappings(items);
    for (const YamlNode& item : more) {
      const auto same = is_known(item) ? positions.find(std::string(identity_of(item))) : positions.end();
      if (same == positions.end()) {
        items.push_back(merge({}, item, path + "[]"));
      } else {
        items[same->second] = merge(std::move(items[same->second]), item, path + "[]");
      }
    }
  }

  YamlNode edited(YamlNode base, const YamlNode& edit, const std::string& path) {
    YamlNode result;
    result.kind = YamlNode::Kind::sequence;
    result.place = edit.place;
    if (const YamlNode* replacement = edit.find("replace")) {
      append(result.items, replacement->items, path);
      return result;
    }
    if (base.kind == YamlNode::Kind::sequence) result.items = std::move(base.items);
    if (const YamlNode* removed = edit.find("remove")) remove(result.items, removed->items, path);
    if (const YamlNode* added = edit.find("append")) append(result.items, added->items, path);
    return result;
  }

  /// What is no text is told by the check of shapes.
  void remove(std::vector<YamlNode>& items, const std::vector<YamlNode>& unwanted, const std::string& path) {
    std::unordered_set<std::string_view> known;
    for (const YamlNode& item : items) known.insert(identity_of(item));
    for (const YamlNode& item : unwanted)
      if (item.kind == YamlNode::Kind::scalar && !known.contains(item.text) && !mistakes_.is_full())
        tell_nothing_to_remove(items, item, path);
    const auto gone = texts_of(unwanted);
    std::erase_if(items, [&](const YamlNode& item) { return gone.contains(identity_of(item)); });
  }

  void tell_nothing_to_remove(const std::vector<YamlNode>& items, const YamlNode& unwanted, const std::string& path) {
    constexpr std::size_t kMostShown = 20;
    std::vector<std::string_view> names;
    for (std::size_t i = 0; i < std::min(items.size(), kMostShown); ++i) names.push_back(identity_of(items[i]));
    const std::string suggestion = nearest(unwanted.text, names);
    mistakes_.bad_value(unwanted.place, fmt::format("`{}` has no `{}` to remove", path, shown(unwanted.text)), "",
                        !suggestion.empty() ? fmt::format("did you mean `{}`?", suggestion)
                        : names.empty()     ? "nothing before this file put anything there"
                                            : fmt::format("it holds {}", fmt::join(names, ", ")));
  }

  Mistakes& mistakes_;
};

}  // namespace

YamlNode merge(Mistakes& mistakes, YamlNode base, const YamlNode& over) {
  return Merge(mistakes).merge(std::move(base), over, "");
}

}  // namespace ainode
