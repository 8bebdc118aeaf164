// SPDX-License-Identifier: Apache-2.0
// A node written down in a test: its files as a map, its probes as JSON, and one check's answer in one line of text.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "validators/checks/catalog.h"
#include "validators/checks/recorded_node.h"

namespace ainode::checks {

using Files = std::map<std::string, std::string>;

/// A value that starts with "-> " makes a link; a path that ends with "/" makes a directory. What is not there is
/// absent.
class RecordedWorld {
 public:
  explicit RecordedWorld(const Files& files, const Json& probes = Json::object())
      : node_(recording_of(files, probes), Unrecorded::is_absent) {}
  const Node& node() const { return node_; }

 private:
  static Recording recording_of(const Files& files, const Json& probes) {
    ReadAnswers answers = read_answers(probes.is_null() ? Json::object() : probes);
    if (!answers.value) throw std::runtime_error(answers.problem);
    Recording recording;
    recording.answers = std::move(*answers.value);
    for (const auto& [path, content] : files) {
      if (content.rfind("-> ", 0) == 0)
        recording.answers.by_argument["read_link"][path] = content.substr(3);
      else
        recording.files[path] = content;
    }
    return recording;
  }

  RecordedNode node_;
};

inline Check check_named(const std::string& id) {
  for (const Check& check : all_checks()) {
    if (check.id == id) return check;
  }
  throw std::runtime_error("no check " + id);
}

inline CheckResult judge(const std::string& id, const RecordedWorld& world, const Expected& expected) {
  return run_check(check_named(id), world.node(), expected);
}

/// "fail: REASON", "pass", "skip: …".
inline std::string said(const CheckResult& result) {
  constexpr const char* kWords[] = {"pass", "fail", "skip", "unmeasurable", "infra"};
  const std::string word = kWords[static_cast<int>(result.verdict)];
  return result.reason.empty() ? word : word + ": " + result.reason;
}

/// Two nodes of one processor and 1 GiB each, an Intel IOMMU.
inline Expected two_nodes() {
  Expected expected;
  expected.topology.nodes = {{{0}, 1 << 30}, {{1}, 1 << 30}};
  expected.topology.distances = {{10, 21}, {21, 10}};
  expected.topology.iommu = "intel";
  return expected;
}

}  // namespace ainode::checks
