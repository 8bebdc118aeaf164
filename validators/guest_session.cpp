// SPDX-License-Identifier: Apache-2.0
// A thread that owns the guest, and a letter-box of one call before it.
#include "validators/guest_session.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <functional>
#include <future>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/files.h"
#include "base/interruption.h"
#include "validators/guest_conversation.h"

namespace ainode {

namespace {

Descriptor make_event() {
  const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) throw system_error("create an event", errno);
  return Descriptor(fd);
}

SessionOptions with_evidence(SessionOptions options) {
  options.evidence = fs::absolute(options.evidence.empty() ? options.image / "evidence" : options.evidence);
  return options;
}

}  // namespace

class GuestSession::Owner {
 public:
  /// `options.evidence` is not empty.
  explicit Owner(const SessionOptions& options)
      : run_{options.events ? *options.events : silent_events()},
        conversation_(std::in_place, run_, options, options.evidence, wake_.get()),
        thread_([this] { live(); }) {}
  Owner(const Owner&) = delete;
  Owner& operator=(const Owner&) = delete;
  ~Owner() {
    is_closing_ = true;
    wake();
    thread_.join();
  }

  /// Has the thread run `body` with the conversation, and gives what it gives or throws. Interrupts end the body
  /// itself.
  template <class Body>
  auto call(const Body& body) {
    using Task = std::packaged_task<std::invoke_result_t<Body, GuestConversation&>()>;
    const auto task = std::make_shared<Task>([&, flag = answered_flag()] {
      const AnswersFlag answers(flag);  // the caller's
      return body(*conversation_);
    });
    auto result = task->get_future();
    {
      const std::lock_guard lock(mutex_);
      call_ = [task] { (*task)(); };
    }
    wake();
    return result.get();
  }

 private:
  void live() {
    while (!is_closing_) {
      const std::function<void()> call = next_call();
      call ? call() : conversation_->idle();
    }
    conversation_.reset();
  }

  std::function<void()> next_call() {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t cleared = read(wake_.get(), &count, sizeof count);
    const std::lock_guard lock(mutex_);
    return std::exchange(call_, nullptr);
  }

  void wake() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof one);
  }

  RunContext run_;
  Descriptor wake_ = make_event();
  std::optional<GuestConversation> conversation_;  // the thread's alone, once it lives
  std::mutex mutex_;
  std::function<void()> call_;
  std::atomic<bool> is_closing_ = false;
  std::thread thread_;
};

GuestSession::GuestSession(SessionOptions options)
    : owner_(std::make_unique<Owner>(with_evidence(std::move(options)))) {}

GuestSession::~GuestSession() = default;

GuestSession::Owner& GuestSession::owner() {
  if (!owner_) throw Error(codes::usage_error, "the guest's session is closed").help("boot the image again");
  return *owner_;
}

void GuestSession::wait_ready(std::chrono::seconds timeout) {
  owner().call([&](GuestConversation& guest) { guest.wait_ready(timeout); });
}

CommandResult GuestSession::run(const std::vector<std::string>& argv, std::chrono::seconds timeout,
                                const std::string& input) {
  return run(argv, timeout, input, nullptr);
}

CommandResult GuestSession::run(const std::vector<std::string>& argv, std::chrono::seconds timeout,
                                const std::string& input, const TakeOutput& take) {
  return owner().call([&](GuestConversation& guest) { return guest.run(argv, timeout, input, take); });
}

Report GuestSession::validate(const SessionChecks& checks) {
  return owner().call([&](GuestConversation& guest) { return guest.validate(checks); });
}

void GuestSession::close() {
  owner_.reset();
}

}  // namespace ainode
