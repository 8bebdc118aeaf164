// SPDX-License-Identifier: Apache-2.0
// The directory that `build --out` writes: appears whole, replaces only an image, and is known to be unchanged without
// being read.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/lock.h"
#include "base/manifest.h"
#include "base/recipe.h"

namespace ainode {

class Store;

/// Throws out_not_empty unless `out` is absent, empty, or an image of ours.
void require_replaceable(const std::filesystem::path& out);

/// The image's own repository. Throws image_malformed where there is none, output_corrupt where it does not hold the
/// manifest's commit under the manifest's ref.
Store open_image_repository(const std::filesystem::path& image, const Manifest& manifest);

/// What an image depends on: recipe, lock, signing keys and this program.
std::string image_identity(const Recipe& recipe, const Lock& lock, const std::vector<std::filesystem::path>& keys);

/// The manifest at `out` when it was built with this identity and no file has been touched since (size and times).
std::optional<Manifest> unchanged_image(const Store& store, const std::filesystem::path& out,
                                        const std::string& identity);
void remember_image(Store& store, const std::filesystem::path& out, const std::string& identity);

/// Removes what killed builds left beside `out`, as a rerun that finds nothing changed must do, too.
void clear_scratch_beside(const std::filesystem::path& out);

/// A directory beside `out` that takes its place by commit(), in one rename; without commit() it vanishes, and what a
/// killed build left of its own vanishes with the next one.
class NewImageDirectory {
 public:
  explicit NewImageDirectory(const std::filesystem::path& out);
  const std::filesystem::path& path() const { return path_; }
  void commit();

 private:
  /// While it is locked, no other build takes it for one that a killed build left.
  struct Scratch {
    Descriptor lock;
    TemporaryDirectory directory;  ///< goes before the lock does
  };
  static Scratch make_scratch(const std::filesystem::path& parent);

  std::filesystem::path out_;
  Scratch scratch_;
  std::filesystem::path path_;
};

}  // namespace ainode
