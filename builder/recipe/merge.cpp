// SPDX-License-Identifier: Apache-2.0
// Merging knows no tables: the kinds of the values decide, and a handful of named exceptions.
#include "builder/recipe/merge.h"

#include <fmt/format.h>

#include <algorithm>

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

YamlNode* find_mapping(std::vector<YamlNode>& items, const YamlNode& like) {
  if (like.kind != YamlNode::Kind::mapping || identity_of(like).empty()) return nullptr;
  const auto found = std::find_if(items.begin(), items.end(), [&](const YamlNode& item) {
    return item.kind == YamlNode::Kind::mapping && identity_of(item) == identity_of(like);
  });
  return found == items.end() ? nullptr : &*found;
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
    for (const auto& [key, value] : over.entries) {
      drop_excluded(result, over, key.text, path);
      const std::string inner = path.empty() ? key.text : path + "." + key.text;
      const auto entry = std::find_if(result.entries.begin(), result.entries.end(),
                                      [&name = key.text](const YamlEntry& entry) { return entry.first.text == name; });
      if (entry == result.entries.end()) {
        result.entries.push_back({key, merge({}, value, inner)});
      } else {
        entry->second = merge(std::move(entry->second), value, inner);
        entry->first = key;
      }
    }
    return result;
  }

  static void drop_excluded(YamlNode& mapping, const YamlNode& over, std::string_view key, std::string_view path) {
    for (const Exclusion& exclusion : kExclusions)
      if (exclusion.path == path && exclusion.key == key && !over.find(exclusion.excludes))
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
    const std::size_t known = items.size();
    std::erase_if(items, [&](const YamlNode& item) {
      return item.kind == YamlNode::Kind::scalar && std::any_of(more.begin(), more.end(), [&](const YamlNode& other) {
               return other.kind == YamlNode::Kind::scalar && other.text == item.text;
             });
    });
    std::vector<YamlNode> added;
    for (const YamlNode& item : more) {
      YamlNode* same = known == 0 ? nullptr : find_mapping(items, item);
      if (same) {
        *same = merge(std::move(*same), item, path + "[]");
      } else {
        added.push_back(merge({}, item, path + "[]"));
      }
    }
    std::move(added.begin(), added.end(), std::back_inserter(items));
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
    if (const YamlNode* removed = edit.find("remove"))
      for (const YamlNode& item : removed->items) remove(result.items, item, path);
    if (const YamlNode* added = edit.find("append")) append(result.items, added->items, path);
    return result;
  }

  void remove(std::vector<YamlNode>& items, const YamlNode& unwanted, const std::string& path) {
    if (unwanted.kind != YamlNode::Kind::scalar) return;  // told by the check of shapes
    if (std::erase_if(items, [&](const YamlNode& item) { return identity_of(item) == unwanted.text; }) > 0) return;
    std::vector<std::string_view> names;
    for (const YamlNode& item : items) names.push_back(identity_of(item));
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
