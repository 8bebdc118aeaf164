// SPDX-License-Identifier: Apache-2.0
// By using up what the host has: processes, memory, the patience of whoever reads.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "escape_probe.h"

namespace escape {

namespace {

/// Children that fork for ever; the limit is the first argument. Waits at the height of it for a line of input.
void fork_bomb(const Arguments& limit) {
  // One after the other first, to count them.
  long children = 0;
  pid_t child = 0;
  while ((child = fork()) > 0) ++children;
  if (child == 0) {
    for (;;) pause();
  }
  const std::string stop = error_name();
  say("stopped by " + stop);
  say(children > 2 && children < std::stol(limit[0]) ? "within the limit" : std::to_string(children) + " children");
  // Then all at once.
  kill(-1, SIGKILL);
  while (wait(nullptr) > 0) {
  }
  for (int starter = 0; starter < 4; ++starter) {
    if (fork() == 0) {
      for (;;) fork();
    }
  }
  usleep(200000);
  std::fputs("at its height\n", stderr);
  usleep(200000);
}

/// In one process; the limit in bytes is the first argument.
void memory_bomb(const Arguments& limit) {
  constexpr std::size_t kPiece = std::size_t{8} << 20;
  std::size_t held = 0;
  for (void* piece = nullptr;
       (piece = mmap(nullptr, kPiece, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) != MAP_FAILED;
       held += kPiece)
    std::memset(piece, 1, kPiece);
  say("stopped by " + error_name());
  say(held < std::stoul(limit[0]) ? "within the limit" : "held " + std::to_string(held));
}

/// What files in memory may take together: never all of the machine's.
void memory_files(const Arguments&) {
  struct sysinfo machine = {};
  sysinfo(&machine);
  unsigned long long bytes = 0;
  for (const char* path : {"/tmp", "/run", "/work", "/dev", "/dev/shm"}) {
    struct statvfs status = {};
    statvfs(path, &status);
    bytes += static_cast<unsigned long long>(status.f_blocks) * status.f_frsize;
  }
  say(bytes < std::uint64_t{machine.totalram} * machine.mem_unit ? "less than the machine's memory"
                                                                 : "all memory and more");
}

void endless_output(const Arguments&) {
  const std::string text(65536, 'x');
  for (;;) {
    if (write(1, text.data(), text.size()) < 0 || write(2, text.data(), text.size()) < 0) return;
  }
}

}  // namespace

const std::vector<Probe>& limit_probes() {
  static const std::vector<Probe> probes = {
      {"fork-bomb", fork_bomb},
      {"memory-bomb", memory_bomb},
      {"memory-files", memory_files},
      {"endless-output", endless_output},
  };
  return probes;
}

}  // namespace escape
