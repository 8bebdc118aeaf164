// SPDX-License-Identifier: Apache-2.0
// A download that outlives a failed run: what came so far stays under a name of its own until it is whole and right.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

#include "base/crypto.h"
#include "base/files.h"

namespace ainode {

/// Locked while open, so that one process writes it. Nothing in it is trusted: whoever finishes it hashes all of it.
/// An empty one vanishes when it is closed.
class PartialFile {
 public:
  /// Null when another process has it open.
  static std::unique_ptr<PartialFile> open(const fs::path& path);
  ~PartialFile();
  PartialFile(const PartialFile&) = delete;

  /// Removes those in a directory that nobody has written to for so long and nobody has open now. What cannot be
  /// removed stays.
  static void remove_older(const fs::path& directory, std::chrono::hours age);

  std::uint64_t size() const { return size_; }
  /// Feeds what is held to a hash.
  void hash_into(Sha256& hash) const;
  void write(std::string_view bytes);
  void start_over();
  /// Gives it its final name; it must be whole and right.
  void commit(const fs::path& final_path);

 private:
  PartialFile(fs::path path, Descriptor file, std::uint64_t size)
      : path_(std::move(path)), file_(std::move(file)), size_(size) {}

  fs::path path_;
  Descriptor file_;
  std::uint64_t size_ = 0;
};

}  // namespace ainode
