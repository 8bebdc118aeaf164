// SPDX-License-Identifier: Apache-2.0
// Reads by the same parsers that the check uses.
#include "builder/recipe/value_reader.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>

#include "builder/recipe/language.h"

namespace ainode {

namespace {

constexpr std::uint64_t kMebibyte = std::uint64_t{1} << 20;
constexpr std::uint64_t kLargestSize = std::uint64_t{16} << 40;
constexpr std::int64_t kHour = 3600, kDay = 24 * kHour, kWeek = 7 * kDay;

std::uint64_t scale_of(std::string_view unit) {
  if (unit == "M") return kMebibyte;
  if (unit == "G") return kMebibyte << 10;
  return unit == "T" ? kMebibyte << 20 : 0;
}

std::string_view leading_digits(std::string_view text) {
  return text.substr(0, text.find_first_not_of("0123456789"));
}

/// All of `text` is digits, as many as `width`.
std::optional<int> fixed_number(std::string_view text, std::size_t width) {
  if (text.size() != width || leading_digits(text) != text) return std::nullopt;
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

/// "12:00:00Z"
std::optional<std::int64_t> parse_clock(std::string_view text) {
  if (text.size() != 9 || text[2] != ':' || text[5] != ':' || text[8] != 'Z') return std::nullopt;
  const auto hour = fixed_number(text.substr(0, 2), 2), minute = fixed_number(text.substr(3, 2), 2),
             second = fixed_number(text.substr(6, 2), 2);
  if (!hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
  return *hour * kHour + *minute * std::int64_t{60} + *second;
}

}  // namespace

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string problem_of_size(std::string_view text) {
  const std::string_view digits = leading_digits(text), unit = text.substr(digits.size());
  if (text.starts_with('-')) return "it is negative";
  if (digits.empty()) return "it is not a size";
  if (unit.empty()) return "it has no unit";
  const std::uint64_t scale = scale_of(unit);
  if (scale == 0) return fmt::format("`{}` is not a unit", unit);
  if (digits.size() > 9 || std::stoull(std::string(digits)) > kLargestSize / scale) return "it is larger than 16T";
  return std::stoull(std::string(digits)) == 0 ? "it is zero" : "";
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  if (!problem_of_size(text).empty()) return std::nullopt;
  const std::string_view digits = leading_digits(text);
  return std::stoull(std::string(digits)) * scale_of(text.substr(digits.size()));
}

std::optional<std::int64_t> parse_duration(std::string_view text) {
  const std::string_view digits = leading_digits(text), unit = text.substr(digits.size());
  const std::int64_t scale = unit == "h" ? kHour : unit == "d" ? kDay : unit == "w" ? kWeek : 0;
  if (digits.empty() || digits.size() > 5 || scale == 0) return std::nullopt;
  const std::int64_t seconds = *parse_integer(digits) * scale;
  return seconds == 0 ? std::nullopt : std::optional(seconds);
}

std::optional<std::int64_t> parse_moment(std::string_view text) {
  if (text.size() < 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto year = fixed_number(text.substr(0, 4), 4), month = fixed_number(text.substr(5, 2), 2),
             day = fixed_number(text.substr(8, 2), 2);
  if (!year || !month || !day || *year < 1970) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  const std::int64_t midnight = std::chrono::sys_days(date).time_since_epoch().count() * kDay;
  // A day means all of it: what was published on it belongs to it.
  if (text.size() == 10) return midnight + kDay - 1;
  const auto clock = text[10] == 'T' ? parse_clock(text.substr(11)) : std::nullopt;
  return clock ? std::optional(midnight + *clock) : std::nullopt;
}

Text ValueReader::text(const YamlNode& node) const {
  const bool is_good = node.kind == YamlNode::Kind::scalar && !mistakes_.concern(node.place);
  return {is_good ? node.text : "", node.place};
}

std::vector<Text> ValueReader::texts(const YamlNode& node) const {
  std::vector<Text> texts;
  for (const YamlNode& item : node.items) texts.push_back(text(item));
  return texts;
}

std::map<std::string, Text> ValueReader::texts_by_key(const YamlNode& node) const {
  std::map<std::string, Text> texts;
  for (const auto& [key, value] : node.entries) texts[key.text] = text(value);
  return texts;
}

Located<bool> ValueReader::boolean(const YamlNode& node) const {
  return {text(node).value == "true", node.place};
}

Located<int> ValueReader::integer(const YamlNode& node) const {
  return {static_cast<int>(parse_integer(text(node).value).value_or(0)), node.place};
}

Located<std::uint64_t> ValueReader::size(const YamlNode& node) const {
  return {parse_size(text(node).value).value_or(0), node.place};
}

Located<std::int64_t> ValueReader::duration(const YamlNode& node) const {
  return {parse_duration(text(node).value).value_or(0), node.place};
}

Located<std::int64_t> ValueReader::moment(const YamlNode& node) const {
  return {parse_moment(text(node).value).value_or(0), node.place};
}

void ValueReader::read_table(const YamlNode& node, const Shape& table, Recipe& into) const {
  for (const auto& [key, value] : node.entries) {
    const Key* row = find_key(table, key.text);
    if (row && row->read) row->read(*this, value, into);
    if (row && !row->read && row->shape->kind == Shape::Kind::table) read_table(value, *row->shape, into);
  }
}

}  // namespace ainode
