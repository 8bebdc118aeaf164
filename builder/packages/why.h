// SPDX-License-Identifier: Apache-2.0
// Why a package is in a solution, what each wish costs, and why a package is not there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "builder/packages/repositories.h"

namespace ainode {

/// "PACKAGE has CLAUSE in FIELD, which NEXT meets."
struct WhyLink {
  std::string package;  ///< "podman 5.4.2"
  std::string field;    ///< Depends, Pre-Depends or Recommends
  std::string clause;   ///< "conmon >= 2 | crun"
  std::string next;     ///< "conmon 2.1.12"
};

struct WhyChain {
  Text root;                    ///< what was asked for, with the recipe's line; of the base system without one
  bool is_base_system = false;  ///< nothing that was asked for leads to the package, only the base system does
  std::vector<WhyLink> links;   ///< empty: the package itself is the root
};

/// The shortest chain of the goal's solution from a package that was asked for (else from the base system) to the one
/// of this name; nothing when the solution does not hold it. Throws as resolve() does.
std::optional<WhyChain> why(const Goal& goal, const Candidates& candidates, const std::string& package);

struct SoleReason {
  Text root;
  std::vector<std::string> packages;  ///< names, sorted: what would not be there if `root` were not asked for
  std::uint64_t bytes = 0;            ///< of their .debs
};
/// One entry for each package that the goal asks for, in its order. Throws as resolve() does.
std::vector<SoleReason> sole_reason_bytes(const Goal& goal, const Candidates& candidates);

struct WhyNot {
  enum class Reason {
    installed,   ///< it is there
    unknown,     ///< no repository has it, or may give it
    not_asked,   ///< it could be there, but nothing of the solution needs it
    impossible,  ///< with it asked for as well, the goal has no solution
  };
  Reason reason;
  std::vector<std::string> lines;  ///< the chain of reasons, or who mentions it without needing it; may be empty
  std::string hint;                ///< the cure; may be empty
};
/// Throws as resolve() does when the goal itself has no solution.
WhyNot why_not(const Goal& goal, const Candidates& candidates, const std::string& package);

}  // namespace ainode
