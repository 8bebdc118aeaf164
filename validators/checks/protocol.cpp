// SPDX-License-Identifier: Apache-2.0
// What stands in a line, and in which order lines may come.
#include "validators/checks/protocol.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "validators/checks/base64.h"
#include "validators/checks/recording.h"

namespace ainode::checks {

namespace {

constexpr std::size_t kMostFigures = 100;  // of a check

constexpr std::array<std::pair<Verdict, std::string_view>, 5> kVerdicts = {{{Verdict::pass, "pass"},
                                                                            {Verdict::fail, "fail"},
                                                                            {Verdict::skip, "skip"},
                                                                            {Verdict::unmeasurable, "unmeasurable"},
                                                                            {Verdict::infra, "infra"}}};

constexpr std::array<std::pair<Message::Type, std::string_view>, 9> kTypes = {
    {{Message::Type::hello, "hello"},
     {Message::Type::begin, "begin"},
     {Message::Type::heartbeat, "heartbeat"},
     {Message::Type::result, "result"},
     {Message::Type::recorded, "recorded"},
     {Message::Type::kernel_log, "kernel-log"},
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

template <class Table>
auto value_of(const Table& table, const std::string& word, const char* what) {
  for (const auto& [value, each] : table) {
    if (each == word) return value;
  }
  throw BadLine(fmt::format("an unknown {} `{}`", what, word.substr(0, 40)));
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
    case Message::Type::kernel_log:
      message.text = bytes_of(object, "data");
      message.is_last = flag_of(object, "last");
      message.problem = text_of(object, "problem");
      break;
    case Message::Type::end:
      message.checks = count_of(object, "checks");
      message.request = count_of(object, "request");
      break;
    case Message::Type::output:
      message.stream = text_of(object, "stream");
      message.text = bytes_of(object, "data");
      break;
    case Message::Type::exit:
      message.status = static_cast<int>(count_of(object, "status") & 0xff);
      message.timed_out = flag_of(object, "timed_out");
      message.request = count_of(object, "request");
      break;
  }
  return message;
}

}  // namespace

std::string ProtocolWriter::hello(double uptime, const std::string& kernel) {
  return lines_.seal({{"type", "hello"}, {"ainode-agent", kProtocolVersion}, {"uptime", uptime}, {"kernel", kernel}});
}

std::string ProtocolWriter::begin(const std::string& id) {
  return lines_.seal({{"type", "begin"}, {"id", id}});
}

std::string ProtocolWriter::heartbeat(double uptime, const std::string& running) {
  return lines_.seal({{"type", "heartbeat"}, {"uptime", uptime}, {"running", running}});
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
  return lines_.seal(std::move(body));
}

std::string ProtocolWriter::recorded(const std::string& name, std::string_view piece, bool is_last) {
  return lines_.seal({{"type", "recorded"}, {"name", name}, {"data", base64(piece)}, {"last", is_last}});
}

std::string ProtocolWriter::kernel_log(std::string_view piece, bool is_last, const std::string& problem) {
  return lines_.seal({{"type", "kernel-log"}, {"data", base64(piece)}, {"last", is_last}, {"problem", problem}});
}

std::string ProtocolWriter::end(std::size_t checks, std::uint64_t request) {
  return lines_.seal({{"type", "end"}, {"checks", checks}, {"request", request}});
}

std::string ProtocolWriter::output(const std::string& stream, std::string_view piece) {
  return lines_.seal({{"type", "output"}, {"stream", stream}, {"data", base64(piece)}});
}

std::string ProtocolWriter::exit(int status, bool timed_out, std::uint64_t request) {
  return lines_.seal({{"type", "exit"}, {"status", status}, {"timed_out", timed_out}, {"request", request}});
}

void ProtocolReader::expect(Answer kind, std::uint64_t request) {
  due_ = {};
  due_.kind = kind;
  due_.request = request;
}

std::vector<Message> ProtocolReader::feed(std::string_view bytes) {
  std::vector<Message> messages;
  lines_.feed(bytes, [&](const Json& object) {
    Message message = message_of(object);
    std::string problem = objection(message);
    if (problem.empty()) messages.push_back(std::move(message));
    return problem;
  });
  return messages;
}

bool ProtocolReader::is_due(Message::Type type) const {
  switch (type) {
    case Message::Type::hello:
      return lines_.accepted() == 0;
    case Message::Type::heartbeat:
      return lines_.accepted() > 0;
    case Message::Type::recorded:
      return due_.kind == Answer::recorded_checks;
    case Message::Type::begin:
    case Message::Type::result:
    case Message::Type::kernel_log:
    case Message::Type::end:
      return due_.kind == Answer::checks || due_.kind == Answer::recorded_checks;
    case Message::Type::output:
    case Message::Type::exit:
      return due_.kind == Answer::output;
  }
  return false;
}

std::string ProtocolReader::objection(const Message& message) {
  using Type = Message::Type;
  if ((message.type == Type::hello) != (lines_.accepted() == 0)) return "a hello that is not the first line";
  if (!is_due(message.type)) return fmt::format("{} that nobody asked for", word_of(kTypes, message.type));
  switch (message.type) {
    case Type::begin:
      if (!due_.open_check.empty()) return fmt::format("{} begins before {} ended", message.id, due_.open_check);
      if (message.id.empty()) return "a check without a name";
      if (!due_.recorded.empty()) return fmt::format("{} begins after the recording", message.id);
      if (due_.kernel_log != Due::Log::none) return fmt::format("{} begins after the kernel log", message.id);
      due_.open_check = message.id;
      break;
    case Type::result:
      if (message.result.id != due_.open_check) return fmt::format("{} was not begun", message.result.id);
      due_.open_check.clear();
      ++due_.results;
      break;
    case Type::recorded:
      return objection_to_recorded(message);
    case Type::kernel_log:
      return objection_to_kernel_log(message);
    case Type::end:
      if (due_.kernel_log == Due::Log::open) return "the end within the kernel log";
      if (!due_.open_file.empty()) return fmt::format("the end within {}", due_.open_file);
      if (message.checks != due_.results) return fmt::format("{} results of {}", due_.results, message.checks);
      if (!due_.open_check.empty()) return fmt::format("the end while {} runs", due_.open_check);
      return close_answer(message);
    case Type::exit:
      return close_answer(message);
    case Type::hello:
    case Type::heartbeat:
    case Type::output:
      break;
  }
  return "";
}

std::string ProtocolReader::close_answer(const Message& message) {
  if (message.request != due_.request)
    return fmt::format("an answer to request {} where {} was asked", message.request, due_.request);
  due_ = {};
  return "";
}

std::string ProtocolReader::objection_to_recorded(const Message& message) {
  if (!due_.open_check.empty()) return fmt::format("a recording while {} runs", due_.open_check);
  if (due_.kernel_log != Due::Log::none) return "a recording after the kernel log";
  if (!is_recorded_name(message.id)) return "a recorded file of a name that none has";
  const bool goes_on = message.id == due_.open_file;
  if (!goes_on && !due_.open_file.empty()) return fmt::format("{} before the end of {}", message.id, due_.open_file);
  if (!goes_on && message.id <= due_.recorded) return fmt::format("{} after {}", message.id, due_.recorded);
  due_.recorded = message.id;
  due_.open_file = message.is_last ? "" : message.id;
  due_.recorded_files += message.is_last ? 1 : 0;
  due_.recorded_bytes += message.text.size();
  if (due_.recorded_files > kRecordedCount + 1) return fmt::format("more than {} recorded files", kRecordedCount);
  if (due_.recorded_bytes > kRecordedTotal + kRecordedProbes) return "a recording that is too large";
  return "";
}

std::string ProtocolReader::objection_to_kernel_log(const Message& message) {
  if (!due_.open_check.empty()) return fmt::format("the kernel log while {} runs", due_.open_check);
  if (!due_.open_file.empty()) return fmt::format("the kernel log within {}", due_.open_file);
  if (due_.kernel_log == Due::Log::whole) return "a second kernel log";
  due_.kernel_log = message.is_last ? Due::Log::whole : Due::Log::open;
  due_.kernel_log_bytes += message.text.size() + message.problem.size();
  return due_.kernel_log_bytes > kKernelLogLimit ? "a kernel log that is too large" : "";
}

}  // namespace ainode::checks
