// SPDX-License-Identifier: Apache-2.0
// A result lies below the hash of its key and its text.
#include "base/kept_results.h"

#include "base/files.h"

namespace ainode {

namespace {

std::string with_digest(const std::string& key, std::string_view value) {
  return sha256_hex(key + std::string(value)) + "\n" + std::string(value);
}

std::optional<std::string> sound_result(const fs::path& path) {
  const auto text = read_file_if_any(path, std::size_t{16} << 20);
  const std::size_t end = text ? text->find('\n') : std::string::npos;
  if (end == std::string::npos) return std::nullopt;
  std::string value = text->substr(end + 1);
  if (*text != with_digest(path.filename().string(), value)) return std::nullopt;
  return value;
}

}  // namespace

std::optional<std::string> recall_result(const fs::path& directory, const StepKey& key) {
  const fs::path path = directory / key.hex();
  auto value = sound_result(path);
  if (value) mark_used(path);
  return value;
}

void remember_result(const fs::path& directory, const StepKey& key, const std::string& value) {
  write_file(directory / key.hex(), with_digest(key.hex(), value));
}

bool is_sound_result(const fs::path& file) {
  return sound_result(file).has_value();
}

}  // namespace ainode
