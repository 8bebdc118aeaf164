// SPDX-License-Identifier: Apache-2.0
// What a pipeline holds a candidate to: limits of figures, checks that must pass, and waivers that end by themselves.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "validators/verdict/figures.h"

namespace ainode {

struct Limit {
  std::string figure;
  std::optional<double> regress;            ///< 0.03: how much worse than the baseline it may become
  std::optional<double> at_least, at_most;  ///< in the figure's unit, whatever the baseline says
};

struct Waiver {
  std::string subject;  ///< a figure or a check
  std::string tracker;  ///< where it is being dealt with
  std::string expires;  ///< the last day on which it counts: "2027-02-28"
};

struct Policy {
  std::vector<Limit> limits;           ///< in the file's order; each figure once
  std::vector<std::string> must_pass;  ///< ids of checks for which a skip is not enough
  std::vector<Waiver> waivers;
};

/// limits: {FIGURE: {regress: 3%, at-least: N, at-most: N}}, must-pass: [CHECK], waivers: [{subject, tracker,
/// expires}]. Strict as recipes are: each mistake is an error of the R codes with its place and cure.
Policy parse_policy(std::string_view yaml, const std::string& file);
Policy read_policy(const std::filesystem::path& file);  ///< throws policy_not_found too

/// Where no policy is given: every figure of the baseline, 1 % where events were counted, else 5 %.
Policy usual_policy(const FigureSet& baseline);

/// "3%", "0.5 %": above 0 and below 100 %; nothing for another text. A bare number is not one.
std::optional<double> parse_percent(std::string_view text);

}  // namespace ainode
