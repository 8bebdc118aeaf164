// SPDX-License-Identifier: Apache-2.0
// Names decide where a stranger's bytes are written, so they are judged here, for guest and harness alike.
#include "validators/checks/recording.h"

#include <fmt/format.h>

#include <algorithm>

namespace ainode::checks {

namespace {

constexpr std::size_t kLongestName = 255, kLongestPath = 1024;  // NAME_MAX; room for the directory before it
constexpr const char* kVersionKey = "ainode-recording";

bool is_plain_part(std::string_view part) {
  const auto is_control = [](unsigned char byte) { return byte < 0x20 || byte == 0x7f; };
  return !part.empty() && part != "." && part != ".." && part.size() <= kLongestName &&
         std::none_of(part.begin(), part.end(), is_control);
}

}  // namespace

void Recording::add(const std::string& path, std::string content, std::size_t limit, bool replaces) {
  const auto known = files.find(path);
  if (known != files.end()) {
    if (!replaces) return;
    bytes -= known->second.size();
    files.erase(known);
  }
  if (content.size() > limit || bytes + content.size() > kRecordedTotal || files.size() >= kRecordedCount ||
      !is_recorded_name(std::string(kRootName) + path))
    return;
  bytes += content.size();
  files.emplace(path, std::move(content));
}

std::string write_probes(const Answers& answers) {
  Json json = {{kVersionKey, kRecordingVersion}};
  json.update(write_answers(answers));
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

ReadAnswers read_probes(const Json& json) {
  const Json version = json.is_object() ? json.value(kVersionKey, Json()) : Json();
  if (version != kRecordingVersion)
    return {std::nullopt, version.is_null() ? fmt::format("it has no `{}`", kVersionKey)
                                            : fmt::format("its version is {}, and this program reads {}",
                                                          version.dump(-1, ' ', false, Json::error_handler_t::replace),
                                                          kRecordingVersion)};
  Json probes = json;
  probes.erase(kVersionKey);
  return read_answers(probes);
}

bool is_recorded_name(std::string_view name) {
  if (name == kProbesName) return true;
  if (name.size() > kLongestPath || name.substr(0, kRootName.size() + 1) != std::string(kRootName) + "/") return false;
  for (std::size_t start = 0; start <= name.size();) {
    const std::size_t end = std::min(name.find('/', start), name.size());
    if (!is_plain_part(name.substr(start, end - start))) return false;
    start = end + 1;
  }
  return true;
}

void each_recorded(const Recording& recording,
                   const std::function<void(const std::string& name, const std::string& content)>& take) {
  take(std::string(kProbesName), write_probes(recording.answers));
  for (const auto& [path, content] : recording.files) take(std::string(kRootName) + path, content);
}

}  // namespace ainode::checks
