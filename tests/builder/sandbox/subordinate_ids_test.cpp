// SPDX-License-Identifier: Apache-2.0
// What /etc/subuid says, in the forms that administrators and tools write.
#include "builder/sandbox/subordinate_ids.h"

#include "world.h"

namespace ainode {
namespace {

using namespace testing_world;

std::string map_of(const std::string& text, const std::string& user = "ada", std::uint64_t id = 1000) {
  const TemporaryDirectory directory = scratch();
  spill(directory.path() / "subuid", text);
  std::string rows;
  for (const IdRange& range : subordinate_map(directory.path() / "subuid", user, id, id))
    rows +=
        std::to_string(range.inside) + " " + std::to_string(range.outside) + " " + std::to_string(range.count) + "\n";
  return rows;
}

TEST(SubordinateIds, TheUserBecomesRootAndTheRestFollows) {
  EXPECT_EQ(map_of("ada:100000:65536\n"), "0 1000 1\n1 100000 65535\n");
}

TEST(SubordinateIds, AnotherUsersRangeIsNotTaken) {
  EXPECT_EQ(map_of("bob:100000:65536\nadam:1:65536\nada:300000:65536\n"), "0 1000 1\n1 300000 65535\n");
}

TEST(SubordinateIds, ANumberNamesTheUserToo) {
  EXPECT_EQ(map_of("1000:100000:65536\n"), "0 1000 1\n1 100000 65535\n");
}

TEST(SubordinateIds, SeveralSmallRangesAddUp) {
  EXPECT_EQ(map_of("ada:100000:60000\nada:200000:60000\n"), "0 1000 1\n1 100000 60000\n60001 200000 5535\n");
}

TEST(SubordinateIds, MalformedLinesAreSkipped) {
  EXPECT_EQ(map_of("ada\nada:x:65536\nada:1:-5\nada:1:99999999999999999999\n:1:65536\n\nada:100000:65536"),
            "0 1000 1\n1 100000 65535\n");
}

TEST(SubordinateIds, TooFewAreAnErrorWithItsCure) {
  const Error error = error_of([] { map_of("ada:100000:1000\n"); });
  EXPECT_EQ(error.code().id, codes::no_subuids.id);
  EXPECT_NE(error.message().find("subuid gives user `ada` 1000 of the 65535 subordinate ids that a build needs"),
            std::string::npos)
      << error.message();
  EXPECT_EQ(error.hint(), "as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ada");
}

TEST(SubordinateIds, AMissingFileGivesNone) {
  const Error error = error_of([] { subordinate_map("/nonexistent/subgid", "", 4242, 4242); });
  EXPECT_EQ(error.message(), "/nonexistent/subgid gives user `4242` 0 of the 65535 subordinate ids that a build needs");
}

}  // namespace
}  // namespace ainode
