// SPDX-License-Identifier: Apache-2.0
// One loop over curl_multi_poll drives every transfer; each hashes what it writes, and only whole, right files get
// their final name.
#include "base/http.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <memory>

#include "base/crypto.h"
#include "base/error.h"
#include "base/files.h"
#include "base/handle.h"
#include "base/version.h"

namespace ainode {

namespace {

using Clock = std::chrono::steady_clock;
using Easy = Handle<CURL, curl_easy_cleanup>;

constexpr int kTries = 3;
constexpr auto kPollInterval = std::chrono::milliseconds(200);  // also how soon an interrupt is answered
constexpr auto kProgressInterval = std::chrono::milliseconds(100);
constexpr long kStallSeconds = 30, kStallBytesPerSecond = 1000, kConnectSeconds = 30, kMostRedirects = 5;
constexpr long kBufferBytes = 256 << 10;

/// Easy handles must leave the multi handle before it goes.
class Multi {
 public:
  Multi() : multi_(curl_multi_init()) {
    if (!multi_) throw Error(codes::network_failed, "libcurl could not be started");
  }
  CURLM* get() const { return multi_.get(); }

 private:
  Handle<CURLM, curl_multi_cleanup> multi_;
};

/// One try at one download. The destination is a file, or a string when `text` is set.
struct Transfer {
  const Download* download = nullptr;
  std::string* text = nullptr;
  int tries = 0;
  Clock::time_point not_before{};

  Easy easy;
  std::unique_ptr<AtomicFile> file;
  Sha256 hash;
  std::uint64_t received = 0;
  bool is_too_large = false;
  std::exception_ptr failure;  // thrown by us inside libcurl's callback
  char message[CURL_ERROR_SIZE] = "";

  std::uint64_t limit() const { return download->size ? download->size : download->size_limit; }
  void accept(std::string_view bytes);
};

void Transfer::accept(std::string_view bytes) {
  long status = 0;
  curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status >= 300) return;  // the page that explains the failure is not the file
  if (bytes.size() > limit() - received) {
    is_too_large = true;
    throw Error(codes::size_mismatch, "too large");
  }
  received += bytes.size();
  hash.update(bytes);
  if (text) {
    text->append(bytes);
  } else {
    file->write(bytes);
  }
}

std::size_t on_bytes(char* data, std::size_t size, std::size_t count, void* user) noexcept {
  auto* transfer = static_cast<Transfer*>(user);
  try {
    transfer->accept({data, size * count});
    return size * count;
  } catch (...) {
    transfer->failure = std::current_exception();
    return 0;
  }
}

template <class Value>
void set(CURL* easy, CURLoption option, Value value) {
  if (curl_easy_setopt(easy, option, value) != CURLE_OK) {
    throw Error(codes::network_failed, fmt::format("libcurl refuses option {}", static_cast<int>(option)));
  }
}

void start(Transfer& transfer, CURLM* multi) {
  const Download& download = *transfer.download;
  ++transfer.tries;
  transfer.received = 0;
  transfer.is_too_large = false;
  transfer.failure = nullptr;
  transfer.message[0] = '\0';
  transfer.hash = Sha256();
  if (transfer.text) {
    transfer.text->clear();
  } else {
    make_directories(download.destination.parent_path());
    transfer.file = std::make_unique<AtomicFile>(download.destination);
  }
  transfer.easy.reset(curl_easy_init());
  CURL* easy = transfer.easy.get();
  if (!easy) throw Error(codes::network_failed, "libcurl could not be started");
  set(easy, CURLOPT_URL, download.url.c_str());
  set(easy, CURLOPT_USERAGENT, (std::string("ainode/") + kVersion).c_str());
  set(easy, CURLOPT_PROTOCOLS_STR, "http,https,file");
  set(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  set(easy, CURLOPT_FOLLOWLOCATION, 1L);
  set(easy, CURLOPT_MAXREDIRS, kMostRedirects);
  set(easy, CURLOPT_NOSIGNAL, 1L);
  set(easy, CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  set(easy, CURLOPT_LOW_SPEED_LIMIT, kStallBytesPerSecond);
  set(easy, CURLOPT_LOW_SPEED_TIME, kStallSeconds);
  set(easy, CURLOPT_BUFFERSIZE, kBufferBytes);
  set(easy, CURLOPT_ERRORBUFFER, transfer.message);
  set(easy, CURLOPT_WRITEFUNCTION, &on_bytes);
  set(easy, CURLOPT_WRITEDATA, &transfer);
  set(easy, CURLOPT_PRIVATE, &transfer);
  if (curl_multi_add_handle(multi, easy) != CURLM_OK) {
    throw Error(codes::network_failed, fmt::format("{}: libcurl could not start the transfer", download.subject));
  }
}

/// What a finished try came to: nothing when it is right, else the error, and whether another try makes sense.
struct Outcome {
  std::optional<Error> error;
  bool is_final = true;
  long status = 0;
};

Outcome failed(const ErrorCode& code, const Transfer& transfer, const std::string& what, bool is_final) {
  Outcome outcome;
  outcome.error = Error(code, fmt::format("{}: {}", transfer.download->subject, what));
  outcome.is_final = is_final;
  return outcome;
}

Outcome judge_redirect(const Transfer& transfer, CURLcode result) {
  if (result == CURLE_TOO_MANY_REDIRECTS) {
    return failed(codes::redirect_refused, transfer,
                  fmt::format("the server redirects more than {} times", kMostRedirects), true);
  }
  long redirects = 0;
  curl_easy_getinfo(transfer.easy.get(), CURLINFO_REDIRECT_COUNT, &redirects);
  if (redirects > 0) {
    return failed(codes::redirect_refused, transfer, "the server redirects to something other than http or https",
                  true);
  }
  return failed(codes::network_failed, transfer, "the mirror's URI is neither http, https nor file", true);
}

Outcome judge_bytes(Transfer& transfer) {
  const Download& download = *transfer.download;
  if (download.size && transfer.received != download.size) {
    return failed(codes::size_mismatch, transfer,
                  fmt::format("got {} bytes, but its index declares {}", transfer.received, download.size), false);
  }
  const std::string digest = transfer.hash.finish_hex();
  if (!download.sha256.empty() && digest != download.sha256) {
    return failed(codes::checksum_mismatch, transfer,
                  fmt::format("has SHA-256 {}, but its index declares {}", digest, download.sha256), false);
  }
  return {};
}

Outcome judge(Transfer& transfer, CURLcode result) {
  if (transfer.is_too_large) {
    return failed(codes::size_mismatch, transfer,
                  transfer.download->size
                      ? fmt::format("is larger than the {} bytes that its index declares", transfer.limit())
                      : fmt::format("is larger than {} bytes, the most that is allowed", transfer.limit()),
                  false);
  }
  if (transfer.failure) std::rethrow_exception(transfer.failure);
  if (result == CURLE_UNSUPPORTED_PROTOCOL || result == CURLE_TOO_MANY_REDIRECTS) {
    return judge_redirect(transfer, result);
  }
  long status = 0;
  curl_easy_getinfo(transfer.easy.get(), CURLINFO_RESPONSE_CODE, &status);
  if (result == CURLE_FILE_COULDNT_READ_FILE) status = 404;
  if (status >= 300) {
    const bool may_pass = status >= 500 || status == 408 || status == 429;
    const std::string what =
        status == 404 ? "the mirror does not have it (404)" : fmt::format("the server answered {}", status);
    Outcome outcome = failed(codes::network_failed, transfer, what, !may_pass);
    outcome.status = status;
    return outcome;
  }
  if (result == CURLE_OPERATION_TIMEDOUT) {
    return failed(codes::network_failed, transfer, fmt::format("no answer, or no byte for {} s", kStallSeconds), false);
  }
  if (result != CURLE_OK) return failed(codes::network_failed, transfer, curl_easy_strerror(result), false);
  return judge_bytes(transfer);
}

const char* hint_for(const ErrorCode& code) {
  if (code.id == codes::checksum_mismatch.id || code.id == codes::size_mismatch.id) {
    return "a proxy or the mirror holds a damaged copy; try again later or give another mirror with --mirror";
  }
  return "try again; -v shows the addresses; --mirror DISTRIBUTION=URI gives another mirror";
}

/// Runs all transfers. A transfer's final failure is thrown, except a 404 when `missing` is given.
class Loop {
 public:
  Loop(RunContext& run, int connections)
      : run_(run), connections_(static_cast<std::size_t>(std::max(1, connections))) {}
  ~Loop() {
    for (Transfer* transfer : active_) curl_multi_remove_handle(multi_.get(), transfer->easy.get());
  }
  Loop(const Loop&) = delete;

  void add(Transfer& transfer) {
    total_ += transfer.download->size;
    waiting_.push_back(&transfer);
  }
  void drive(bool* missing = nullptr);

 private:
  void fill();
  void reap(bool* missing);
  void settle(Transfer& transfer, Outcome outcome, bool* missing);
  void show_progress(bool at_the_end = false);

  RunContext& run_;
  const std::size_t connections_;
  Multi multi_;
  std::deque<Transfer*> waiting_;
  std::vector<Transfer*> active_;
  std::uint64_t total_ = 0, finished_bytes_ = 0;
  Clock::time_point last_progress_{};
};

void Loop::fill() {
  const auto now = Clock::now();
  for (auto it = waiting_.begin(); it != waiting_.end() && active_.size() < connections_;) {
    Transfer* transfer = *it;
    if (transfer->not_before > now) {
      ++it;
      continue;
    }
    it = waiting_.erase(it);
    start(*transfer, multi_.get());
    active_.push_back(transfer);
    run_.events.detail("fetch", transfer->download->url);
  }
}

void Loop::settle(Transfer& transfer, Outcome outcome, bool* missing) {
  if (!outcome.error) {
    // The digest is in the name or checked by every reader, so a lost file after a power cut costs only a new download.
    if (transfer.file) transfer.file->commit(transfer.download->sha256.empty());
    finished_bytes_ += transfer.received;
  } else if (missing && outcome.status == 404) {
    *missing = true;
  } else if (outcome.is_final || transfer.tries >= kTries) {
    if (outcome.error->hint().empty()) outcome.error->help(hint_for(outcome.error->code()));
    throw *outcome.error;
  } else {
    run_.events.detail("fetch", fmt::format("{}; trying again {}", outcome.error->message(), transfer.message));
    transfer.not_before = Clock::now() + std::chrono::milliseconds(250) * (1 << (2 * (transfer.tries - 1)));
    waiting_.push_back(&transfer);
  }
}

void Loop::reap(bool* missing) {
  int left = 0;
  while (CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode result = message->data.result;
    Transfer* transfer = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
    Outcome outcome = judge(*transfer, result);
    curl_multi_remove_handle(multi_.get(), transfer->easy.get());
    std::erase(active_, transfer);
    settle(*transfer, std::move(outcome), missing);
    transfer->easy.reset();
    transfer->file.reset();
  }
}

void Loop::show_progress(bool at_the_end) {
  const auto now = Clock::now();
  if (total_ == 0 || (!at_the_end && now - last_progress_ < kProgressInterval)) return;
  last_progress_ = now;
  std::uint64_t done = finished_bytes_;
  for (const Transfer* transfer : active_) done += transfer->received;
  run_.events.progress("fetch", done, total_, "B");
}

void Loop::drive(bool* missing) {
  while (!waiting_.empty() || !active_.empty()) {
    throw_if_interrupted();
    fill();
    int running = 0;
    if (curl_multi_perform(multi_.get(), &running) != CURLM_OK) {
      throw Error(codes::network_failed, "libcurl's transfer loop failed");
    }
    reap(missing);
    show_progress();
    if (active_.empty() && waiting_.empty()) break;
    curl_multi_poll(multi_.get(), nullptr, 0, static_cast<int>(kPollInterval.count()), nullptr);
  }
  show_progress(true);
}

void start_curl_once() {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (started != CURLE_OK) throw Error(codes::network_failed, "libcurl could not be started");
}

void refuse_when_offline(const RunContext& run, const Download& download) {
  if (!run.offline || download.url.starts_with("file:")) return;
  throw Error(codes::offline, fmt::format("{} must be downloaded, but this build is offline", download.subject))
      .help("run once without --offline; what it downloads is kept");
}

}  // namespace

void download_all(RunContext& run, const std::vector<Download>& downloads, int connections) {
  start_curl_once();
  std::deque<Transfer> transfers;  // addresses stay: libcurl holds them
  Loop loop(run, connections);
  for (const Download& download : downloads) {
    refuse_when_offline(run, download);
    transfers.emplace_back().download = &download;
    loop.add(transfers.back());
  }
  loop.drive();
}

std::optional<std::string> fetch_text(RunContext& run, const std::string& url, const std::string& subject,
                                      std::uint64_t size_limit) {
  start_curl_once();
  Download download;
  download.url = url;
  download.subject = subject;
  download.size_limit = size_limit;
  refuse_when_offline(run, download);
  std::string text;
  bool is_missing = false;
  Transfer transfer;
  transfer.download = &download;
  transfer.text = &text;
  Loop loop(run, 1);
  loop.add(transfer);
  loop.drive(&is_missing);
  if (is_missing) return std::nullopt;
  return text;
}

}  // namespace ainode
