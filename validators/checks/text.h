// SPDX-License-Identifier: Apache-2.0
// Small readers of the kernel's textual forms: words, lines, id lists.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ainode::checks {

std::vector<std::string> split_words(std::string_view text);  ///< at spaces, tabs and newlines; no empty word
std::vector<std::string> split_lines(std::string_view text);  ///< without the newlines; no empty line
/// A kernel command line: words, where double quotes keep spaces together (the quotes stay).
std::vector<std::string> split_arguments(std::string_view cmdline);
std::string trimmed(std::string_view text);
std::string joined(const std::vector<std::string>& words, std::string_view separator);
std::optional<std::int64_t> to_number(std::string_view decimal);
/// "2M" → 2048, as recipe and kernel-parameters.txt write the size of a huge page; nothing for another form.
std::optional<std::int64_t> kibibytes(std::string_view size);
/// "0-2,5" → {0, 1, 2, 5}; nothing for text of another form, or more than 65,536 ids.
std::optional<std::vector<int>> parse_id_list(std::string_view text);

}  // namespace ainode::checks
