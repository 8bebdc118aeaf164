// SPDX-License-Identifier: Apache-2.0
// What a guest says, as it is and under codes that fit, so that what stands behind them is reached. Nothing comes out
// after the first problem, and what comes out keeps the order that the protocol promises.
#include <string>

#include "tests/fuzz/promise.h"
#include "validators/checks/protocol.h"
#include "validators/checks/recording.h"

namespace ainode::fuzz {
namespace {

using checks::Answer;
using checks::Message;
using checks::ProtocolReader;

const std::string kNonce = "0123456789abcdef";

/// Each line `{…}` with the number and the code that are due.
std::string sealed(std::string_view text) {
  std::string lines;
  for (std::uint64_t sequence = 0; !text.empty(); ++sequence) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string body(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (body.ends_with('}')) body.pop_back();
    body += (body.ends_with('{') ? "\"seq\":" : ",\"seq\":") + std::to_string(sequence);
    lines += body + ",\"mac\":\"" + checks::line_code(kNonce, body) + "\"}\n";
  }
  return lines;
}

/// The messages as the reader gave them, and what a caller may take for granted of them.
struct Told {
  std::string running;
  std::size_t count = 0, logged = 0;
  bool is_over = false;

  void take(const Message& message) {
    promise(!is_over || message.type == Message::Type::heartbeat, "nothing but a heartbeat follows an answer");
    promise((message.type == Message::Type::hello) == (count++ == 0), "hello comes first and once");
    promise(message.uptime >= 0, "time is not negative");
    if (message.type == Message::Type::begin) running = message.id;
    if (message.type == Message::Type::result) promise(message.result.id == running, "a result follows its beginning");
    if (message.type == Message::Type::recorded)
      promise(checks::is_recorded_name(message.id), "a file stays in its recording");
    if (message.type == Message::Type::kernel_log)
      promise((logged += message.text.size() + message.problem.size()) <= checks::kKernelLogLimit, "a log is bounded");
    if (message.type == Message::Type::exit)
      promise(message.status >= 0 && message.status <= 255, "a status is a byte");
    is_over = message.type == Message::Type::end || message.type == Message::Type::exit || is_over;
  }
};

void judge_lines(std::string_view lines, Answer due) {
  ProtocolReader reader(kNonce, due);
  Told told;
  for (const Message& message : reader.feed(lines)) told.take(message);
  promise(told.is_over == (reader.is_answered() && due != Answer::none), "an answer is whole when its end was told");
  if (!reader.problem().empty()) promise(reader.feed(lines).empty(), "nothing comes after a problem");

  // Bytes come in pieces of any size.
  ProtocolReader by_bytes(kNonce, due);
  std::size_t count = 0;
  for (const char& byte : lines) count += by_bytes.feed({&byte, 1}).size();
  promise(count == told.count && by_bytes.problem() == reader.problem(), "pieces say what the whole says");
}

}  // namespace
}  // namespace ainode::fuzz

AINODE_FUZZ_TARGET(text) {
  using ainode::checks::Answer;
  for (const Answer due : {Answer::none, Answer::checks, Answer::recorded_checks, Answer::output}) {
    ainode::fuzz::judge_lines(text, due);
    ainode::fuzz::judge_lines(ainode::fuzz::sealed(text), due);
  }
}
