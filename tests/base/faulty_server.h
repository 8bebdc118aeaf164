// SPDX-License-Identifier: Apache-2.0
// A server on the loopback interface that answers with whatever bytes a test wants, sound HTTP or not.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/files.h"

namespace ainode {

/// One request and the means to answer it. Every function is quiet when the client has gone.
class Exchange {
 public:
  Exchange(int fd, std::string request, int attempt) : fd_(fd), request_(std::move(request)), attempt_(attempt) {}

  int attempt() const { return attempt_; }  ///< of this path, from 1
  const std::string& request() const { return request_; }
  /// The first byte that is asked for, when a range is.
  std::optional<std::size_t> range() const {
    const std::size_t at = request_.find("\r\nRange: bytes=");
    return at == std::string::npos ? std::nullopt : std::optional<std::size_t>(std::atoll(request_.c_str() + at + 15));
  }

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }
  /// Headers end here; the length is added unless it is to be wrong or missing.
  void answer(const std::string& status, std::string_view body, const std::string& headers = "") {
    send("HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + headers + "\r\n");
    send(body);
  }
  /// The file as a sound server sends it: whole, or from where the range begins.
  void serve(std::string_view file) {
    const std::size_t start = std::min(range().value_or(0), file.size());
    if (start == 0) return answer("200 OK", file);
    answer("206 Partial Content", file.substr(start), content_range(start, file.size()));
  }
  static std::string content_range(std::size_t start, std::size_t total) {
    return "Content-Range: bytes " + std::to_string(start) + "-" + std::to_string(total - 1) + "/" +
           std::to_string(total) + "\r\n";
  }
  void hang_up() { is_over_ = true; }
  /// Ends the connection with a reset in place of an orderly end.
  void reset() {
    const linger now = {1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    is_over_ = true;
  }
  /// Whether the client went away within that time.
  bool waits(std::chrono::milliseconds time) {
    pollfd poll = {fd_, POLLRDHUP, 0};
    return ::poll(&poll, 1, static_cast<int>(time.count())) > 0;
  }
  /// Says nothing more until the client gives up.
  void fall_silent() {
    waits(std::chrono::seconds(20));
    is_over_ = true;
  }
  bool is_over() const { return is_over_; }

 private:
  int fd_;
  std::string request_;
  int attempt_;
  bool is_over_ = false;
};

/// Answers each request with the behaviour that stands under the first part of its path: /NAME/anything.
class FaultyServer {
 public:
  using Behaviour = std::function<void(Exchange&, const std::string& path)>;

  FaultyServer() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listener_.get(), 128) != 0 ||
        getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      throw system_error("listen on the loopback interface", errno);
    }
    port_ = ntohs(address.sin_port);
    accepting_ = std::thread([this] { accept_all(); });
  }
  ~FaultyServer() {
    stopping_ = true;
    shutdown(listener_.get(), SHUT_RDWR);
    accepting_.join();
    {
      const std::lock_guard lock(mutex_);
      for (const int fd : open_) shutdown(fd, SHUT_RDWR);
    }
    for (std::thread& thread : serving_) thread.join();
  }
  FaultyServer(const FaultyServer&) = delete;

  void on(const std::string& name, Behaviour behaviour) {
    const std::lock_guard lock(mutex_);
    behaviours_[name] = std::move(behaviour);
  }
  std::string url(const std::string& path) const { return "http://127.0.0.1:" + std::to_string(port_) + "/" + path; }
  int port() const { return port_; }
  /// Requests so far, as they came.
  std::vector<std::string> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  int most_connections() const { return most_connections_; }

 private:
  void accept_all() {
    for (;;) {
      const int fd = accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) {
        if (stopping_) return;
        continue;
      }
      const std::lock_guard lock(mutex_);
      open_.push_back(fd);
      most_connections_ = std::max(most_connections_.load(), static_cast<int>(open_.size()));
      serving_.emplace_back([this, fd] { serve(fd); });
    }
  }

  void serve(int fd) {
    for (std::string request; read_request(fd, request); request.clear()) {
      const std::size_t start = request.find(' ') + 1;
      const std::string path = request.substr(start, request.find(' ', start) - start);
      const std::string name = name_in(path);
      int attempt = 0;
      Behaviour behaviour;
      {
        const std::lock_guard lock(mutex_);
        requests_.push_back(request);
        attempt = ++attempts_[path];
        if (behaviours_.contains(name)) behaviour = behaviours_[name];
      }
      Exchange exchange(fd, request, attempt);
      if (!behaviour) {
        exchange.answer("404 Not Found", "nothing here\n");
      } else {
        behaviour(exchange, path);
      }
      if (exchange.is_over()) break;
    }
    const std::lock_guard lock(mutex_);
    open_.remove(fd);
    close(fd);
  }

  /// "/NAME/…", as a proxy sees it "http://HOST/NAME/…", or the HOST:PORT of a CONNECT.
  static std::string name_in(const std::string& target) {
    const std::size_t scheme = target.find("://");
    const std::size_t slash = target.find('/', scheme == std::string::npos ? 0 : scheme + 3);
    if (slash == std::string::npos) return target;
    return target.substr(slash + 1, target.find('/', slash + 1) - slash - 1);
  }

  static bool read_request(int fd, std::string& request) {
    char c = 0;
    while (!request.ends_with("\r\n\r\n")) {
      if (recv(fd, &c, 1, 0) != 1) return false;
      request += c;
    }
    return true;
  }

  Descriptor listener_;
  int port_ = 0;
  std::thread accepting_;
  std::atomic<bool> stopping_{false};
  std::atomic<int> most_connections_{0};
  mutable std::mutex mutex_;
  std::list<int> open_;
  std::list<std::thread> serving_;
  std::vector<std::string> requests_;
  std::map<std::string, int> attempts_;
  std::map<std::string, Behaviour> behaviours_;
};

}  // namespace ainode
