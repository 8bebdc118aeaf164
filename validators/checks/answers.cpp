// SPDX-License-Identifier: Apache-2.0
// The table of probes: reading goes by it, so that what a stranger wrote has the form that every answer is due.
#include "validators/checks/answers.h"

#include <fmt/format.h>

#include <algorithm>

#include "validators/checks/text.h"

namespace ainode::checks {

namespace {

struct Probe {
  std::string_view name;
  bool takes_argument;
  void (*require)(const Json& answer);  ///< throws BadAnswer
};

template <class T>
void require(const Json& json) {
  T answer{};
  read_json(json, answer);
}

void require_null(const Json& json) {
  if (!json.is_null()) throw BadAnswer("is not null: content stands in a file");
}

constexpr Probe kProbes[] = {
    {"kernel_release", false, require<std::string>},
    {"kernel_log", false, require<std::optional<std::string>>},
    {"coarse_clock_nanoseconds", false, require<std::optional<std::int64_t>>},
    {"privileged_files", false, require<std::optional<std::vector<std::string>>>},
    {"interleave", false, require<PageSpread>},
    {"weighted_interleave", false, require<PageSpread>},
    {"place_pages", true, require<PagePlacement>},
    {"move_pages", true, require<PageMove>},
    {"migrate_pages", true, require<PageMove>},
    {"place_huge_pages", true, require<HugePages>},
    {"try_heap", true, require<HeapTrial>},
    {"try_file_buffer", true, require<FileBufferTrial>},
    {"try_device_dma", true, require<DeviceDma>},
    {"transfer_to_peer", true, require<PeerTransfer>},
    {"is_auditing", false, require<std::optional<bool>>},
    {"triad", true, require<MemorySpeed>},
    {"chase", true, require<MemorySpeed>},
    {"measure_wakeups", false, require<WakeupLatency>},
    {"try_mirror", true, require<MirrorTrial>},
    {"is_read_only", true, require<std::optional<bool>>},
    {"is_same_directory", true, require<std::optional<bool>>},
    {"run", true, require<CommandOutcome>},
    {"run_companion", true, require<CommandOutcome>},
    {"read_file", true, require_null},
    {"list", true, require<std::vector<DirectoryEntry>>},
    {"read_link", true, require<std::optional<std::string>>},
    {"exists", true, require<bool>},
    {"status", true, require<std::optional<FileStatus>>},
    {"module_version", true, require<std::optional<std::string>>},
};

void require_form(const Probe& probe, const Json& answer, const std::string& subject) {
  try {
    probe.require(answer);
  } catch (const BadAnswer& bad) {
    throw BadAnswer(fmt::format("{} {}", subject, bad.what()));
  }
}

void read_probe(const std::string& name, const Json& json, Answers& answers) {
  const auto probe =
      std::find_if(std::begin(kProbes), std::end(kProbes), [&](const Probe& each) { return each.name == name; });
  if (probe == std::end(kProbes)) throw BadAnswer(fmt::format("nobody knows the probe `{}`", name));
  if (!probe->takes_argument) {
    require_form(*probe, json, fmt::format("the answer of `{}`", name));
    answers.single[name] = json;
    return;
  }
  if (!json.is_object()) throw BadAnswer(fmt::format("`{}` is not an object of answers", name));
  for (const auto& [argument, answer] : json.items()) {
    require_form(*probe, answer, fmt::format("the answer of `{}` to `{}`", name, argument));
    answers.by_argument[name][argument] = answer;
  }
}

}  // namespace

Json json_of(const std::map<int, int>& counts) {
  Json json = Json::object();
  for (const auto& [node, count] : counts) json[std::to_string(node)] = count;
  return json;
}

void read_json(const Json& json, std::map<int, int>& counts) {
  if (!json.is_object()) throw BadAnswer("is not an object");
  for (const auto& [key, value] : json.items()) {
    const auto node = to_number(key);
    if (!node || *node < 0 || *node > 4096) throw BadAnswer("has a node that is no number");
    read_json(value, counts[static_cast<int>(*node)]);
  }
}

Json json_of(const std::vector<DirectoryEntry>& entries) {
  Json json = Json::array();
  for (const DirectoryEntry& entry : entries) json.push_back(entry.name + (entry.is_directory ? "/" : ""));
  return json;
}

void read_json(const Json& json, std::vector<DirectoryEntry>& entries) {
  std::vector<std::string> names;
  read_json(json, names);
  for (std::string& name : names) {
    const bool is_directory = !name.empty() && name.back() == '/';
    if (is_directory) name.pop_back();
    entries.push_back({std::move(name), is_directory});
  }
}

Json write_answers(const Answers& answers) {
  Json json = Json::object();
  for (const auto& [probe, answer] : answers.single) json[probe] = answer;
  for (const auto& [probe, each] : answers.by_argument) json[probe] = each;
  return json;
}

ReadAnswers read_answers(const Json& json) {
  if (!json.is_object()) return {std::nullopt, "the probes are not an object"};
  Answers answers;
  try {
    for (const auto& [name, answer] : json.items()) read_probe(name, answer, answers);
  } catch (const BadAnswer& bad) {
    return {std::nullopt, bad.what()};
  }
  return {std::move(answers), ""};
}

}  // namespace ainode::checks
