// SPDX-License-Identifier: Apache-2.0
// The Boot Loader Specification's type 1 entries, as OSTree writes them below /boot/loader (a link to loader.0 or
// loader.1): the one with the highest version is what a boot loader starts.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <tuple>

#include "base/error.h"
#include "validators/machines/disk_image.h"

namespace ainode {

namespace {

constexpr const char* kEntries = "/boot/loader/entries";
constexpr std::uint64_t kMaxEntry = 65536;

struct EntryFile {
  std::string name, title, version, options, kernel, initrd;
  /// OSTree numbers its deployments upwards in `version`.
  long order() const {
    long number = -1;
    std::from_chars(version.data(), version.data() + version.size(), number);
    return number;
  }
};

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

EntryFile parse_entry(const std::string& name, std::string_view text) {
  EntryFile entry;
  entry.name = name;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t space = std::min(line.find_first_of(" \t"), line.size());
    const std::string_view key = line.substr(0, space), value = trimmed(line.substr(space));
    if (key == "title") entry.title = value;
    if (key == "version") entry.version = value;
    if (key == "linux") entry.kernel = value;
    if (key == "initrd") entry.initrd = value;
    if (key == "options") entry.options += (entry.options.empty() ? "" : " ") + std::string(value);
  }
  return entry;
}

/// Paths count from the partition that holds the entries, which may or may not be mounted at /boot.
std::string read_boot_file(const Ext4& root, const std::string& path) {
  const std::string below_boot = "/boot/" + path;
  return root.read_file(root.exists(below_boot) ? below_boot : path);
}

DiskPartition find_root(const DiskImage& disk) {
  for (const DiskPartition& partition : read_gpt(disk)) {
    if (partition.type == kRootX86 || partition.type == kRootArm64) return partition;
  }
  throw Error(codes::image_malformed, fmt::format("{}: no partition has the type of a root file system", disk.name()));
}

}  // namespace

BootEntry read_boot_entry(const std::filesystem::path& path) {
  const std::unique_ptr<DiskImage> disk = open_disk_image(path);
  const Ext4 root(*disk, find_root(*disk));
  std::vector<EntryFile> entries;
  for (const std::string& name : root.list(kEntries)) {
    if (name.size() > 5 && name.ends_with(".conf"))
      entries.push_back(parse_entry(name, root.read_file(fmt::format("{}/{}", kEntries, name), kMaxEntry)));
  }
  if (entries.empty())
    throw Error(codes::image_malformed, fmt::format("{}: no boot entry lies in {}", disk->name(), kEntries));
  const auto newest = std::max_element(entries.begin(), entries.end(), [](const EntryFile& a, const EntryFile& b) {
    return std::tuple(a.order(), a.name) < std::tuple(b.order(), b.name);
  });
  if (newest->kernel.empty()) {
    throw Error(codes::image_malformed,
                fmt::format("{}: the boot entry {} names no kernel", disk->name(), newest->name));
  }
  BootEntry entry = {newest->title, newest->version, newest->options, read_boot_file(root, newest->kernel), ""};
  if (!newest->initrd.empty()) entry.initrd = read_boot_file(root, newest->initrd);
  return entry;
}

}  // namespace ainode
