// SPDX-License-Identifier: Apache-2.0
// Where archives are served: what the user gave, then what the host's own apt uses.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/files.h"
#include "base/process.h"
#include "builder/packages/apt_access.h"
#include "builder/packages/deb822.h"
#include "builder/packages/repositories.h"

namespace ainode {

namespace {

constexpr auto kAptDeadline = std::chrono::seconds(60);
constexpr std::size_t kMostReleaseBytes = std::size_t{16} << 20;
constexpr const char* kFromApt = "from apt's configuration";

std::string environment_name(std::string distribution) {
  for (char& c : distribution) c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return "AINODE_MIRROR_" + distribution;
}

std::string cure(const std::string& distribution) {
  return fmt::format("give one: --mirror {}=URI or {}=URI", distribution, environment_name(distribution));
}

bool is_usable(std::string_view uri) {
  return uri.starts_with("http://") || uri.starts_with("https://") || uri.starts_with("file:///");
}

std::string without_last_slashes(std::string_view uri) {
  while (uri.ends_with('/')) uri.remove_suffix(1);
  return std::string(uri);
}

/// A mirror as apt knows it; Origin and Label only once apt has fetched its metadata.
struct AptMirror {
  std::string uri, suite, origin, label;
};

std::string distribution_of(const AptMirror& mirror) {
  if (mirror.origin == "Debian" && mirror.label == "Debian-Security") return "debian-security";
  if (mirror.origin == "Debian" || mirror.origin == "Debian Backports") return "debian";
  if (!mirror.origin.empty()) return "";
  // Nothing was fetched yet: Debian's security suites are named so, and both archives' paths end in their names.
  const bool is_security = mirror.suite.ends_with("-security") || mirror.suite.find("/updates") != std::string::npos;
  if (is_security || mirror.uri.ends_with("/debian-security")) return "debian-security";
  return mirror.uri.ends_with("/debian") ? "debian" : "";
}

std::string ask(const char* program, std::vector<std::string> arguments) {
  if (!find_program(program)) return "";
  Command command;
  command.argv = std::move(arguments);
  command.argv.insert(command.argv.begin(), program);
  command.deadline = kAptDeadline;
  const ProcessResult result = run_process(command);
  return result.succeeded() ? result.output : "";  // a host without a usable apt is told the cure below
}

/// Where apt keeps what it has fetched; empty where there is no apt.
fs::path apt_lists() {
  const std::string told = ask("apt-config", {"shell", "LISTS", "Dir::State::lists/d"});  // LISTS='/var/lib/apt/lists/'
  const std::size_t start = told.find('\''), end = told.rfind('\'');
  return start < end ? told.substr(start + 1, end - start - 1) : "";
}

/// The first field of this name. The signature is not looked at: it only tells archives apart, and whatever is fetched
/// from there must be signed by the right key.
std::string field_of(std::string_view release, const std::string& name) {
  const std::string start = "\n" + name + ": ";
  const std::size_t at = release.find(start);
  if (at == std::string_view::npos) return "";
  release.remove_prefix(at + start.size());
  return std::string(release.substr(0, release.find('\n')));
}

void read_origin(AptMirror& mirror, const fs::path& in_release) {
  try {
    const auto text = read_file_if_any(in_release, kMostReleaseBytes);
    if (!text) return;
    mirror.origin = field_of(*text, "Origin");
    mirror.label = field_of(*text, "Label");
  } catch (const Error& error) {
    if (error.code().id != codes::file_failed.id) throw;  // not for this user to read
  }
}

/// What apt would fetch: lines like 'URI/dists/SUITE/InRelease' NAME 0, and what it has fetched lies in its lists as
/// NAME. (`apt-get indextargets` would tell Origin and Label too, but reads all of apt's indices first.)
std::vector<AptMirror> apt_mirrors() {
  constexpr std::string_view kDists = "/dists/", kInRelease = "/InRelease";
  const std::string output = ask("apt-get", {"--print-uris", "update"});
  if (output.empty()) return {};
  const fs::path lists = apt_lists();
  std::vector<AptMirror> mirrors;
  for (const std::string_view line : split_lines(output)) {
    const std::size_t end = line.find('\'', 1);
    if (!line.starts_with('\'') || end == std::string_view::npos) continue;
    const std::string_view url = line.substr(1, end - 1);
    const std::size_t dists = url.rfind(kDists);
    if (dists == std::string_view::npos || !url.ends_with(kInRelease) || !is_usable(url)) continue;
    const std::size_t start = dists + kDists.size();
    const std::string_view suite = url.substr(start, url.size() - kInRelease.size() - start);
    AptMirror mirror{without_last_slashes(url.substr(0, dists)), std::string(suite), "", ""};
    const auto words = split_words(line.substr(end + 1));
    if (!words.empty() && !lists.empty()) read_origin(mirror, lists / words[0]);
    mirrors.push_back(std::move(mirror));
  }
  return mirrors;
}

void take_given(Mirrors& mirrors, const MirrorOptions& options) {
  for (const auto& [distribution, uri] : options.given) {
    if (!is_usable(uri)) {
      throw Error(codes::usage_error, fmt::format("the mirror of {} must be an http, https or file URI", distribution))
          .help(fmt::format("like --mirror {}=http://HOST/PATH, with the directory that holds dists/", distribution));
    }
    mirrors.uris[distribution] = without_last_slashes(uri);
    mirrors.origins[distribution] = "from --mirror";
  }
}

Mirrors locate(const std::set<std::string>& needed, const MirrorOptions& options) {
  Mirrors mirrors;
  take_given(mirrors, options);
  const auto is_missing = [&](const std::string& distribution) { return !mirrors.uris.contains(distribution); };
  if (std::none_of(needed.begin(), needed.end(), is_missing)) return mirrors;
  const auto known = apt_mirrors();
  for (const AptMirror& mirror : known) {
    const std::string distribution = distribution_of(mirror);
    if (distribution.empty() || !is_missing(distribution)) continue;
    mirrors.uris[distribution] = mirror.uri;
    mirrors.origins[distribution] = kFromApt;
  }
  const auto lacking = std::find_if(needed.begin(), needed.end(), is_missing);
  if (lacking == needed.end()) return mirrors;
  if (known.empty()) {
    throw Error(codes::apt_lists_empty,
                fmt::format("this machine's apt names no archive, so no mirror is known for {}", *lacking))
        .help(fmt::format("run apt-get update, or {}", cure(*lacking)));
  }
  throw Error(codes::no_mirror, fmt::format("this machine's apt has no mirror for {}", *lacking))
      .help(fmt::format("{} (the directory that holds dists/)", cure(*lacking)));
}

}  // namespace

const std::string& Mirrors::uri(const std::string& distribution) const {
  const auto it = uris.find(distribution);
  if (it != uris.end()) return it->second;
  throw Error(codes::no_mirror, fmt::format("no mirror is known for {}", distribution)).help(cure(distribution));
}

Mirrors find_mirrors(const std::set<std::string>& needed, const MirrorOptions& options) {
  Mirrors mirrors = locate(needed, options);
  std::set<std::string> uris;
  for (const auto& [distribution, uri] : mirrors.uris) {
    if (needed.contains(distribution) && uri.starts_with("http")) uris.insert(uri);
  }
  if (!uris.empty()) mirrors.fetch.access = find_server_access(uris);
  return mirrors;
}

}  // namespace ainode
