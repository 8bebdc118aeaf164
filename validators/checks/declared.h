// SPDX-License-Identifier: Apache-2.0
// Many statements of one subject under one check: each is measured by itself, and the reason names the recipe's line of
// each that does not hold.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "validators/checks/check.h"

namespace ainode::checks {

/// What one statement came to.
struct Measured {
  Json value;
  std::string objection = {};     ///< why it does not hold; empty when it does
  std::string unmeasurable = {};  ///< why nothing can be said; empty when something can
};

/// What was found, held against `wanted`; `what` names it in the reason. Nothing found: it does not exist.
Measured held_to(const std::optional<std::string>& found, const std::string& wanted, const std::string& what);

/// Fails when any statement fails; is unmeasurable when any cannot be measured; else passes. Both lists of the finding
/// are in the order of the declarations.
Finding judge_each(const Expected& expected, std::string_view subject, std::string evidence,
                   const std::function<Measured(const Json& statement)>& measure);

/// " (images/node.yaml:12:5)"; empty for what no recipe said.
std::string placed(const Declaration& declaration);

}  // namespace ainode::checks
