// SPDX-License-Identifier: Apache-2.0
// One walk over node and shape side by side.
#include "builder/recipe/check_shape.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/suggestion.h"
#include "builder/recipe/language.h"
#include "builder/recipe/value_reader.h"

namespace ainode {

namespace {

std::string joined(const std::string& path, std::string_view key) {
  return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
}

class ShapeCheck {
 public:
  ShapeCheck(Mistakes& mistakes, Extent extent, const std::string& architecture)
      : mistakes_(mistakes), extent_(extent), architecture_(architecture) {}

  void check(const YamlNode& node, const Shape& shape, const std::string& path) {
    switch (shape.kind) {
      case Shape::Kind::text:
        return check_text(node, shape, path);
      case Shape::Kind::boolean:
        if (!is_plain(node) || (node.text != "true" && node.text != "false")) wrong(node, shape, path);
        return;
      case Shape::Kind::integer:
        if (!is_plain(node) || !parse_integer(node.text)) wrong(node, shape, path);
        return;
      case Shape::Kind::scalar:
        return check_scalar(node, shape, path);
      case Shape::Kind::size:
        return check_size(node, shape, path);
      case Shape::Kind::duration:
        return check_parsed(node, shape, path, parse_duration(node.text).has_value());
      case Shape::Kind::moment:
        return check_parsed(node, shape, path, parse_moment(node.text).has_value());
      case Shape::Kind::list:
        return check_list(node, shape, path);
      case Shape::Kind::table:
        return check_table(node, shape, path);
      case Shape::Kind::map:
        return check_map(node, shape, path);
      case Shape::Kind::per_architecture:
        return check_per_architecture(node, shape, path);
      case Shape::Kind::mapping:
        if (node.kind != YamlNode::Kind::mapping) wrong(node, shape, path);
        return;
      case Shape::Kind::overlay:
        return ShapeCheck(mistakes_, Extent::part, architecture_).check(node, overlay_shape(), path);
    }
  }

 private:
  static bool is_plain(const YamlNode& node) { return node.kind == YamlNode::Kind::scalar && !node.is_quoted; }

  void wrong(const YamlNode& node, const Shape& shape, const std::string& path) {
    mistakes_.wrong_type(node, path, shape.holds);
  }

  void refuse(const YamlNode& node, const std::string& path, std::string problem, std::string help = "") {
    mistakes_.bad_value(node.place, fmt::format("`{}` cannot be `{}`", path, shown(node.text)), std::move(problem),
                        std::move(help));
  }

  void check_text(const YamlNode& node, const Shape& shape, const std::string& path) {
    // No text of a repository may hold a URL: the mirror is the host's choice.
    if (node.kind == YamlNode::Kind::scalar && path.starts_with("repositories") &&
        node.text.find("://") != std::string::npos)
      return mistakes_.add(Error(codes::host_in_recipe, fmt::format("`{}` names a host", path))
                               .at(node.place)
                               .label("a repository names distribution, suite and components")
                               .help("give the mirror to the build: --mirror DISTRIBUTION=URI"));
    if (kind_in_words(node) != "text") return mistakes_.wrong_type(node, path, "text");
    if (std::string problem = shape.rule(node.text); !problem.empty()) refuse(node, path, std::move(problem));
  }

  void check_scalar(const YamlNode& node, const Shape& shape, const std::string& path) {
    if (node.kind != YamlNode::Kind::scalar) return wrong(node, shape, path);
    if (std::string problem = shape.rule(node.text); !problem.empty()) refuse(node, path, std::move(problem));
  }

  void check_size(const YamlNode& node, const Shape& shape, const std::string& path) {
    if (node.kind != YamlNode::Kind::scalar) return wrong(node, shape, path);
    if (std::string problem = problem_of_size(node.text); !problem.empty())
      refuse(node, path, std::move(problem), "a size is a whole number with M, G or T: 256M, 3G");
  }

  void check_parsed(const YamlNode& node, const Shape& shape, const std::string& path, bool is_good) {
    if (node.kind != YamlNode::Kind::scalar) return wrong(node, shape, path);
    if (!is_good) refuse(node, path, fmt::format("it is not {}", shape.holds));
  }

  void check_list(const YamlNode& node, const Shape& shape, const std::string& path) {
    if (extent_ == Extent::part && is_list_edit(node)) return check_edit(node, shape, path);
    if (node.kind != YamlNode::Kind::sequence || node.items.size() < shape.at_least) wrong(node, shape, path);
    for (const YamlNode& item : node.items) check(item, *shape.item, path + "[]");
  }

  void check_edit(const YamlNode& node, const Shape& shape, const std::string& path) {
    for (const auto& [key, value] : node.entries) {
      if (key.text != "remove") {
        check_list(value, shape, path);
        continue;
      }
      if (value.kind != YamlNode::Kind::sequence) mistakes_.wrong_type(value, path + ".remove", "a list of what goes");
      for (const YamlNode& item : value.items)
        if (item.kind != YamlNode::Kind::scalar)
          mistakes_.wrong_type(item, path + ".remove[]", "text: the item itself, or its id, name or path");
    }
  }

  void check_table(const YamlNode& node, const Shape& shape, const std::string& path) {
    if (node.kind != YamlNode::Kind::mapping) return wrong(node, shape, path);
    for (const auto& [key, value] : node.entries) {
      const Key* row = find_key(shape, key.text);
      if (!row) {
        tell_unknown_key(key, shape, path);
        continue;
      }
      const bool is_new_to_tell = row->presence == Presence::not_built_yet && !is_unbuilt_;
      if (is_new_to_tell) tell_not_built(key, joined(path, key.text));
      const bool was_unbuilt = std::exchange(is_unbuilt_, is_unbuilt_ || is_new_to_tell);
      check(value, *row->shape, joined(path, key.text));
      is_unbuilt_ = was_unbuilt;
    }
    for (const Key& row : shape.keys) {
      if (extent_ == Extent::part || row.presence != Presence::required || node.find(row.key)) continue;
      mistakes_.add(Error(codes::missing_key, fmt::format("`{}` is missing", joined(path, row.key)))
                        .at(node.place)
                        .help(fmt::format("add `{}`: {}", row.key, row.about)));
    }
  }

  void check_map(const YamlNode& node, const Shape& shape, const std::string& path) {
    if (node.kind != YamlNode::Kind::mapping) return wrong(node, shape, path);
    for (const auto& [key, value] : node.entries) {
      if (std::string problem = shape.rule(key.text); !problem.empty()) refuse(key, path, std::move(problem));
      check(value, *shape.item, joined(path, key.text));
    }
  }

  void check_per_architecture(const YamlNode& node, const Shape& shape, const std::string& path) {
    if (node.kind != YamlNode::Kind::mapping) return check_text(node, shape, path);
    for (const auto& [key, value] : node.entries) {
      if (key.text != "amd64" && key.text != "arm64") {
        mistakes_.add(Error(codes::unknown_key, fmt::format("unknown key `{}`", key.text))
                          .at(key.place)
                          .label(fmt::format("not a key of `{}`", path))
                          .help("the keys here are amd64, arm64"));
        continue;
      }
      check_text(value, shape, joined(path, key.text));
    }
    if (extent_ == Extent::whole && !node.find(architecture_))
      mistakes_.add(Error(codes::missing_key, fmt::format("`{}` says nothing for {}", path, architecture_))
                        .at(node.place)
                        .help(fmt::format("add `{}`, or build for another architecture", architecture_)));
  }

  void tell_unknown_key(const YamlNode& key, const Shape& shape, const std::string& path) {
    if (mistakes_.is_full()) return;
    std::vector<std::string_view> names;
    for (const Key& row : shape.keys) names.push_back(row.key);
    Error error(codes::unknown_key, fmt::format("unknown key `{}`", key.text));
    error.at(key.place).label(path.empty() ? "not a key of recipes" : fmt::format("not a key of `{}`", path));
    const std::string suggestion = nearest(key.text, names);
    error.help(suggestion.empty() ? fmt::format("the keys here are {}", fmt::join(names, ", "))
                                  : fmt::format("did you mean `{}`?", suggestion));
    mistakes_.add(std::move(error));
  }

  void tell_not_built(const YamlNode& key, const std::string& path) {
    mistakes_.add(Error(codes::not_built_yet, fmt::format("`{}` is part of the language, but not built yet", path))
                      .at(key.place)
                      .label("nothing would carry it out or check it")
                      .help("leave it out for now"));
  }

  Mistakes& mistakes_;
  Extent extent_;
  const std::string& architecture_;
  bool is_unbuilt_ = false;  // inside a value that was told already
};

}  // namespace

void check_shape(Mistakes& mistakes, const YamlNode& node, const Shape& shape, const std::string& path, Extent extent,
                 const std::string& architecture) {
  ShapeCheck(mistakes, extent, architecture).check(node, shape, path);
}

bool is_list_edit(const YamlNode& node) {
  if (node.kind != YamlNode::Kind::mapping || node.entries.empty()) return false;
  const bool has_replace = node.find("replace") != nullptr;
  const std::size_t known = (has_replace ? 1 : 0) + (node.find("remove") ? 1 : 0) + (node.find("append") ? 1 : 0);
  return known == node.entries.size() && (!has_replace || known == 1);
}

}  // namespace ainode
