// SPDX-License-Identifier: Apache-2.0
// The system root as a tar, the tar as ext4, the partitions as one qcow2. File systems come from the tools tree's
// programs, whose versions are locked; the partition table and the container are plain formats and written here.
#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/files.h"
#include "builder/outputs/disk_qcow2.h"
#include "builder/outputs/disk_sysroot.h"
#include "builder/outputs/disk_table.h"
#include "builder/outputs/outputs.h"
#include "builder/sandbox/sandbox.h"

namespace ainode {

namespace {

constexpr std::uint64_t kMebibyte = std::uint64_t{1} << 20, kBlock = 4096, kInodeSize = 256;
constexpr std::uint64_t kSmallestFat32 = 34 * kMebibyte;  // fewer clusters would make it FAT16 by definition
const std::string kWorkInside = "/work/disk";

struct TypeUuid {
  std::string_view type, architecture, uuid;  // an empty architecture: any
};
/// UEFI 2.10, table 5.7, and the Discoverable Partitions Specification.
constexpr TypeUuid kTypeUuids[] = {
    {"esp", "", "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"},
    {"root", "amd64", "4f68bce3-e8cd-4db1-96e7-fbcaf984b709"},
    {"root", "arm64", "b921b045-1df0-41c3-af44-4c6f280d3fae"},
};

std::string type_uuid(const Text& type, const std::string& architecture) {
  for (const TypeUuid& row : kTypeUuids)
    if (row.type == type.value && (row.architecture.empty() || row.architecture == architecture))
      return std::string(row.uuid);
  throw Error(codes::bad_value, fmt::format("partition type `{}` is not known for {}", type.value, architecture))
      .at(type.place)
      .help("known types: esp, root");
}

std::string derived_uuid(const DiskOptions& options, const std::string& what) {
  return uuid_v5(options.seed + "/disk/" + what);
}

Error too_small(const Partition& partition, std::uint64_t needed) {
  const std::uint64_t mebibytes = (needed + kMebibyte - 1) / kMebibyte;
  return Error(codes::disk_too_small, fmt::format("partition `{}` is too small: {} MiB, but its content needs {} MiB",
                                                  partition.id.value, partition.size.value / kMebibyte, mebibytes))
      .at(partition.size.place)
      .help(fmt::format("give it `size: {}M` or more", mebibytes));
}

/// The numbers that mke2fs is told, so that what it needs can be known beforehand.
struct Ext4Plan {
  std::uint64_t inodes, journal, needed;  ///< journal and needed in bytes
};
Ext4Plan plan_ext4(std::uint64_t size, const SysrootSize& content) {
  Ext4Plan plan{};
  plan.inodes = std::max(size / 16384, content.inodes + content.inodes / 4 + 64);
  plan.journal = std::clamp(size / 32 / kMebibyte, std::uint64_t{4}, std::uint64_t{64}) * kMebibyte;
  const std::uint64_t groups = size / (32768 * kBlock) + 1;
  const std::uint64_t fixed = 4 * kMebibyte + groups * 8 * kBlock;  // bitmaps, descriptors, orphan file
  plan.needed = fixed + plan.journal + plan.inodes * kInodeSize + content.blocks * kBlock;
  return plan;
}

/// The size, from `size` upward, in which the content fits: a larger file system needs more for itself.
std::uint64_t fitting_ext4(std::uint64_t size, const SysrootSize& content) {
  for (;;) {
    const std::uint64_t needed = plan_ext4(size, content).needed;
    if (needed <= size) return size;
    size = (needed + kMebibyte - 1) / kMebibyte * kMebibyte;
  }
}

class DiskMaker {
 public:
  DiskMaker(RunContext& run, const Store& store, const ToolsTree& tools, const DiskOptions& options)
      : run_(run), store_(store), tools_(tools), options_(options), work_(store.work_directory(), "disk-") {}

  void make(const std::string& commit, const std::filesystem::path& output) {
    const std::vector<TablePartition> places = place_partitions();
    std::vector<DiskPart> parts;
    for (std::size_t i = 0; i < places.size(); ++i) {
      const Partition& partition = options_.partitions[i];
      const std::string file = fmt::format("partition-{}", i);
      parts.push_back({places[i].offset, make_empty_file(file, partition.size.value), {}});
      partition.type.value == "esp" ? make_esp(partition, file) : make_root(partition, file, commit);
    }
    // From here every partition's bytes lie in the work directory.
    const PartitionTable table = make_partition_table(derived_uuid(options_, "table"), places);
    parts.insert(parts.begin(), DiskPart{0, {}, table.primary});
    parts.push_back({table.disk_size - table.backup.size(), {}, table.backup});
    AtomicFile image(output);
    write_qcow2(image, table.disk_size, parts);
    // Before the image is synced: what is removed now need never reach the disk.
    for (const DiskPart& part : parts)
      if (!part.file.empty()) std::filesystem::remove(part.file);
    image.commit();
  }

 private:
  std::vector<TablePartition> place_partitions() const {
    std::vector<TablePartition> places;
    std::uint64_t offset = kDiskAlignment;
    for (const Partition& partition : options_.partitions) {
      const std::string& id = partition.id.value;
      places.push_back({type_uuid(partition.type, options_.architecture), derived_uuid(options_, "partition/" + id), id,
                        offset, partition.size.value});
      offset += partition.size.value;
    }
    const auto roots = std::count_if(options_.partitions.begin(), options_.partitions.end(),
                                     [](const Partition& partition) { return partition.type.value == "root"; });
    if (roots != 1) throw Error(codes::bad_value, "disk.partitions must hold exactly one partition of type `root`");
    return places;
  }

  std::filesystem::path make_empty_file(const std::string& name, std::uint64_t size) const {
    std::filesystem::path path = work_.path() / name;
    open_file(path, O_WRONLY | O_CREAT | O_EXCL);
    std::filesystem::resize_file(path, size);
    return path;
  }

  void make_esp(const Partition& partition, const std::string& file) const {
    if (partition.size.value < kSmallestFat32) throw too_small(partition, kSmallestFat32);
    const std::string volume_id = derived_uuid(options_, "filesystem/" + partition.id.value).substr(0, 8);
    run_tool({"mkfs.vfat", "-F", "32", "--invariant", "-i", volume_id, "-n", "ESP", file});
  }

  void make_root(const Partition& partition, const std::string& file, const std::string& commit) const {
    const std::filesystem::path tar = work_.path() / "sysroot.tar";
    const SysrootSize content = write_tar(commit, tar);
    const Ext4Plan plan = plan_ext4(partition.size.value, content);
    run_.events.detail("disk", fmt::format("partition {} needs {} of {} MiB", partition.id.value,
                                           plan.needed / kMebibyte, partition.size.value / kMebibyte));
    if (plan.needed > partition.size.value) throw too_small(partition, fitting_ext4(partition.size.value, content));
    const std::string uuid = derived_uuid(options_, "filesystem/" + partition.id.value);
    const std::string hash_seed = derived_uuid(options_, "hash-seed/" + partition.id.value);
    run_tool(
        {"mke2fs",
         "-q",
         "-t",
         "ext4",
         "-F",
         "-d",
         "sysroot.tar",
         "-L",
         options_.os_name,
         "-U",
         uuid,
         "-b",
         "4096",
         "-I",
         fmt::to_string(kInodeSize),
         "-N",
         fmt::to_string(plan.inodes),
         "-J",
         fmt::format("size={}", plan.journal / kMebibyte),
         "-m",
         "0",
         "-O",
         "verity,^resize_inode",
         "-E",
         fmt::format("hash_seed={},root_owner=0:0,lazy_itable_init=0,assume_storage_prezeroed=1,nodiscard", hash_seed),
         file,
         fmt::to_string(partition.size.value / kBlock)});
    std::filesystem::remove(tar);
  }

  SysrootSize write_tar(const std::string& commit, const std::filesystem::path& path) const {
    Deployment deployment{options_.os_name,        options_.ref,  commit, disk_kernel_arguments(options_),
                          options_.openpgp_public, options_.epoch};
    const Descriptor file = open_file(path, O_WRONLY | O_CREAT | O_EXCL);
    std::string buffer;
    const SysrootSize size = write_sysroot(store_, deployment, [&](std::string_view bytes) {
      if (buffer.size() + bytes.size() > kMebibyte) {
        write_all(file.get(), buffer, path);
        buffer.clear();
      }
      if (bytes.size() > kMebibyte)
        write_all(file.get(), bytes, path);
      else
        buffer += bytes;
    });
    write_all(file.get(), buffer, path);
    return size;
  }

  void run_tool(std::vector<std::string> argv) const {
    throw_if_interrupted();
    SandboxCommand command;
    command.root = tools_.root;
    command.argv = std::move(argv);
    command.environment = {{"E2FSPROGS_FAKE_TIME", fmt::to_string(options_.epoch)}};
    command.binds = {{work_.path(), kWorkInside, true}};
    command.directory = kWorkInside;
    command.source_date_epoch = options_.epoch;
    const ProcessResult result = run_in_sandbox(command);
    if (result.succeeded()) return;
    const std::string words = result.errors.empty() ? result.output : result.errors;
    throw Error(codes::tool_failed, fmt::format("`{}` of the tools tree failed (exit status {}): {}",
                                                command.argv.front(), result.exit_code, printable(words)));
  }

  RunContext& run_;
  const Store& store_;
  const ToolsTree& tools_;
  const DiskOptions& options_;
  TemporaryDirectory work_;
};

}  // namespace

std::vector<std::string> disk_kernel_arguments(const DiskOptions& options) {
  // rw: ostree-prepare-root makes /sysroot and /usr read-only itself, and leaves /etc and /var writable.
  // gpt_auto=0: systemd would mount the ESP over /boot, where the deployment's boot entries are, and fail.
  std::vector<std::string> arguments = {"root=LABEL=" + options.os_name, "rw", "systemd.gpt_auto=0"};
  arguments.insert(arguments.end(), options.kernel_arguments.begin(), options.kernel_arguments.end());
  return arguments;
}

void make_disk(RunContext& run, const Store& store, const std::string& commit, const ToolsTree& tools,
               const DiskOptions& options, const std::filesystem::path& output) {
  DiskMaker(run, store, tools, options).make(commit, output);
}

}  // namespace ainode
