// SPDX-License-Identifier: Apache-2.0
// One pass over the text, a line at a time; nothing is copied.
#include "builder/packages/deb822.h"

#include <fmt/format.h>

#include <algorithm>

namespace ainode {

namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

bool is_space(char c) {
  return is_blank(c) || c == '\n';
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool equal_names(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

/// Policy 5.1: printable ASCII without blank and colon, not starting with `#` or `-`.
bool is_field_name(std::string_view name) {
  return !name.empty() && name[0] != '#' && name[0] != '-' &&
         std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 0x7F && c != ':'; });
}

}  // namespace

std::string_view trim_blanks(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::vector<std::string_view> split_words(std::string_view value) {
  std::vector<std::string_view> words;
  for (std::size_t i = 0; i < value.size();) {
    while (i < value.size() && is_space(value[i])) ++i;
    const std::size_t start = i;
    while (i < value.size() && !is_space(value[i])) ++i;
    if (i > start) words.push_back(value.substr(start, i - start));
  }
  return words;
}

std::vector<std::string_view> split_lines(std::string_view value) {
  std::vector<std::string_view> lines;
  while (!value.empty()) {
    const std::size_t end = value.find('\n');
    const std::string_view line = trim_blanks(value.substr(0, end));
    if (!line.empty()) lines.push_back(line);
    if (end == std::string_view::npos) break;
    value.remove_prefix(end + 1);
  }
  return lines;
}

const Deb822Field* Deb822Stanza::find(std::string_view name) const {
  for (const Deb822Field& field : fields) {
    if (equal_names(field.name, name)) return &field;
  }
  return nullptr;
}

std::string_view Deb822Stanza::value(std::string_view name) const {
  const Deb822Field* field = find(name);
  return field ? field->value : std::string_view();
}

Deb822Reader::Deb822Reader(std::string_view text, std::string origin) : rest_(text), origin_(std::move(origin)) {
  const std::size_t zero = text.find('\0');
  if (zero == std::string_view::npos) return;
  const auto lines_before = std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(zero), '\n');
  throw error(static_cast<int>(lines_before) + 1, "holds a NUL byte");
}

Error Deb822Reader::error(int line, const std::string& what) const {
  return Error(codes::index_malformed, fmt::format("{}: line {}: {}", origin_, line, what))
      .help("the archive signed it so, and another mirror will not differ: tell the archive's maintainers");
}

bool Deb822Reader::take_line(std::string_view& line) {
  if (rest_.empty()) return false;
  const std::size_t end = rest_.find('\n');
  line = rest_.substr(0, end);
  rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
  ++line_;
  if (line.size() > kMostLineBytes) throw error(line_, fmt::format("is longer than {} bytes", kMostLineBytes));
  return true;
}

void Deb822Reader::add_field(Deb822Stanza& stanza, std::string_view line) const {
  const std::size_t colon = line.find(':');
  const std::string_view name = line.substr(0, colon);
  if (colon == std::string_view::npos || !is_field_name(name)) throw error(line_, "is not `Field: value`");
  if (stanza.find(name)) throw error(line_, fmt::format("field `{}` stands twice in one stanza", name));
  if (stanza.fields.size() == kMostFields) throw error(line_, fmt::format("has more than {} fields", kMostFields));
  stanza.fields.push_back({name, trim_blanks(line.substr(colon + 1)), line_});
}

void Deb822Reader::extend_last_field(Deb822Stanza& stanza, std::string_view line) const {
  if (stanza.fields.empty()) throw error(line_, "continues a field, but none stands before it");
  if (line.find_first_not_of(" \t") == std::string_view::npos) throw error(line_, "is blank but not empty");
  std::string_view& value = stanza.fields.back().value;
  const char* start = value.data();
  value = trim_blanks({start, static_cast<std::size_t>(line.data() + line.size() - start)});
}

bool Deb822Reader::next(Deb822Stanza& stanza) {
  stanza.fields.clear();
  std::string_view line;
  do {
    if (!take_line(line)) return false;
  } while (line.empty());
  stanza.line = line_;
  const char* start = line.data();
  do {
    if (line.empty()) break;
    if (static_cast<std::size_t>(line.data() + line.size() - start) > kMostStanzaBytes) {
      throw error(stanza.line, fmt::format("starts a stanza of more than {} bytes", kMostStanzaBytes));
    }
    if (is_blank(line[0])) {
      extend_last_field(stanza, line);
    } else {
      add_field(stanza, line);
    }
  } while (take_line(line));
  return true;
}

}  // namespace ainode
