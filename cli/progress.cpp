// SPDX-License-Identifier: Apache-2.0
// Three sinks of one stream of events. Each locks for itself, since events come from any thread.
#include "cli/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "cli/verb.h"

namespace ainode::cli {

namespace {

constexpr double kRedrawAfter = 0.1;
constexpr double kPlainLineAfter = 5;

std::string amount(const Event& event) {
  const auto show = [&](std::uint64_t number) {
    return event.unit == "B" ? readable_size(number) : std::to_string(number);
  };
  const std::string unit = event.unit == "B" || event.unit.empty() ? "" : " " + event.unit;
  const std::string more = event.text.empty() ? "" : ", " + printable(event.text);
  if (event.total == 0) return show(event.done) + unit + more;
  return fmt::format("{} of {}{}{}", show(event.done), show(event.total), unit, more);
}

int percent(const Event& event) {
  return event.total == 0
             ? 0
             : static_cast<int>(100.0 * static_cast<double>(event.done) / static_cast<double>(event.total));
}

std::string ended(const Event& event) {
  const std::string outcome = event.text.empty() ? "" : "  " + printable(event.text);
  return fmt::format("{:<12} {:>7.1f} s{}", printable(event.step), event.seconds, outcome);
}

/// What all forms share: the lock, the filter by -v and -q.
class Display : public EventSink {
 public:
  Display(const ProgressStyle& style, ProgressSurroundings surroundings)
      : style_(style), surroundings_(std::move(surroundings)) {}

  void on_event(const Event& event) final {
    const std::lock_guard lock(mutex_);
    if (event.kind == Event::Kind::detail && style_.verbosity == 0) return;
    show(event);
  }

 protected:
  virtual void show(const Event& event) = 0;
  void write(const std::string& text) const { surroundings_.write(text); }
  double now() const { return surroundings_.now(); }
  const ProgressStyle& style() const { return style_; }

  /// True at most once in `seconds` for each step; its first time counts from its begin.
  bool is_due(const std::string& step, double seconds) {
    const auto [last, is_new] = last_shown_.try_emplace(step, now());
    if (!is_new && now() - last->second < seconds) return false;
    last->second = now();
    return !is_new;
  }
  void restart_clock(const std::string& step) { last_shown_[step] = now(); }

 private:
  ProgressStyle style_;
  ProgressSurroundings surroundings_;
  std::mutex mutex_;
  std::map<std::string, double> last_shown_;
};

/// A line at begin and end, and at most every few seconds between; each line stands alone, for logs.
class PlainLines : public Display {
 public:
  using Display::Display;

 private:
  void show(const Event& event) override {
    using Kind = Event::Kind;
    if (event.kind == Kind::warning)
      write(fmt::format("warning: {}: {}\n", printable(event.step), printable(event.text)));
    if (style().quiet) return;
    if (event.kind == Kind::begin) {
      restart_clock(event.step);
      write(fmt::format("{} …\n", printable(event.step)));
    }
    if (event.kind == Kind::progress && is_due(event.step, kPlainLineAfter))
      write(fmt::format("{:<12} {}\n", printable(event.step), amount(event)));
    if (event.kind == Kind::detail || event.kind == Kind::note)
      write(fmt::format("{}: {}\n", printable(event.step), printable(event.text)));
    if (event.kind == Kind::end) write(ended(event) + "\n");
  }
};

/// Finished steps stay above; below them one line for each running step, redrawn in place.
class LiveLines : public Display {
 public:
  using Display::Display;
  ~LiveLines() override { erase(); }

 private:
  void show(const Event& event) override {
    using Kind = Event::Kind;
    switch (event.kind) {
      case Kind::begin:
        running_.push_back(event);
        return redraw();
      case Kind::progress:
        remember(event);
        if (is_due("", kRedrawAfter)) redraw();
        return;
      case Kind::end:
        std::erase_if(running_, [&](const Event& step) { return step.step == event.step; });
        return above(style().quiet ? "" : paint("32", "✓ ") + ended(event));
      case Kind::warning:
        return above(paint("33", "warning: ") + printable(event.text));
      case Kind::note:
      case Kind::detail:
        return above(style().quiet ? "" : "  " + printable(event.text));
    }
  }

  std::string paint(const char* code, const std::string& text) const {
    return style().colour ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : text;
  }

  /// Progress under a name that no running step has belongs to the step that began last.
  void remember(const Event& event) {
    if (running_.empty()) return;
    const auto found = std::find_if(running_.begin(), running_.end(),
                                    [&](const Event& running) { return running.step == event.step; });
    Event& step = found == running_.end() ? running_.back() : *found;
    const std::string name = step.step;
    step = event;
    step.step = name;
  }

  /// A line that stays, above the live ones.
  void above(const std::string& line) {
    erase();
    if (!line.empty()) write(line + "\n");
    redraw();
  }

  void erase() {
    if (drawn_ > 0) write(fmt::format("\x1b[{}A\x1b[J", drawn_));
    drawn_ = 0;
  }

  void redraw() {
    erase();
    if (style().quiet) return;
    for (const Event& step : running_) write(live_line(step) + "\n");
    drawn_ = running_.size();
  }

  /// Cut to the terminal: a wrapped line would not be erased as one. Step names and units are plain ASCII.
  std::string live_line(const Event& event) const {
    std::string line = fmt::format("  {:<12} ", printable(event.step));
    if (event.total > 0) line += fmt::format("{} {:>3} %  ", bar(percent(event)), percent(event));
    if (event.kind == Event::Kind::progress) line += amount(event);
    return line.substr(0, static_cast<std::size_t>(std::max(20, style().width - 1)));
  }

  static std::string bar(int percent) {
    const std::size_t full = std::min<std::size_t>(20, static_cast<std::size_t>(percent) / 5);
    return "[" + std::string(full, '#') + std::string(20 - full, '.') + "]";
  }

  std::vector<Event> running_;
  std::size_t drawn_ = 0;
};

/// The events themselves, one JSON object a line.
class JsonLines : public Display {
 public:
  using Display::Display;

 private:
  static std::string_view name(Event::Kind kind) {
    constexpr std::string_view kNames[] = {"begin", "progress", "detail", "note", "warning", "end"};
    return kNames[static_cast<std::size_t>(kind)];
  }

  void show(const Event& event) override {
    const bool is_last = event.done == event.total;
    if (event.kind == Event::Kind::begin) restart_clock(event.step);
    if (event.kind == Event::Kind::progress && !is_last && !is_due(event.step, kRedrawAfter)) return;
    Json line = {{"event", name(event.kind)}, {"step", event.step}};
    if (!event.text.empty()) line["text"] = event.text;
    if (event.kind == Event::Kind::progress)
      line.update({{"done", event.done}, {"total", event.total}, {"unit", event.unit}});
    if (event.kind == Event::Kind::end) line.update({{"seconds", event.seconds}, {"cpu_seconds", event.cpu_seconds}});
    write(line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
  }
};

}  // namespace

std::unique_ptr<EventSink> make_progress(const ProgressStyle& style, ProgressSurroundings surroundings) {
  switch (style.form) {
    case ProgressStyle::Form::live:
      return std::make_unique<LiveLines>(style, std::move(surroundings));
    case ProgressStyle::Form::json:
      return std::make_unique<JsonLines>(style, std::move(surroundings));
    case ProgressStyle::Form::plain:
      break;
  }
  return std::make_unique<PlainLines>(style, std::move(surroundings));
}

}  // namespace ainode::cli
