// SPDX-License-Identifier: Apache-2.0
// A guest session as Python holds it: the session owns QEMU and its thread; each call waits for it without the GIL.
#include "python/session.h"

#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <memory>
#include <mutex>

#include "base/files.h"
#include "python/call.h"
#include "validators/guest_session.h"

namespace py = pybind11;

namespace ainode::python {

namespace {

/// The session speaks for as long as it lives; whoever calls right now listens.
class PassedOn : public EventSink {
 public:
  void on_event(const Event& event) override {
    const std::lock_guard guard(lock_);
    if (listener_) listener_->on_event(event);
  }
  void listen(EventSink* listener) {
    const std::lock_guard guard(lock_);
    listener_ = listener;
  }

 private:
  std::mutex lock_;
  EventSink* listener_ = nullptr;
};

class Session {
 public:
  Session(SessionOptions options, const py::object& on_event) : on_event_(on_event) {
    options.events = &events_;
    with_events([&] { session_ = std::make_unique<GuestSession>(std::move(options)); });
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() {
    const py::gil_scoped_release released;
    session_.reset();
  }

  void wait_ready(int timeout) {
    with_events([&] { session_->wait_ready(std::chrono::seconds(timeout)); });
  }

  py::tuple run(const std::vector<std::string>& argv, int timeout, const std::string& input) {
    CommandResult result;
    with_events([&] { result = session_->run(argv, std::chrono::seconds(timeout), input); });
    return py::make_tuple(py::bytes(result.out), py::bytes(result.err), result.exit_code, result.timed_out,
                          result.truncated);
  }

  std::string validate(const std::vector<std::string>& profiles, const std::string& level,
                       const std::vector<std::string>& checks) {
    std::string report;
    with_events([&] {
      report =
          session_->validate({profiles, level, checks}).to_json().dump(-1, ' ', false, Json::error_handler_t::replace);
    });
    return report;
  }

  void close() {
    with_events([&] { session_->close(); });
  }

 private:
  template <class Work>
  void with_events(const Work& work) {
    call(on_event_, 0, [&](RunContext& run) {
      // One call at a time; who waits for another thread's can be interrupted, too.
      std::unique_lock guard(in_use_, std::defer_lock);
      while (!guard.try_lock_for(std::chrono::milliseconds(50))) throw_if_interrupted();
      const Listening listening(events_, run.events);
      work();
    });
  }

  struct Listening {
    Listening(PassedOn& speaker, EventSink& listener) : from(speaker) { from.listen(&listener); }
    Listening(const Listening&) = delete;
    ~Listening() { from.listen(nullptr); }
    PassedOn& from;
  };

  py::object on_event_;
  PassedOn events_;
  std::timed_mutex in_use_;
  std::unique_ptr<GuestSession> session_;
};

std::unique_ptr<Session> boot(const fs::path& image, const std::string& topology, std::optional<std::uint64_t> memory,
                              std::optional<int> cpus, const std::vector<std::string>& arguments,
                              const std::string& qemu, const fs::path& evidence, int deadline, int silence,
                              int cpu_deadline, const py::object& on_event) {
  SessionOptions options;
  options.image = image;
  options.topology = topology;
  options.memory = memory;
  options.cpus = cpus;
  options.qemu = qemu;
  options.evidence = evidence;
  options.extra_arguments = arguments;
  options.wall_deadline = std::chrono::seconds(deadline);
  options.silence = std::chrono::seconds(silence);
  options.cpu_deadline = std::chrono::seconds(cpu_deadline);
  return std::make_unique<Session>(std::move(options), on_event);
}

}  // namespace

void define_session(py::module_& module) {
  py::class_<Session>(module, "Session", plain_class())
      .def(py::init(&boot), py::arg("image"), py::arg("topology"), py::arg("memory"), py::arg("cpus"),
           py::arg("arguments"), py::arg("qemu"), py::arg("evidence"), py::arg("deadline"), py::arg("silence"),
           py::arg("cpu_deadline"), py::arg("on_event"))
      .def("wait_ready", &Session::wait_ready, py::arg("timeout"))
      .def("run", &Session::run, py::arg("argv"), py::arg("timeout"), py::arg("input"))
      .def("validate", &Session::validate, py::arg("profiles"), py::arg("level"), py::arg("checks"))
      .def("close", &Session::close);
}

}  // namespace ainode::python
