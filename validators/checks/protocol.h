// SPDX-License-Identifier: Apache-2.0
// What the agent says to the harness: lines as sealed_lines.h has them, keyed with the nonce's text.
//
//   {"type":"hello","ainode-agent":2,"uptime":9.1,"kernel":"6.12.117+deb13-cloud-amd64","seq":0,"mac":"…"}
//   {"type":"heartbeat","uptime":19.1,"running":"numa.nodes","seq":2,"mac":"…"}        at least every 10 s
// Checks:
//   {"type":"begin","id":"numa.nodes","seq":1,"mac":"…"}
//   {"type":"result","id":"numa.nodes","sentence":"…","verdict":"pass","measured":…,"expected":…,"evidence":"…",
//    "reason":"","place":"","seconds":0.1,"lacks":"","seq":3,"mac":"…"}
// With --record, after the last result and before the end, a recording (recording.h) piece by piece, in the order of
// names:
//   {"type":"recorded","name":"root/proc/cmdline","data":"BASE64","last":true,"seq":4,"mac":"…"}
// Evidence, before the end and once: what the kernel logged last, in pieces, kKernelLogLimit bytes in all; `problem`
// says that it could not be read.
//   {"type":"kernel-log","data":"BASE64","last":true,"problem":"","seq":5,"mac":"…"}
//   {"type":"end","checks":1,"request":0,"seq":6,"mac":"…"}
// A program: {"type":"output","stream":"stdout","data":"BASE64"} … {"type":"exit","status":0,"timed_out":false,
// "request":2}.
//
// An agent with a fixed task answers request 0, which its arguments and its document ask, and leaves. One that listens
// (requests.h) answers each request as it comes: nothing but a heartbeat is said between two answers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/report.h"
#include "validators/checks/sealed_lines.h"

namespace ainode::checks {

inline constexpr int kProtocolVersion = 2;
inline constexpr std::string_view kPortName = "ainode.agent";           ///< of the virtio-serial port
inline constexpr std::size_t kKernelLogLimit = std::size_t{256} << 10;  ///< bytes of it that an answer carries

struct Message {
  enum class Type { hello, begin, heartbeat, result, recorded, kernel_log, end, output, exit };
  Type type = Type::hello;
  double uptime = 0;          ///< hello, heartbeat: seconds since the guest's kernel started
  std::string kernel;         ///< hello: uname -r
  std::string id;             ///< begin; heartbeat: what runs, may be empty; recorded: the file's name
  CheckResult result;         ///< result
  std::size_t checks = 0;     ///< end: how many results there were
  std::string stream;         ///< output: stdout or stderr
  std::string text;           ///< output, recorded, kernel_log: a piece of the bytes
  bool is_last = false;       ///< recorded, kernel_log: the piece ends the file
  std::string problem;        ///< kernel_log: why it cannot be read; empty: it was
  int status = 0;             ///< exit: 128+signal when killed by one
  bool timed_out = false;     ///< exit: and so its process group was killed
  std::uint64_t request = 0;  ///< end, exit: what is answered
};

/// Makes lines. One writer a run, since it counts; not safe for several threads.
class ProtocolWriter {
 public:
  explicit ProtocolWriter(std::string nonce) : lines_(std::move(nonce)) {}
  std::string hello(double uptime, const std::string& kernel);
  std::string begin(const std::string& id);
  std::string heartbeat(double uptime, const std::string& running);
  std::string result(const CheckResult& result);
  std::string recorded(const std::string& name, std::string_view piece, bool is_last);
  std::string kernel_log(std::string_view piece, bool is_last, const std::string& problem = "");
  std::string end(std::size_t checks, std::uint64_t request = 0);
  std::string output(const std::string& stream, std::string_view piece);  ///< of kPieceLimit at most
  std::string exit(int status, bool timed_out, std::uint64_t request);

 private:
  LineWriter lines_;
};

/// Which messages an answer is made of.
enum class Answer { none, checks, recorded_checks, output };

/// Reads foreign bytes strictly. The first thing that is wrong (what LineReader refuses, a message out of order or of
/// another answer than is due, a result that was not begun, a wrong count, an answer to another request, a recording
/// that is too large or has a name that leads out of it, a kernel log that is too large) ends the reading: problem()
/// says it and nothing more comes out.
class ProtocolReader {
 public:
  /// `due`: the answer to request 0; none: nothing is asked yet.
  explicit ProtocolReader(std::string nonce, Answer due = Answer::checks) : lines_(std::move(nonce)) { expect(due, 0); }
  /// The one answer that may come now. Whoever asks waits for the answer before.
  void expect(Answer kind, std::uint64_t request);
  /// The messages that these bytes completed, in order.
  std::vector<Message> feed(std::string_view bytes);
  const std::string& problem() const { return lines_.problem(); }
  bool is_answered() const { return due_.kind == Answer::none; }  ///< nothing is due: all was said
  bool said_hello() const { return lines_.accepted() > 0; }

 private:
  /// What is wrong with a message; else nothing, and it is noted.
  std::string objection(const Message& message);
  std::string objection_to_recorded(const Message& message);
  std::string objection_to_kernel_log(const Message& message);
  std::string close_answer(const Message& message);
  bool is_due(Message::Type type) const;

  struct Due {
    Answer kind = Answer::none;
    std::uint64_t request = 0;
    std::string open_check;
    std::string recorded, open_file;  ///< the last name, and that of a file whose last piece is due
    std::size_t recorded_files = 0, recorded_bytes = 0, results = 0;
    enum class Log { none, open, whole } kernel_log = Log::none;
    std::size_t kernel_log_bytes = 0;
  };
  LineReader lines_;
  Due due_;
};

}  // namespace ainode::checks
