// SPDX-License-Identifier: Apache-2.0
// apt-config says what apt would do; nothing of it is shown, since any of it may hold a password.
#include "builder/packages/apt_access.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/files.h"
#include "base/process.h"
#include "builder/packages/deb822.h"

namespace ainode {

namespace {

constexpr auto kAptDeadline = std::chrono::seconds(60);
constexpr std::size_t kMostAuthBytes = std::size_t{1} << 20;

/// "Acquire::http::Proxy::host" → {"acquire", "http", "proxy", "host"}: apt's names ignore case. A host may hold colons
/// of its own only as [::1], which apt cannot name either.
std::vector<std::string> split_name(std::string_view name) {
  std::vector<std::string> parts;
  for (;;) {
    const std::size_t colons = name.find("::");
    parts.push_back(lower_case(name.substr(0, colons)));
    if (colons == std::string_view::npos) return parts;
    name.remove_prefix(colons + 2);
  }
}

bool is_false(std::string_view value) {
  const std::string text = lower_case(value);
  return text == "false" || text == "no" || text == "0" || text == "off" || text == "without" || text == "disable";
}

std::string absolute(std::string_view directory, std::string_view name) {
  return name.empty() ? "" : (fs::path("/") / directory / name).string();
}

void take_setting(AptSettings& settings, const std::vector<std::string>& name, const std::string& value) {
  if (name.size() < 3 || name.size() > 4 || name[0] != "acquire" || value.empty()) return;
  const std::string& scheme = name[1];
  if (scheme != "http" && scheme != "https") return;
  const std::string& key = name[2];
  const std::string host = name.size() == 4 ? name[3] : "";
  const std::string check = is_false(value) ? "false" : "true";
  if (key == "proxy") settings.access.proxies[scheme][host] = value;
  if (host.empty() && key == "proxy-auto-detect") settings.detectors[scheme] = value;
  if (host.empty() && key == "proxyautodetect") settings.detectors.emplace(scheme, value);
  if (scheme != "https") return;
  if (key == "cainfo") settings.access.ca_files[host] = value;
  if (key == "sslcert") settings.access.client_certificates[host] = value;
  if (key == "sslkey") settings.access.client_keys[host] = value;
  if (key == "verify-peer") settings.access.verify_peer[host] = check;
  if (key == "verify-host") settings.access.verify_host[host] = check;
}

/// "[SCHEME://]HOST[:PORT][/PATH]"
std::optional<Login> parse_machine(std::string_view text) {
  Login login;
  if (const std::size_t end = text.find("://"); end != std::string_view::npos) {
    login.scheme = lower_case(text.substr(0, end));
    text.remove_prefix(end + 3);
  }
  const std::size_t slash = text.find('/');
  if (slash != std::string_view::npos) login.path = text.substr(slash);
  std::string_view host = text.substr(0, slash);
  // The colons of an IPv6 address stand in brackets.
  const std::size_t colon = host.rfind(':');
  if (colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos) {
    const std::string_view port = host.substr(colon + 1);
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), login.port);
    if (error != std::errc() || end != port.data() + port.size() || login.port <= 0) return std::nullopt;
    host = host.substr(0, colon);
  }
  login.host = lower_case(host);
  return login.host.empty() ? std::nullopt : std::optional(login);
}

std::string without_comments(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    if (!trim_blanks(line).starts_with('#')) out.append(line).push_back('\n');
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return out;
}

std::string run_quietly(std::vector<std::string> argv) {
  if (!find_program(argv[0])) return "";
  Command command;
  command.argv = std::move(argv);
  command.deadline = kAptDeadline;
  const ProcessResult result = run_process(command);
  return result.succeeded() ? result.output : "";
}

/// What this user may not read is apt's alone: the server then says that it wants a name.
void read_logins(std::vector<Login>& logins, const fs::path& path) {
  try {
    const auto text = read_file_if_any(path, kMostAuthBytes);
    if (!text) return;
    auto more = parse_logins(*text);
    std::move(more.begin(), more.end(), std::back_inserter(logins));
  } catch (const Error& error) {
    if (error.code().id != codes::file_failed.id) throw;
  }
}

/// As apt takes the files of its directories: names that end in .conf, sorted.
std::vector<fs::path> parts_in(const std::string& directory) {
  std::vector<fs::path> parts;
  std::error_code ignored;
  if (directory.empty()) return parts;
  for (fs::directory_iterator it(directory, ignored), end; !ignored && it != end; it.increment(ignored)) {
    if (it->path().extension() == ".conf" && it->is_regular_file(ignored)) parts.push_back(it->path());
  }
  std::sort(parts.begin(), parts.end());
  return parts;
}

/// The program's answer is one line: a URI, DIRECT, or nothing. It speaks for one host.
void detect_proxy(ServerAccess& access, const AptSettings& settings, const ServerUrl& url) {
  auto detector = settings.detectors.find(url.scheme);
  if (detector == settings.detectors.end()) detector = settings.detectors.find("http");
  if (detector == settings.detectors.end() || access.proxies[url.scheme].contains(url.host)) return;
  const std::string output = run_quietly({detector->second, url.scheme + "://" + url.host});
  const std::string_view proxy = trim_blanks(output);
  if (!proxy.empty() && proxy.find('\n') == std::string_view::npos) access.proxies[url.scheme][url.host] = proxy;
}

}  // namespace

AptSettings parse_apt_settings(std::string_view dump) {
  AptSettings settings;
  std::string etc = "etc/apt", netrc, parts;
  for (const std::string_view line : split_lines(dump)) {
    const std::size_t tab = line.find('\t');
    if (tab == std::string_view::npos) continue;
    const auto name = split_name(line.substr(0, tab));
    const std::string value(trim_blanks(line.substr(tab + 1)));
    take_setting(settings, name, value);
    if (name.size() == 2 && name[0] == "dir" && name[1] == "etc") etc = value;
    if (name.size() != 3 || name[0] != "dir" || name[1] != "etc") continue;
    if (name[2] == "netrc") netrc = value;
    if (name[2] == "netrcparts") parts = value;
  }
  settings.netrc = absolute(etc, netrc);
  settings.netrc_parts = absolute(etc, parts);
  return settings;
}

std::vector<Login> parse_logins(std::string_view text) {
  std::vector<Login> logins;
  std::optional<Login> current;
  const auto finish = [&] {
    if (current && (!current->user.empty() || !current->password.empty())) logins.push_back(*current);
    current.reset();
  };
  const std::string plain = without_comments(text);
  const auto words = split_words(plain);
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i] == "machine") {
      finish();
      current = parse_machine(words[++i]);
    } else if (words[i] == "login") {
      ++i;
      if (current) current->user = words[i];
    } else if (words[i] == "password") {
      ++i;
      if (current) current->password = words[i];
    }
  }
  finish();
  return logins;
}

ServerAccess find_server_access(const std::set<std::string>& uris) {
  const AptSettings settings = parse_apt_settings(run_quietly({"apt-config", "dump", "--format", "%F\t%v%n"}));
  ServerAccess access = settings.access;
  if (!settings.netrc.empty()) read_logins(access.logins, settings.netrc);
  for (const fs::path& part : parts_in(settings.netrc_parts)) read_logins(access.logins, part);
  for (const std::string& uri : uris) {
    const auto url = parse_url(uri);
    if (url && (url->scheme == "http" || url->scheme == "https")) detect_proxy(access, settings, *url);
  }
  return access;
}

}  // namespace ainode
