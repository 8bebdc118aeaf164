// SPDX-License-Identifier: Apache-2.0
// Writing seals a body; reading checks the seal before it parses, and the order after.
#include "validators/checks/protocol.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "validators/checks/base64.h"
#include "validators/checks/hmac.h"
#include "validators/checks/recording.h"

namespace ainode::checks {

namespace {

constexpr std::string_view kSealStart = ",\"mac\":\"";
constexpr std::size_t kSealSize = 8 + 64 + 2;
constexpr int kDepthLimit = 32;
constexpr std::size_t kMostFigures = 100;  // of a check
constexpr std::size_t kTextLimit = 8192;   // of one piece of output: even escaped it fits into a line

constexpr std::array<std::pair<Verdict, std::string_view>, 5> kVerdicts = {{{Verdict::pass, "pass"},
                                                                            {Verdict::fail, "fail"},
                                                                            {Verdict::skip, "skip"},
                                                                            {Verdict::unmeasurable, "unmeasurable"},
                                                                            {Verdict::infra, "infra"}}};

constexpr std::array<std::pair<Message::Type, std::string_view>, 8> kTypes = {{{Message::Type::hello, "hello"},
                                                                               {Message::Type::begin, "begin"},
                                                                               {Message::Type::heartbeat, "heartbeat"},
                                                                               {Message::Type::result, "result"},
                                                                               {Message::Type::recorded, "recorded"},
                                                                               {Message::Type::end, "end"},
                                                                               {Message::Type::output, "output"},
                                                                               {Message::Type::exit, "exit"}}};

template <class Table, class Value>
std::string_view word_of(const Table& table, Value value) {
  for (const auto& [each, word] : table) {
    if (each == value) return word;
  }
  return {};
}

/// What is wrong with a line, thrown and caught in this file only.
struct BadLine : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class Table>
auto value_of(const Table& table, const std::string& word, const char* what) {
  for (const auto& [value, each] : table) {
    if (each == word) return value;
  }
  throw BadLine(fmt::format("an unknown {} `{}`", what, word.substr(0, 40)));
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

std::string bytes_of(const Json& object, const char* key) {
  auto bytes = from_base64(text_of(object, key));
  if (!bytes) throw BadLine(fmt::format("`{}` is not base64", key));
  return std::move(*bytes);
}

bool flag_of(const Json& object, const char* key) {
  const Json& value = member(object, key);
  if (!value.is_boolean()) throw BadLine(fmt::format("`{}` is neither true nor false", key));
  return value.get<bool>();
}

/// Few checks have any, and a result without them is one of none.
std::vector<Figure> figures_of(const Json& object) {
  if (!object.contains("figures")) return {};
  const Json& all = member(object, "figures");
  if (!all.is_array() || all.size() > kMostFigures) throw BadLine("`figures` is not a short array");
  std::vector<Figure> figures;
  for (const Json& each : all) {
    if (!each.is_object()) throw BadLine("a figure that is not an object");
    Figure figure;
    figure.name = text_of(each, "name");
    figure.unit = text_of(each, "unit");
    figure.is_more_better = flag_of(each, "more-is-better");
    figure.is_counted = flag_of(each, "counted");
    const Json& value = member(each, "value");  // of this boot
    const bool is_named_twice =
        std::any_of(figures.begin(), figures.end(), [&](const Figure& other) { return other.name == figure.name; });
    if (!is_figure_name(figure.name) || is_named_twice) throw BadLine("a figure of a bad name");
    if (!value.is_number() || !std::isfinite(value.get<double>()) || value.get<double>() <= 0)
      throw BadLine("a figure that is no number above 0");
    figure.samples = {value.get<double>()};
    figures.push_back(std::move(figure));
  }
  return figures;
}

Json json_of(const std::vector<Figure>& figures) {
  Json all = Json::array();
  for (const Figure& each : figures)
    all.push_back({{"name", each.name},
                   {"unit", each.unit},
                   {"more-is-better", each.is_more_better},
                   {"counted", each.is_counted},
                   {"value", each.samples.at(0)}});
  return all;
}

CheckResult result_of(const Json& object) {
  CheckResult result;
  result.id = text_of(object, "id");
  result.sentence = text_of(object, "sentence");
  result.verdict = value_of(kVerdicts, text_of(object, "verdict"), "verdict");
  result.measured = member(object, "measured");
  result.expected = member(object, "expected");
  result.evidence = text_of(object, "evidence");
  result.reason = text_of(object, "reason");
  result.place = text_of(object, "place");
  result.seconds = seconds_of(object, "seconds");
  result.lacks = text_of(object, "lacks");
  result.figures = figures_of(object);
  return result;
}

Message message_of(const Json& object) {
  Message message;
  message.type = value_of(kTypes, text_of(object, "type"), "type");
  switch (message.type) {
    case Message::Type::hello:
      if (count_of(object, "ainode-agent") != kProtocolVersion) throw BadLine("another version of the protocol");
      message.uptime = seconds_of(object, "uptime");
      message.kernel = text_of(object, "kernel");
      break;
    case Message::Type::begin:
      message.id = text_of(object, "id");
      break;
    case Message::Type::heartbeat:
      message.uptime = seconds_of(object, "uptime");
      message.id = text_of(object, "running");
      break;
    case Message::Type::result:
      message.result = result_of(object);
      break;
    case Message::Type::recorded:
      message.id = text_of(object, "name");
      message.text = bytes_of(object, "data");
      message.is_last = flag_of(object, "last");
      break;
    case Message::Type::end:
      message.checks = count_of(object, "checks");
      break;
    case Message::Type::output:
      message.stream = text_of(object, "stream");
      message.text = text_of(object, "text");
      break;
    case Message::Type::exit:
      message.status = static_cast<int>(count_of(object, "status") & 0xff);
      break;
  }
  return message;
}

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
std::string_view unsealed(std::string_view line, const std::string& nonce) {
  if (line.size() <= kSealSize) throw BadLine("a line without its code");
  const std::string_view body = line.substr(0, line.size() - kSealSize);
  const std::string_view seal = line.substr(body.size());
  if (seal.substr(0, kSealStart.size()) != kSealStart || seal.substr(kSealSize - 2) != "\"}") {
    throw BadLine("a line without its code");
  }
  if (!is_equal(seal.substr(kSealStart.size(), 64), line_code(nonce, body))) throw BadLine("a line with a wrong code");
  return body;
}

}  // namespace

std::string line_code(std::string_view nonce, std::string_view body) {
  return hexadecimal(hmac_sha256(nonce, body));
}

std::string ProtocolWriter::seal(Json body) {
  body["seq"] = sequence_++;
  std::string text = body.dump(-1, ' ', true, Json::error_handler_t::replace);
  text.pop_back();
  return fmt::format("{0}{1}{2}\"}}\n", text, kSealStart, line_code(nonce_, text));
}

std::string ProtocolWriter::hello(double uptime, const std::string& kernel) {
  return seal({{"type", "hello"}, {"ainode-agent", kProtocolVersion}, {"uptime", uptime}, {"kernel", kernel}});
}

std::string ProtocolWriter::begin(const std::string& id) {
  return seal({{"type", "begin"}, {"id", id}});
}

std::string ProtocolWriter::heartbeat(double uptime, const std::string& running) {
  return seal({{"type", "heartbeat"}, {"uptime", uptime}, {"running", running}});
}

std::string ProtocolWriter::result(const CheckResult& result) {
  Json body = {{"type", "result"},
               {"id", result.id},
               {"sentence", result.sentence},
               {"verdict", word_of(kVerdicts, result.verdict)},
               {"measured", result.measured},
               {"expected", result.expected},
               {"evidence", result.evidence},
               {"reason", result.reason},
               {"place", result.place},
               {"seconds", result.seconds},
               {"lacks", result.lacks}};
  if (!result.figures.empty()) body["figures"] = json_of(result.figures);
  return seal(std::move(body));
}

std::string ProtocolWriter::recorded(const std::string& name, std::string_view piece, bool is_last) {
  return seal({{"type", "recorded"}, {"name", name}, {"data", base64(piece)}, {"last", is_last}});
}

std::string ProtocolWriter::end(std::size_t checks) {
  return seal({{"type", "end"}, {"checks", checks}});
}

std::string ProtocolWriter::output(const std::string& stream, std::string_view text) {
  return seal({{"type", "output"}, {"stream", stream}, {"text", text.substr(0, kTextLimit)}});
}

std::string ProtocolWriter::exit(int status) {
  return seal({{"type", "exit"}, {"status", status}});
}

std::vector<Message> ProtocolReader::feed(std::string_view bytes) {
  std::vector<Message> messages;
  while (!bytes.empty() && problem_.empty()) {
    const std::size_t newline = bytes.find('\n');
    const std::size_t taken = newline == std::string_view::npos ? bytes.size() : newline;
    if (pending_.size() + taken > kLineLimit) {
      refuse(fmt::format("a line of more than {} bytes", kLineLimit));
      break;
    }
    pending_.append(bytes.substr(0, taken));
    if (newline == std::string_view::npos) break;
    bytes.remove_prefix(newline + 1);
    Message message;
    if (read_line(std::exchange(pending_, {}), message)) messages.push_back(std::move(message));
  }
  return messages;
}

bool ProtocolReader::read_line(std::string_view line, Message& message) {
  try {
    const Json object = parse_body(std::string(unsealed(line, nonce_)) + "}");
    const std::uint64_t sequence = count_of(object, "seq");
    if (sequence != sequence_) {
      return refuse(fmt::format("line {} where line {} is due", sequence, sequence_));
    }
    message = message_of(object);
    if (!accept(message)) return false;
    ++sequence_;
    return true;
  } catch (const BadLine& bad) {
    return refuse(fmt::format("{} in line {}", bad.what(), sequence_));
  }
}

bool ProtocolReader::accept(const Message& message) {
  using Type = Message::Type;
  if (has_ended_) return refuse("something after the end");
  if ((message.type == Type::hello) != (sequence_ == 0)) return refuse("a hello that is not the first line");
  switch (message.type) {
    case Type::begin:
      if (!open_check_.empty()) return refuse(fmt::format("{} begins before {} ended", message.id, open_check_));
      if (message.id.empty()) return refuse("a check without a name");
      if (!recorded_.empty()) return refuse(fmt::format("{} begins after the recording", message.id));
      open_check_ = message.id;
      break;
    case Type::result:
      if (message.result.id != open_check_) return refuse(fmt::format("{} was not begun", message.result.id));
      open_check_.clear();
      ++results_;
      break;
    case Type::recorded:
      return accept_recorded(message);
    case Type::end:
      if (!open_file_.empty()) return refuse(fmt::format("the end within {}", open_file_));
      if (message.checks != results_) return refuse(fmt::format("{} results of {}", results_, message.checks));
      if (!open_check_.empty()) return refuse(fmt::format("the end while {} runs", open_check_));
      has_ended_ = true;
      break;
    case Type::exit:
      has_ended_ = true;
      break;
    case Type::hello:
    case Type::heartbeat:
    case Type::output:
      break;
  }
  return true;
}

bool ProtocolReader::accept_recorded(const Message& message) {
  if (!takes_recording_) return refuse("a recording that nobody asked for");
  if (!open_check_.empty()) return refuse(fmt::format("a recording while {} runs", open_check_));
  if (!is_recorded_name(message.id)) return refuse("a recorded file of a name that none has");
  const bool goes_on = message.id == open_file_;
  if (!goes_on && !open_file_.empty()) return refuse(fmt::format("{} before the end of {}", message.id, open_file_));
  if (!goes_on && message.id <= recorded_) return refuse(fmt::format("{} after {}", message.id, recorded_));
  recorded_ = message.id;
  open_file_ = message.is_last ? "" : message.id;
  recorded_files_ += message.is_last ? 1 : 0;
  recorded_bytes_ += message.text.size();
  if (recorded_files_ > kRecordedCount + 1) return refuse(fmt::format("more than {} recorded files", kRecordedCount));
  if (recorded_bytes_ > kRecordedTotal + kRecordedProbes) return refuse("a recording that is too large");
  return true;
}

bool ProtocolReader::refuse(std::string problem) {
  problem_ = std::move(problem);
  return false;
}

}  // namespace ainode::checks
