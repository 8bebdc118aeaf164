// SPDX-License-Identifier: Apache-2.0
// Resolves a goal on the host's configured mirrors and prints what it took: one package a line, then counts and times.
//   resolve_bench CACHE [tools | PACKAGE...]
// Without packages: the goal of recipes/qemu-base.yaml. tests/mirror/compare_with_apt.py holds it against apt's answer.
#include <fmt/format.h>
#include <sys/resource.h>

#include <cstdio>
#include <ctime>

#include "base/error.h"
#include "builder/packages/repositories.h"

namespace {

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
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

ainode::Repository repository(const char* id, const char* distribution, const char* suite) {
  ainode::Repository made;
  made.id.value = id;
  made.distribution.value = distribution;
  made.suite.value = suite;
  made.components = {{"main", {}}};
  return made;
}

ainode::Goal goal_from(int argc, char** argv) {
  if (argc == 3 && std::string(argv[2]) == "tools") return ainode::tools_goal();
  ainode::Goal goal;
  goal.image = "qemu-base";
  for (int i = 2; i < argc; ++i) goal.install.push_back({argv[i], {}});
  if (argc > 2) return goal;
  for (const char* name :
       {"systemd-sysv", "udev", "dbus", "kmod", "iproute2", "ostree-boot", "linux-image-cloud-amd64"}) {
    goal.install.push_back({name, {}});
  }
  return goal;
}

void resolve_and_print(int argc, char** argv) {
  ainode::RunContext run{ainode::silent_events()};
  const std::vector<ainode::Repository> repositories = {repository("main", "debian", "trixie"),
                                                        repository("security", "debian-security", "trixie-security")};
  const ainode::MirrorOptions options;
  const auto mirrors = ainode::find_mirrors({"debian", "debian-security"}, options);
  const double start = cpu_seconds();
  const auto candidates = ainode::read_repositories(run, repositories, "amd64", mirrors, options, argv[1]);
  const double read = cpu_seconds();
  const auto packages = ainode::resolve(goal_from(argc, argv), candidates);
  const double resolved = cpu_seconds();
  std::uint64_t bytes = 0;
  for (const auto& package : packages) {
    fmt::print("{} {} {}\n", package.name, package.version, package.arch);
    bytes += package.size;
  }
  fmt::print(stderr, "{} packages, {:.1f} MB; read {:.2f} CPU-s, resolve {:.2f} CPU-s, peak {} MB\n", packages.size(),
             static_cast<double>(bytes) / 1e6, read - start, resolved - read, peak_megabytes());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: resolve_bench CACHE [tools | PACKAGE...]\n");
    return 2;
  }
  try {
    resolve_and_print(argc, argv);
    return 0;
  } catch (const ainode::Error& error) {
    fmt::print(stderr, "{}", ainode::render(error));
    return static_cast<int>(error.code().exit);
  }
}
