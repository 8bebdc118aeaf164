// SPDX-License-Identifier: Apache-2.0
// Stanzas of `Field: value` lines (deb822), read strictly: what Debian's own files never contain is refused by line.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace ainode {

/// A field as it stands: the value spans its continuation lines (each still with its leading blank), trimmed at both
/// ends. Views into the reader's text.
struct Deb822Field {
  std::string_view name, value;
  int line = 0;
};

struct Deb822Stanza {
  std::vector<Deb822Field> fields;
  int line = 0;

  /// By exact name, case-insensitive in ASCII as Debian's policy has it; null when absent.
  const Deb822Field* find(std::string_view name) const;
  /// Its value, or an empty view.
  std::string_view value(std::string_view name) const;
};

/// Reads stanza by stanza; the text must outlive the reader and all views. Limits: 1 MiB a line, 8 MiB a stanza, 200
/// fields. Throws index_malformed "ORIGIN: line N: …".
class Deb822Reader {
 public:
  static constexpr std::size_t kMostLineBytes = std::size_t{1} << 20;
  static constexpr std::size_t kMostStanzaBytes = std::size_t{8} << 20;
  static constexpr std::size_t kMostFields = 200;

  Deb822Reader(std::string_view text, std::string origin);
  /// False at the end of the text. The stanza's memory is used again.
  bool next(Deb822Stanza& stanza);
  /// An error of this text at a line, for callers that find a value wrong.
  Error error(int line, const std::string& what) const;

 private:
  bool take_line(std::string_view& line);
  void add_field(Deb822Stanza& stanza, std::string_view line) const;
  void extend_last_field(Deb822Stanza& stanza, std::string_view line) const;

  std::string_view rest_;
  std::string origin_;
  int line_ = 0;
};

/// Blank-separated words of a value.
std::vector<std::string_view> split_words(std::string_view value);
/// Non-empty lines of a multi-line value, trimmed.
std::vector<std::string_view> split_lines(std::string_view value);
std::string_view trim_blanks(std::string_view text);

}  // namespace ainode
