// SPDX-License-Identifier: Apache-2.0
// `ainode doctor` as a user meets it, with a QEMU that fails in a known way: so one lack is sure on any machine.
#include <gtest/gtest.h>

#include <sstream>

#include "base/files.h"
#include "base/json.h"
#include "base/process.h"

namespace ainode {
namespace {

class Doctor : public testing::Test {
 protected:
  Doctor() : scratch_(AINODE_BINARY_DIR, "doctor test ") {}

  ProcessResult doctor(const std::string& complaint, const std::vector<std::string>& flags = {}) const {
    const fs::path qemu = scratch_.path() / "qemu";
    write_file(
        qemu,
        "#!/bin/sh\n[ \"$1\" = --version ] && { echo 'QEMU 9.1.2'; exit 0; }\necho '" + complaint + "' >&2\nexit 1\n",
        0755);
    Command command;
    command.argv = {std::string(AINODE_BINARY_DIR) + "/ainode", "doctor", "--store", scratch_.path() / "cache"};
    command.argv.insert(command.argv.end(), flags.begin(), flags.end());
    command.environment = {{"PATH", "/usr/bin:/bin"},
                           {"HOME", scratch_.path().string()},
                           {"AINODE_QEMU", qemu.string()},
                           {"AINODE_MIRROR_DEBIAN", "file:///a/debian"},
                           {"AINODE_MIRROR_DEBIAN_SECURITY", "file:///a/debian-security"}};
    command.deadline = std::chrono::seconds(120);
    return run_process(command);
  }

  TemporaryDirectory scratch_;
};

TEST_F(Doctor, ALackIsMarkedWithItsPurposeAndCure) {
  const ProcessResult result = doctor("no firmware");
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.errors, "");
  EXPECT_NE(result.output.find("✗ emulation (TCG)             no firmware (needed to validate)\n"
                               "    = help: reinstall qemu-system-x86 and seabios, or name another QEMU with --qemu\n"),
            std::string::npos)
      << result.output;
  EXPECT_NE(result.output.find("it lacks what is marked ✗.\n"), std::string::npos) << result.output;
}

TEST_F(Doctor, ToolsAndMirrorsAreNamedWithoutHosts) {
  const std::string output = doctor("x").output;
  EXPECT_NE(output.find("✓ qemu-system-x86_64          9.1.2\n"), std::string::npos) << output;
  EXPECT_NE(output.find("✓ mirror of debian            from --mirror\n"), std::string::npos) << output;
  EXPECT_EQ(output.find("file:///a/debian"), std::string::npos) << output;
  EXPECT_NE(doctor("x", {"-v"}).output.find("from --mirror: file:///a/debian\n"), std::string::npos);
}

TEST_F(Doctor, NoLineOfWordsPassesTheColumns) {
  std::string words = "it";
  for (int count = 0; count < 60; ++count) words += " complains";
  std::istringstream lines(doctor(words).output);
  std::size_t wrapped = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.find("complains") == std::string::npos) continue;
    // The mark has three bytes and one column.
    EXPECT_LE(line.size(), 98U) << line;
    ++wrapped;
  }
  EXPECT_GT(wrapped, 5U);
}

TEST_F(Doctor, TheJsonSaysTheSame) {
  const ProcessResult result = doctor("no firmware", {"--json"});
  EXPECT_EQ(result.exit_code, 3);
  const Json json = Json::parse(result.output);
  EXPECT_EQ(json["schema"], "ainode.doctor/1");
  EXPECT_EQ(json["can_validate"], false);
  for (const Json& check : json["checks"]) {
    if (check["id"] != "emulation") continue;
    EXPECT_EQ(check["ok"], false);
    EXPECT_EQ(check["found"], "no firmware");
    EXPECT_EQ(check["needed_for"], Json::array({"validate"}));
    return;
  }
  ADD_FAILURE() << result.output;
}

TEST_F(Doctor, LeavesNothingInTheCache) {
  doctor("x");
  EXPECT_TRUE(fs::is_empty(scratch_.path() / "cache"));
}

}  // namespace
}  // namespace ainode
