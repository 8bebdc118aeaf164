// SPDX-License-Identifier: Apache-2.0
// The messages for values that are not as the language says.
#include "builder/recipe/mistakes.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

namespace ainode {

namespace {

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

bool is_digit(char byte) {
  return byte >= '0' && byte <= '9';
}

/// Whether YAML 1.1 or 1.2 readers take the plain scalar for a number: 12, -1.10, 0x1f, 0o17, 1e6, 1_000, 1:30, .inf
bool looks_like_number(std::string_view text) {
  if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  if (is_one_of(text, {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"})) return true;
  if (text.starts_with('.')) text.remove_prefix(1);
  if (text.empty() || !is_digit(text[0])) return false;
  if (text.starts_with("0x") || text.starts_with("0o") || text.starts_with("0b"))
    return text.find_first_not_of("0123456789abcdefABCDEF_", 2) == std::string_view::npos;
  const std::size_t exponent = text.find_first_of("eE");
  if (text.find_first_not_of("0123456789._:") == exponent && exponent != std::string_view::npos)
    return text.find_first_not_of("0123456789+-", exponent + 1) == std::string_view::npos;
  return text.find_first_not_of("0123456789._:") == std::string_view::npos;
}

bool looks_like_boolean(std::string_view text) {
  return is_one_of(text, {"true", "True", "TRUE", "false", "False", "FALSE", "yes", "Yes", "YES", "no", "No", "NO",
                          "on", "On", "ON", "off", "Off", "OFF"});
}

}  // namespace

std::string_view kind_in_words(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::null:
      return "nothing";
    case YamlNode::Kind::sequence:
      return node.items.empty() ? "an empty list" : "a list";
    case YamlNode::Kind::mapping:
      return "a mapping";
    case YamlNode::Kind::scalar:
      break;
  }
  if (node.is_quoted) return "text";
  if (looks_like_number(node.text)) return "a number";
  return looks_like_boolean(node.text) ? "a boolean" : "text";
}

std::string shown(const std::string& text) {
  constexpr std::size_t kLongest = 60;
  std::size_t end = std::min(text.size(), kLongest);
  while (end < text.size() && end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return end == text.size() ? text : text.substr(0, end) + "…";
}

void Mistakes::add(Error error) {
  if (is_full()) return;
  const std::string place = error.place() ? error.place()->str() : "";
  if (!seen_.insert(place + " " + error.message()).second) return;
  places_.insert(place);
  errors_.push_back(std::move(error));
}

void Mistakes::wrong_type(const YamlNode& node, std::string_view path, std::string_view holds) {
  Error error(codes::wrong_type, path.empty() ? fmt::format("{} is not {}", node.place.file, holds)
                                              : fmt::format("`{}` must be {}", path, holds));
  error.at(node.place).label(fmt::format("this is {}", kind_in_words(node)));
  const bool is_bare_scalar = node.kind == YamlNode::Kind::scalar && !node.is_quoted;
  if (is_bare_scalar && kind_in_words(node) != "text")
    error.help(fmt::format("if text is meant, write \"{}\"", node.text));
  if (is_bare_scalar && kind_in_words(node) == "text" && holds.starts_with("a list of"))
    error.help(fmt::format("write [{}]", node.text));
  add(std::move(error));
}

void Mistakes::bad_value(const Place& place, std::string message, std::string label, std::string help) {
  add(Error(codes::bad_value, std::move(message)).at(place).label(std::move(label)).help(std::move(help)));
}

void Mistakes::throw_if_any() {
  if (errors_.empty()) return;
  std::map<std::string, std::size_t> order_of_files;
  for (const Error& error : errors_)
    if (error.place()) order_of_files.try_emplace(error.place()->file, order_of_files.size());
  const auto order = [&](const Error& error) {
    const auto& place = error.place();
    return place ? std::tuple(order_of_files.at(place->file) + 1, place->line, place->column)
                 : std::tuple(std::size_t{0}, 0, 0);
  };
  std::stable_sort(errors_.begin(), errors_.end(), [&](const Error& a, const Error& b) { return order(a) < order(b); });
  if (is_full())
    errors_.push_back(Error(codes::yaml_too_large, fmt::format("there may be more mistakes than these {}", kMost))
                          .help("mend these first"));
  throw Errors(std::move(errors_));
}

}  // namespace ainode
