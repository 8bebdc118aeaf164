// SPDX-License-Identifier: Apache-2.0
// What differs between two images, read from what their directories hold and nothing else: manifests, locks, trees.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/manifest.h"
#include "base/steps.h"
#include "builder/compare_trees.h"
#include "builder/lock_diff.h"

namespace ainode {

/// One value that both sides have a word on; empty where a side does not have it.
struct ValueChange {
  std::string subject, before, after;
};

struct OutputChange {
  std::optional<OutputFile> before, after;  ///< their bytes differ, or one is absent
};

struct ImageDiff {
  Manifest before, after;
  LockDiff lock;                      ///< packages, recipe, repositories, the kernel's configuration; no scripts
  std::vector<ValueChange> identity;  ///< name, ref, architecture, profiles, keys, builder
  std::vector<FileChange> files;      ///< in the order of their paths
  std::vector<std::string> modules_added, modules_removed;  ///< kernel modules by name, whichever release
  std::vector<std::string> arguments_added, arguments_removed;
  bool arguments_reordered = false;
  std::vector<ValueChange> settings;                        ///< declared ones but for kernel arguments; values as JSON
  std::uint64_t installed_before = 0, installed_after = 0;  ///< bytes of the tree's contents, each once
  std::vector<OutputChange> outputs;

  bool empty() const;
};

/// Throws image_not_found, image_malformed, output_corrupt (a lock or commit that is not the manifest's), and what
/// reading a repository throws, each naming the image at fault.
ImageDiff diff_images(RunContext& run, const std::filesystem::path& before, const std::filesystem::path& after);

/// For people: counts, and at most `most_lines` lines a section; 0: all, with what lies in directories that came or
/// went as a whole.
std::string show_image_diff(const ImageDiff& diff, std::size_t most_lines);
/// Everything, without a schema.
Json image_diff_json(const ImageDiff& diff);

}  // namespace ainode
