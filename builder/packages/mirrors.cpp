// SPDX-License-Identifier: Apache-2.0
// Where archives are served: what the user gave, then what the host's own apt uses.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/process.h"
#include "builder/packages/apt_access.h"
#include "builder/packages/deb822.h"
#include "builder/packages/repositories.h"

namespace ainode {

namespace {

constexpr auto kAptDeadline = std::chrono::seconds(60);
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

std::string ask_apt(const std::vector<std::string>& arguments) {
  Command command;
  command.argv = {"apt-get"};
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  command.deadline = kAptDeadline;
  const ProcessResult result = run_process(command);
  return result.succeeded() ? result.output : "";  // a host without a usable apt is told the cure below
}

std::vector<std::string_view> split_columns(std::string_view line) {
  std::vector<std::string_view> columns;
  for (;;) {
    const std::size_t tab = line.find('\t');
    columns.push_back(line.substr(0, tab));
    if (tab == std::string_view::npos) return columns;
    line.remove_prefix(tab + 1);
  }
}

std::vector<AptMirror> from_targets(const std::string& output) {
  std::vector<AptMirror> mirrors;
  for (const std::string_view line : split_lines(output)) {
    const auto columns = split_columns(line);
    if (columns.size() != 5 || columns[0] != "Packages" || !is_usable(columns[1])) continue;
    mirrors.push_back(
        {without_last_slashes(columns[1]), std::string(columns[2]), std::string(columns[3]), std::string(columns[4])});
  }
  return mirrors;
}

/// Lines like 'URI/dists/SUITE/InRelease' NAME 0.
std::vector<AptMirror> from_printed_uris(const std::string& output) {
  constexpr std::string_view kDists = "/dists/", kInRelease = "/InRelease";
  std::vector<AptMirror> mirrors;
  for (std::string_view line : split_lines(output)) {
    const std::size_t end = line.find('\'', 1);
    if (line[0] != '\'' || end == std::string_view::npos) continue;
    line = line.substr(1, end - 1);
    const std::size_t dists = line.rfind(kDists);
    if (dists == std::string_view::npos || !line.ends_with(kInRelease) || !is_usable(line)) continue;
    const std::size_t start = dists + kDists.size();
    const std::string_view suite = line.substr(start, line.size() - kInRelease.size() - start);
    mirrors.push_back({without_last_slashes(line.substr(0, dists)), std::string(suite), "", ""});
  }
  return mirrors;
}

std::vector<AptMirror> apt_mirrors() {
  if (!find_program("apt-get")) return {};
  auto mirrors = from_targets(
      ask_apt({"indextargets", "--format", "$(CREATED_BY)\t$(REPO_URI)\t$(RELEASE)\t$(ORIGIN)\t$(LABEL)"}));
  if (mirrors.empty()) mirrors = from_printed_uris(ask_apt({"--print-uris", "update"}));
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
