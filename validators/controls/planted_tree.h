// SPDX-License-Identifier: Apache-2.0
// An image's commit as it would be with a defect: nothing is written.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "validators/controls/control.h"
#include "validators/tree/committed_tree.h"

namespace ainode::controls {

class PlantedTree : public tree::CommittedTree {
 public:
  PlantedTree(const std::filesystem::path& repository, const std::string& commit);
  /// Puts these in the places of files that are there; later ones win.
  void plant(const PlantedFiles& files);

  std::optional<std::string> read_file(const std::string& path) const override;
  std::optional<checks::FileStatus> status(const std::string& path) const override;
  std::optional<std::vector<std::string>> privileged_files() const override;
  std::string kernel_release() const override;

 private:
  PlantedFiles planted_;
};

}  // namespace ainode::controls
