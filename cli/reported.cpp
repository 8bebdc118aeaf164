// SPDX-License-Identifier: Apache-2.0
// The edge between the program and its user: answers on stdout, progress and errors on stderr.
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <thread>

#include "base/error_json.h"
#include "cli/progress.h"
#include "cli/verb.h"

namespace ainode::cli {

namespace {

/// Nothing can be done about a stderr that is gone.
void write_stderr(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

int terminal_width() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

ProgressStyle progress_style(const Globals& globals) {
  ProgressStyle style;
  style.verbosity = globals.verbosity;
  style.quiet = globals.quiet;
  style.colour = globals.colour_err;
  style.width = terminal_width();
  const char* terminal = std::getenv("TERM");
  const bool can_move_up = isatty(STDERR_FILENO) && terminal && std::string(terminal) != "dumb";
  if (globals.progress == "json") style.form = ProgressStyle::Form::json;
  if (globals.progress == "auto" && can_move_up) style.form = ProgressStyle::Form::live;
  return style;
}

int report(const Globals& globals, const Error& error) {
  write_stderr(render(error, globals.colour_err));
  point_to_explanation(globals, error);
  if (globals.json) {
    const std::string text = error_json(error).dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  }
  return static_cast<int>(error.code().exit);
}

}  // namespace

void print(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) return;
  throw system_error("write the answer to stdout", errno);
}

void print_json(const Json& object) {
  print(object.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

std::string readable_size(std::uint64_t bytes) {
  constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  double number = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; number >= 999.95 && unit + 1 < std::size(kUnits); ++unit) number /= 1000;
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", number, kUnits[unit]);
}

void point_to_explanation(const Globals& globals, const Error& error) {
  const bool is_wanted = globals.verbosity > 0 || isatty(STDERR_FILENO) == 1;
  const std::string_view code = error.code().id;
  if (!is_wanted || globals.quiet || code == codes::interrupted.id || code == codes::usage_error.id) return;
  write_stderr(fmt::format("\nFor more about this error: ainode explain {}\n", code));
}

int run_reported(const Globals& globals, const std::function<int(RunContext& run)>& body) {
  try {
    // The display lives inside, so that an error finds the screen clean.
    const auto events = make_progress(progress_style(globals), {write_stderr, steady_seconds});
    const int processors = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
    RunContext run{*events, globals.jobs > 0 ? globals.jobs : processors, globals.offline};
    return body(run);
  } catch (const Error& error) {
    return report(globals, error);
  } catch (const std::exception& error) {
    return report(globals, Error(codes::process_failed, fmt::format("ainode failed: {}", error.what()))
                               .help("this is a defect of ainode; please report it with the command that led here"));
  }
}

}  // namespace ainode::cli
