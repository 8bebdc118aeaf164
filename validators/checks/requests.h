// SPDX-License-Identifier: Apache-2.0
// What the harness asks of an agent that listens: lines as the agent's own (sealed_lines.h), on the way back of its
// channel, with a key and a count of their own, so that nothing that was said one way passes as said the other.
//
//   {"type":"check","profiles":["numa"],"level":"quick","only":[],"elsewhere":[],"seq":0,"mac":"…"}
//   {"type":"input","data":"BASE64","seq":1,"mac":"…"}              any number, before the run that reads them
//   {"type":"run","argv":"BASE64","seconds":60,"seq":2,"mac":"…"}   each word of argv with a NUL behind it
//
// A request's number is that of its last line; its answer (protocol.h) ends with it. The agent answers one request
// after the other, and leaves when the channel is closed.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "validators/checks/expected.h"
#include "validators/checks/sealed_lines.h"

namespace ainode::checks {

inline constexpr std::size_t kInputLimit = std::size_t{16} << 20;  ///< bytes of one run's standard input
inline constexpr std::size_t kArgvLimit = kPieceLimit;             ///< bytes of its words, each with its NUL
inline constexpr std::chrono::seconds kLongestPatience{366 * 24 * 3600};

struct Request {
  enum class Type { check, run };
  Type type = Type::check;
  std::uint64_t number = 0;
  std::vector<std::string> profiles, only, elsewhere;  ///< check: as Expected has them
  Level level = Level::standard;                       ///< check
  std::vector<std::string> argv;                       ///< run: not empty
  std::string input;                                   ///< run
  std::chrono::seconds patience{0};                    ///< run: then its process group is killed
};

class RequestWriter {
 public:
  explicit RequestWriter(const std::string& nonce);
  /// The request's lines, within the limits above; sets its number.
  std::string write(Request& request);

 private:
  LineWriter lines_;
};

/// Reads strictly, as LineReader does; more input than kInputLimit and a run of nothing are wrong too.
class RequestReader {
 public:
  explicit RequestReader(const std::string& nonce);
  /// The requests that these bytes completed, in order.
  std::vector<Request> feed(std::string_view bytes);
  const std::string& problem() const { return lines_.problem(); }

 private:
  LineReader lines_;
  std::string input_;
};

}  // namespace ainode::checks
