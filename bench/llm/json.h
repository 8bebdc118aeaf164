// SPDX-License-Identifier: Apache-2.0
// One line of JSON, member after member.
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <string>
#include <string_view>

namespace ainode::llm {

inline std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      out += std::string("\\") + c;
    else if (static_cast<unsigned char>(c) < 0x20)
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    else
      out += c;
  }
  return out + '"';
}

class JsonObject {
 public:
  JsonObject& text(std::string_view name, std::string_view value) { return raw(name, quoted(value)); }
  template <class Number>
  JsonObject& number(std::string_view name, Number value) {
    if (!std::isfinite(static_cast<double>(value))) return raw(name, "null");
    return raw(name, fmt::format("{}", value));  // floats: the shortest text that reads as the same number
  }
  /// `value` is JSON itself.
  JsonObject& raw(std::string_view name, std::string_view value) {
    members_ += fmt::format("{}{}:{}", members_.empty() ? "" : ",", quoted(name), value);
    return *this;
  }
  std::string str() const { return "{" + members_ + "}"; }

 private:
  std::string members_;
};

}  // namespace ainode::llm
