// SPDX-License-Identifier: Apache-2.0
// A try opens what receives the bytes, asks, and is judged by status, by libcurl's result, then by size and digest.
// Whatever a server does, a wrong byte costs a try and never reaches a final name.
#include "base/http_transfer.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/version.h"

namespace ainode {

namespace {

constexpr long kBufferBytes = 256 << 10;
constexpr std::uint64_t kMostHeaderBytes = std::uint64_t{256} << 10;
constexpr std::uint64_t kMostIgnoredBytes = std::uint64_t{64} << 10;  // of a page that explains a failure
constexpr std::uint64_t kMuchBytes = std::uint64_t{1} << 20;
constexpr std::size_t kFirstBytes = 256;
constexpr curl_off_t kDay = 86'400;

constexpr const char* kMirrorHint = "try again; -v shows the addresses; --mirror DISTRIBUTION=URI gives another mirror";
constexpr const char* kBytesHint =
    "a proxy or the mirror holds a damaged copy; try again later or give another mirror with --mirror";
constexpr const char* kPageHint = "the server answered with a web page; is there a login page or a proxy in between?";
constexpr const char* kLoginHint =
    "give a name and a password in apt's auth.conf or auth.conf.d (this user must be able to read it), or a URI with "
    "them to --mirror";

std::size_t on_bytes(char* data, std::size_t size, std::size_t count, void* user) noexcept {
  return static_cast<Transfer*>(user)->accept({data, size * count}) ? size * count : 0;
}

std::size_t on_header(char* data, std::size_t size, std::size_t count, void* user) noexcept {
  return static_cast<Transfer*>(user)->accept_header({data, size * count}) ? size * count : 0;
}

template <class Value>
void set(CURL* easy, CURLoption option, Value value) {
  if (curl_easy_setopt(easy, option, value) != CURLE_OK) {
    throw Error(codes::network_failed, fmt::format("libcurl refuses option {}", static_cast<int>(option)));
  }
}

long status_of(CURL* easy) {
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  return status;
}

/// Retry-After, given in seconds or as a date.
std::chrono::seconds retry_after_of(CURL* easy) {
  curl_off_t seconds = 0;
  curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds);
  return std::chrono::seconds(std::clamp<curl_off_t>(seconds, 0, kDay));
}

/// The value of a header line with this name, which is given in lower case.
std::optional<std::string> header_value(std::string_view line, std::string_view name) {
  if (line.size() <= name.size() || line[name.size()] != ':') return std::nullopt;
  if (lower_case(line.substr(0, name.size())) != name) return std::nullopt;
  line.remove_prefix(name.size() + 1);
  const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!line.empty() && is_blank(line.front())) line.remove_prefix(1);
  while (!line.empty() && is_blank(line.back())) line.remove_suffix(1);
  return std::string(line);
}

bool looks_like_web_page(std::string_view bytes) {
  const std::string start = lower_case(bytes.substr(std::min(bytes.size(), bytes.find_first_not_of(" \t\r\n"))));
  return start.starts_with("<!doctype") || start.starts_with("<html");
}

/// What may be gone at the next try.
bool may_pass(CURLcode result) {
  switch (result) {
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PARTIAL_FILE:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      return true;
    default:
      return false;
  }
}

std::string in_seconds(std::chrono::milliseconds time) {
  return fmt::format("{:g} s", std::chrono::duration<double>(time).count());
}

bool is_http(const ServerUrl& url) {
  return url.scheme == "http" || url.scheme == "https";
}

}  // namespace

Transfer::Transfer(const Download& download, std::string* text) : download_(download), text_(text) {
  reset_url();
}

void Transfer::reset_url() {
  redirects_ = 0;
  is_redirected_ = false;
  const auto parsed = parse_url(download_.url);
  if (!parsed || (!is_http(*parsed) && parsed->scheme != "file")) {
    throw Error(codes::network_failed,
                fmt::format("{}: the mirror's URI is neither http, https nor file", download_.subject))
        .help(kMirrorHint);
  }
  url_ = *parsed;
}

std::string Transfer::resumption() const {
  return resumed_from_ == 0 ? "" : fmt::format(", from byte {}", resumed_from_);
}

void Transfer::start_over() {
  if (text_) text_->clear();
  if (partial_) partial_->start_over();
  hash_ = Sha256();
  received_ = resumed_from_ = 0;
}

Transfer::Start Transfer::open_body() {
  if (text_) return Start::runs;
  make_directories(download_.destination.parent_path());
  if (!download_.resumes) {
    file_ = std::make_unique<AtomicFile>(download_.destination);
    return Start::runs;
  }
  partial_ = PartialFile::open(download_.destination.parent_path() / (download_.sha256 + ".partial"));
  is_busy_ = !partial_;
  if (is_busy_) return Start::is_busy;
  std::error_code missing;
  if (fs::file_size(download_.destination, missing) == download_.size && !missing &&
      sha256_hex_of_file(download_.destination) == download_.sha256) {
    partial_->start_over();
    partial_.reset();
    received_ = download_.size;
    return Start::is_whole;  // another process was quicker
  }
  if (!may_resume_ || url_.scheme == "file" || partial_->size() > download_.size) partial_->start_over();
  if (partial_->size() == 0) return Start::runs;
  partial_->hash_into(hash_);
  received_ = resumed_from_ = partial_->size();
  if (received_ < download_.size) return Start::runs;
  if (hash_.finish_hex() == download_.sha256) return Start::is_whole;
  start_over();
  return Start::runs;
}

Transfer::Start Transfer::start(const FetchOptions& options) {
  end_try();
  hash_ = Sha256();
  received_ = resumed_from_ = arrived_ = arrived_at_window_ = header_bytes_ = ignored_bytes_ = 0;
  content_range_.clear();
  first_bytes_.clear();
  is_head_whole_ = is_answer_checked_ = is_too_large_ = false;
  refusal_.reset();
  failure_ = nullptr;
  message_[0] = '\0';
  if (text_) text_->clear();
  const Start start = open_body();
  if (start != Start::runs) return start;
  if (!is_redirected_) ++tries_;
  is_redirected_ = false;
  easy_.reset(curl_easy_init());
  if (!easy_) throw Error(codes::network_failed, "libcurl could not be started");
  set_up(options);
  window_start_ = Clock::now();
  return start;
}

void Transfer::set_up(const FetchOptions& options) {
  CURL* easy = easy_.get();
  set(easy, CURLOPT_URL, url_.plain.c_str());
  set(easy, CURLOPT_USERAGENT, (std::string("ainode/") + kVersion).c_str());
  set(easy, CURLOPT_PROTOCOLS_STR, redirects_ == 0 ? "http,https,file" : "http,https");
  set(easy, CURLOPT_FOLLOWLOCATION, 0L);
  set(easy, CURLOPT_NOSIGNAL, 1L);
  set(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect.count()));
  set(easy, CURLOPT_BUFFERSIZE, kBufferBytes);
  set(easy, CURLOPT_ERRORBUFFER, message_);
  set(easy, CURLOPT_WRITEFUNCTION, &on_bytes);
  set(easy, CURLOPT_WRITEDATA, this);
  set(easy, CURLOPT_HEADERFUNCTION, &on_header);
  set(easy, CURLOPT_HEADERDATA, this);
  set(easy, CURLOPT_PRIVATE, this);
  if (resumed_from_ > 0) set(easy, CURLOPT_RANGE, fmt::format("{}-", resumed_from_).c_str());
  if (is_http(url_)) set_up_server(options);
}

void Transfer::set_up_server(const FetchOptions& options) {
  CURL* easy = easy_.get();
  const ServerAccess& access = options.access;
  const auto log_in = [&](const ServerUrl& server, CURLoption user, CURLoption password) {
    const Login* login = server.user.empty() && server.password.empty() ? access.login_for(server) : nullptr;
    const std::string& name = login ? login->user : server.user;
    const std::string& secret = login ? login->password : server.password;
    if (name.empty() && secret.empty()) return;
    set(easy, user, name.c_str());
    set(easy, password, secret.c_str());
  };
  log_in(url_, CURLOPT_USERNAME, CURLOPT_PASSWORD);
  if (const auto proxy = access.proxy_for(url_)) {
    const auto server = parse_url(*proxy);
    set(easy, CURLOPT_PROXY, server ? server->plain.c_str() : proxy->c_str());
    if (server) log_in(*server, CURLOPT_PROXYUSERNAME, CURLOPT_PROXYPASSWORD);
  }
  if (url_.scheme != "https") return;
  if (const std::string file = ServerAccess::value_for(access.ca_files, url_.host); !file.empty()) {
    set(easy, CURLOPT_CAINFO, file.c_str());
  }
  if (const std::string file = ServerAccess::value_for(access.client_certificates, url_.host); !file.empty()) {
    set(easy, CURLOPT_SSLCERT, file.c_str());
  }
  if (const std::string file = ServerAccess::value_for(access.client_keys, url_.host); !file.empty()) {
    set(easy, CURLOPT_SSLKEY, file.c_str());
  }
  if (ServerAccess::value_for(access.verify_peer, url_.host) == "false") set(easy, CURLOPT_SSL_VERIFYPEER, 0L);
  if (ServerAccess::value_for(access.verify_host, url_.host) == "false") set(easy, CURLOPT_SSL_VERIFYHOST, 0L);
}

bool Transfer::accept_header(std::string_view line) {
  header_bytes_ += line.size();
  if (header_bytes_ > kMostHeaderBytes) {
    refusal_ = failed(codes::network_failed, "the server's headers do not end", true);
    return false;
  }
  if (line.starts_with("HTTP/")) content_range_.clear();
  is_head_whole_ = line == "\r\n" || line == "\n";
  if (auto range = header_value(line, "content-range")) content_range_ = *std::move(range);
  return true;
}

/// The answer must be the whole file, or exactly the part that was asked for.
bool Transfer::check_range(long status) {
  if (status != 206) {
    if (resumed_from_ > 0) start_over();
    return true;
  }
  if (resumed_from_ == 0) {
    refusal_ = failed(codes::network_failed, "the server answered with a part of it, for which nobody asked", true);
    return false;
  }
  const std::string start = fmt::format("bytes {}-", resumed_from_);
  const std::string total = content_range_.substr(content_range_.rfind('/') + 1);
  if (content_range_.starts_with(start) && (total == "*" || total == std::to_string(download_.size))) return true;
  may_resume_ = false;
  start_over();
  refusal_ = failed(codes::network_failed, "the server answered with another part than was asked for", false);
  return false;
}

bool Transfer::accept(std::string_view bytes) try {
  arrived_ += bytes.size();
  const long status = status_of(easy_.get());
  if (status >= 300) {
    ignored_bytes_ += bytes.size();
    return ignored_bytes_ <= kMostIgnoredBytes;
  }
  if (!is_answer_checked_ && !check_range(status)) return false;
  is_answer_checked_ = true;
  if (first_bytes_.size() < kFirstBytes) first_bytes_ += bytes.substr(0, kFirstBytes - first_bytes_.size());
  is_too_large_ = bytes.size() > limit() - received_;
  if (is_too_large_) return false;
  if (text_) text_->append(bytes);
  if (partial_) partial_->write(bytes);
  if (file_) file_->write(bytes);
  hash_.update(bytes);
  received_ += bytes.size();
  return true;
} catch (...) {
  failure_ = std::current_exception();
  return false;
}

Outcome Transfer::failed(const ErrorCode& code, const std::string& what, bool is_final) const {
  Outcome outcome;
  outcome.error = Error(code, fmt::format("{}: {}", download_.subject, what)).help(kMirrorHint);
  outcome.is_final = is_final;
  return outcome;
}

/// These bytes can never become the file. When older ones stand before them, those may be the wrong ones.
Outcome Transfer::wrong_bytes(const ErrorCode& code, const std::string& what) {
  Outcome outcome = failed(code, what, resumed_from_ == 0);
  outcome.error->help(looks_like_web_page(first_bytes_) ? kPageHint : kBytesHint);
  start_over();
  return outcome;
}

Outcome Transfer::judge(CURLcode result) {
  if (failure_) std::rethrow_exception(failure_);
  Outcome outcome = judge_answer(result);
  note_gain(outcome);
  return outcome;
}

Outcome Transfer::judge_stall(const FetchOptions& options) {
  Outcome outcome =
      failed(codes::network_failed,
             fmt::format("the server sent nothing, or nearly nothing, for {}", in_seconds(options.stall)), false);
  note_gain(outcome);
  return outcome;
}

void Transfer::note_gain(const Outcome& outcome) {
  if (!outcome.error || !partial_ || received_ < most_received_ + kMuchBytes) return;
  most_received_ = received_;
  tries_ = 0;
}

Outcome Transfer::judge_answer(CURLcode result) {
  if (refusal_) return *refusal_;
  if (is_too_large_) {
    return wrong_bytes(codes::size_mismatch,
                       download_.size
                           ? fmt::format("is larger than the {} bytes that {} declares", limit(), download_.authority)
                           : fmt::format("is larger than {} bytes, the most that is allowed", limit()));
  }
  long proxy_status = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_HTTP_CONNECTCODE, &proxy_status);
  if (proxy_status >= 300) {
    Outcome outcome =
        failed(codes::network_failed, fmt::format("the proxy answered {}", proxy_status), proxy_status < 500);
    outcome.error->help(proxy_status == 407 ? kLoginHint
                                            : "apt's settings or http_proxy and https_proxy name the proxy");
    return outcome;
  }
  const long status = result == CURLE_FILE_COULDNT_READ_FILE ? 404 : status_of(easy_.get());
  if (status >= 300) return judge_status(status);
  if (result != CURLE_OK) return judge_library(result);
  if (is_http(url_) && !is_head_whole_) {
    return failed(codes::network_failed, "the connection ended within the server's headers", false);
  }
  return judge_bytes();
}

Outcome Transfer::judge_status(long status) {
  char* location = nullptr;
  curl_easy_getinfo(easy_.get(), CURLINFO_REDIRECT_URL, &location);
  const bool is_redirect = status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
  if (is_redirect && location) {
    Outcome outcome;
    outcome.redirect = location;
    return outcome;
  }
  if (status == 416 && resumed_from_ > 0) {
    may_resume_ = false;
    start_over();
    return failed(codes::network_failed, "the server cannot resume it", false);
  }
  const bool is_transient = status >= 500 || status == 408 || status == 429;
  Outcome outcome =
      failed(codes::network_failed,
             status == 404 ? "the mirror does not have it (404)" : fmt::format("the server answered {}", status),
             !is_transient);
  if (status == 503 || status == 429) outcome.retry_after = retry_after_of(easy_.get());
  if (status == 401 || status == 403 || status == 407) outcome.error->help(kLoginHint);
  if (status == 404 && !download_.cure_when_missing.empty()) outcome.error->help(download_.cure_when_missing);
  outcome.status = status;
  return outcome;
}

Outcome Transfer::judge_library(CURLcode result) const {
  if (result == CURLE_UNSUPPORTED_PROTOCOL) {
    return failed(codes::network_failed, "the server's answer is not HTTP", true);
  }
  if (result == CURLE_OPERATION_TIMEDOUT)
    return failed(codes::network_failed, "the server cannot be reached in time", false);
  Outcome outcome = failed(codes::network_failed, curl_easy_strerror(result), !may_pass(result));
  if (result == CURLE_PEER_FAILED_VERIFICATION || result == CURLE_SSL_CACERT_BADFILE) {
    outcome.error->help(
        "check this machine's clock and its ca-certificates; apt's Acquire::https::CaInfo is used when set");
  }
  return outcome;
}

Outcome Transfer::judge_bytes() {
  if (download_.size && received_ != download_.size) {
    const std::string what =
        fmt::format("got {} bytes, but {} declares {}", received_, download_.authority, download_.size);
    curl_off_t announced = -1;
    curl_easy_getinfo(easy_.get(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
    // Without an announced length, the end of the connection may have come too early.
    const bool may_be_cut = announced < 0 && !looks_like_web_page(first_bytes_) && is_http(url_);
    return may_be_cut ? failed(codes::size_mismatch, what, false) : wrong_bytes(codes::size_mismatch, what);
  }
  if (download_.sha256.empty()) return {};
  const std::string digest = hash_.finish_hex();
  if (digest == download_.sha256) return {};
  return wrong_bytes(codes::checksum_mismatch,
                     fmt::format("has SHA-256 {}, but {} declares {}", digest, download_.authority, download_.sha256));
}

bool Transfer::has_stalled(Clock::time_point now, const FetchOptions& options) {
  if (now - window_start_ < options.stall) return false;
  const double enough = static_cast<double>(options.slowest) * std::chrono::duration<double>(options.stall).count();
  if (static_cast<double>(arrived_ - arrived_at_window_) < enough) return true;
  window_start_ = now;
  arrived_at_window_ = arrived_;
  return false;
}

void Transfer::redirect_to(const std::string& url, int most) {
  const auto refuse = [&](const std::string& what) {
    return Error(codes::redirect_refused, fmt::format("{}: the server redirects {}", download_.subject, what))
        .help(kMirrorHint);
  };
  auto next = parse_url(url);
  if (!next || !is_http(*next)) throw refuse("to something other than http or https");
  if (url_.scheme == "https" && next->scheme == "http") throw refuse("from https to http");
  if (++redirects_ > most) throw refuse(fmt::format("more than {} times", most));
  if (next->has_same_server(url_) && next->user.empty()) {
    next->user = url_.user;
    next->password = url_.password;
  }
  url_ = *std::move(next);
  is_redirected_ = true;
}

void Transfer::commit() {
  // The digest is in the name or checked by every reader, so a lost file after a power cut costs only a new download.
  if (file_) file_->commit(download_.sha256.empty());
  if (partial_) partial_->commit(download_.destination);
}

void Transfer::end_try() {
  easy_.reset();
  file_.reset();
  partial_.reset();
}

}  // namespace ainode
