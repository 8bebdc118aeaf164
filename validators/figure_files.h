// SPDX-License-Identifier: Apache-2.0
// Gate, compare and baselines for programs: figures from files.
#pragma once

#include <string>
#include <vector>

#include "base/files.h"
#include "base/report.h"
#include "validators/verdict/gate.h"

namespace ainode {

/// One report of several boots; each of the paths is a report, or a directory of nothing but reports (*.json).
Report read_reports(const std::vector<fs::path>& paths);

/// As read_reports, or what a baseline holds.
FigureSet read_figures(const fs::path& path);

}  // namespace ainode
