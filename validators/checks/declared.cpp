// SPDX-License-Identifier: Apache-2.0
#include "validators/checks/declared.h"

#include <fmt/format.h>

#include <vector>

#include "validators/checks/text.h"

namespace ainode::checks {

std::string placed(const Declaration& declaration) {
  return declaration.place.empty() ? "" : " (" + declaration.place + ")";
}

Measured held_to(const std::optional<std::string>& found, const std::string& wanted, const std::string& what) {
  if (!found) return {nullptr, what + " does not exist"};
  return {*found, *found == wanted ? "" : fmt::format("{} is {} instead of {}", what, *found, wanted)};
}

Finding judge_each(const Expected& expected, std::string_view subject, std::string evidence,
                   const std::function<Measured(const Json& statement)>& measure) {
  Json found = Json::array(), due = Json::array();
  std::vector<std::string> objections, gaps;
  std::string place;
  for (const Declaration& declaration : expected.declared) {
    if (declaration.subject != subject) continue;
    Measured measured = measure(declaration.expected);
    due.push_back(declaration.expected);
    found.push_back(std::move(measured.value));
    if (!measured.objection.empty()) {
      if (objections.empty()) place = declaration.place;
      objections.push_back(measured.objection + placed(declaration));
    }
    if (!measured.unmeasurable.empty()) gaps.push_back(measured.unmeasurable + placed(declaration));
  }
  Finding finding =
      judged(std::move(found), std::move(due), std::move(evidence), joined(objections, "; "), joined(gaps, "; "));
  finding.place = std::move(place);
  return finding;
}

}  // namespace ainode::checks
