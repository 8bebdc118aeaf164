// SPDX-License-Identifier: Apache-2.0
// Block style, one value a line, so that every value has room for its origin.
#include "builder/recipe/show_recipe.h"

#include <fmt/format.h>

#include <algorithm>

namespace ainode {

namespace {

constexpr std::size_t kOriginColumn = 56;

std::string scalar_text(const YamlNode& node) {
  if (node.kind == YamlNode::Kind::null) return "~";
  // A JSON string is a YAML string too.
  const bool has_line_break = node.text.find('\n') != std::string::npos;
  return node.is_quoted || has_line_break ? Json(node.text).dump() : node.text;
}

class Writer {
 public:
  explicit Writer(bool with_origin) : with_origin_(with_origin) {}

  std::string take() { return std::move(out_); }

  void write_mapping(const YamlNode& node, std::size_t indent, bool continues_line) {
    for (const auto& [key, value] : node.entries) {
      start_line(indent, std::exchange(continues_line, false));
      write_value(scalar_text(key) + ":", value, indent);
    }
  }

 private:
  void start_line(std::size_t indent, bool continues_line) {
    if (!continues_line) out_.append(indent, ' ');
  }

  void write_value(const std::string& key, const YamlNode& value, std::size_t indent) {
    line_start_ = out_.rfind('\n') + 1;
    out_ += key;
    if (value.kind == YamlNode::Kind::mapping && !value.entries.empty()) {
      out_ += '\n';
      write_mapping(value, indent + 2, false);
    } else if (value.kind == YamlNode::Kind::sequence && !value.items.empty()) {
      out_ += '\n';
      write_list(value, indent + 2);
    } else {
      end_line(" " + empty_or_scalar(value), value);
    }
  }

  void write_list(const YamlNode& list, std::size_t indent) {
    for (const YamlNode& item : list.items) {
      out_.append(indent, ' ');
      if (item.kind == YamlNode::Kind::mapping && !item.entries.empty()) {
        out_ += "- ";
        write_mapping(item, indent + 2, true);
      } else {
        line_start_ = out_.rfind('\n') + 1;
        end_line("- " + empty_or_scalar(item), item);
      }
    }
  }

  static std::string empty_or_scalar(const YamlNode& node) {
    if (node.kind == YamlNode::Kind::mapping) return "{}";
    return node.kind == YamlNode::Kind::sequence ? "[]" : scalar_text(node);
  }

  void end_line(const std::string& text, const YamlNode& value) {
    out_ += text;
    if (with_origin_) {
      const std::size_t width = out_.size() - line_start_;
      out_.append(width < kOriginColumn ? kOriginColumn - width : 2, ' ');
      out_ += fmt::format("# {}:{}", printable(value.place.file), value.place.line);
    }
    out_ += '\n';
  }

  bool with_origin_;
  std::size_t line_start_ = 0;
  std::string out_;
};

void collect_origins(const YamlNode& node, const std::string& path, Json& into) {
  if (node.kind == YamlNode::Kind::mapping)
    for (const auto& [key, value] : node.entries)
      collect_origins(value, path.empty() ? key.text : path + "." + key.text, into);
  for (std::size_t i = 0; i < node.items.size(); ++i)
    collect_origins(node.items[i], fmt::format("{}[{}]", path, i), into);
  if (node.kind == YamlNode::Kind::scalar) into[path] = node.place.str();
}

}  // namespace

std::string show_recipe(const EffectiveRecipe& effective, bool with_origin) {
  const Recipe& recipe = effective.recipe;
  Writer writer(with_origin);
  writer.write_mapping(effective.tree, 0, false);
  return fmt::format("# {}{} for {}, from {}\n# digest {}\n{}", recipe.name.value,
                     recipe.variant.empty() ? "" : "@" + recipe.variant, recipe.architecture,
                     fmt::join(effective.files, ", "), recipe.digest, writer.take());
}

Json recipe_origins(const EffectiveRecipe& effective) {
  Json origins = Json::object();
  collect_origins(effective.tree, "", origins);
  return origins;
}

}  // namespace ainode
