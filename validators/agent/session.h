// SPDX-License-Identifier: Apache-2.0
// One run's conversation: whole lines in order, and a heartbeat beside them so that a hang is told from a slow check.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "validators/agent/channel.h"
#include "validators/checks/protocol.h"
#include "validators/checks/recording.h"
#include "validators/checks/requests.h"

namespace ainode::agent {

/// Says hello when made. What says something may be called from any thread, next_request() from one.
class Session {
 public:
  Session(Channel channel, const std::string& nonce, const std::string& kernel);
  Session(const Session&) = delete;
  ~Session();  ///< ends the heartbeat

  void begin(const std::string& id);
  void result(const CheckResult& result);
  void output(const std::string& stream, std::string_view text);
  void recording(const checks::Recording& recording);  ///< all of it
  /// The end of it, as much as the harness takes; nothing: it could not be read.
  void kernel_log(const std::optional<std::string>& log);
  void end(std::uint64_t request);  ///< with the number of results since the last end
  void exit(int status, bool timed_out, std::uint64_t request);
  /// The next request of a harness that asks; nothing when it hung up, or asked something malformed: problem().
  std::optional<checks::Request> next_request();
  const std::string& problem() const { return requests_.problem(); }
  bool is_heard() const;  ///< false once a line could not be written

 private:
  void beat();
  void say(const std::string& line);

  mutable std::mutex mutex_;
  std::condition_variable stop_;
  Channel channel_;
  checks::ProtocolWriter writer_;
  checks::RequestReader requests_;
  std::deque<checks::Request> waiting_;
  std::string running_;
  std::size_t results_ = 0;
  bool is_over_ = false;
  bool is_heard_ = true;
  std::thread heart_;
};

double uptime();  ///< seconds since the kernel started

}  // namespace ainode::agent
