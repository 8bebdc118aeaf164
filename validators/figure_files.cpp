// SPDX-License-Identifier: Apache-2.0
#include "validators/figure_files.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "validators/verdict/merge_reports.h"

namespace ainode {

namespace {

constexpr std::size_t kLargest = std::size_t{64} << 20;

std::vector<fs::path> files_at(const fs::path& path) {
  if (!fs::is_directory(path)) return {path};
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(path))
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  if (files.empty())
    throw Error(codes::report_not_found, fmt::format("the directory {} holds no report", path.string()))
        .help("name reports, or a directory of them: `ainode validate IMAGE -o DIR/1.json`");
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

Report read_reports(const std::vector<fs::path>& paths) {
  std::vector<NamedReport> reports;
  for (const fs::path& path : paths)
    for (const fs::path& file : files_at(path)) reports.push_back({file.string(), read_report(file)});
  return reports.size() == 1 ? std::move(reports[0].report) : merge_reports(reports);
}

FigureSet read_figures(const fs::path& path) {
  if (fs::is_regular_file(path) &&
      is_baseline(parse_json(read_file(path, kLargest), path.string(), codes::report_malformed)))
    return read_baseline(path).set;
  return figures_of(read_reports({path}));
}

}  // namespace ainode
