// SPDX-License-Identifier: Apache-2.0
#include "validators/checks/node_files.h"

#include <algorithm>

#include "validators/checks/text.h"

namespace ainode::checks {

std::optional<std::string> read_words(const Node& node, const std::string& path) {
  const auto text = node.read_file(path);
  return text ? std::optional(joined(split_words(*text), " ")) : std::nullopt;
}

std::optional<std::string> chosen_word(const Node& node, const std::string& path) {
  const auto text = node.read_file(path);
  if (!text) return std::nullopt;
  const std::size_t open = text->find('['), close = text->find(']');
  if (open == std::string::npos || close == std::string::npos || close < open) return trimmed(*text);
  return text->substr(open + 1, close - open - 1);
}

std::optional<std::int64_t> read_number(const Node& node, const std::string& path) {
  const auto text = node.read_file(path);
  return text ? to_number(trimmed(*text)) : std::nullopt;
}

std::string module_name(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

bool is_module_loaded(const Node& node, const std::string& name) {
  return node.exists("/sys/module/" + module_name(name));
}

bool can_load_module(const Node& node, const std::string& name) {
  const auto steps = split_lines(node.run({"modprobe", "--dry-run", "--show-depends", name}).output);
  return !steps.empty() && steps.back().compare(0, 7, "insmod ") == 0;
}

}  // namespace ainode::checks
