// SPDX-License-Identifier: Apache-2.0
// A guest session without its thread (guest_session.h), for whoever has one to spare. Internal to this folder.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/steps.h"
#include "validators/guest_session.h"
#include "validators/image_guest.h"
#include "validators/machines/guest_run.h"
#include "validators/validate.h"

namespace ainode {

/// Boots an image and asks its agent. Used by one thread, which must live as long as QEMU does; QEMU starts with the
/// first round. What calls do and throw stands in guest_session.h.
class GuestConversation {
 public:
  /// Prepares the guest. `work_parent`: where its throw-away files lie, and its logs where `options.evidence` is empty.
  /// `wake`: as GuestPlan has it.
  GuestConversation(RunContext& run, SessionOptions options, std::filesystem::path work_parent, int wake = -1);

  /// Listens for a moment while nobody asks anything.
  void idle();
  void wait_ready(std::chrono::seconds timeout);
  CommandResult run(const std::vector<std::string>& argv, std::chrono::seconds timeout, const std::string& input,
                    const GuestSession::TakeOutput& take);
  Report validate(const SessionChecks& checks);

 private:
  ImageGuest prepare();
  void start();
  void round();
  bool starts_again(const GuestOutcome& outcome);
  void end(const GuestOutcome& outcome);
  void end(const Error& error);
  void go_round_until(const std::function<bool()>& is_done);  ///< or until it ended
  void require_ready();
  void ask(checks::Request request, const AnswerDeadlines& deadlines, const std::string& name, OnMessage on_message);
  ValidateOptions as_validated(const SessionChecks& checks) const;

  RunContext& run_;
  SessionOptions options_;
  std::filesystem::path work_parent_;
  int wake_;
  std::optional<ImageGuest> image_guest_;  ///< always there
  GuestDeadlines deadlines_;
  OnMessage on_message_;  ///< of the call that waits
  std::optional<AskedGuest> guest_;
  std::chrono::steady_clock::time_point next_start_;
  Json retries_ = Json::array();
  std::size_t tried_again_ = 0;
  GuestOutcome last_;           ///< how it ended
  std::optional<Error> ended_;  ///< what calls throw from then on
};

}  // namespace ainode
