// SPDX-License-Identifier: Apache-2.0
// What candidates are held to: the samples of an image on a machine, where they came from, and until when they hold.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "validators/verdict/figures.h"

namespace ainode {

struct Baseline {
  FigureSet set;
  std::string made, expires;         ///< dates: "2027-02-28"
  std::vector<std::string> reports;  ///< names of the files that it was made of

  Json to_json() const;  ///< schema ainode.baseline/1
  /// Throws baseline_malformed: also for a figure without samples, and for one that is not a number above 0.
  static Baseline from_json(const Json& json, const std::string& origin);
};

/// Days from `made`. Throws figures_of_several for a report without any figure too, since it is a baseline for nothing.
Baseline make_baseline(const Report& report, std::vector<std::string> names, const std::string& made, int valid_days);

/// Throws baseline_not_found, baseline_malformed.
Baseline read_baseline(const std::filesystem::path& file);

/// For the terminal: whose it is, and a line a figure.
std::string to_table(const Baseline& baseline);

/// Whether a file is a baseline rather than a report, by its schema; false where it is no JSON.
bool is_baseline(const Json& json);

/// "2027-02-28" of the UTC day; what is not such a date is refused as is_date tells.
bool is_date(const std::string& text);
std::string date_after(const std::string& date, int days);
std::string date_today();

}  // namespace ainode
