// SPDX-License-Identifier: Apache-2.0
// The typed values that fields hold, and the messages for keys and values that are not as the table says.
#include "builder/recipe/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "base/suggestion.h"

namespace ainode {

namespace {

constexpr std::uint64_t kMebibyte = std::uint64_t{1} << 20;
constexpr std::uint64_t kLargestSize = std::uint64_t{16} << 40;

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

std::string_view kind_in_words(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::null:
      return "nothing";
    case YamlNode::Kind::sequence:
      return "a list";
    case YamlNode::Kind::mapping:
      return "a mapping";
    case YamlNode::Kind::scalar:
      break;
  }
  if (node.is_quoted) return "text";
  if (looks_like_number(node.text)) return "a number";
  return looks_like_boolean(node.text) ? "a boolean" : "text";
}

/// Enough of a refused value to know it again: the whole could be a secret in the wrong place.
std::string shown(const std::string& text) {
  constexpr std::size_t kLongest = 60;
  std::size_t end = std::min(text.size(), kLongest);
  while (end < text.size() && end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return end == text.size() ? text : text.substr(0, end) + "…";
}

std::string key_of_what(const std::string& path) {
  return path.empty() ? "not a key of recipes" : fmt::format("not a key of `{}`", path);
}

void tell_unknown_key(Reader& reader, const YamlNode& key, const std::string& path, std::span<const FieldName> fields) {
  std::vector<std::string_view> names;
  for (const FieldName& field : fields) names.push_back(field.key);
  Error error(codes::unknown_key, fmt::format("unknown key `{}`", key.text));
  error.at(key.place).label(key_of_what(path));
  const std::string suggestion = nearest(key.text, names);
  error.help(suggestion.empty() ? fmt::format("the keys here are {}", fmt::join(names, ", "))
                                : fmt::format("did you mean `{}`?", suggestion));
  reader.mistake(std::move(error));
}

void tell_not_built(Reader& reader, const YamlNode& key, const std::string& path) {
  const std::string full = path.empty() ? key.text : path + "." + key.text;
  reader.mistake(Error(codes::not_built_yet, fmt::format("`{}` is part of the language, but not built yet", full))
                     .at(key.place)
                     .label("nothing would carry it out or check it")
                     .help("leave it out for now"));
}

}  // namespace

void Reader::throw_mistakes() {
  if (mistakes_.empty()) return;
  const auto order = [](const Error& error) {
    return error.place() ? std::tuple(error.place()->line, error.place()->column) : std::tuple(0, 0);
  };
  std::stable_sort(mistakes_.begin(), mistakes_.end(),
                   [&](const Error& a, const Error& b) { return order(a) < order(b); });
  throw Errors(std::move(mistakes_));
}

void Reader::wrong_type(const YamlNode& node, std::string_view path, std::string_view holds) {
  Error error(codes::wrong_type,
              path.empty() ? fmt::format("{} is not {}", file_, holds) : fmt::format("`{}` must be {}", path, holds));
  error.at(node.place).label(fmt::format("this is {}", kind_in_words(node)));
  const bool is_bare_scalar = node.kind == YamlNode::Kind::scalar && !node.is_quoted;
  if (is_bare_scalar && kind_in_words(node) != "text")
    error.help(fmt::format("if text is meant, write \"{}\"", node.text));
  mistake(std::move(error));
}

void Reader::bad_value(const Place& place, std::string message, std::string label, std::string help) {
  mistake(Error(codes::bad_value, std::move(message)).at(place).label(std::move(label)).help(std::move(help)));
}

bool check_keys(Reader& reader, const YamlNode& node, const std::string& path, std::string_view holds,
                std::span<const FieldName> fields) {
  if (node.kind != YamlNode::Kind::mapping) {
    reader.wrong_type(node, path, holds);
    return false;
  }
  for (const auto& [key, value] : node.entries) {
    const auto field = std::find_if(fields.begin(), fields.end(),
                                    [&name = key.text](const FieldName& field) { return field.key == name; });
    if (field == fields.end()) tell_unknown_key(reader, key, path, fields);
    if (field != fields.end() && field->presence == Presence::not_built_yet) tell_not_built(reader, key, path);
  }
  for (const FieldName& field : fields) {
    if (field.presence != Presence::required || node.find(field.key)) continue;
    const std::string full = path.empty() ? std::string(field.key) : fmt::format("{}.{}", path, field.key);
    reader.mistake(Error(codes::missing_key, fmt::format("`{}` is missing", full))
                       .at(node.place)
                       .help(fmt::format("add `{}`: {}", field.key, field.holds)));
  }
  return true;
}

Text read_text(Reader& reader, const YamlNode& node, const std::string& path, Rule rule) {
  const bool is_text = node.kind == YamlNode::Kind::scalar && kind_in_words(node) == "text";
  const std::string problem = is_text ? rule(node.text) : "";
  if (!is_text) reader.wrong_type(node, path, "text");
  if (!problem.empty())
    reader.bad_value(node.place, fmt::format("`{}` cannot be `{}`", path, shown(node.text)), problem);
  return {is_text && problem.empty() ? node.text : "", node.place};
}

std::vector<Text> read_texts(Reader& reader, const YamlNode& node, const std::string& path, std::string_view holds,
                             Rule rule) {
  std::vector<Text> texts;
  if (node.kind != YamlNode::Kind::sequence) reader.wrong_type(node, path, holds);
  for (const YamlNode& item : node.items) texts.push_back(read_text(reader, item, path + "[]", rule));
  return texts;
}

Located<bool> read_boolean(Reader& reader, const YamlNode& node, const std::string& path) {
  const bool is_boolean =
      node.kind == YamlNode::Kind::scalar && !node.is_quoted && is_one_of(node.text, {"true", "false"});
  if (!is_boolean) reader.wrong_type(node, path, "true or false");
  return {is_boolean && node.text == "true", node.place};
}

Located<std::uint64_t> read_size(Reader& reader, const YamlNode& node, const std::string& path) {
  Located<std::uint64_t> size{0, node.place};
  if (node.kind != YamlNode::Kind::scalar) {
    reader.wrong_type(node, path, "a size such as 256M");
    return size;
  }
  const auto refuse = [&](std::string problem) {
    reader.bad_value(node.place, fmt::format("`{}` cannot be `{}`", path, shown(node.text)), std::move(problem),
                     "a size is a whole number with M, G or T: 256M, 3G");
    return size;
  };
  const std::string_view digits = std::string_view(node.text).substr(0, node.text.find_first_not_of("0123456789"));
  const std::string_view unit = std::string_view(node.text).substr(digits.size());
  if (node.text.starts_with('-')) return refuse("it is negative");
  if (digits.empty()) return refuse("it is not a size");
  if (unit.empty()) return refuse("it has no unit");
  if (!is_one_of(unit, {"M", "G", "T"})) return refuse(fmt::format("`{}` is not a unit", unit));
  const std::uint64_t scale = unit == "M" ? kMebibyte : unit == "G" ? kMebibyte << 10 : kMebibyte << 20;
  if (digits.size() > 9 || std::stoull(std::string(digits)) > kLargestSize / scale)
    return refuse("it is larger than 16T");
  size.value = std::stoull(std::string(digits)) * scale;
  return size.value == 0 ? refuse("it is zero") : size;
}

Text read_per_architecture(Reader& reader, const YamlNode& node, const std::string& path, Rule rule) {
  if (node.kind != YamlNode::Kind::mapping) return read_text(reader, node, path, rule);
  constexpr FieldName kArchitectures[] = {{"amd64", Presence::optional, ""}, {"arm64", Presence::optional, ""}};
  check_keys(reader, node, path, "text, or a mapping from architecture to text", kArchitectures);
  Text chosen;
  for (const auto& [key, value] : node.entries) {
    Text text = read_text(reader, value, path + "." + key.text, rule);
    if (key.text == reader.architecture()) chosen = std::move(text);
  }
  if (!node.find(reader.architecture()))
    reader.mistake(Error(codes::missing_key, fmt::format("`{}` says nothing for {}", path, reader.architecture()))
                       .at(node.place)
                       .help(fmt::format("add `{}`, or build for another architecture", reader.architecture())));
  return chosen;
}

}  // namespace ainode
