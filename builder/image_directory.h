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

/// A directory beside `out` that takes its place by commit(), in one rename; without commit() it vanishes, and what a
/// killed build left of its own vanishes with the next one.
class NewImageDirectory {
 public:
  explicit NewImageDirectory(const std::filesystem::path& out);
  const std::filesystem::path& path() const { return path_; }
  void commit();

 private:
  std::filesystem::path out_;
  TemporaryDirectory scratch_;
  std::filesystem::path path_;
  Descriptor lock_;
};

}  // namespace ainode
