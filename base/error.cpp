// SPDX-License-Identifier: Apache-2.0
// Errors and how they look to a person.
#include "base/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace ainode {

namespace {

constexpr ErrorCode kCodes[] = {
#define AINODE_LIST_CODE(name, id, exit, summary) codes::name,
    AINODE_ERROR_CODES(AINODE_LIST_CODE)
#undef AINODE_LIST_CODE
};

struct Paint {
  bool colour;
  std::string bold_red(const std::string& text) const { return wrap("1;31", text); }
  std::string bold(const std::string& text) const { return wrap("1", text); }
  std::string blue(const std::string& text) const { return wrap("34", text); }
  std::string wrap(const char* style, const std::string& text) const {
    return colour ? fmt::format("\x1b[{}m{}\x1b[0m", style, text) : text;
  }
};

std::string caret_line(const Place& place, const std::string& caret_text) {
  std::string line;
  for (int column = 1; column < place.column; ++column) {
    const std::size_t index = static_cast<std::size_t>(column - 1);
    line += index < place.source_line.size() && place.source_line[index] == '\t' ? '\t' : ' ';
  }
  line.append(static_cast<std::size_t>(std::max(1, place.width)), '^');
  return caret_text.empty() ? line : line + " " + printable(caret_text);
}

void render_place(std::string& out, const Place& place, const std::string& caret_text, const Paint& paint) {
  const std::string number = place.line > 0 ? std::to_string(place.line) : "";
  const std::string margin(number.size(), ' ');
  out += margin + paint.blue("  ┌─ ") + printable(place.str()) + "\n";
  if (place.source_line.empty() || place.line == 0) return;
  out += number + paint.blue("│ ") + printable(place.source_line) + "\n";
  out += margin + paint.blue("│ ") + paint.bold_red(caret_line(place, caret_text)) + "\n";
}

void render_reasons(std::string& out, const std::vector<std::string>& reasons) {
  for (std::size_t i = 0; i < reasons.size(); ++i) {
    const char* branch = i == 0 ? "× " : i + 1 == reasons.size() ? "╰─▶ " : "├─▶ ";
    out += "  " + std::string(branch) + printable(reasons[i]) + "\n";
  }
}

bool is_bidirectional_control(unsigned code_point) {
  return (code_point >= 0x202A && code_point <= 0x202E) || (code_point >= 0x2066 && code_point <= 0x2069) ||
         code_point == 0x200E || code_point == 0x200F;
}

/// Length of the UTF-8 sequence at the start of `text`, and its code point; 0 when it is not valid.
std::size_t decode_utf8(std::string_view text, unsigned& code_point) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  const std::size_t length = first < 0x80 ? 1 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 0;
  if (length == 0 || length > text.size() || first > 0xF4) return 0;
  code_point = length == 1 ? first : first & (0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
    code_point = code_point << 6 | (byte(i) & 0x3Fu);
  }
  return length;
}

}  // namespace

std::span<const ErrorCode> all_error_codes() {
  return kCodes;
}

std::string Place::str() const {
  if (line == 0) return file;
  return column == 0 ? fmt::format("{}:{}", file, line) : fmt::format("{}:{}:{}", file, line, column);
}

Error::Error(const ErrorCode& code, std::string message) : code_(code), message_(std::move(message)) {
  what_ = fmt::format("error[{}]: {}", code_.id, message_);
}

Error& Error::at(Place place) {
  place_ = std::move(place);
  return *this;
}
Error& Error::label(std::string caret_text) {
  caret_text_ = std::move(caret_text);
  return *this;
}
Error& Error::help(std::string hint) {
  hint_ = std::move(hint);
  return *this;
}
Error& Error::chain(std::string line) {
  reasons_.push_back(std::move(line));
  return *this;
}
Error& Error::because(const std::exception& cause) {
  reasons_.emplace_back(cause.what());
  return *this;
}
Error& Error::within(std::string context) {
  context_.push_back(std::move(context));
  return *this;
}

std::string render(const Error& error, bool colour) {
  if (const auto* several = dynamic_cast<const Errors*>(&error)) {
    std::string out;
    for (const Error& one : several->all()) out += (out.empty() ? "" : "\n") + render(one, colour);
    return out;
  }
  const Paint paint{colour};
  std::string out =
      paint.bold_red(fmt::format("error[{}]", error.code().id)) + paint.bold(": " + printable(error.message())) + "\n";
  if (error.place()) render_place(out, *error.place(), error.caret_text(), paint);
  render_reasons(out, error.reasons());
  for (const std::string& context : error.context()) out += "  = while: " + printable(context) + "\n";
  if (!error.hint().empty()) out += "  = help: " + printable(error.hint()) + "\n";
  return out;
}

Errors::Errors(std::vector<Error> all) : Error(all.at(0)), all_(std::move(all)) {}

Error system_error(const std::string& action, int error_number) {
  const bool full = error_number == ENOSPC || error_number == EDQUOT;
  Error error(full ? codes::disk_full : codes::file_failed,
              fmt::format("cannot {}: {}", action, std::generic_category().message(error_number)));
  if (full) error.help("free some space there, or point --store at a larger file system");
  return error;
}

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    unsigned code_point = 0;
    const std::size_t length = decode_utf8(text, code_point);
    const bool is_control = length == 1 && (code_point < 0x20 || code_point == 0x7F) && code_point != '\t';
    if (length == 0 || is_control) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[0]));
    } else if ((code_point >= 0x80 && code_point < 0xA0) || is_bidirectional_control(code_point)) {
      out += fmt::format("\\u{:04x}", code_point);
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

}  // namespace ainode
