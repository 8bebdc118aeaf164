// SPDX-License-Identifier: Apache-2.0
// The memory family: as much as the machine was given, in pages as declared.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "validators/checks/catalog.h"
#include "validators/checks/declared.h"
#include "validators/checks/kernel_config.h"
#include "validators/checks/node_files.h"
#include "validators/checks/text.h"

namespace ainode::checks {

namespace {

using Words = std::vector<std::string>;

/// "MemTotal:  2014236 kB" in bytes.
std::optional<std::uint64_t> total_memory(const Node& node) {
  for (const std::string& line : split_lines(node.read_file("/proc/meminfo").value_or(""))) {
    const auto words = split_words(line);
    if (words.size() < 2 || words[0] != "MemTotal:") continue;
    const auto kilobytes = to_number(words[1]);
    if (kilobytes && *kilobytes >= 0) return static_cast<std::uint64_t>(*kilobytes) * 1024;
  }
  return std::nullopt;
}

std::uint64_t given_memory(const Expected& expected) {
  std::uint64_t bytes = 0;
  for (const ExpectedNumaNode& node : expected.topology.nodes) bytes += node.memory_bytes;
  return bytes;
}

Finding size(const Node& node, const Expected& expected) {
  const std::uint64_t given = given_memory(expected);
  const auto least = static_cast<std::uint64_t>(static_cast<double>(given) * (1 - expected.topology.memory_tolerance));
  const Json due = {{"least_bytes", least}, {"most_bytes", given}};
  const auto total = total_memory(node);
  if (!total) return failed(nullptr, due, "/proc/meminfo", "/proc/meminfo has no MemTotal");
  std::string objection;
  if (*total < least) objection = fmt::format("{} MiB are missing", (least - *total) >> 20);
  if (*total > given) objection = fmt::format("{} MiB more than the machine has", (*total - given) >> 20);
  return judged({{"bytes", *total}}, due, "/proc/meminfo MemTotal", std::move(objection));
}

Words numa_nodes(const Node& node) {
  Words names;
  for (const DirectoryEntry& entry : node.list("/sys/devices/system/node"))
    if (entry.name.compare(0, 4, "node") == 0 && to_number(std::string_view(entry.name).substr(4)))
      names.push_back(entry.name);
  return names;
}

Measured huge_pages(const Node& node, const Json& statement) {
  const auto size = statement.at("size").get<std::string>();
  const auto wanted = statement.at("count").get<std::int64_t>();
  const std::string pool = fmt::format("hugepages/hugepages-{}kB/nr_hugepages", kibibytes(size).value_or(0));
  const auto count = read_number(node, "/sys/kernel/mm/" + pool);
  if (!count) return {nullptr, fmt::format("the kernel has no huge pages of {}", size)};
  Json found = {{"count", *count}};
  if (*count != wanted) return {found, fmt::format("{} of {} huge pages of {} are there", *count, wanted, size)};
  if (!statement.value("even", false)) return {found};
  std::int64_t least = std::numeric_limits<std::int64_t>::max(), most = 0;
  for (const std::string& name : numa_nodes(node)) {
    const std::int64_t there = read_number(node, fmt::format("/sys/devices/system/node/{}/{}", name, pool)).value_or(0);
    found[name] = there;
    least = std::min(least, there);
    most = std::max(most, there);
  }
  if (found.size() == 1) return {found, "the kernel does not say on which nodes they are"};
  return {found, most - least <= 1
                     ? ""
                     : fmt::format("huge pages of {} are spread unevenly: {} to {} a node", size, least, most)};
}

Finding huge_page_pools(const Node& node, const Expected& expected) {
  return judge_each(expected, "mem.hugepages", "/sys/kernel/mm/hugepages, /sys/devices/system/node/node*/hugepages",
                    [&](const Json& statement) { return huge_pages(node, statement); });
}

Finding transparent_huge_pages(const Node& node, const Expected& expected) {
  const std::string path = "/sys/kernel/mm/transparent_hugepage/enabled";
  return judge_each(expected, "mem.thp", path, [&](const Json& statement) {
    return held_to(chosen_word(node, path), statement.get<std::string>(), "the use of transparent huge pages");
  });
}

std::string mirror_objection(const MirrorTrial& trial) {
  if (!trial.problem.empty()) return trial.problem;
  Words objections;
  if (!trial.is_read) objections.push_back("the device reads something else than the process wrote");
  if (!trial.is_written) objections.push_back("the process reads something else than the device wrote");
  if (trial.moved != trial.bytes)
    objections.push_back(fmt::format("{} of {} bytes went into the device's memory", trial.moved, trial.bytes));
  if (!trial.is_brought_back) objections.push_back("they did not come back whole when the process read them");
  return joined(objections, "; ");
}

constexpr const char* kMirror = "/dev/hmm_dmirror0";

/// Linux's lib/test_hmm.c, whose device this is.
bool compiles_mirror(const Expected& expected) {
  return std::any_of(expected.declared.begin(), expected.declared.end(), [](const Declaration& each) {
    return each.subject == "driver.extra-modules" &&
           module_name(each.expected.at("module").get<std::string>()) == "test_hmm";
  });
}

/// What drivers call.
Words missing_functions(const Node& node, const Words& wanted, Json& measured) {
  const CommandOutcome shown = node.run({"grep", "-E", " (" + joined(wanted, "|") + ")$", "/proc/kallsyms"});
  Words objections, there;
  for (const std::string& line : split_lines(shown.output))
    if (const Words words = split_words(line); !words.empty()) there.push_back(words.back());
  for (const std::string& name : wanted)
    if (std::find(there.begin(), there.end(), name) == there.end())
      objections.push_back(fmt::format("the kernel has no {}", name));
  measured = there;
  return objections;
}

/// Where the kernel's own test device is, a process and it share memory.
std::string mirror_objection(const Node& node, bool is_due, Json& measured) {
  const MirrorTrial trial = node.try_mirror(kMirror);
  if (!trial.is_present) return is_due ? fmt::format("the recipe compiles test_hmm, and there is no {}", kMirror) : "";
  measured = {{"bytes", trial.bytes},
              {"read", trial.is_read},
              {"written", trial.is_written},
              {"moved", trial.moved},
              {"brought_back", trial.is_brought_back}};
  return mirror_objection(trial);
}

/// The files of an image that does not run tell its configuration alone.
Finding device_memory(const Node& node, const Expected& expected) {
  const Words functions = {"hmm_range_fault", "migrate_vma_setup"};
  const auto config = read_kernel_config(node);
  const bool is_due = config && compiles_mirror(expected);
  Json measured = Json::object(), due = Json::object();
  Words objections;
  for (const std::string option : {"HMM_MIRROR", "DEVICE_PRIVATE"}) {
    const auto skip = unmet("config:" + option, node, expected);
    if (skip && !is_due) return *skip;
    if (skip) objections.push_back(skip->reason + ", and the recipe compiles test_hmm");
    measured[option] = config->value(option);
    due[option] = "y";
  }
  if (node.exists("/proc/version")) {
    due["functions"] = functions;
    for (std::string& each : missing_functions(node, functions, measured["functions"]))
      objections.push_back(std::move(each));
    std::string objection = mirror_objection(node, is_due, measured["device"]);
    if (!objection.empty()) objections.push_back(std::move(objection));
  }
  return judged(std::move(measured), std::move(due),
                fmt::format("the kernel's configuration, /proc/kallsyms, {}", kMirror), joined(objections, "; "));
}

}  // namespace

std::vector<Check> memory_checks() {
  return {
      {"mem.size", "the kernel manages the machine's memory, less its own share", {"memory-nodes"}, When::early, size},
      {"mem.hugepages",
       "the pools of huge pages are as large, and as evenly spread, as declared",
       {"declared:mem.hugepages"},
       When::early,
       huge_page_pools},
      {"mem.thp",
       "transparent huge pages are used as declared",
       {"declared:mem.thp"},
       When::early,
       transparent_huge_pages},
      {"mem.hmm",
       "a device can mirror a process's memory and take its pages, and a device for tests does",
       {},
       When::booted,
       device_memory,
       "",
       Where::tree_in_part}};
}

}  // namespace ainode::checks
