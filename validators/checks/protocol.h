// SPDX-License-Identifier: Apache-2.0
// What the agent says to the harness: JSON lines, numbered, each with a code that only this run's nonce can make.
//
//   {"type":"hello","ainode-agent":1,"uptime":9.1,"kernel":"6.12.117+deb13-cloud-amd64","seq":0,"mac":"…"}
//   {"type":"begin","id":"numa.nodes","seq":1,"mac":"…"}
//   {"type":"heartbeat","uptime":19.1,"running":"numa.nodes","seq":2,"mac":"…"}        at least every 10 s
//   {"type":"result","id":"numa.nodes","sentence":"…","verdict":"pass","measured":…,"expected":…,"evidence":"…",
//    "reason":"","place":"","seconds":0.1,"seq":3,"mac":"…"}
//   {"type":"end","checks":1,"seq":4,"mac":"…"}
// With --record, after the last result and before the end, a recording (recording.h) piece by piece, in the order of
// names:
//   {"type":"recorded","name":"root/proc/cmdline","data":"BASE64","last":true,"seq":4,"mac":"…"}
// With --run-command, after hello: {"type":"output","stream":"stdout","text":"…"} … {"type":"exit","status":0}.
//
// A line is BODY,"mac":"CODE"} and a newline, where CODE is HMAC-SHA-256 (64 lower-case hexadecimal digits) of BODY's
// bytes, from `{` on, keyed with the nonce's text. `mac` stands last, so nobody needs to serialise anything again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/report.h"

namespace ainode::checks {

inline constexpr int kProtocolVersion = 1;
inline constexpr std::size_t kLineLimit = std::size_t{256} << 10;  ///< bytes of one line
inline constexpr std::size_t kPieceLimit = std::size_t{96} << 10;  ///< bytes of one piece of a recording
inline constexpr std::string_view kPortName = "ainode.agent";      ///< of the virtio-serial port

struct Message {
  enum class Type { hello, begin, heartbeat, result, recorded, end, output, exit };
  Type type = Type::hello;
  double uptime = 0;       ///< hello, heartbeat: seconds since the guest's kernel started
  std::string kernel;      ///< hello: uname -r
  std::string id;          ///< begin; heartbeat: the check that runs, may be empty; recorded: the file's name
  CheckResult result;      ///< result
  std::size_t checks = 0;  ///< end: how many results there were
  std::string stream;      ///< output: stdout or stderr
  std::string text;        ///< output: bytes as UTF-8, with their newlines; recorded: a piece of the file
  bool is_last = false;    ///< recorded: the piece ends the file
  int status = 0;          ///< exit: 128+signal when killed by one
};

/// HMAC-SHA-256 in lower-case hexadecimal.
std::string line_code(std::string_view nonce, std::string_view body);

/// Makes lines. One writer a run, since it counts; not safe for several threads.
class ProtocolWriter {
 public:
  explicit ProtocolWriter(std::string nonce) : nonce_(std::move(nonce)) {}
  std::string hello(double uptime, const std::string& kernel);
  std::string begin(const std::string& id);
  std::string heartbeat(double uptime, const std::string& running);
  std::string result(const CheckResult& result);
  std::string recorded(const std::string& name, std::string_view piece, bool is_last);
  std::string end(std::size_t checks);
  std::string output(const std::string& stream, std::string_view text);
  std::string exit(int status);

 private:
  std::string seal(Json body);
  std::string nonce_;
  std::uint64_t sequence_ = 0;
};

/// Reads foreign bytes strictly. The first thing that is wrong (a long line, bad JSON, NaN or infinity, a wrong code, a
/// repeated or missing number, a message out of order, a result that was not begun, a wrong count, a recording that was
/// not asked for, is too large or has a name that leads out of it) ends the reading: problem() says it and nothing more
/// comes out.
class ProtocolReader {
 public:
  explicit ProtocolReader(std::string nonce, bool takes_recording = false)
      : nonce_(std::move(nonce)), takes_recording_(takes_recording) {}
  /// The messages that these bytes completed, in order.
  std::vector<Message> feed(std::string_view bytes);
  const std::string& problem() const { return problem_; }
  bool has_ended() const { return has_ended_; }  ///< `end` or `exit` came
  bool said_hello() const { return sequence_ > 0; }

 private:
  bool read_line(std::string_view line, Message& message);
  bool accept(const Message& message);
  bool accept_recorded(const Message& message);
  bool refuse(std::string problem);

  std::string nonce_, pending_, problem_, open_check_;
  bool takes_recording_;
  std::string recorded_, open_file_;  ///< the last name, and that of a file whose last piece is due
  std::size_t recorded_files_ = 0, recorded_bytes_ = 0;
  std::uint64_t sequence_ = 0;
  std::size_t results_ = 0;
  bool has_ended_ = false;
};

}  // namespace ainode::checks
