// SPDX-License-Identifier: Apache-2.0
// Plain scanning, no locale, no regular expression.
#include "validators/checks/text.h"

#include <charconv>

namespace ainode::checks {

namespace {

constexpr std::size_t kIdLimit = 65536;

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\0';
}

template <class IsSeparator>
std::vector<std::string> split(std::string_view text, IsSeparator is_separator) {
  std::vector<std::string> parts;
  std::string part;
  for (const char c : text) {
    if (!is_separator(c)) {
      part += c;
    } else if (!part.empty()) {
      parts.push_back(std::move(part));
      part.clear();
    }
  }
  if (!part.empty()) parts.push_back(std::move(part));
  return parts;
}

bool append_range(std::string_view range, std::vector<int>& ids) {
  const std::size_t dash = range.find('-');
  const auto first = to_number(range.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : to_number(range.substr(dash + 1));
  if (!first || !last || *first < 0 || *last < *first || *last >= static_cast<std::int64_t>(kIdLimit)) return false;
  for (std::int64_t id = *first; id <= *last; ++id) ids.push_back(static_cast<int>(id));
  return ids.size() <= kIdLimit;
}

}  // namespace

std::vector<std::string> split_words(std::string_view text) {
  return split(text, is_blank);
}

std::vector<std::string> split_lines(std::string_view text) {
  return split(text, [](char c) { return c == '\n'; });
}

std::vector<std::string> split_arguments(std::string_view cmdline) {
  bool is_quoted = false;
  return split(cmdline, [&](char c) {
    if (c == '"') is_quoted = !is_quoted;
    return !is_quoted && is_blank(c);
  });
}

std::string trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return std::string(text);
}

std::string joined(const std::vector<std::string>& words, std::string_view separator) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += separator;
    text += words[i];
  }
  return text;
}

std::optional<std::int64_t> to_number(std::string_view decimal) {
  std::int64_t number = 0;
  const char* const end = decimal.data() + decimal.size();
  const auto [stop, error] = std::from_chars(decimal.data(), end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

std::optional<std::int64_t> kibibytes(std::string_view size) {
  if (size.empty()) return std::nullopt;
  const auto number = to_number(size.substr(0, size.size() - 1));
  const std::int64_t scale = size.back() == 'K' ? 1 : size.back() == 'M' ? 1024 : size.back() == 'G' ? 1 << 20 : 0;
  return number && scale > 0 ? std::optional(*number * scale) : std::nullopt;
}

std::optional<std::vector<int>> parse_id_list(std::string_view text) {
  std::vector<int> ids;
  const std::string list = trimmed(text);
  for (const std::string& range : split(list, [](char c) { return c == ','; })) {
    if (!append_range(range, ids)) return std::nullopt;
  }
  return ids;
}

}  // namespace ainode::checks
