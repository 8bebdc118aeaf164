// SPDX-License-Identifier: Apache-2.0
// One download over its tries and redirects: what is asked of the server, and what its answer is worth.
// For base/http.cpp only.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/crypto.h"
#include "base/error.h"
#include "base/files.h"
#include "base/handle.h"
#include "base/http.h"
#include "base/partial_file.h"

namespace ainode {

using Clock = std::chrono::steady_clock;

/// What a finished try came to: all empty when the bytes are right.
struct Outcome {
  std::optional<Error> error;
  bool is_final = true;  ///< no other try makes sense
  long status = 0;
  std::chrono::seconds retry_after{0};  ///< what the server asks for before the next try
  std::string redirect;                 ///< or where to go on
};

/// One at a time is in libcurl's hands between start() and end_try(); it must not move then.
class Transfer {
 public:
  enum class Start { runs, is_busy, is_whole };

  /// Into download.destination, or into `text` when that is given. Both must outlive it.
  explicit Transfer(const Download& download, std::string* text = nullptr);

  const Download& download() const { return download_; }
  const ServerUrl& url() const { return url_; }
  CURL* easy() const { return easy_.get(); }
  int tries() const { return tries_; }  ///< since much came for the last time
  std::uint64_t received() const { return received_; }
  bool is_busy() const { return is_busy_; }
  std::string resumption() const;  ///< ", from byte N"
  const char* library_message() const { return message_; }

  Start start(const FetchOptions& options);
  /// The try's result. Bytes that cannot become the file are dropped here.
  Outcome judge(CURLcode result);
  Outcome judge_stall(const FetchOptions& options);
  bool has_stalled(Clock::time_point now, const FetchOptions& options);
  /// Throws redirect_refused.
  void redirect_to(const std::string& url, int most);
  void reset_url();  ///< back to the download's own
  void commit();     ///< the final name, or the text, is complete from here
  void end_try();

  /// libcurl's callbacks; a false ends the transfer, and judge() knows why.
  bool accept(std::string_view bytes);
  bool accept_header(std::string_view line);

 private:
  Start open_body();
  void start_over();
  void set_up(const FetchOptions& options);
  void set_up_server(const FetchOptions& options);
  bool check_range(long status);
  std::uint64_t limit() const { return download_.size ? download_.size : download_.size_limit; }
  Outcome failed(const ErrorCode& code, const std::string& what, bool is_final) const;
  Outcome judge_answer(CURLcode result);
  Outcome judge_status(long status);
  Outcome judge_library(CURLcode result) const;
  Outcome judge_bytes();
  Outcome wrong_bytes(const ErrorCode& code, const std::string& what);
  void note_gain(const Outcome& outcome);

  const Download& download_;
  std::string* text_;
  ServerUrl url_;
  int tries_ = 0, redirects_ = 0;
  bool may_resume_ = true, is_busy_ = false, is_redirected_ = false;
  std::uint64_t most_received_ = 0;

  // of the current try
  Handle<CURL, curl_easy_cleanup> easy_;
  std::unique_ptr<AtomicFile> file_;
  std::unique_ptr<PartialFile> partial_;
  Sha256 hash_;
  std::uint64_t received_ = 0;  // with what was held before
  std::uint64_t resumed_from_ = 0;
  std::uint64_t arrived_ = 0, arrived_at_window_ = 0;  // body bytes of all kinds, for stalls
  Clock::time_point window_start_{};
  std::uint64_t header_bytes_ = 0, ignored_bytes_ = 0;
  std::string content_range_, first_bytes_;
  bool is_head_whole_ = false, is_answer_checked_ = false, is_too_large_ = false;
  std::optional<Outcome> refusal_;
  std::exception_ptr failure_;  // thrown by us inside a callback
  char message_[CURL_ERROR_SIZE] = "";
};

}  // namespace ainode
