// SPDX-License-Identifier: Apache-2.0
// Files come from below the root; what was not recorded is absent.
#include "validators/checks/recorded_node.h"

#include <fmt/format.h>

#include "validators/checks/local_node.h"
#include "validators/checks/text.h"

namespace ainode::checks {

Json RecordedNode::answer(const char* probe, const std::string& argument) const {
  const auto answers = probes_.find(probe);
  if (answers == probes_.end()) return nullptr;
  return answers->value(argument, Json());
}

std::optional<std::string> RecordedNode::read_file(const std::string& path) const {
  return LocalNode().read_file(root_ + path);
}

std::vector<DirectoryEntry> RecordedNode::list(const std::string& path) const {
  return LocalNode().list(root_ + path);
}

std::optional<std::string> RecordedNode::read_link(const std::string& path) const {
  return LocalNode().read_link(root_ + path);
}

bool RecordedNode::exists(const std::string& path) const {
  return LocalNode().exists(root_ + path);
}

std::optional<FileStatus> RecordedNode::status(const std::string& path) const {
  const Json recorded = answer("status", path);
  if (recorded.is_null()) return std::nullopt;
  return FileStatus{recorded.value("is_regular", true), recorded.value("mode", 0u), recorded.value("uid", 0u),
                    recorded.value("gid", 0u)};
}

std::optional<std::vector<std::string>> RecordedNode::privileged_files() const {
  return probes_.value("privileged_files", std::vector<std::string>());
}

std::string RecordedNode::kernel_release() const {
  return probes_.value("kernel_release", "");
}

std::optional<std::string> RecordedNode::kernel_log() const {
  if (!probes_.contains("kernel_log")) return std::nullopt;
  return probes_["kernel_log"].get<std::string>();
}

std::optional<std::int64_t> RecordedNode::coarse_clock_nanoseconds() const {
  if (!probes_.contains("coarse_clock_nanoseconds")) return std::nullopt;
  return probes_["coarse_clock_nanoseconds"].get<std::int64_t>();
}

PagePlacement RecordedNode::place_pages(int numa_node, int) const {
  const Json recorded = answer("place_pages", std::to_string(numa_node));
  if (recorded.is_null()) return {0, 0, "", "not recorded"};
  return {recorded.value("pages", 0), recorded.value("on_node", 0), recorded.value("numa_maps", ""),
          recorded.value("problem", "")};
}

PageMove RecordedNode::move_pages(int from, int to, int, Migration way) const {
  const Json recorded =
      answer(way == Migration::by_page ? "move_pages" : "migrate_pages", fmt::format("{} to {}", from, to));
  if (recorded.is_null()) return {0, false, "not recorded"};
  return {recorded.value("arrived", 0), recorded.value("is_intact", false), recorded.value("problem", "")};
}

PageSpread RecordedNode::spread_pages(const std::vector<int>&, int, Spread policy) const {
  const auto recorded = probes_.find(policy == Spread::interleave ? "interleave" : "weighted_interleave");
  if (recorded == probes_.end()) return {{}, "not recorded"};
  PageSpread spread;
  spread.problem = recorded->value("problem", "");
  const Json counts = recorded->value("on_node", Json::object());
  for (const auto& [node, count] : counts.items())
    spread.on_node[static_cast<int>(to_number(node).value_or(-1))] = count.get<int>();
  return spread;
}

HeapTrial RecordedNode::try_heap(const std::string& device) const {
  const Json recorded = answer("try_heap", device);
  if (recorded.is_null()) return {};
  HeapTrial trial;
  trial.is_present = true;
  trial.bytes = recorded.value("bytes", std::uint64_t{0});
  trial.is_zeroed = recorded.value("is_zeroed", false);
  trial.is_shared = recorded.value("is_shared", false);
  trial.wrong_flags_error = recorded.value("wrong_flags_error", "");
  trial.problem = recorded.value("problem", "");
  return trial;
}

std::optional<bool> RecordedNode::is_read_only(const std::string& path) const {
  const Json recorded = answer("is_read_only", path);
  if (recorded.is_null()) return std::nullopt;
  return recorded.get<bool>();
}

std::optional<bool> RecordedNode::is_same_directory(const std::string& one, const std::string& other) const {
  const Json recorded = answer("is_same_directory", one);
  if (recorded.is_null()) return std::nullopt;
  return recorded.get<std::string>() == other;
}

CommandOutcome RecordedNode::run(const std::vector<std::string>& argv) const {
  const Json recorded = answer("run", joined(argv, " "));
  if (recorded.is_null()) return {-1, "", argv.empty() ? "no program was named" : argv[0] + " could not be started"};
  return {recorded.value("status", -1), recorded.value("output", ""), recorded.value("problem", "")};
}

}  // namespace ainode::checks
