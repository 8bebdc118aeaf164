// SPDX-License-Identifier: Apache-2.0
// A disk image: raw or qcow2, its partition table, and ext4 from its first byte on. Whatever is refused is refused by
// an Error; what is read stays within its limits and reads the same twice.
#include <sys/mman.h>
#include <unistd.h>

#include "base/files.h"
#include "base/handle.h"
#include "tests/fuzz/promise.h"
#include "validators/machines/disk_image.h"

namespace ainode::fuzz {
namespace {

constexpr std::uint64_t kFileLimit = 65536;
constexpr int kDeepest = 4, kMostNames = 64;

/// Names and contents of all files, links followed.
std::string read_below(const Ext4& files, const std::string& directory, int depth, int& names_left) {
  std::string all;
  for (const std::string& name : files.list(directory)) {
    if (--names_left < 0) break;
    const std::string path = directory + "/" + name;
    promise(!name.empty() && name != "." && name != "..", "a name is a file's");
    all += path;
    accepts([&] {
      const std::string content = files.read_file(path, kFileLimit);
      promise(content.size() <= kFileLimit, "a file is no larger than its limit");
      all += content;
    });
    if (depth < kDeepest) accepts([&] { all += read_below(files, path, depth + 1, names_left); });
  }
  return all;
}

std::string read_all(const Ext4& files) {
  int names_left = kMostNames;
  return read_below(files, "", 0, names_left);
}

void judge_ext4(const DiskImage& disk, const DiskPartition& partition) {
  accepts([&] {
    const Ext4 files(disk, partition);
    std::string all;
    if (accepts([&] { all = read_all(files); })) promise(read_all(files) == all, "a disk reads the same twice");
  });
}

void judge_disk(const std::string& path) {
  std::unique_ptr<DiskImage> disk;
  if (!accepts([&] { disk = open_disk_image(path); })) return;
  judge_ext4(*disk, {"", 0, disk->size()});
  accepts([&] {
    for (const DiskPartition& partition : read_gpt(*disk)) {
      promise(partition.offset <= disk->size() && partition.size <= disk->size() - partition.offset,
              "a partition lies on its disk");
      judge_ext4(*disk, partition);
    }
  });
}

}  // namespace
}  // namespace ainode::fuzz

AINODE_FUZZ_TARGET(text) {
  using namespace ainode;
  const Descriptor file(memfd_create("disk", MFD_CLOEXEC));
  fuzz::promise(file.get() >= 0 && write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()),
                "the fuzzer can write");
  fuzz::judge_disk("/proc/self/fd/" + std::to_string(file.get()));
}
