// SPDX-License-Identifier: Apache-2.0
// One JSON object a line; only SHUTDOWN and BLOCK_IO_ERROR events matter here.
#include "validators/machines/machine_monitor.h"

#include "base/json.h"

namespace ainode {

namespace {
constexpr std::size_t kLineLimit = 65536;
}

void MachineMonitor::read(std::string_view bytes) {
  for (const char byte : bytes) {
    if (byte == '\n') {
      read_line(line_);
      line_.clear();
    } else if (line_.size() < kLineLimit) {
      line_ += byte;
    }
  }
}

void MachineMonitor::read_line(std::string_view line) {
  const Json message = Json::parse(line, nullptr, false);
  if (!message.is_object()) return;
  const Json event = message.value("event", Json()), data = message.value("data", Json::object());
  const Json reason = data.is_object() ? data.value("reason", Json()) : Json();
  const std::string text = reason.is_string() ? reason.get<std::string>() : "unknown";
  if (event == "SHUTDOWN") shutdown_reason_ = text;
  if (event == "BLOCK_IO_ERROR" && data.is_object() && data.value("action", Json()) == "stop") disk_error_ = text;
}

}  // namespace ainode
