// SPDX-License-Identifier: Apache-2.0
// How servers are reached: proxies, names with passwords, certificates. Secrets stay in these values: they are never
// shown and never written.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ainode {

/// A URL taken apart. `plain` is the URL without its name and password: the only form that is shown.
struct ServerUrl {
  std::string scheme, host, path, plain;
  int port = 0;                ///< 0: none stands in the URL
  std::string user, password;  ///< percent-decoded

  bool has_same_server(const ServerUrl& other) const;
};

/// Hosts, schemes and names of headers ignore case, in ASCII.
std::string lower_case(std::string_view text);

/// Nothing when it is no URL.
std::optional<ServerUrl> parse_url(const std::string& url);
/// A URL as a person may see it. Text that is no URL becomes "(not a URL)".
std::string without_secrets(const std::string& url);

/// One `machine` of apt's auth.conf: for which servers, and the secret.
struct Login {
  std::string scheme;  ///< empty: https only, as apt_auth.conf(5) has it
  std::string host;
  int port = 0;      ///< 0: any
  std::string path;  ///< URLs whose path starts with it; may be empty
  std::string user, password;

  bool fits(const ServerUrl& url) const;
};

struct ServerAccess {
  /// Values by host; the empty host stands for all that are not named.
  using ByHost = std::map<std::string, std::string>;

  std::map<std::string, ByHost> proxies;    ///< scheme → host → URI, or DIRECT
  ByHost ca_files;                          ///< https: PEM file of authorities in place of the system's
  ByHost client_certificates, client_keys;  ///< https: PEM files that tell the server who asks
  ByHost verify_peer, verify_host;          ///< https: "false" turns a check off
  std::vector<Login> logins;                ///< the first that fits is used

  /// Nothing: as http_proxy, https_proxy and no_proxy say. Empty: directly. As with apt, https takes http's proxy when
  /// it has none of its own.
  std::optional<std::string> proxy_for(const ServerUrl& url) const;
  const Login* login_for(const ServerUrl& url) const;
  /// The host's own value, else that for all hosts, else empty.
  static std::string value_for(const ByHost& values, const std::string& host);
};

}  // namespace ainode
