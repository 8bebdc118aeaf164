// SPDX-License-Identifier: Apache-2.0
#include "validators/guest_session.h"

#include "base/error.h"

namespace ainode {

class GuestSession::Owner {};

namespace {
[[noreturn]] void refuse() {
  throw Error(codes::usage_error, "guest sessions are not there yet");
}
}  // namespace

GuestSession::GuestSession(SessionOptions) {}
GuestSession::~GuestSession() = default;
void GuestSession::wait_ready(std::chrono::seconds) {
  refuse();
}
CommandResult GuestSession::run(const std::vector<std::string>&, std::chrono::seconds, const std::string&) {
  refuse();
}
CommandResult GuestSession::run(const std::vector<std::string>&, std::chrono::seconds, const std::string&,
                                const TakeOutput&) {
  refuse();
}
Report GuestSession::validate(const SessionChecks&) {
  refuse();
}
void GuestSession::close() {}

}  // namespace ainode
