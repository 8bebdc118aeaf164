// SPDX-License-Identifier: Apache-2.0
// What the harness makes of honest, broken and hostile lines.
#include "validators/checks/protocol.h"

#include <gtest/gtest.h>

#include <limits>

#include "validators/checks/hmac.h"

namespace ainode::checks {
namespace {

std::string sealed(const std::string& body) {
  return body + ",\"mac\":\"" + line_code("nonce", body) + "\"}\n";
}

/// A braced list is evaluated from left to right, as the writer's numbering needs; operands of + are not.
std::string in_order(std::initializer_list<std::string> lines) {
  std::string bytes;
  for (const std::string& line : lines) bytes += line;
  return bytes;
}

CheckResult some_result(const std::string& id) {
  CheckResult result;
  result.id = id;
  result.sentence = "it holds";
  result.verdict = Verdict::fail;
  result.measured = {{"hz", 250}};
  result.expected = {{"hz", 1000}};
  result.evidence = "clock_getres";
  result.reason = "wrong \"clock\"\n\xff<script>";
  result.place = "node.yaml:3:4";
  result.seconds = 0.25;
  return result;
}

const std::string kHello = sealed(R"({"type":"hello","ainode-agent":1,"uptime":9.5,"kernel":"6.12","seq":0)");
const std::string kBegin = sealed(R"({"type":"begin","id":"a.b","seq":1)");
const std::string kResult = R"("id":"a.b","sentence":"","verdict":"pass","measured":1,"expected":1,"evidence":"",)"
                            R"("reason":"","place":"","seconds":0,"lacks":"","seq":2)";

/// The problem after these bytes, and how many messages came before it.
std::string problem_of(const std::string& bytes, std::size_t messages) {
  ProtocolReader reader("nonce");
  EXPECT_EQ(reader.feed(bytes).size(), messages) << bytes;
  EXPECT_TRUE(reader.feed(kHello).empty()) << "nothing is read after a problem";
  return reader.problem();
}

TEST(Hmac, GivesThePublishedValues) {
  EXPECT_EQ(hexadecimal(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hexadecimal(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(hexadecimal(sha256(std::string(1000000, 'a'))),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  EXPECT_EQ(hexadecimal(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(
      hexadecimal(hmac_sha256(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First")),
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Protocol, CarriesAWholeRun) {
  ProtocolWriter writer("nonce");
  const std::string bytes =
      in_order({writer.hello(9.5, "6.12"), writer.begin("kernel.timer"), writer.heartbeat(12.5, "kernel.timer"),
                writer.result(some_result("kernel.timer")), writer.end(1)});
  ProtocolReader reader("nonce");
  std::vector<Message> messages;
  for (const char byte : bytes) {
    for (Message& message : reader.feed({&byte, 1})) messages.push_back(std::move(message));
  }
  ASSERT_EQ(reader.problem(), "");
  ASSERT_EQ(messages.size(), 5U);
  EXPECT_EQ(messages[0].kernel, "6.12");
  EXPECT_EQ(messages[0].uptime, 9.5);
  EXPECT_EQ(messages[1].id, "kernel.timer");
  EXPECT_EQ(messages[2].type, Message::Type::heartbeat);
  EXPECT_EQ(messages[3].result.verdict, Verdict::fail);
  EXPECT_EQ(messages[3].result.measured.dump(), R"({"hz":250})");
  EXPECT_EQ(messages[3].result.reason, "wrong \"clock\"\n\xef\xbf\xbd<script>");
  EXPECT_EQ(messages[3].result.seconds, 0.25);
  EXPECT_EQ(messages[4].checks, 1U);
  EXPECT_TRUE(reader.has_ended());
}

TEST(Protocol, CarriesACommandsOutput) {
  ProtocolWriter writer("nonce");
  ProtocolReader reader("nonce");
  const auto messages =
      reader.feed(in_order({writer.hello(1, "6.12"), writer.output("stderr", "no\n"), writer.exit(137)}));
  ASSERT_EQ(messages.size(), 3U);
  EXPECT_EQ(messages[1].stream + ":" + messages[1].text, "stderr:no\n");
  EXPECT_EQ(messages[2].status, 137);
  EXPECT_TRUE(reader.has_ended());
}

TEST(Protocol, IsSpeltAsDocumented) {
  EXPECT_EQ(ProtocolWriter("nonce").hello(9.5, "6.12"), kHello);
}

TEST(Protocol, RefusesAWrongCode) {
  EXPECT_EQ(ProtocolReader("nonce").feed(ProtocolWriter("other").hello(1, "6.12")).size(), 0U);
  EXPECT_EQ(problem_of(ProtocolWriter("other").hello(1, "6.12"), 0), "a line with a wrong code in line 0");
  std::string changed = kHello;
  changed[changed.find("6.12")] = '7';
  EXPECT_EQ(problem_of(changed, 0), "a line with a wrong code in line 0");
}

TEST(Protocol, RefusesALineWithoutItsCode) {
  EXPECT_EQ(problem_of("PASS\n", 0), "a line without its code in line 0");
  EXPECT_EQ(problem_of("\n", 0), "a line without its code in line 0");
  EXPECT_EQ(problem_of(kHello + std::string(200, 'x') + "\n", 1), "a line without its code in line 1");
}

TEST(Protocol, RefusesReplayAndLoss) {
  EXPECT_EQ(problem_of(kHello + kBegin + kBegin, 2), "line 1 where line 2 is due");
  EXPECT_EQ(problem_of(kBegin, 0), "line 1 where line 0 is due");
  EXPECT_EQ(problem_of(kHello + sealed("{" + kResult), 1), "line 2 where line 1 is due");
}

TEST(Protocol, RefusesALineThatDoesNotEnd) {
  ProtocolReader reader("nonce");
  const std::string piece(1000, 'A');
  for (int i = 0; i < 300; ++i) reader.feed(piece);
  EXPECT_EQ(reader.problem(), "a line of more than 262144 bytes");
}

TEST(Protocol, RefusesNumbersThatAreNone) {
  for (const std::string uptime : {"NaN", "Infinity", "1e999"}) {
    EXPECT_EQ(
        problem_of(sealed(R"({"type":"hello","ainode-agent":1,"uptime":)" + uptime + R"(,"kernel":"","seq":0)"), 0),
        "bad JSON in line 0");
  }
  EXPECT_EQ(problem_of(sealed(R"({"type":"hello","ainode-agent":1,"uptime":-1,"kernel":"","seq":0)"), 0),
            "`uptime` is not a number of seconds in line 0");
  EXPECT_EQ(problem_of(sealed(R"({"type":"hello","ainode-agent":1,"uptime":1,"kernel":"","seq":-1)"), 0),
            "`seq` is not a count in line 0");
}

TEST(Protocol, NeverWritesANumberThatIsNone) {
  CheckResult result = some_result("a.b");
  result.measured = std::numeric_limits<double>::quiet_NaN();
  ProtocolWriter writer("nonce");
  ProtocolReader reader("nonce");
  reader.feed(in_order({writer.hello(1, "6.12"), writer.begin("a.b")}));
  const auto messages = reader.feed(writer.result(result));
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_TRUE(messages[0].result.measured.is_null());
}

TEST(Protocol, RefusesMissingAndMistypedMembers) {
  EXPECT_EQ(problem_of(sealed(R"({"type":"hello","ainode-agent":1,"uptime":1,"seq":0)"), 0), "no `kernel` in line 0");
  EXPECT_EQ(problem_of(sealed(R"({"type":"hello","ainode-agent":2,"uptime":1,"kernel":"","seq":0)"), 0),
            "another version of the protocol in line 0");
  EXPECT_EQ(problem_of(kHello + sealed(R"({"type":"shout","seq":1)"), 1), "an unknown type `shout` in line 1");
  EXPECT_EQ(problem_of(kHello + sealed(R"({"type":"begin","id":7,"seq":1)"), 1), "`id` is not text in line 1");
  std::string green = kResult;
  green.replace(green.find("pass"), 4, "green");
  EXPECT_EQ(problem_of(kHello + kBegin + sealed(R"({"type":"result",)" + green), 2),
            "an unknown verdict `green` in line 2");
}

TEST(Protocol, RefusesDeepJson) {
  const std::string deep = R"({"type":"begin","id":)" + std::string(1000, '[') + std::string(1000, ']') + R"(,"seq":0)";
  EXPECT_EQ(problem_of(sealed(deep), 0), "JSON nested too deeply in line 0");
}

TEST(Protocol, RefusesMessagesOutOfOrder) {
  EXPECT_EQ(problem_of(sealed(R"({"type":"end","checks":0,"seq":0)"), 0), "a hello that is not the first line");
  EXPECT_EQ(problem_of(kHello + sealed(R"({"type":"end","checks":17,"seq":1)"), 1), "0 results of 17");
  EXPECT_EQ(problem_of(kHello + kBegin + sealed(R"({"type":"end","checks":0,"seq":2)"), 2), "the end while a.b runs");
  EXPECT_EQ(problem_of(kHello + kBegin + sealed(R"({"type":"begin","id":"c.d","seq":2)"), 2),
            "c.d begins before a.b ended");
  EXPECT_EQ(problem_of(kHello + sealed(R"({"type":"end","checks":0,"seq":1)") +
                           sealed(R"({"type":"heartbeat","uptime":1,"running":"","seq":2)"),
                       2),
            "something after the end");
  std::string other = kResult;
  other.replace(other.find("a.b"), 3, "c.d");
  EXPECT_EQ(problem_of(kHello + kBegin + sealed(R"({"type":"result",)" + other), 2), "c.d was not begun");
}

}  // namespace
}  // namespace ainode::checks
