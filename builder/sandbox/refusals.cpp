// SPDX-License-Identifier: Apache-2.0
#include "builder/sandbox/refusals.h"

#include <fmt/format.h>
#include <seccomp.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "base/error.h"
#include "base/files.h"
#include "base/handle.h"

namespace ainode {

namespace {

/// The kernel's structures may be larger than the header's, so libseccomp allocates them.
class Notification {
 public:
  Notification() {
    if (seccomp_notify_alloc(&request_, &response_) != 0)
      throw Error(codes::sandbox_failed, "libseccomp cannot allocate a notification");
  }
  Notification(const Notification&) = delete;
  ~Notification() { seccomp_notify_free(request_, response_); }

  /// False when the caller is gone again.
  bool receive(int listener) { return seccomp_notify_receive(listener, request_) == 0; }
  void refuse(int listener) {
    *response_ = {};
    response_->id = request_->id;
    response_->error = -EPERM;
    seccomp_notify_respond(listener, response_);  // fails when the caller was killed meanwhile
  }
  int process() const { return static_cast<int>(request_->pid); }
  std::string call() const {
    const Handle<char, std::free> name(seccomp_syscall_resolve_num_arch(request_->data.arch, request_->data.nr));
    return name ? name.get() : fmt::format("system call {}", request_->data.nr);
  }

 private:
  struct seccomp_notif* request_ = nullptr;
  struct seccomp_notif_resp* response_ = nullptr;
};

std::string name_of(int process) {
  try {
    std::string name = read_file(fmt::format("/proc/{}/comm", process));
    if (!name.empty() && name.back() == '\n') name.pop_back();
    return name;
  } catch (const Error&) {
    return "a process that has ended";
  }
}

}  // namespace

void Refusals::answer(int listener) {
  Notification notification;
  if (!notification.receive(listener)) return;
  note(notification.call(), notification.process());
  notification.refuse(listener);
}

void Refusals::note(const std::string& call, int process) {
  const std::string line = fmt::format("{}, asked for by {}", call, name_of(process));
  if (noted_.size() < 16 && std::find(noted_.begin(), noted_.end(), line) == noted_.end()) noted_.push_back(line);
}

}  // namespace ainode
