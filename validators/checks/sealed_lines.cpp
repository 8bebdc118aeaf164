// SPDX-License-Identifier: Apache-2.0
// Writing seals a body; reading checks the seal before it parses.
#include "validators/checks/sealed_lines.h"

#include <fmt/format.h>

#include <cmath>

#include "validators/checks/base64.h"
#include "validators/checks/hmac.h"

namespace ainode::checks {

namespace {

constexpr std::string_view kSealStart = ",\"mac\":\"";
constexpr std::size_t kSealSize = 8 + 64 + 2;
constexpr int kDepthLimit = 32;

/// Depth is cut while parsing: a hostile line must not grow a deep tree.
Json parse_body(const std::string& body) {
  const auto within_depth = [](int depth, Json::parse_event_t, Json&) {
    if (depth > kDepthLimit) throw BadLine("JSON nested too deeply");
    return true;
  };
  try {
    Json object = Json::parse(body, within_depth);
    if (!object.is_object()) throw BadLine("JSON that is not an object");
    return object;
  } catch (const Json::exception&) {
    throw BadLine("bad JSON");
  }
}

/// Takes as long for a wrong code as for a right one.
bool is_equal(std::string_view one, std::string_view other) {
  unsigned difference = one.size() == other.size() ? 0 : 1;
  for (std::size_t i = 0; i < one.size() && i < other.size(); ++i) {
    difference |= static_cast<unsigned char>(one[i]) ^ static_cast<unsigned char>(other[i]);
  }
  return difference == 0;
}

/// The line's body, once its code is right.
std::string_view unsealed(std::string_view line, const std::string& key) {
  if (line.size() <= kSealSize) throw BadLine("a line without its code");
  const std::string_view body = line.substr(0, line.size() - kSealSize);
  const std::string_view seal = line.substr(body.size());
  if (seal.substr(0, kSealStart.size()) != kSealStart || seal.substr(kSealSize - 2) != "\"}") {
    throw BadLine("a line without its code");
  }
  if (!is_equal(seal.substr(kSealStart.size(), 64), line_code(key, body))) throw BadLine("a line with a wrong code");
  return body;
}

}  // namespace

std::string line_code(std::string_view key, std::string_view body) {
  return hexadecimal(hmac_sha256(key, body));
}

std::string LineWriter::seal(Json body) {
  body["seq"] = sequence_++;
  std::string text = body.dump(-1, ' ', true, Json::error_handler_t::replace);
  text.pop_back();
  return fmt::format("{0}{1}{2}\"}}\n", text, kSealStart, line_code(key_, text));
}

void LineReader::feed(std::string_view bytes, const Take& take) {
  while (!bytes.empty() && problem_.empty()) {
    const std::size_t newline = bytes.find('\n');
    const std::size_t taken = newline == std::string_view::npos ? bytes.size() : newline;
    if (pending_.size() + taken > kLineLimit) {
      problem_ = fmt::format("a line of more than {} bytes", kLineLimit);
      break;
    }
    pending_.append(bytes.substr(0, taken));
    if (newline == std::string_view::npos) break;
    bytes.remove_prefix(newline + 1);
    read_line(std::exchange(pending_, {}), take);
  }
}

void LineReader::read_line(std::string_view line, const Take& take) {
  try {
    const Json object = parse_body(std::string(unsealed(line, key_)) + "}");
    const std::uint64_t sequence = count_of(object, "seq");
    problem_ = sequence == sequence_ ? take(object) : fmt::format("line {} where line {} is due", sequence, sequence_);
    if (problem_.empty()) ++sequence_;
  } catch (const BadLine& bad) {
    problem_ = fmt::format("{} in line {}", bad.what(), sequence_);
  }
}

const Json& member(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) throw BadLine(fmt::format("no `{}`", key));
  return *found;
}

std::string text_of(const Json& object, const char* key) {
  const Json& value = member(object, key);
  if (!value.is_string()) throw BadLine(fmt::format("`{}` is not text", key));
  return value.get<std::string>();
}

std::vector<std::string> texts_of(const Json& object, const char* key) {
  std::vector<std::string> texts;
  const Json& list = member(object, key);
  if (!list.is_array()) throw BadLine(fmt::format("`{}` is not a list", key));
  for (const Json& value : list) {
    if (!value.is_string()) throw BadLine(fmt::format("`{}` is not a list of texts", key));
    texts.push_back(value.get<std::string>());
  }
  return texts;
}

std::string bytes_of(const Json& object, const char* key) {
  auto bytes = from_base64(text_of(object, key));
  if (!bytes) throw BadLine(fmt::format("`{}` is not base64", key));
  return std::move(*bytes);
}

double seconds_of(const Json& object, const char* key) {
  const Json& value = member(object, key);
  if (!value.is_number() || !std::isfinite(value.get<double>()) || value.get<double>() < 0) {
    throw BadLine(fmt::format("`{}` is not a number of seconds", key));
  }
  return value.get<double>();
}

std::uint64_t count_of(const Json& object, const char* key) {
  const Json& value = member(object, key);
  if (!value.is_number_unsigned()) throw BadLine(fmt::format("`{}` is not a count", key));
  return value.get<std::uint64_t>();
}

bool flag_of(const Json& object, const char* key) {
  const Json& value = member(object, key);
  if (!value.is_boolean()) throw BadLine(fmt::format("`{}` is neither true nor false", key));
  return value.get<bool>();
}

}  // namespace ainode::checks
