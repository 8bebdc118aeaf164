// SPDX-License-Identifier: Apache-2.0
// One loop over curl_multi_poll drives every transfer; each hashes what it writes, and only whole, right files get
// their final name. Redirects, resumption and stalls are judged here, not by libcurl.
#include "base/http.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "base/error.h"
#include "base/http_transfer.h"

namespace ainode {

namespace {

using std::chrono::milliseconds;

constexpr auto kPollInterval = milliseconds(200);  // also how soon an interrupt is answered
constexpr auto kProgressInterval = milliseconds(100);
constexpr auto kBusyInterval = milliseconds(200);  // another process has the partial file
constexpr int kMostRedirects = 5;

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

/// Runs all transfers. A transfer's final failure is thrown, except a 404 when `missing` is given.
class Loop {
 public:
  Loop(RunContext& run, const FetchOptions& options) : run_(run), options_(options) {}
  ~Loop() {
    for (Transfer* transfer : active_) curl_multi_remove_handle(multi_.get(), transfer->easy());
  }
  Loop(const Loop&) = delete;

  void add(Transfer& transfer) {
    total_ += transfer.download().size;
    waiting_.push_back({&transfer, {}});
  }
  void drive(bool* missing = nullptr);

 private:
  struct Waiting {
    Transfer* transfer;
    Clock::time_point not_before;
  };

  void fill(bool* missing);
  void begin(Transfer& transfer, bool* missing);
  bool has_room_for(const Transfer& transfer) const;
  void reap(bool* missing);
  void cut_stalled(bool* missing);
  void finish(Transfer& transfer, Outcome outcome, bool* missing);
  void follow(Transfer& transfer, const std::string& url);
  void try_again(Transfer& transfer, const Outcome& outcome);
  milliseconds patience() const;
  void show_progress(bool at_the_end = false);

  RunContext& run_;
  const FetchOptions& options_;
  Multi multi_;
  std::deque<Waiting> waiting_;
  std::vector<Transfer*> active_;
  std::uint64_t total_ = 0, finished_bytes_ = 0;
  Clock::time_point last_progress_{};
};

bool Loop::has_room_for(const Transfer& transfer) const {
  const auto here = std::count_if(active_.begin(), active_.end(),
                                  [&](const Transfer* other) { return other->url().has_same_server(transfer.url()); });
  return here < std::max(1, options_.connections);
}

void Loop::fill(bool* missing) {
  const auto now = Clock::now();
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    if (it->not_before > now || !has_room_for(*it->transfer)) {
      ++it;
      continue;
    }
    Transfer& transfer = *it->transfer;
    it = waiting_.erase(it);
    begin(transfer, missing);
    if (transfer.is_busy()) it = waiting_.insert(it, {&transfer, now + kBusyInterval}) + 1;
  }
}

void Loop::begin(Transfer& transfer, bool* missing) {
  const bool was_busy = transfer.is_busy();
  const Transfer::Start start = transfer.start(options_);
  if (start == Transfer::Start::is_busy) {
    if (!was_busy) run_.events.note("fetch", fmt::format("another build is fetching {}", transfer.download().subject));
    return;
  }
  if (start == Transfer::Start::is_whole) return finish(transfer, {}, missing);
  if (curl_multi_add_handle(multi_.get(), transfer.easy()) != CURLM_OK) {
    throw Error(codes::network_failed, fmt::format("{}: libcurl could not start it", transfer.download().subject));
  }
  active_.push_back(&transfer);
  run_.events.detail("fetch", transfer.url().plain + transfer.resumption());
}

void Loop::finish(Transfer& transfer, Outcome outcome, bool* missing) {
  if (!outcome.redirect.empty()) {
    follow(transfer, outcome.redirect);
  } else if (!outcome.error) {
    transfer.commit();
    finished_bytes_ += transfer.received();
  } else if (missing && outcome.status == 404) {
    *missing = true;
  } else if (outcome.is_final || transfer.tries() >= options_.tries) {
    throw *outcome.error;
  } else {
    try_again(transfer, outcome);
  }
  transfer.end_try();
}

void Loop::follow(Transfer& transfer, const std::string& url) {
  transfer.redirect_to(url, kMostRedirects);
  waiting_.push_front({&transfer, {}});
}

void Loop::try_again(Transfer& transfer, const Outcome& outcome) {
  milliseconds pause = options_.back_off * (1 << (2 * std::max(0, transfer.tries() - 1)));
  pause = std::max(pause, std::min(milliseconds(outcome.retry_after), options_.longest_wait));
  std::string told = fmt::format("{}; trying again {}", outcome.error->message(), transfer.library_message());
  if (outcome.retry_after.count() > 0) {
    told += fmt::format("in {:g} s: the server asks for {} s", std::chrono::duration<double>(pause).count(),
                        outcome.retry_after.count());
  }
  run_.events.detail("fetch", told);
  transfer.reset_url();
  waiting_.push_back({&transfer, Clock::now() + pause});
}

void Loop::reap(bool* missing) {
  int left = 0;
  while (CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode result = message->data.result;
    Transfer* transfer = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
    Outcome outcome = transfer->judge(result);
    curl_multi_remove_handle(multi_.get(), transfer->easy());
    std::erase(active_, transfer);
    finish(*transfer, std::move(outcome), missing);
  }
}

void Loop::cut_stalled(bool* missing) {
  const auto now = Clock::now();
  std::vector<Transfer*> stalled;
  std::copy_if(active_.begin(), active_.end(), std::back_inserter(stalled),
               [&](Transfer* transfer) { return transfer->has_stalled(now, options_); });
  for (Transfer* transfer : stalled) {
    curl_multi_remove_handle(multi_.get(), transfer->easy());
    std::erase(active_, transfer);
    finish(*transfer, transfer->judge_stall(options_), missing);
  }
}

milliseconds Loop::patience() const {
  milliseconds patience = std::min(kPollInterval, std::max(milliseconds(1), options_.stall / 4));
  const auto now = Clock::now();
  for (const Waiting& waiting : waiting_) {
    if (waiting.not_before <= now) continue;  // waits for room
    patience = std::min(patience, std::chrono::ceil<milliseconds>(waiting.not_before - now));
  }
  return patience;
}

void Loop::show_progress(bool at_the_end) {
  const auto now = Clock::now();
  if (total_ == 0 || (!at_the_end && now - last_progress_ < kProgressInterval)) return;
  last_progress_ = now;
  std::uint64_t done = finished_bytes_;
  for (const Transfer* transfer : active_) done += transfer->received();
  run_.events.progress("fetch", done, total_, "B");
}

void Loop::drive(bool* missing) {
  while (!waiting_.empty() || !active_.empty()) {
    throw_if_interrupted();
    fill(missing);
    int running = 0;
    if (curl_multi_perform(multi_.get(), &running) != CURLM_OK) {
      throw Error(codes::network_failed, "libcurl's transfer loop failed");
    }
    reap(missing);
    cut_stalled(missing);
    show_progress();
    if (active_.empty() && waiting_.empty()) break;
    curl_multi_poll(multi_.get(), nullptr, 0, static_cast<int>(patience().count()), nullptr);
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

void download_all(RunContext& run, const std::vector<Download>& downloads, const FetchOptions& options) {
  start_curl_once();
  std::deque<Transfer> transfers;  // addresses stay: libcurl holds them
  Loop loop(run, options);
  for (const Download& download : downloads) {
    refuse_when_offline(run, download);
    loop.add(transfers.emplace_back(download));
  }
  loop.drive();
}

std::optional<std::string> fetch_text(RunContext& run, const std::string& url, const std::string& subject,
                                      std::uint64_t size_limit, const FetchOptions& options) {
  start_curl_once();
  Download download;
  download.url = url;
  download.subject = subject;
  download.size_limit = size_limit;
  refuse_when_offline(run, download);
  std::string text;
  bool is_missing = false;
  Transfer transfer(download, &text);
  Loop loop(run, options);
  loop.add(transfer);
  loop.drive(&is_missing);
  if (is_missing) return std::nullopt;
  return text;
}

}  // namespace ainode
