// SPDX-License-Identifier: Apache-2.0
// What must hold between values, the templates, and the canonical text that the digest is made of.
#include "builder/recipe/effective.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/crypto.h"
#include "base/json.h"
#include "builder/recipe/language.h"
#include "builder/recipe/recipe_folder.h"
#include "builder/recipe/statement_rules.h"
#include "builder/recipe/tuning_profiles.h"
#include "builder/recipe/value_reader.h"

namespace ainode {

namespace {

// --- between values --------------------------------------------------------------------------------------------------

void check_distinct(Mistakes& mistakes, std::string_view what, const std::vector<Text>& texts) {
  std::set<std::string> seen;
  for (const Text& text : texts)
    if (!text.value.empty() && !seen.insert(text.value).second)
      mistakes.bad_value(text.place, fmt::format("{} `{}` stands twice", what, text.value));
}

template <class Item>
std::vector<Text> texts_of(const std::vector<Item>& items, Text Item::*member) {
  std::vector<Text> texts;
  texts.reserve(items.size());
  for (const Item& item : items) texts.push_back(item.*member);
  return texts;
}

void check_format_version(Mistakes& mistakes, const YamlNode& tree) {
  const YamlNode* version = tree.find("ainode");
  if (version && version->text != "1" && parse_integer(version->text) && !mistakes.concern(version->place))
    mistakes.bad_value(version->place, fmt::format("format version {} is not known", version->text),
                       "this program reads 1");
}

void check_architectures(Mistakes& mistakes, const YamlNode& tree, const Recipe& recipe) {
  const auto& allowed = recipe.architectures;
  const bool is_allowed =
      std::any_of(allowed.begin(), allowed.end(), [&](const Text& text) { return text.value == recipe.architecture; });
  const YamlNode* node = tree.find("arch");
  if (!is_allowed && node && node->kind == YamlNode::Kind::sequence)
    mistakes.bad_value(node->place, fmt::format("`{}` is not for {}", recipe.name.value, recipe.architecture), "",
                       "choose another architecture with --arch");
}

void check_partitions(Mistakes& mistakes, const YamlNode& tree, const Recipe& recipe) {
  check_distinct(mistakes, "partition", texts_of(recipe.partitions, &Partition::id));
  check_distinct(mistakes, "partition type", texts_of(recipe.partitions, &Partition::type));
  check_distinct(mistakes, "mount point", texts_of(recipe.partitions, &Partition::mount));
  for (const Partition& partition : recipe.partitions) {
    const std::string wanted = partition.type.value == "esp" ? "vfat" : "ext4";
    if (!partition.type.value.empty() && !partition.filesystem.value.empty() && partition.filesystem.value != wanted)
      mistakes.bad_value(partition.filesystem.place,
                         fmt::format("partition `{}` cannot be {}", partition.id.value, partition.filesystem.value),
                         fmt::format("{} is {}", partition.type.value, wanted));
  }
  const bool has_unread_type = std::any_of(recipe.partitions.begin(), recipe.partitions.end(),
                                           [](const Partition& partition) { return partition.type.value.empty(); });
  if (recipe.disk_formats.empty() || has_unread_type) return;
  for (const char* type : {"esp", "root"}) {
    const bool is_there = std::any_of(recipe.partitions.begin(), recipe.partitions.end(),
                                      [&](const Partition& partition) { return partition.type.value == type; });
    const YamlNode* disk = tree.find("disk");
    if (!is_there)
      mistakes.add(Error(codes::missing_key, fmt::format("a disk needs a partition of type {}", type))
                       .at(disk ? disk->place : recipe.disk_formats[0].place)
                       .help("add it to `disk.partitions`"));
  }
}

/// A snapshot is old by intent: an age limit beside it would always refuse.
void check_repositories(Mistakes& mistakes, const Recipe& recipe) {
  check_distinct(mistakes, "repository", texts_of(recipe.repositories, &Repository::id));
  for (const Repository& repository : recipe.repositories)
    if (repository.snapshot && repository.max_age)
      mistakes.bad_value(repository.max_age->place,
                         fmt::format("repository `{}` has both `snapshot` and `max-age`", repository.id.value),
                         "a snapshot is as old as it is meant to be", "keep one of the two");
}

constexpr int kLargestId = 65533;  // 65534 is nobody, 65535 is refused by chown

/// Names and numbers stand once: two accounts of one number are one to the kernel.
void check_accounts(Mistakes& mistakes, const Recipe& recipe) {
  check_distinct(mistakes, "user", texts_of(recipe.users, &User::name));
  check_distinct(mistakes, "group", texts_of(recipe.groups, &Group::name));
  std::map<int, std::string> users, groups;
  const auto take = [&](std::map<int, std::string>& taken, const char* kind, const Text& name,
                        const std::optional<Located<int>>& id) {
    if (!id || mistakes.concern(id->place)) return;
    if (id->value < 1 || id->value > kLargestId)
      mistakes.bad_value(id->place, fmt::format("{} `{}` cannot have the number {}", kind, name.value, id->value),
                         fmt::format("it must be from 1 to {}", kLargestId));
    const auto [other, is_new] = taken.try_emplace(id->value, name.value);
    if (!is_new && other->second != name.value)
      mistakes.bad_value(id->place, fmt::format("{} `{}` has the number of `{}`", kind, name.value, other->second));
  };
  for (const User& user : recipe.users) take(users, "user", user.name, user.uid);
  for (const Group& group : recipe.groups) take(groups, "group", group.name, group.gid);
}

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
  return text;
}

void fill_ref(Mistakes& mistakes, Recipe& recipe) {
  Text& ref = recipe.ostree_ref;
  const bool is_unreadable = ref.value.empty() && ref.place.line > 0;
  if (is_unreadable || recipe.name.value.empty()) return;
  if (ref.value.empty()) ref.value = "ainode/{arch}/{name}";
  const std::string written = ref.value;
  ref.value = replaced(replaced(ref.value, "{arch}", recipe.architecture), "{name}", recipe.name.value);
  const auto refuse = [&](std::string problem) {
    mistakes.bad_value(ref.place, fmt::format("`outputs.ostree.ref` cannot be `{}`", written), std::move(problem));
  };
  if (ref.value.find("{version}") != std::string::npos) return refuse("{version} is not built yet");
  if (ref.value.find_first_of("{}") != std::string::npos) return refuse("only {arch} and {name} are filled in");
  for (const char* bad : {"//", "..", "/.", "/-"})
    if (ref.value.find(bad) != std::string::npos) return refuse(fmt::format("`{}` is not allowed here", bad));
  if (ref.value.ends_with('/')) refuse("it ends in `/`");
}

// --- the canonical text ----------------------------------------------------------------------------------------------

using SortedJson = nlohmann::json;  // keys sorted by their bytes

SortedJson canonical(const YamlNode& node, const Shape& shape);

SortedJson canonical_mapping(const YamlNode& node, const Shape& shape) {
  SortedJson object = SortedJson::object();
  for (const auto& [key, value] : node.entries) {
    const Key* row = find_key(shape, key.text);
    const Shape* inner = row ? row->shape : shape.item;
    SortedJson json = inner ? canonical(value, *inner) : SortedJson(value.text);
    const bool says_nothing = json.is_structured() && json.empty() && !(inner && inner->is_whole);
    if (!says_nothing) object[key.text] = std::move(json);
  }
  return object;
}

SortedJson canonical(const YamlNode& node, const Shape& shape) {
  if (node.kind == YamlNode::Kind::mapping) return canonical_mapping(node, shape);
  if (node.kind == YamlNode::Kind::sequence) {
    SortedJson list = SortedJson::array();
    for (const YamlNode& item : node.items)
      list.push_back(shape.item ? canonical(item, *shape.item) : SortedJson(item.text));
    return list;
  }
  if (shape.kind == Shape::Kind::boolean) return node.text == "true";
  if (shape.kind == Shape::Kind::size) return parse_size(node.text).value_or(0);
  if (shape.kind == Shape::Kind::integer) return parse_integer(node.text).value_or(0);
  return node.text;
}

void set_values(Recipe& recipe, const SortedJson& values) {
  recipe.values = values.dump(-1, ' ', false, SortedJson::error_handler_t::replace);
  recipe.digest = sha256_hex(recipe.values);
}

}  // namespace

YamlNode for_architecture(YamlNode tree, const std::string& architecture) {
  const auto choose = [&](const auto& self, YamlNode& node, const Shape& shape) -> void {
    for (YamlEntry& entry : node.entries) {
      const Key* row = find_key(shape, entry.first.text);
      if (!row) continue;
      if (row->shape->kind == Shape::Kind::table) self(self, entry.second, *row->shape);
      if (row->shape->kind != Shape::Kind::per_architecture) continue;
      if (const YamlNode* chosen = entry.second.find(architecture)) entry.second = YamlNode(*chosen);
    }
  };
  choose(choose, tree, recipe_shape());
  return tree;
}

Recipe read_recipe(Mistakes& mistakes, const YamlNode& tree, const std::string& architecture) {
  Recipe recipe;
  recipe.architecture = architecture;
  if (tree.kind != YamlNode::Kind::mapping) return recipe;
  ValueReader(mistakes).read_table(tree, recipe_shape(), recipe);
  apply_tuning_profile(recipe);
  check_format_version(mistakes, tree);
  check_architectures(mistakes, tree, recipe);
  check_repositories(mistakes, recipe);
  check_partitions(mistakes, tree, recipe);
  check_accounts(mistakes, recipe);
  check_statements(mistakes, recipe);
  fill_ref(mistakes, recipe);
  if (!mistakes.empty()) return recipe;
  SortedJson values = canonical(tree, recipe_shape());
  values["architecture"] = architecture;
  values["outputs"]["ostree"]["ref"] = recipe.ostree_ref.value;
  set_values(recipe, values);
  return recipe;
}

void add_sources(Recipe& recipe) {
  SortedJson sources = SortedJson::object();
  std::vector<const std::vector<PlacedFile>*> lists = {&recipe.files, &recipe.systemd.units};
  for (const ExtraModule& module : recipe.kernel.extra_modules)
    if (module.package.place.line == 0) lists.push_back(&module.sources);
  for (const auto* files : lists)
    for (const PlacedFile& file : *files)
      if (!file.source.value.empty())
        sources[RecipeFolder::beside(file.source.place.file, file.source.value).string()] =
            sha256_hex(file.content.value_or(""));
  if (sources.empty()) return;
  SortedJson values = SortedJson::parse(recipe.values);
  values["sources"] = std::move(sources);
  set_values(recipe, values);
}

}  // namespace ainode
