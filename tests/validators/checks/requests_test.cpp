// SPDX-License-Identifier: Apache-2.0
// What an agent that listens makes of honest, broken and replayed requests.
#include "validators/checks/requests.h"

#include <gtest/gtest.h>

#include "validators/checks/base64.h"
#include "validators/checks/protocol.h"

namespace ainode::checks {
namespace {

using namespace std::string_literals;

Request run_of(const std::vector<std::string>& argv, const std::string& input = "") {
  Request request;
  request.type = Request::Type::run;
  request.argv = argv;
  request.input = input;
  request.patience = std::chrono::seconds(60);
  return request;
}

/// The problem after the body of one line, sealed as a request.
std::string problem_of(Json body) {
  RequestReader reader("nonce");
  EXPECT_TRUE(reader.feed(LineWriter("nonce/requests").seal(std::move(body))).empty());
  return reader.problem();
}

TEST(Requests, CarryACommandToTheByte) {
  RequestWriter writer("nonce");
  RequestReader reader("nonce");
  Request sent = run_of({"printf", "", "\xff\n"}, std::string(kPieceLimit, 'x') + "\0\xff"s);
  const std::string lines = writer.write(sent);
  EXPECT_EQ(sent.number, 2U) << "two lines of input come before";
  std::vector<Request> read;
  for (const char byte : lines)
    for (Request& request : reader.feed({&byte, 1})) read.push_back(std::move(request));
  ASSERT_EQ(reader.problem(), "");
  ASSERT_EQ(read.size(), 1U);
  EXPECT_EQ(read[0].number, 2U);
  EXPECT_EQ(read[0].argv, sent.argv);
  EXPECT_EQ(read[0].input, sent.input);
  EXPECT_EQ(read[0].patience, sent.patience);
}

TEST(Requests, CarryChecksAndForgetTheInputOfTheRunBefore) {
  RequestWriter writer("nonce");
  RequestReader reader("nonce");
  Request run = run_of({"cat"}, "input"), check, last = run_of({"cat"});
  check.profiles = {"numa"};
  check.level = Level::full;
  check.only = {"a.b"};
  check.elsewhere = {"c.d"};
  std::string lines = writer.write(run);
  lines += writer.write(check);
  lines += writer.write(last);
  const std::vector<Request> read = reader.feed(lines);
  ASSERT_EQ(read.size(), 3U);
  EXPECT_EQ(read[1].type, Request::Type::check);
  EXPECT_EQ(read[1].profiles, check.profiles);
  EXPECT_EQ(read[1].level, Level::full);
  EXPECT_EQ(read[1].only, check.only);
  EXPECT_EQ(read[1].elsewhere, check.elsewhere);
  EXPECT_EQ(read[2].input, "");
  EXPECT_EQ(read[2].number, 3U);
}

TEST(Requests, AreSpeltAsDocumented) {
  RequestWriter writer("nonce");
  Request request = run_of({"uname", "-r"});
  EXPECT_EQ(writer.write(request),
            LineWriter("nonce/requests").seal({{"type", "run"}, {"argv", base64("uname\0-r\0"s)}, {"seconds", 60}}));
}

TEST(Requests, AreTakenOnce) {
  RequestWriter writer("nonce");
  RequestReader reader("nonce");
  Request request = run_of({"uname"});
  const std::string line = writer.write(request);
  EXPECT_EQ(reader.feed(line + line).size(), 1U);
  EXPECT_EQ(reader.problem(), "line 0 where line 1 is due");
  EXPECT_TRUE(reader.feed(writer.write(request)).empty()) << "nothing is read after a problem";
}

TEST(Requests, AreNoneWithoutTheirKey) {
  Request request = run_of({"uname"});
  RequestReader other("other");
  EXPECT_TRUE(other.feed(RequestWriter("nonce").write(request)).empty());
  EXPECT_EQ(other.problem(), "a line with a wrong code in line 0");
  // What the agent says comes back to it: its own lines are no requests.
  RequestReader reflected("nonce");
  EXPECT_TRUE(reflected.feed(ProtocolWriter("nonce").hello(1, "6.12")).empty());
  EXPECT_EQ(reflected.problem(), "a line with a wrong code in line 0");
}

TEST(Requests, AreReadStrictly) {
  EXPECT_EQ(problem_of({{"type", "reboot"}}), "an unknown type `reboot` in line 0");
  EXPECT_EQ(problem_of({{"type", "run"}, {"argv", ""}, {"seconds", 1}}), "`argv` is empty in line 0");
  EXPECT_EQ(problem_of({{"type", "run"}, {"argv", base64("uname")}, {"seconds", 1}}),
            "`argv` has a word without an end in line 0");
  EXPECT_EQ(problem_of({{"type", "run"}, {"argv", base64("uname\0"s)}, {"seconds", -1}}),
            "`seconds` is not a count in line 0");
  EXPECT_EQ(problem_of({{"type", "run"}, {"argv", base64("uname\0"s)}, {"seconds", 99999999}}),
            "`seconds` is too large in line 0");
  EXPECT_EQ(problem_of({{"type", "check"},
                        {"profiles", Json::array({1})},
                        {"level", "full"},
                        {"only", Json::array()},
                        {"elsewhere", Json::array()}}),
            "`profiles` is not a list of texts in line 0");
  EXPECT_EQ(problem_of({{"type", "check"},
                        {"profiles", Json::array()},
                        {"level", "utmost"},
                        {"only", Json::array()},
                        {"elsewhere", Json::array()}}),
            "an unknown level in line 0");
}

TEST(Requests, BoundTheirInput) {
  RequestWriter writer("nonce");
  RequestReader reader("nonce");
  Request request = run_of({"cat"}, std::string(kInputLimit + 1, 'x'));
  EXPECT_TRUE(reader.feed(writer.write(request)).empty());
  EXPECT_EQ(reader.problem(), "input of more than 16777216 bytes");
}

}  // namespace
}  // namespace ainode::checks
