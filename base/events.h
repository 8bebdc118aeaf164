// SPDX-License-Identifier: Apache-2.0
// Progress and diagnostics as one stream of typed events; a terminal bar and a JSON log are two sinks of it.
#pragma once

#include <cstdint>
#include <string>

namespace ainode {

struct Event {
  enum class Kind {
    begin,     ///< a step starts: `step`, `total` if known
    progress,  ///< `done` of `total`
    detail,    ///< one line of extra information, shown with -v
    note,      ///< one line the user should see
    warning,
    end,  ///< a step ended: `seconds`, `text` says the outcome ("cached", "172 packages")
  };
  Kind kind;
  std::string step = {};  ///< which step speaks: "fetch"
  std::string text = {};
  std::uint64_t done = 0;
  std::uint64_t total = 0;
  std::string unit = {};  ///< "B" for bytes, else a plural noun
  double seconds = 0;
  double cpu_seconds = 0;  ///< user and system, of this process and of the children it has waited for
};

/// Threading: on_event may be called from any thread at once; a sink locks for itself.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void on_event(const Event& event) = 0;

  void note(const std::string& step, const std::string& text) { on_event({Event::Kind::note, step, text}); }
  void detail(const std::string& step, const std::string& text) { on_event({Event::Kind::detail, step, text}); }
  void warn(const std::string& step, const std::string& text) { on_event({Event::Kind::warning, step, text}); }
  void progress(const std::string& step, std::uint64_t done, std::uint64_t total, const std::string& unit) {
    on_event({Event::Kind::progress, step, "", done, total, unit});
  }
};

/// Swallows everything.
EventSink& silent_events();

}  // namespace ainode
