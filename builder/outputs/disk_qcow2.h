// SPDX-License-Identifier: Apache-2.0
// Writing a qcow2 (version 3, uncompressed, 64 KiB clusters; QEMU's docs/interop/qcow2.txt) from the parts of a disk.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/files.h"

namespace ainode {

/// A stretch of the virtual disk: a file's bytes, or bytes in memory when `file` is empty.
struct DiskPart {
  std::uint64_t offset = 0;  ///< bytes; a multiple of the cluster size, or bytes that no other part's cluster holds
  std::filesystem::path file;
  std::string bytes;
};

/// Writes the image in one pass over the parts, which are ascending and share no cluster. A cluster is stored if and
/// only if it has a byte that is not zero, so the result does not depend on how the host keeps holes.
/// Throws file_failed or disk_full; answers interrupts.
void write_qcow2(AtomicFile& output, std::uint64_t disk_size, const std::vector<DiskPart>& parts);

}  // namespace ainode
