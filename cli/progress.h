// SPDX-License-Identifier: Apache-2.0
// What the user sees while a verb works, on stderr: a live display, plain lines, or JSON lines.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/events.h"

namespace ainode::cli {

struct ProgressStyle {
  enum class Form { live, plain, json };
  Form form = Form::plain;
  int verbosity = 0;    ///< from 1 on, details are shown
  bool quiet = false;   ///< only warnings (JSON lines: everything but details)
  bool colour = false;  ///< of the live display
  int width = 80;       ///< columns of the terminal; live lines are cut to it
};

/// Where the display writes, and how late it is in seconds: stderr and the steady clock, or a test's own.
struct ProgressSurroundings {
  std::function<void(const std::string& text)> write;
  std::function<double()> now;
};

/// A sink that draws; its destructor removes what is still live. It has no thread: a step that says nothing is not
/// redrawn.
std::unique_ptr<EventSink> make_progress(const ProgressStyle& style, ProgressSurroundings surroundings);

}  // namespace ainode::cli
