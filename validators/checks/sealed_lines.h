// SPDX-License-Identifier: Apache-2.0
// The form of every line between harness and agent, either way: a JSON object, numbered, with a code that only this
// run's key can make.
//
// A line is BODY,"mac":"CODE"} and a newline, where CODE is HMAC-SHA-256 (64 lower-case hexadecimal digits) of BODY's
// bytes, from `{` on. BODY's last member is `seq`, which counts from 0. `mac` stands last, so nobody needs to serialise
// anything again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"

namespace ainode::checks {

inline constexpr std::size_t kLineLimit = std::size_t{256} << 10;  ///< bytes of one line
inline constexpr std::size_t kPieceLimit = std::size_t{96}
                                           << 10;  ///< bytes of one piece of a file: it fits into a line

/// HMAC-SHA-256 in lower-case hexadecimal.
std::string line_code(std::string_view key, std::string_view body);

/// Makes lines. One writer a direction, since it counts; not safe for several threads.
class LineWriter {
 public:
  explicit LineWriter(std::string key) : key_(std::move(key)) {}
  std::string seal(Json body);
  std::uint64_t written() const { return sequence_; }  ///< lines so far

 private:
  std::string key_;
  std::uint64_t sequence_ = 0;
};

/// What is wrong with a line; no reader lets it out.
struct BadLine : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Reads foreign bytes strictly. The first thing that is wrong (a long line, bad JSON, a wrong code, a repeated or
/// missing number) ends the reading.
class LineReader {
 public:
  /// Takes one object; says what is wrong with it, or nothing. May throw BadLine.
  using Take = std::function<std::string(const Json& object)>;
  explicit LineReader(std::string key) : key_(std::move(key)) {}
  void feed(std::string_view bytes, const Take& take);
  const std::string& problem() const { return problem_; }
  std::uint64_t accepted() const { return sequence_; }  ///< lines so far

 private:
  void read_line(std::string_view line, const Take& take);
  std::string key_, pending_, problem_;
  std::uint64_t sequence_ = 0;
};

/// Members by name and type; each throws BadLine where the member is missing or another.
const Json& member(const Json& object, const char* key);
std::string text_of(const Json& object, const char* key);
std::vector<std::string> texts_of(const Json& object, const char* key);
std::string bytes_of(const Json& object, const char* key);  ///< written in base64
double seconds_of(const Json& object, const char* key);     ///< finite and not negative
std::uint64_t count_of(const Json& object, const char* key);
bool flag_of(const Json& object, const char* key);

}  // namespace ainode::checks
