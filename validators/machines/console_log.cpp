// SPDX-License-Identifier: Apache-2.0
// Lines are cut at a fixed length, so that a console without newlines costs no memory.
#include "validators/machines/console_log.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace ainode {

namespace {

constexpr std::size_t kLineLimit = 1024, kKeptLines = 8;
constexpr std::string_view kPanic = "Kernel panic - not syncing: ";

/// Where a terminal's escape sequence that starts at `at` ends: `ESC [ … letter`, `ESC ] … BEL`, or ESC and one byte.
std::size_t end_of_escape(std::string_view line, std::size_t at) {
  const char kind = at + 1 < line.size() ? line[at + 1] : ' ';
  std::size_t end = at + 2;
  if (kind == '[') {
    while (end < line.size() && (line[end] < '@' || line[end] > '~')) ++end;
  } else if (kind == ']') {
    while (end < line.size() && line[end] != '\a' && line[end] != '\x1b') ++end;
  } else {
    return at + 2;
  }
  return end + 1;
}

/// Without the sequences that colour and place text on a terminal.
std::string plain(std::string_view line) {
  std::string text;
  for (std::size_t at = 0; at < line.size();) {
    if (line[at] == '\x1b') {
      at = end_of_escape(line, at);
      continue;
    }
    if (line[at] != '\r') text += line[at];
    ++at;
  }
  return printable(text);
}

}  // namespace

CappedLog::CappedLog(const fs::path& path, std::uint64_t limit)
    : path_(path), file_(open_file(path, O_WRONLY | O_CREAT | O_TRUNC)), limit_(limit) {}

void CappedLog::write(std::string_view bytes) {
  const std::uint64_t room = limit_ - std::min(limit_, received_);
  write_all(file_.get(), bytes.substr(0, std::min<std::uint64_t>(room, bytes.size())), path_);
  if (room > 0 && bytes.size() > room)
    write_all(file_.get(), fmt::format("\n[no more is kept: {} bytes are the limit]\n", limit_), path_);
  received_ += bytes.size();
}

void ConsoleLog::write(std::string_view bytes) {
  log_.write(bytes);
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    line_ += bytes.substr(0, std::min(end, kLineLimit - line_.size()));
    if (end == std::string_view::npos) return;
    end_line();
    bytes.remove_prefix(end + 1);
  }
}

void ConsoleLog::end_line() {
  const std::string line = plain(line_);
  line_.clear();
  if (const std::size_t at = line.find(kPanic); at != std::string::npos && panic_.empty())
    panic_ = line.substr(at + kPanic.size());
  look_for_breakpoint(line);
  if (line.empty()) return;
  last_lines_.push_back(line);
  if (last_lines_.size() > kKeptLines) last_lines_.pop_front();
}

/// "Oops: int3", then "Code: … 6d 0f <1f> 44": what stands before the next instruction's byte is what was run.
void ConsoleLog::look_for_breakpoint(std::string_view line) {
  constexpr std::string_view kOops = "Oops: int3", kCode = " Code: ", kInt3 = "cc ";
  if (line.find(kOops) != std::string_view::npos) breakpoint_ = Breakpoint::hit;
  const std::size_t code = line.find(kCode), next = line.find('<');
  if (breakpoint_ != Breakpoint::hit || code == std::string_view::npos || next == std::string_view::npos) return;
  if (next < code + kCode.size() + kInt3.size()) return;
  const bool is_there = line.substr(next - kInt3.size(), kInt3.size()) == kInt3;
  breakpoint_ = is_there ? Breakpoint::none : Breakpoint::stale;
}

std::string ConsoleLog::tail() const {
  std::string text;
  for (const std::string& line : last_lines_) text += line + "\n";
  if (const std::string rest = plain(line_); !rest.empty()) text += rest + "\n";
  return text;
}

}  // namespace ainode
