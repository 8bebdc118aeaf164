// SPDX-License-Identifier: Apache-2.0
// A node written down in a test: its files as a map, its probes as JSON, and one check's answer in one line of text.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "validators/checks/catalog.h"
#include "validators/checks/recorded_node.h"

namespace ainode::checks {

using Files = std::map<std::string, std::string>;

/// Files appear below a temporary directory that goes with the object. A value that starts with "-> " makes a link; a
/// path that ends with "/" makes a directory.
class RecordedWorld {
 public:
  explicit RecordedWorld(const Files& files, Json probes = Json::object())
      : root_(make_root()), node_(root_, std::move(probes)) {
    for (const auto& [path, content] : files) write(root_ + path, content);
  }
  RecordedWorld(const RecordedWorld&) = delete;
  ~RecordedWorld() { std::filesystem::remove_all(root_); }
  const Node& node() const { return node_; }

 private:
  static std::string make_root() {
    std::string pattern = (std::filesystem::temp_directory_path() / "ainode-node-XXXXXX").string();
    if (!mkdtemp(pattern.data())) throw std::runtime_error("no temporary directory");
    return pattern;
  }
  static void write(const std::filesystem::path& path, const std::string& content) {
    if (path.filename().empty()) {
      std::filesystem::create_directories(path);
      return;
    }
    std::filesystem::create_directories(path.parent_path());
    if (content.rfind("-> ", 0) == 0) {
      std::filesystem::create_symlink(content.substr(3), path);
    } else {
      std::ofstream(path, std::ios::binary) << content;
    }
  }

  std::string root_;
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
