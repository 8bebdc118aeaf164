// SPDX-License-Identifier: Apache-2.0
// The families by name; a new family is one line here and one file.
#include "validators/checks/catalog.h"

#include <algorithm>

namespace ainode::checks {

namespace {

struct Family {
  std::string_view name;
  std::vector<Check> (*checks)();
};

constexpr std::string_view kEverything = "boot";
constexpr Family kFamilies[] = {
    {"kernel", kernel_checks},     {"driver", driver_checks},        {"numa", numa_checks},
    {"dma", dma_checks},           {"memory", memory_checks},        {"cpu", cpu_checks},
    {"storage", storage_checks},   {"system", system_checks},        {"image", image_checks},
    {"security", security_checks}, {"containers", container_checks}, {"net", net_checks},
};

bool is_chosen(std::string_view family, const std::vector<std::string>& profiles) {
  return std::any_of(profiles.begin(), profiles.end(),
                     [&](const std::string& profile) { return profile == kEverything || profile == family; });
}

}  // namespace

std::vector<Check> all_checks() {
  return checks_of({std::string(kEverything)});
}

std::vector<std::string_view> profile_names() {
  std::vector<std::string_view> names{kEverything};
  for (const Family& family : kFamilies) names.push_back(family.name);
  return names;
}

std::vector<Check> checks_of(const std::vector<std::string>& profiles) {
  std::vector<Check> chosen;
  for (const Family& family : kFamilies) {
    if (!is_chosen(family.name, profiles)) continue;
    for (Check& check : family.checks()) {
      check.family = family.name;
      chosen.push_back(std::move(check));
    }
  }
  std::stable_sort(chosen.begin(), chosen.end(), [](const Check& a, const Check& b) { return a.when < b.when; });
  return chosen;
}

std::optional<GapKind> left_out(const Check& check, const Expected& expected) {
  if (!is_chosen(check.family, expected.profiles)) return GapKind::profile;
  if (check.level > expected.level) return GapKind::level;
  const auto names = [&](const std::vector<std::string>& ids) {
    return std::find(ids.begin(), ids.end(), check.id) != ids.end();
  };
  if (!expected.only.empty() && !names(expected.only)) return GapKind::selection;
  if (names(expected.elsewhere)) return GapKind::elsewhere;
  if (!expected.only.empty()) return std::nullopt;
  for (const std::string_view need : check.needs) {
    const std::string_view subject = declared_subject(need);
    if (!subject.empty() && !expected.declaration(subject)) return GapKind::statement;
  }
  return std::nullopt;
}

std::vector<Check> checks_for(const Expected& expected) {
  std::vector<Check> chosen = all_checks();
  std::erase_if(chosen, [&](const Check& check) { return left_out(check, expected).has_value(); });
  return chosen;
}

}  // namespace ainode::checks
