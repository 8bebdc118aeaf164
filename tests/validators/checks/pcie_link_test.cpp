// SPDX-License-Identifier: Apache-2.0
// A device behind a port: the slower of both ends says what their link can.
#include <gtest/gtest.h>

#include "tests/validators/checks/recorded_world.h"

namespace ainode::checks {
namespace {

const std::string kRoot = "/sys/bus/pci/devices/", kPort = kRoot + "0000:00:1c.0", kDevice = kRoot + "0000:01:00.0";

Files linked(const std::string& speed, const std::string& width) {
  return {{kPort, "-> ../../../devices/pci0000:00/0000:00:1c.0"},
          {kDevice, "-> ../../../devices/pci0000:00/0000:00:1c.0/0000:01:00.0"},
          {kPort + "/vendor", "0x1b36\n"},
          {kPort + "/device", "0x000c\n"},
          {kPort + "/max_link_speed", "8.0 GT/s PCIe\n"},
          {kPort + "/max_link_width", "16\n"},
          {kPort + "/current_link_speed", "2.5 GT/s PCIe\n"},
          {kPort + "/current_link_width", "1\n"},
          {kDevice + "/vendor", "0x10de\n"},
          {kDevice + "/device", "0x2335\n"},
          {kDevice + "/max_link_speed", "16.0 GT/s PCIe\n"},
          {kDevice + "/max_link_width", "8\n"},
          {kDevice + "/current_link_speed", speed + "\n"},
          {kDevice + "/current_link_width", width + "\n"}};
}

/// The one command that is run, whatever its text, says this.
class LinkedNode : public RecordedNode {
 public:
  LinkedNode(const Files& files, std::string says)
      : RecordedNode(recording(files), Unrecorded::is_absent), says_(std::move(says)) {}
  CommandOutcome run(const std::vector<std::string>&) const override { return {0, says_, ""}; }

 private:
  static Recording recording(const Files& files) {
    Recording recording;
    for (const auto& [path, content] : files) {
      if (content.rfind("-> ", 0) == 0)
        recording.answers.by_argument["read_link"][path] = content.substr(3);
      else
        recording.files[path] = content;
    }
    return recording;
  }
  std::string says_;
};

std::string answer(const Files& files, const std::string& errors = "", bool is_emulated = false) {
  Expected expected;
  expected.emulated = is_emulated;
  return said(run_check(check_named("driver.pcie-link"), LinkedNode(files, errors), expected));
}

TEST(PcieLink, PassesAtWhatBothEndsCan) {
  EXPECT_EQ(answer(linked("8.0 GT/s PCIe", "8")), "pass");
}

TEST(PcieLink, FailsForANarrowOneAndTellsOfASlowOne) {
  EXPECT_EQ(answer(linked("2.5 GT/s PCIe", "8")),
            "unmeasurable: links of idle devices slow down: 0000:01:00.0 (10de:2335) has 2.5 GT/s x8 of 8 GT/s x8");
  EXPECT_EQ(answer(linked("8.0 GT/s PCIe", "4")), "fail: 0000:01:00.0 (10de:2335) has 8 GT/s x4 of 8 GT/s x8");
}

TEST(PcieLink, FailsForErrorsThatNobodyCorrectedAndForNewOnes) {
  const Files good = linked("8.0 GT/s PCIe", "8");
  const std::string corrected = "0000:01:00.0/aer_dev_correctable:TOTAL_ERR_COR ";
  const std::string fatal = "0000:01:00.0/aer_dev_fatal:TOTAL_ERR_FATAL ";
  EXPECT_EQ(answer(good, corrected + "3\nlater\n" + corrected + "3\n"), "pass");
  EXPECT_EQ(answer(good, corrected + "3\nlater\n" + corrected + "5\n"),
            "fail: 0000:01:00.0/aer_dev_correctable rose from 3 to 5");
  EXPECT_EQ(answer(good, fatal + "1\nlater\n" + fatal + "1\n"), "fail: 0000:01:00.0/aer_dev_fatal is 1");
  EXPECT_EQ(answer(good, fatal + "1\nlater\n" + fatal + "1\n", true), "fail: 0000:01:00.0/aer_dev_fatal is 1");
}

TEST(PcieLink, IsNotJudgedUnderEmulationNorWhereNothingIsLinked) {
  EXPECT_EQ(answer(linked("2.5 GT/s PCIe", "1"), "", true), "unmeasurable: an emulated link has no speed of its own");
  EXPECT_EQ(answer(linked("Unknown", "0")), "skip: no device has a PCIe link of its own");
}

}  // namespace
}  // namespace ainode::checks
