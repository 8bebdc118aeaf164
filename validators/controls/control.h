// SPDX-License-Identifier: Apache-2.0
// A control is a row: a defect that is planted in the guest or in the image, and the checks that must then fail, these
// and no others. A check that nothing makes fail proves nothing by passing.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "validators/checks/check.h"

namespace ainode::controls {

struct Control {
  std::string_view name;                   ///< "no-iommu"
  std::string_view defect;                 ///< what is then wrong
  std::vector<std::string_view> catches;   ///< ids of the checks that must fail, of those that pass without it
  std::vector<std::string_view> may = {};  ///< ids of those that may fail as well, as the image and the machine are
};

enum class Plant {
  argument,  ///< kernel arguments, separated by blanks
  early,     ///< a script that root runs before the agent starts
  late,      ///< one that root runs when the agent's disk is no longer used, before the system is up
};

struct GuestControl : Control {
  Plant how = Plant::early;
  /// What is planted; empty where this image or machine has no place for it.
  std::function<std::string(const checks::Expected&)> text = {};
};

struct PlantedFile {
  std::optional<std::string> content;  ///< nothing: its own
  bool is_setuid = false;
};
/// Path of a file of the image → what stands there then.
using PlantedFiles = std::map<std::string, PlantedFile>;

/// Whether this image and machine have one for it.
bool has_place(const GuestControl& control, const checks::Expected& expected);

struct TreeControl : Control {
  /// Empty where this image has no place for it.
  PlantedFiles (*files)(const checks::Node& tree, const checks::Expected& expected) = nullptr;
};

/// For images that are booted, and for those that are not.
const std::vector<GuestControl>& guest_controls();
const std::vector<TreeControl>& tree_controls();

/// Checks that never pass in an emulated guest, or need a kernel with CONFIG_DMATEST: nothing can make them fail there.
std::span<const std::string_view> without_control();

/// What the guest's console says of a script that failed, before the control's name.
inline constexpr std::string_view kNotPlanted = "defect not planted: ";

/// What controls put into a guest, together.
struct Planting {
  std::vector<std::string> arguments;  ///< of the kernel
  std::string early, late;             ///< scripts; one that fails says so on the console
};

/// Of those of guest_controls() that are named and have a place.
Planting planting_of(const std::vector<std::string>& names, const checks::Expected& expected);

}  // namespace ainode::controls
