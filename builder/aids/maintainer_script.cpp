// SPDX-License-Identifier: Apache-2.0
// File times come from the kernel's coarse clock, or a little after it (multigrain timestamps): so a script's begin is
// read from the coarse clock and its end from the fine one, and whatever it changed has a time from begin to end. A
// script never begins in the tick in which another ended.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "builder/aids/aids.h"
#include "builder/aids/record.h"

namespace ainode::aids {

namespace {

long long now(clockid_t clock) {
  timespec time = {};
  clock_gettime(clock, &time);
  return time.tv_sec * 1'000'000'000LL + time.tv_nsec;
}

/// When the last record was written, which is after its script's end.
long long last_end() {
  struct stat status = {};
  if (stat((kAidDirectory + "/notes/scripts").c_str(), &status) != 0) return 0;
  return status.st_mtim.tv_sec * 1'000'000'000LL + status.st_mtim.tv_nsec;
}

long long begin_in_a_tick_of_its_own() {
  const timespec short_while = {0, 500'000};
  for (int tries = 0; tries < 100 && now(CLOCK_REALTIME_COARSE) <= last_end(); ++tries)
    nanosleep(&short_while, nullptr);
  return now(CLOCK_REALTIME_COARSE);
}

}  // namespace

int run_maintainer_script(const std::string& path, const Arguments& arguments) {
  const std::string name = path.substr(path.rfind('/') + 1);
  // debconf looks for templates and the config script beside the path it is given: they lie beside this one too.
  const std::string script = kAidDirectory + "/info/" + name;
  std::vector<char*> words = {const_cast<char*>(script.c_str())};
  for (const std::string& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);

  const long long begin = begin_in_a_tick_of_its_own();
  const pid_t child = fork();
  if (child == 0) {
    execv(script.c_str(), words.data());
    dprintf(2, "ainode: cannot run %s: %s\n", script.c_str(), std::strerror(errno));
    _exit(126);
  }
  int status = 0;
  while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  note("scripts", {escaped(name), arguments.empty() ? "" : escaped(arguments[0]), std::to_string(begin),
                   std::to_string(now(CLOCK_REALTIME))});
  if (child < 0) return 126;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace ainode::aids
