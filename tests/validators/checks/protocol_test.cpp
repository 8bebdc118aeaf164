// SPDX-License-Identifier: Apache-2.0
// What the harness makes of honest, broken and hostile lines.
#include "validators/checks/protocol.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "validators/checks/base64.h"
#include "validators/checks/hmac.h"
#include "validators/checks/recording.h"

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

const std::string kHello = sealed(R"({"type":"hello","ainode-agent":2,"uptime":9.5,"kernel":"6.12","seq":0)");
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

TEST(Base64, GivesThePublishedValuesAndTakesNoOtherSpelling) {
  const std::pair<const char*, const char*> kPublished[] = {
      {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}};
  for (const auto& [bytes, text] : kPublished) {
    EXPECT_EQ(base64(bytes), text);
    EXPECT_EQ(from_base64(text), bytes);
  }
  for (const char* other : {"Zg", "Zg=", "Zh==", "Zg==Zg==", "Zm9v\n", "Zm-v", "="})
    EXPECT_EQ(from_base64(other), std::nullopt) << other;
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
  EXPECT_TRUE(reader.is_answered());
}

TEST(Protocol, CarriesFigures) {
  CheckResult result = some_result("a.b");
  result.figures = {{"mem.triad-GBps", "GB/s", true, false, {7.5}}, {"llm.instructions", "n", false, true, {1e9}}};
  ProtocolWriter writer("nonce");
  ProtocolReader reader("nonce");
  const auto messages = reader.feed(in_order({writer.hello(1, "6.12"), writer.begin("a.b"), writer.result(result)}));
  ASSERT_EQ(messages.size(), 3U);
  const std::vector<Figure>& figures = messages[2].result.figures;
  ASSERT_EQ(figures.size(), 2U);
  EXPECT_EQ(figures[0].to_json(), result.figures[0].to_json());
  EXPECT_EQ(figures[1].to_json(), result.figures[1].to_json());
}

TEST(Protocol, RefusesFiguresThatAreNone) {
  const std::string good = R"({"name":"a.b","unit":"s","more-is-better":true,"counted":false,"value":1})";
  const auto problem_with = [&](const std::string& figures) {
    std::string result = kResult;
    result.insert(result.find(R"(,"seq")"), R"(,"figures":[)" + figures + "]");
    return problem_of(kHello + kBegin + sealed(R"({"type":"result",)" + result), 2);
  };
  const auto changed = [&](const std::string& from, const std::string& to) {
    return std::string(good).replace(good.find(from), from.size(), to);
  };
  EXPECT_EQ(problem_with(good + "," + good), "a figure of a bad name in line 2");
  EXPECT_EQ(problem_with(changed("a.b", "<b>")), "a figure of a bad name in line 2");
  EXPECT_EQ(problem_with(changed(":1}", ":0}")), "a figure that is no number above 0 in line 2");
  EXPECT_EQ(problem_with(changed(":1}", ":null}")), "a figure that is no number above 0 in line 2");
  EXPECT_EQ(problem_with(changed("true", "1")), "`more-is-better` is neither true nor false in line 2");
  EXPECT_EQ(problem_with("7"), "a figure that is not an object in line 2");
}

TEST(Protocol, CarriesACommandsOutputToTheByte) {
  ProtocolWriter writer("nonce");
  ProtocolReader reader("nonce", Answer::none);
  const std::string bytes("\xff\0\xc3", 3);
  reader.feed(writer.hello(1, "6.12"));
  EXPECT_TRUE(reader.is_answered());
  reader.expect(Answer::output, 5);
  EXPECT_FALSE(reader.is_answered());
  const auto messages = reader.feed(in_order({writer.output("stderr", bytes), writer.exit(137, true, 5)}));
  EXPECT_EQ(reader.problem(), "");
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[0].stream + ":" + messages[0].text, "stderr:" + bytes);
  EXPECT_EQ(messages[1].status, 137);
  EXPECT_TRUE(messages[1].timed_out);
  EXPECT_TRUE(reader.is_answered());
}

TEST(Protocol, CarriesOneAnswerAfterTheOther) {
  ProtocolWriter writer("nonce");
  ProtocolReader reader("nonce", Answer::none);
  reader.feed(in_order({writer.hello(1, "6.12"), writer.heartbeat(2, "")}));
  for (std::uint64_t request = 0; request < 3; ++request) {
    reader.expect(Answer::checks, request);
    reader.feed(in_order({writer.begin("a.b"), writer.result(some_result("a.b")), writer.end(1, request)}));
    ASSERT_EQ(reader.problem(), "");
    ASSERT_TRUE(reader.is_answered());
    reader.feed(writer.heartbeat(3, ""));
  }
  EXPECT_EQ(reader.problem(), "");
}

/// The problem of a reader that waits for an answer of this kind to request 4, after such lines.
std::string problem_of_answer(Answer kind, const std::function<std::string(ProtocolWriter&)>& lines) {
  ProtocolWriter writer("nonce");
  ProtocolReader reader("nonce", Answer::none);
  reader.feed(writer.hello(1, "6.12"));
  reader.expect(kind, 4);
  reader.feed(lines(writer));
  return reader.problem();
}

TEST(Protocol, RefusesAnAnswerThatIsNotDue) {
  const auto exit = [](ProtocolWriter& writer) { return writer.exit(0, false, 4); };
  const auto output = [](ProtocolWriter& writer) { return writer.output("stdout", "x"); };
  const auto begin = [](ProtocolWriter& writer) { return writer.begin("a.b"); };
  const auto end = [](ProtocolWriter& writer) { return writer.end(0, 4); };
  const auto other = [](ProtocolWriter& writer) { return writer.exit(0, false, 3); };
  const auto twice = [](ProtocolWriter& writer) {
    return in_order({writer.exit(0, false, 4), writer.exit(0, false, 4)});
  };
  EXPECT_EQ(problem_of_answer(Answer::output, exit), "");
  EXPECT_EQ(problem_of_answer(Answer::checks, end), "");
  EXPECT_EQ(problem_of_answer(Answer::none, exit), "exit that nobody asked for");
  EXPECT_EQ(problem_of_answer(Answer::none, output), "output that nobody asked for");
  EXPECT_EQ(problem_of_answer(Answer::checks, output), "output that nobody asked for");
  EXPECT_EQ(problem_of_answer(Answer::checks, exit), "exit that nobody asked for");
  EXPECT_EQ(problem_of_answer(Answer::output, begin), "begin that nobody asked for");
  EXPECT_EQ(problem_of_answer(Answer::output, end), "end that nobody asked for");
  EXPECT_EQ(problem_of_answer(Answer::output, other), "an answer to request 3 where 4 was asked");
  EXPECT_EQ(problem_of_answer(Answer::output, twice), "exit that nobody asked for");
}

TEST(Protocol, CarriesARecordingInPieces) {
  ProtocolWriter writer("nonce");
  ProtocolReader reader("nonce", Answer::recorded_checks);
  const std::string bytes("\0\xff\n", 3);
  const auto messages = reader.feed(
      in_order({writer.hello(1, "6.12"), writer.recorded("probes.json", bytes, false), writer.heartbeat(2, ""),
                writer.recorded("probes.json", "", true), writer.recorded("root/a b", "x", true), writer.end(0)}));
  EXPECT_EQ(reader.problem(), "");
  ASSERT_EQ(messages.size(), 6U);
  EXPECT_EQ(messages[1].id, "probes.json");
  EXPECT_EQ(messages[1].text, bytes);
  EXPECT_FALSE(messages[1].is_last);
  EXPECT_TRUE(messages[3].is_last);
  EXPECT_EQ(messages[4].id + messages[4].text, "root/a bx");
}

/// What is made of pieces, each NAME or NAME… where more of it is due, and then of the end.
std::string problem_of_recording(const std::vector<std::string>& pieces) {
  ProtocolWriter writer("nonce");
  ProtocolReader reader("nonce", Answer::recorded_checks);
  reader.feed(writer.hello(1, "6.12"));
  for (std::string name : pieces) {
    const bool is_last = name.back() != '+';
    if (!is_last) name.pop_back();
    reader.feed(writer.recorded(name, "x", is_last));
  }
  reader.feed(writer.end(0));
  return reader.problem();
}

TEST(Protocol, RefusesARecordingThatLeadsOutOfItselfOrIsOutOfOrder) {
  EXPECT_EQ(problem_of_recording({"probes.json", "root/a"}), "");
  for (const char* name : {"", "root", "root/", "/etc/passwd", "root//a", "root/../a", "root/a/..", "root/./a",
                           "report.json", "root/a\nb", "probes.json/a"})
    EXPECT_EQ(problem_of_recording({name}), "a recorded file of a name that none has") << name;
  EXPECT_EQ(problem_of_recording({"root/" + std::string(256, 'a')}), "a recorded file of a name that none has");
  EXPECT_EQ(problem_of_recording({"root/b", "root/a"}), "root/a after root/b");
  EXPECT_EQ(problem_of_recording({"root/a", "root/a"}), "root/a after root/a");
  EXPECT_EQ(problem_of_recording({"root/a+", "root/b"}), "root/b before the end of root/a");
  EXPECT_EQ(problem_of_recording({"root/a+"}), "the end within root/a");
}

TEST(Protocol, RefusesARecordingThatNobodyAskedForOrThatGoesOnWithChecks) {
  ProtocolWriter writer("nonce");
  const std::string hello = writer.hello(1, "6.12"), piece = writer.recorded("probes.json", "{}", true);
  EXPECT_EQ(problem_of(hello + piece, 1), "recorded that nobody asked for");
  ProtocolReader reader("nonce", Answer::recorded_checks);
  reader.feed(hello + piece + writer.begin("a.b"));
  EXPECT_EQ(reader.problem(), "a.b begins after the recording");
  ProtocolReader running("nonce", Answer::recorded_checks);
  running.feed(kHello + kBegin + sealed(R"({"type":"recorded","name":"probes.json","data":"","last":true,"seq":2)"));
  EXPECT_EQ(running.problem(), "a recording while a.b runs");
  ProtocolReader base64("nonce", Answer::recorded_checks);
  base64.feed(kHello + sealed(R"({"type":"recorded","name":"probes.json","data":"QQ","last":true,"seq":1)"));
  EXPECT_EQ(base64.problem(), "`data` is not base64 in line 1");
}

TEST(Protocol, RefusesARecordingThatIsTooLarge) {
  ProtocolWriter writer("nonce");
  ProtocolReader reader("nonce", Answer::recorded_checks);
  reader.feed(writer.hello(1, "6.12"));
  const std::string piece(kPieceLimit, 'x');
  for (std::size_t sent = 0; sent <= kRecordedTotal + kRecordedProbes; sent += piece.size())
    reader.feed(writer.recorded("probes.json", piece, false));
  EXPECT_EQ(reader.problem(), "a recording that is too large");
}

TEST(Protocol, CarriesAKernelLogBeforeEachEnd) {
  ProtocolWriter writer("nonce");
  ProtocolReader reader("nonce", Answer::none);
  reader.feed(writer.hello(1, "6.12"));
  const std::string bytes("\0\xff\n", 3);
  for (std::uint64_t request = 0; request < 2; ++request) {
    reader.expect(Answer::checks, request);
    const auto messages = reader.feed(in_order({writer.kernel_log(bytes, false), writer.heartbeat(2, ""),
                                                writer.kernel_log("", true, "why"), writer.end(0, request)}));
    EXPECT_EQ(reader.problem(), "");
    ASSERT_EQ(messages.size(), 4U);
    EXPECT_EQ(messages[0].text, bytes);
    EXPECT_FALSE(messages[0].is_last);
    EXPECT_TRUE(messages[2].is_last);
    EXPECT_EQ(messages[2].problem, "why");
  }
}

TEST(Protocol, RefusesAKernelLogOutOfOrder) {
  const auto problem = [](Answer due, const std::function<std::string(ProtocolWriter&)>& lines) {
    return problem_of_answer(due, lines);
  };
  const auto log = [](ProtocolWriter& writer) { return writer.kernel_log("x", true); };
  EXPECT_EQ(problem(Answer::checks, log), "");
  EXPECT_EQ(problem(Answer::output, log), "kernel-log that nobody asked for");
  EXPECT_EQ(problem(Answer::none, log), "kernel-log that nobody asked for");
  EXPECT_EQ(problem(Answer::checks,
                    [&](auto& writer) {
                      return in_order({log(writer), log(writer)});
                    }),
            "a second kernel log");
  EXPECT_EQ(problem(Answer::checks,
                    [&](auto& writer) {
                      return in_order({writer.begin("a.b"), log(writer)});
                    }),
            "the kernel log while a.b runs");
  EXPECT_EQ(problem(Answer::checks,
                    [&](auto& writer) {
                      return in_order({log(writer), writer.begin("a.b")});
                    }),
            "a.b begins after the kernel log");
  EXPECT_EQ(problem(Answer::checks,
                    [](auto& writer) {
                      return in_order({writer.kernel_log("x", false), writer.end(0, 4)});
                    }),
            "the end within the kernel log");
  EXPECT_EQ(problem(Answer::recorded_checks,
                    [&](auto& writer) {
                      return in_order({writer.recorded("root/a", "x", false), log(writer)});
                    }),
            "the kernel log within root/a");
  EXPECT_EQ(problem(Answer::recorded_checks,
                    [&](auto& writer) {
                      return in_order({log(writer), writer.recorded("root/a", "x", true)});
                    }),
            "a recording after the kernel log");
}

TEST(Protocol, RefusesAKernelLogThatIsTooLarge) {
  ProtocolWriter writer("nonce");
  ProtocolReader reader("nonce");
  reader.feed(writer.hello(1, "6.12"));
  reader.feed(writer.kernel_log(std::string(kPieceLimit, 'x'), false));
  EXPECT_EQ(reader.problem(), "");
  for (std::size_t sent = kPieceLimit; sent <= kKernelLogLimit; sent += kPieceLimit)
    reader.feed(writer.kernel_log("", false, std::string(kPieceLimit, 'x')));
  EXPECT_EQ(reader.problem(), "a kernel log that is too large");
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
        problem_of(sealed(R"({"type":"hello","ainode-agent":2,"uptime":)" + uptime + R"(,"kernel":"","seq":0)"), 0),
        "bad JSON in line 0");
  }
  EXPECT_EQ(problem_of(sealed(R"({"type":"hello","ainode-agent":2,"uptime":-1,"kernel":"","seq":0)"), 0),
            "`uptime` is not a number of seconds in line 0");
  EXPECT_EQ(problem_of(sealed(R"({"type":"hello","ainode-agent":2,"uptime":1,"kernel":"","seq":-1)"), 0),
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
  EXPECT_EQ(problem_of(sealed(R"({"type":"hello","ainode-agent":2,"uptime":1,"seq":0)"), 0), "no `kernel` in line 0");
  EXPECT_EQ(problem_of(sealed(R"({"type":"hello","ainode-agent":3,"uptime":1,"kernel":"","seq":0)"), 0),
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
  EXPECT_EQ(problem_of(sealed(R"({"type":"end","checks":0,"request":0,"seq":0)"), 0),
            "a hello that is not the first line");
  EXPECT_EQ(problem_of(kHello + sealed(R"({"type":"end","checks":17,"request":0,"seq":1)"), 1), "0 results of 17");
  EXPECT_EQ(problem_of(kHello + kBegin + sealed(R"({"type":"end","checks":0,"request":0,"seq":2)"), 2),
            "the end while a.b runs");
  EXPECT_EQ(problem_of(kHello + kBegin + sealed(R"({"type":"begin","id":"c.d","seq":2)"), 2),
            "c.d begins before a.b ended");
  EXPECT_EQ(problem_of(kHello + sealed(R"({"type":"end","checks":0,"request":0,"seq":1)") +
                           sealed(R"({"type":"begin","id":"a.b","seq":2)"),
                       2),
            "begin that nobody asked for");
  std::string other = kResult;
  other.replace(other.find("a.b"), 3, "c.d");
  EXPECT_EQ(problem_of(kHello + kBegin + sealed(R"({"type":"result",)" + other), 2), "c.d was not begun");
}

}  // namespace
}  // namespace ainode::checks
