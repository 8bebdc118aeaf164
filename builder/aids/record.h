// SPDX-License-Identifier: Apache-2.0
// What stand-ins note while maintainer scripts run: one record a line, fields separated by tabs. Written inside the
// tree, read by the stages.
#pragma once

#include <string>
#include <string_view>

namespace ainode::aids {

/// Tabs, line ends and backslashes as \t, \n, \\.
inline std::string escaped(std::string_view text) {
  std::string out;
  for (const char byte : text) {
    if (byte == '\t')
      out += "\\t";
    else if (byte == '\n')
      out += "\\n";
    else if (byte == '\\')
      out += "\\\\";
    else
      out += byte;
  }
  return out;
}

inline std::string unescaped(std::string_view field) {
  std::string out;
  for (std::size_t i = 0; i < field.size(); ++i) {
    if (field[i] != '\\' || i + 1 == field.size()) {
      out += field[i];
      continue;
    }
    const char code = field[++i];
    out += code == 't' ? '\t' : code == 'n' ? '\n' : code;
  }
  return out;
}

}  // namespace ainode::aids
