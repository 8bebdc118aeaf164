// SPDX-License-Identifier: Apache-2.0
// Resolves goals on the mirrors of AINODE_MIRROR_* or the host's apt, and prints what it took, one package a line;
// counts and times go to standard error.
//   resolve_bench CACHE [--suites SUITE,…] [--components NAME,…] [--recommends] [--important] [tools | PACKAGE…]
//   resolve_bench CACHE [--suites SUITE,…] [--components NAME,…] --goals FILE [NAME…]
// Without packages: the goal of recipes/qemu-base.yaml. --important adds every package of Priority: important. --goals
// solves each line of tests/mirror/apt_goals.txt (or those named) without and with Recommends, in one process.
// tests/mirror/compare_with_apt.py holds all this against apt's answers.
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <utility>

#include "base/error.h"
#include "builder/packages/candidates.h"
#include "builder/packages/repositories.h"

namespace {

struct Options {
  std::string cache, goals;
  std::vector<std::string> suites = {"trixie", "trixie-security"}, components = {"main"};
  bool recommends = false, important = false;
  std::vector<std::string> words;  // packages, or names of goals
};

double seconds_of(int who) {
  rusage usage{};
  getrusage(who, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

long peak_megabytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss / 1024;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
  return parts;
}

bool take(const std::string& option, const std::string& value, Options& options) {
  if (option == "--suites") options.suites = split(value, ',');
  if (option == "--components") options.components = split(value, ',');
  if (option == "--goals") options.goals = value;
  return option == "--suites" || option == "--components" || option == "--goals";
}

bool parse(int argc, char** argv, Options& options) {
  if (argc < 2) return false;
  options.cache = argv[1];
  for (int i = 2; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--recommends") {
      options.recommends = true;
    } else if (word == "--important") {
      options.important = true;
    } else if (!word.starts_with("--")) {
      options.words.push_back(word);
    } else {
      const std::string value = ++i < argc ? argv[i] : "";
      if (value.empty() || !take(word, value, options)) return false;
    }
  }
  return true;
}

std::vector<ainode::Repository> repositories_of(const Options& options) {
  std::vector<ainode::Repository> repositories;
  for (const std::string& suite : options.suites) {
    ainode::Repository& made = repositories.emplace_back();
    made.id.value = suite;
    made.distribution.value = suite.ends_with("-security") ? "debian-security" : "debian";
    made.suite.value = suite;
    for (const std::string& component : options.components) made.components.push_back({component, {}});
  }
  return repositories;
}

ainode::Goal goal_of(const Options& options, const ainode::Candidates& candidates) {
  if (options.words == std::vector<std::string>{"tools"}) return ainode::tools_goal();
  ainode::Goal goal;
  goal.image = "bench";
  goal.recommends = options.recommends;
  for (const std::string& word : options.words) goal.install.push_back({word, {}});
  if (options.words.empty()) {
    for (const char* name :
         {"systemd-sysv", "udev", "dbus", "kmod", "iproute2", "ostree-boot", "linux-image-cloud-amd64"}) {
      goal.install.push_back({name, {}});
    }
  }
  if (!options.important) return goal;
  std::set<std::string_view> important;
  for (const auto& package : candidates.data->packages) {
    if (package.priority == 2) important.insert(package.name);
  }
  for (const std::string_view name : important) goal.install.push_back({std::string(name), {}});
  return goal;
}

void print(const std::vector<ainode::LockedPackage>& packages) {
  for (const auto& package : packages) fmt::print("{} {} {}\n", package.name, package.version, package.arch);
}

/// A line: NAME: PACKAGE… [PACKAGE=GLOB]…
ainode::Goal goal_from(const std::string& name, const std::string& line) {
  ainode::Goal goal;
  goal.image = name;
  std::istringstream words(line);
  for (std::string word; words >> word;) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) {
      goal.install.push_back({word, {}});
    } else {
      goal.pins[word.substr(0, equals)] = {word.substr(equals + 1), {}};
    }
  }
  return goal;
}

int resolve_goals(const Options& options, const ainode::Candidates& candidates) {
  const std::set<std::string> wanted(options.words.begin(), options.words.end());
  std::ifstream file(options.goals);
  int solved = 0;
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    if (line.starts_with("#") || colon == std::string::npos) continue;
    const std::string name = line.substr(0, colon);
    if (!wanted.empty() && !wanted.contains(name)) continue;
    ainode::Goal goal = goal_from(name, line.substr(colon + 2));
    for (const bool recommends : {false, true}) {
      goal.recommends = recommends;
      fmt::print("== {} {}\n", name, recommends ? "recommends" : "plain");
      try {
        print(ainode::resolve(goal, candidates));
      } catch (const ainode::Error& error) {
        fmt::print("failed\n");
        fmt::print(stderr, "{}: {}", name, ainode::render(error));
      }
      ++solved;
    }
  }
  return solved;
}

void resolve_and_print(const Options& options) {
  ainode::RunContext run{ainode::silent_events()};
  ainode::MirrorOptions mirror_options;
  if (const char* stale = std::getenv("AINODE_ACCEPT_STALE")) {
    for (const std::string& distribution : split(stale, ',')) mirror_options.accept_stale.insert(distribution);
  }
  for (const auto& [distribution, variable] :
       {std::pair{"debian", "AINODE_MIRROR_DEBIAN"}, std::pair{"debian-security", "AINODE_MIRROR_DEBIAN_SECURITY"}}) {
    if (const char* uri = std::getenv(variable)) mirror_options.given[distribution] = uri;
  }
  const auto mirrors = ainode::find_mirrors({"debian", "debian-security"}, mirror_options);
  const double start = seconds_of(RUSAGE_SELF), children = seconds_of(RUSAGE_CHILDREN);
  const auto candidates =
      ainode::read_repositories(run, repositories_of(options), "amd64", mirrors, mirror_options, options.cache);
  const double read = seconds_of(RUSAGE_SELF);
  std::string what;
  if (!options.goals.empty()) {
    what = fmt::format("{} goals", resolve_goals(options, candidates));
  } else {
    const auto packages = ainode::resolve(goal_of(options, candidates), candidates);
    print(packages);
    std::uint64_t bytes = 0;
    for (const auto& package : packages) bytes += package.size;
    what = fmt::format("{} packages, {:.1f} MB", packages.size(), static_cast<double>(bytes) / 1e6);
  }
  fmt::print(stderr,
             "{}; of {} packages; read {:.2f} CPU-s (and gpgv {:.2f}), resolve {:.3f} CPU-s, whole process {:.2f} "
             "CPU-s, peak {} MB\n",
             what, candidates.data->packages.size(), read - start, seconds_of(RUSAGE_CHILDREN) - children,
             seconds_of(RUSAGE_SELF) - read, seconds_of(RUSAGE_SELF), peak_megabytes());
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, options)) {
    fmt::print(stderr, "usage: resolve_bench CACHE [--suites …] [--components …] [--goals FILE] [PACKAGE…]\n");
    return 2;
  }
  try {
    resolve_and_print(options);
    return 0;
  } catch (const ainode::Error& error) {
    fmt::print(stderr, "{}", ainode::render(error));
    return static_cast<int>(error.code().exit);
  }
}
