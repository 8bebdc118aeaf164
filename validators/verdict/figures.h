// SPDX-License-Identifier: Apache-2.0
// The figures of one image on one machine, of as many boots as there are reports.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/report.h"

namespace ainode {

/// By what the machine of a figure is told from another.
struct MachineFacts {
  std::string target;          ///< "qemu:two-nodes", "local"
  bool is_emulated = false;    ///< the machine's own speed is its host's
  std::string processor;       ///< of the machine, or of the host that emulates it; empty: not known, or several hosts
  std::size_t processors = 0;  ///< likewise; 0: not known, or several hosts
  std::string str() const;     ///< "qemu:two-nodes (emulated)", "local (Xeon …, 64 processors)"
  /// Whether what was counted there can be compared.
  bool is_alike(const MachineFacts& other) const;
  /// Whether what was timed there can: by the same kind of processor too.
  bool is_as_fast(const MachineFacts& other) const;
};

struct FigureSet {
  std::string image, commit, kernel_release;
  MachineFacts machine;
  std::size_t boots = 0;
  std::vector<Figure> figures;  ///< by name, each once; samples one a boot that measured it

  const Figure* find(const std::string& name) const;
};

/// Of a report of one boot, or of several merged ones. Throws figures_of_several where they were taken on different
/// machines; none at all is no error.
FigureSet figures_of(const Report& report);

}  // namespace ainode
