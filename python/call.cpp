// SPDX-License-Identifier: Apache-2.0
// The worker never needs the GIL: it queues its events, and the calling thread hands them on. So no callback can hold
// the work up, and none runs on a thread that Python does not know.
#include "python/call.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <string>
#include <thread>

#include "base/error_json.h"
#include "base/interruption.h"

namespace py = pybind11;

namespace ainode::python {

namespace {

constexpr std::chrono::milliseconds kSlice{100};

class EventQueue : public EventSink {
 public:
  void on_event(const Event& event) override {
    const std::lock_guard guard(lock_);
    // Whoever is slow to listen hears where a step is, not everywhere that it was.
    const bool is_newer = event.kind == Event::Kind::progress && !events_.empty() &&
                          events_.back().kind == Event::Kind::progress && events_.back().step == event.step;
    if (is_newer)
      events_.back() = event;
    else
      events_.push_back(event);
    changed_.notify_one();
  }

  void finish() {
    const std::lock_guard guard(lock_);
    is_finished_ = true;
    changed_.notify_one();
  }

  /// What came since the last call, after at most `patience`. Nothing comes after `is_last`.
  std::deque<Event> take(std::chrono::milliseconds patience, bool& is_last) {
    std::unique_lock guard(lock_);
    changed_.wait_for(guard, patience, [&] { return is_finished_ || !events_.empty(); });
    is_last = is_finished_;
    return std::exchange(events_, {});
  }

 private:
  std::mutex lock_;
  std::condition_variable changed_;
  std::deque<Event> events_;
  bool is_finished_ = false;
};

const char* name_of(Event::Kind kind) {
  constexpr const char* kNames[] = {"begin", "progress", "detail", "note", "warning", "end"};
  return kNames[static_cast<std::size_t>(kind)];
}

/// Foreign bytes need not be UTF-8.
py::str text_of(const std::string& bytes) {
  PyObject* text = PyUnicode_DecodeUTF8(bytes.data(), static_cast<Py_ssize_t>(bytes.size()), "replace");
  if (!text) throw py::error_already_set();
  return py::reinterpret_steal<py::str>(text);
}

void hand_on(const py::object& on_event, const std::deque<Event>& events) {
  if (on_event.is_none()) return;
  for (const Event& event : events)
    on_event(name_of(event.kind), text_of(event.step), text_of(event.text), event.done, event.total,
             text_of(event.unit), event.seconds);
}

void look_for_signals() {
  if (PyErr_CheckSignals() != 0) throw py::error_already_set();
}

std::optional<Json> error_of(const std::function<void()>& work) {
  try {
    work();
    return std::nullopt;
  } catch (const Reported& reported) {
    return reported.error;
  } catch (const Error& error) {
    return error_json(error);
  } catch (const std::exception& error) {
    return error_json(Error(codes::process_failed, fmt::format("ainode failed: {}", error.what()))
                          .help("this is a defect of ainode; please report it with the call that led here"));
  }
}

[[noreturn]] void raise(const Json& error) {
  const std::string text = error.dump(-1, ' ', false, Json::error_handler_t::replace);
  py::module_::import("ainode.errors").attr("raise_reported")(text);
  throw std::logic_error("ainode.errors.raise_reported returned");
}

}  // namespace

void call(const py::object& on_event, int jobs, const std::function<void(RunContext&)>& work) {
  const int processors = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  EventQueue queue;
  InterruptFlag flag{false};
  std::optional<Json> error;
  std::thread worker([&] {
    const AnswersFlag answers(&flag);
    RunContext run{queue, jobs > 0 ? jobs : processors, false};
    error = error_of([&] { work(run); });
    queue.finish();
  });

  std::exception_ptr raised;
  for (bool is_last = false; !is_last;) {
    std::deque<Event> events;
    {
      const py::gil_scoped_release released;
      events = queue.take(kSlice, is_last);
    }
    if (raised) continue;
    try {
      look_for_signals();
      hand_on(on_event, events);
    } catch (...) {
      raised = std::current_exception();
      flag = true;
    }
  }
  {
    const py::gil_scoped_release released;
    worker.join();
  }
  if (raised) std::rethrow_exception(raised);
  if (error) raise(*error);
}

}  // namespace ainode::python
