// SPDX-License-Identifier: Apache-2.0
// Lines `CONFIG_NAME=value`; everything else is a comment.
#include "validators/checks/kernel_config.h"

#include "validators/checks/text.h"
#include "validators/checks/unpack.h"

namespace ainode::checks {

namespace {

constexpr std::string_view kPrefix = "CONFIG_";
constexpr std::size_t kSizeLimit = std::size_t{16} << 20;

std::string without_quotes(std::string_view value) {
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
  return std::string(value);
}

}  // namespace

std::string KernelConfig::value(const std::string& option) const {
  const auto found = options.find(option);
  return found == options.end() ? "n" : found->second;
}

KernelConfig parse_kernel_config(std::string_view text, std::string source) {
  KernelConfig config;
  config.source = std::move(source);
  for (const std::string& line : split_lines(text)) {
    const std::size_t equals = line.find('=');
    if (equals == std::string::npos || line.compare(0, kPrefix.size(), kPrefix) != 0) continue;
    config.options[line.substr(kPrefix.size(), equals - kPrefix.size())] =
        without_quotes(std::string_view(line).substr(equals + 1));
  }
  return config;
}

std::optional<KernelConfig> read_kernel_config(const Node& node) {
  if (const auto packed = node.read_file("/proc/config.gz")) {
    if (const auto text = unpack_gzip(*packed, kSizeLimit)) return parse_kernel_config(*text, "/proc/config.gz");
  }
  const std::string release = node.kernel_release();
  for (const std::string& path : {"/usr/lib/modules/" + release + "/config", "/boot/config-" + release}) {
    if (const auto text = node.read_file(path)) return parse_kernel_config(*text, path);
  }
  return std::nullopt;
}

}  // namespace ainode::checks
