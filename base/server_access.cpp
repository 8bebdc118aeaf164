// SPDX-License-Identifier: Apache-2.0
// URLs are taken apart by libcurl's own reader, so that what is judged here is what is asked for there.
#include "base/server_access.h"

#include <curl/curl.h>

#include <algorithm>
#include <cstdlib>

#include "base/handle.h"

namespace ainode {

namespace {

using CurlUrl = Handle<CURLU, curl_url_cleanup>;
using CurlText = Handle<char, curl_free>;

std::string part_of(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return "";
  return CurlText(text).get();
}

std::string plain_of(CURLU* url) {
  curl_url_set(url, CURLUPART_USER, nullptr, 0);
  curl_url_set(url, CURLUPART_PASSWORD, nullptr, 0);
  return part_of(url, CURLUPART_URL);
}

bool is_direct(const std::string& proxy) {
  return lower_case(proxy) == "direct";
}

}  // namespace

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return lower;
}

bool ServerUrl::has_same_server(const ServerUrl& other) const {
  return scheme == other.scheme && host == other.host && port == other.port;
}

std::optional<ServerUrl> parse_url(const std::string& url) {
  const CurlUrl parsed(curl_url());
  if (!parsed || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK) {
    return std::nullopt;
  }
  ServerUrl parts;
  parts.scheme = lower_case(part_of(parsed.get(), CURLUPART_SCHEME));
  parts.host = lower_case(part_of(parsed.get(), CURLUPART_HOST));
  parts.path = part_of(parsed.get(), CURLUPART_PATH);
  parts.port = std::atoi(part_of(parsed.get(), CURLUPART_PORT).c_str());
  parts.user = part_of(parsed.get(), CURLUPART_USER, CURLU_URLDECODE);
  parts.password = part_of(parsed.get(), CURLUPART_PASSWORD, CURLU_URLDECODE);
  parts.plain = plain_of(parsed.get());
  return parts;
}

std::string without_secrets(const std::string& url) {
  const auto parts = parse_url(url);
  return parts ? parts->plain : "(not a URL)";
}

bool Login::fits(const ServerUrl& url) const {
  return url.scheme == (scheme.empty() ? "https" : scheme) && url.host == host && (port == 0 || port == url.port) &&
         url.path.starts_with(path);
}

std::string ServerAccess::value_for(const ByHost& values, const std::string& host) {
  auto it = values.find(host);
  if (it == values.end()) it = values.find("");
  return it == values.end() ? "" : it->second;
}

std::optional<std::string> ServerAccess::proxy_for(const ServerUrl& url) const {
  // A host's own line comes before any line for all hosts, whichever scheme it stands under.
  for (const std::string& host : {url.host, std::string()}) {
    for (const std::string& scheme : {url.scheme, std::string("http")}) {
      const auto of_scheme = proxies.find(scheme);
      if (of_scheme == proxies.end()) continue;
      const auto proxy = of_scheme->second.find(host);
      if (proxy == of_scheme->second.end() || proxy->second.empty()) continue;
      return is_direct(proxy->second) ? "" : proxy->second;
    }
  }
  return std::nullopt;
}

const Login* ServerAccess::login_for(const ServerUrl& url) const {
  const auto it = std::find_if(logins.begin(), logins.end(), [&](const Login& login) { return login.fits(url); });
  return it == logins.end() ? nullptr : &*it;
}

}  // namespace ainode
