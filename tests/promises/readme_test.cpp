// SPDX-License-Identifier: Apache-2.0
// What README counts is as many as there are.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/files.h"
#include "validators/checks/catalog.h"
#include "validators/controls/control.h"

namespace ainode {
namespace {

TEST(Readme, CountsTheDefectsAndTheChecks) {
  const std::string readme = read_file(AINODE_SOURCE_DIR "/README.md");
  const std::size_t guest = controls::guest_controls().size(), tree = controls::tree_controls().size();
  const auto says = [&](const std::string& words) {
    EXPECT_TRUE(readme.find(words) != std::string::npos) << "README does not say: " << words;
  };
  says(fmt::format("{} planted defects, {} for guests and {} for trees", guest + tree, guest, tree));
  std::size_t stated = 0, kubelet = 0, llm = 0, all = 0;
  for (const checks::Check& check : checks::all_checks()) {
    ++all;
    const bool is_stated = std::any_of(check.needs.begin(), check.needs.end(),
                                       [](std::string_view need) { return !checks::declared_subject(need).empty(); });
    stated += is_stated;
    kubelet += check.id == "containers.kube-node";
    llm += check.id.starts_with("llm.");
  }
  EXPECT_EQ(kubelet, 1u);
  EXPECT_EQ(llm, 3u);
  says(fmt::format("{} checks of any image, {} of what its recipe states", all - stated - kubelet - llm, stated));
}

}  // namespace
}  // namespace ainode
