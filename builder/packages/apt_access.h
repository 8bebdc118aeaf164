// SPDX-License-Identifier: Apache-2.0
// How the host's apt reaches servers: its proxies, its names and passwords, its certificates.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/server_access.h"

namespace ainode {

/// Lines "FULL::NAME<tab>VALUE" of `apt-config dump`, those below Acquire::http and Acquire::https: Proxy,
/// Proxy-Auto-Detect, CaInfo, SslCert, SslKey, Verify-Peer, Verify-Host, each for all hosts or for one
/// (Acquire::http::Proxy::HOST).
struct AptSettings {
  ServerAccess access;
  std::string netrc, netrc_parts;                             ///< Dir::Etc::netrc and netrcparts, absolute
  std::map<std::string, std::string, std::less<>> detectors;  ///< scheme → program that names a host's proxy
};
AptSettings parse_apt_settings(std::string_view dump);

/// The entries of one auth.conf (apt_auth.conf(5)). Tokens it does not know are skipped; an entry without name and
/// password is dropped.
std::vector<Login> parse_logins(std::string_view text);

/// Asks apt-config, reads auth.conf and auth.conf.d as far as this user may, and runs apt's proxy detector for each of
/// `uris`. A host without apt gives an empty answer: then the environment's proxies hold.
ServerAccess find_server_access(const std::set<std::string>& uris);

}  // namespace ainode
