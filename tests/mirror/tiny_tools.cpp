// SPDX-License-Identifier: Apache-2.0
// Every program that a build runs in its trees, as small as can be and static: a package of the tiny archive holds it
// under each of their names (see make_tiny_mirror.py). It shapes bytes as a function of its input, as the real ones do.
#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <string_view>

namespace {

constexpr const char* kStatus = "/var/lib/dpkg/status";

bool copy(int from, int to) {
  char buffer[65536];
  for (ssize_t count = 0; (count = read(from, buffer, sizeof buffer)) != 0;) {
    if (count < 0 || write(to, buffer, static_cast<std::size_t>(count)) != count) return false;
  }
  return true;
}

/// What a package's maintainer script may ask for and not get; the file tells which.
int do_mischief() {
  const int file = open("/usr/share/mischief", O_RDONLY);
  char wish[32] = {};
  if (file < 0 || read(file, wish, sizeof wish - 1) < 0) return 0;
  close(file);
  if (std::strcmp(wish, "mount") == 0 && mount("none", "/mnt", "tmpfs", 0, nullptr) != 0) {
    dprintf(2, "cannot mount a tmpfs\n");
    return 32;
  }
  constexpr int kMoreThanAnyScript = 6000;
  for (int i = 0; std::strcmp(wish, "processes") == 0 && i < kMoreThanAnyScript; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      pause();
      _exit(0);
    }
    if (child < 0) {
      dprintf(2, "cannot fork\n");
      return 2;
    }
  }
  return 0;
}

/// dpkg --configure -a, where no package has scripts: all that is unpacked is installed.
int configure() {
  if (const int status = do_mischief()) return status;
  const int before = open(kStatus, O_RDONLY);
  std::string text;
  char buffer[4096];
  for (ssize_t count = 0; (count = read(before, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(count));
  close(before);
  constexpr std::string_view kUnpacked = "install ok unpacked";
  for (std::size_t at = 0; (at = text.find(kUnpacked, at)) != std::string::npos;)
    text.replace(at, kUnpacked.size(), "install ok installed");
  const int after = open(kStatus, O_WRONLY | O_TRUNC);
  return write(after, text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : 1;
}

/// The file system's image is the tar that it is made of.
int make_ext4(int argc, char** argv) {
  const char* tar = nullptr;
  for (int i = 1; i + 1 < argc; ++i)
    if (std::strcmp(argv[i], "-d") == 0) tar = argv[i + 1];
  if (!tar || argc < 3) return 1;
  const int from = open(tar, O_RDONLY), to = open(argv[argc - 2], O_WRONLY);
  return from >= 0 && to >= 0 && copy(from, to) ? 0 : 1;
}

int make_vfat(const char* file) {
  const int to = open(file, O_WRONLY);
  return to >= 0 && write(to, "tiny vfat", 9) == 9 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const char* slash = std::strrchr(argv[0], '/');
  const std::string_view name(slash ? slash + 1 : argv[0]);
  if (name == "sh" || name == "dpkg") return configure();
  if (name == "zstd") return copy(0, 1) ? 0 : 1;
  if (name == "mke2fs") return make_ext4(argc, argv);
  if (name == "mkfs.vfat") return make_vfat(argv[argc - 1]);
  return 0;
}
