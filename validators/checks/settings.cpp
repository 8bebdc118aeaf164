// SPDX-License-Identifier: Apache-2.0
// What the recipe sets in the kernel: sysctls, modules and their parameters; memory, NUMA, processors, block devices.
#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <cctype>
#include <limits>

#include "validators/checks/catalog.h"
#include "validators/checks/declared.h"
#include "validators/checks/text.h"

namespace ainode::checks {

namespace {

using Words = std::vector<std::string>;

/// Against `wanted`, in words for a reason.
Measured held_to(const std::optional<std::string>& found, const std::string& wanted, const std::string& what) {
  if (!found) return {nullptr, what + " does not exist"};
  return {*found, *found == wanted ? "" : fmt::format("{} is {} instead of {}", what, *found, wanted)};
}

std::string with_single_spaces(std::string_view text) {
  return joined(split_words(text), " ");
}

std::optional<std::string> read_words(const Node& node, const std::string& path) {
  const auto text = node.read_file(path);
  return text ? std::optional(with_single_spaces(*text)) : std::nullopt;
}

/// "always [madvise] never" → "madvise".
std::optional<std::string> chosen_word(const Node& node, const std::string& path) {
  const auto text = node.read_file(path);
  if (!text) return std::nullopt;
  const std::size_t open = text->find('['), close = text->find(']');
  if (open == std::string::npos || close == std::string::npos || close < open) return trimmed(*text);
  return text->substr(open + 1, close - open - 1);
}

// --- kernel ----------------------------------------------------------------------------------------------------------

Finding sysctls(const Node& node, const Expected& expected) {
  return judge_each(expected, "kernel.sysctl", "/proc/sys", [&](const Json& statement) {
    return held_to(read_words(node, statement["path"].get<std::string>()),
                   with_single_spaces(statement["value"].get<std::string>()),
                   fmt::format("`{}`", statement["name"].get<std::string>()));
  });
}

std::string module_name(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

/// A built-in module counts as loaded.
bool is_loaded(const Node& node, const std::string& name) {
  return node.exists("/sys/module/" + module_name(name));
}

/// What modprobe(8) would do last: load the module itself, or run what modprobe.d(5) installs in its place.
bool can_be_loaded(const Node& node, const std::string& name) {
  const Words steps = split_lines(node.run({"modprobe", "--dry-run", "--show-depends", name}).output);
  return !steps.empty() && steps.back().compare(0, 7, "insmod ") == 0;
}

Finding modules(const Node& node, const Expected& expected) {
  Words wanted = expected.initrd_modules, denied, there, objections;
  for (const std::string& name : wanted) {
    if (!is_loaded(node, name)) objections.push_back(fmt::format("{} of the initrd is not loaded", name));
  }
  for (const Declaration& declaration : expected.declared) {
    if (declaration.subject != "kernel.modules") continue;
    const bool must_be_there = declaration.expected.contains("load");
    const auto name = declaration.expected[must_be_there ? "load" : "deny"].get<std::string>();
    (must_be_there ? wanted : denied).push_back(name);
    const bool is_there = is_loaded(node, name);
    if (must_be_there && !is_there) objections.push_back(fmt::format("{} is not loaded{}", name, placed(declaration)));
    if (must_be_there) continue;
    if (is_there) there.push_back(name);
    if (is_there)
      objections.push_back(fmt::format("{} is loaded though it is denied{}", name, placed(declaration)));
    else if (can_be_loaded(node, name))
      objections.push_back(fmt::format("{} is denied, but modprobe would load it{}", name, placed(declaration)));
  }
  if (wanted.empty() && denied.empty()) return skipped("neither the initrd nor the recipe names a module");
  for (const std::string& name : wanted)
    if (is_loaded(node, name)) there.push_back(name);
  return judged({{"loaded", there}}, {{"loaded", wanted}, {"denied", denied}}, "/sys/module, modprobe --show-depends",
                joined(objections, "; "));
}

/// Booleans are written in many ways and shown as Y or N.
bool is_same_parameter(const std::string& shown, const std::string& wanted) {
  if (shown == wanted) return true;
  if (shown == "Y") return wanted == "1" || wanted == "y" || wanted == "on" || wanted == "true";
  return shown == "N" && (wanted == "0" || wanted == "n" || wanted == "off" || wanted == "false");
}

bool has_line(const std::string& text, const std::string& line) {
  const Words lines = split_lines(text);
  return std::find(lines.begin(), lines.end(), line) != lines.end();
}

bool has_parameter(const Node& node, const std::string& module, const std::string& parameter) {
  const Words lines = split_lines(node.run({"modinfo", "--parameters", module}).output);
  return std::any_of(lines.begin(), lines.end(), [&](const std::string& line) {
    return line.compare(0, parameter.size() + 1, parameter + ":") == 0;
  });
}

Measured parameter(const Node& node, const Json& statement) {
  const auto module = statement["module"].get<std::string>(), name = statement["parameter"].get<std::string>(),
             wanted = statement["value"].get<std::string>();
  const std::string full = fmt::format("{}.{}", module, name);
  if (const auto shown = read_words(node, fmt::format("/sys/module/{}/parameters/{}", module_name(module), name)))
    return {*shown,
            is_same_parameter(*shown, wanted) ? "" : fmt::format("{} is {} instead of {}", full, *shown, wanted)};
  if (!has_parameter(node, module, name)) return {nullptr, fmt::format("module {} has no parameter {}", module, name)};
  const std::string line = fmt::format("options {} {}={}", module_name(module), name, wanted);
  if (!has_line(node.run({"modprobe", "--showconfig"}).output, line))
    return {nullptr, fmt::format("modprobe does not set {}", full)};
  if (is_loaded(node, module)) return {nullptr, "", fmt::format("the kernel does not show {}", full)};
  return {"set when it loads", ""};
}

Finding module_parameters(const Node& node, const Expected& expected) {
  return judge_each(expected, "kernel.module-parameters", "/sys/module/*/parameters, modprobe --showconfig",
                    [&](const Json& statement) { return parameter(node, statement); });
}

// --- memory and NUMA -------------------------------------------------------------------------------------------------

/// "2M" → 2048; nothing for another form.
std::optional<std::int64_t> kibibytes(const std::string& size) {
  if (size.empty()) return std::nullopt;
  const auto number = to_number(std::string_view(size).substr(0, size.size() - 1));
  const std::int64_t scale = size.back() == 'K' ? 1 : size.back() == 'M' ? 1024 : size.back() == 'G' ? 1 << 20 : 0;
  return number && scale > 0 ? std::optional(*number * scale) : std::nullopt;
}

std::optional<std::int64_t> read_number(const Node& node, const std::string& path) {
  const auto text = node.read_file(path);
  return text ? to_number(trimmed(*text)) : std::nullopt;
}

Words numa_nodes(const Node& node) {
  Words names;
  for (const DirectoryEntry& entry : node.list("/sys/devices/system/node"))
    if (entry.name.compare(0, 4, "node") == 0 && to_number(std::string_view(entry.name).substr(4)))
      names.push_back(entry.name);
  return names;
}

Measured huge_pages(const Node& node, const Json& statement) {
  const auto size = statement["size"].get<std::string>();
  const auto wanted = statement["count"].get<std::int64_t>();
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

Finding switched(const Node& node, const Expected& expected, std::string_view subject, const std::string& path) {
  return judge_each(expected, subject, path, [&](const Json& statement) -> Measured {
    const auto number = read_number(node, path);
    if (!number) return {nullptr, path + " does not exist"};
    const bool is_on = *number != 0, is_wanted = statement.get<bool>();
    return {is_on, is_on == is_wanted ? "" : fmt::format("{} is {}", path, *number)};
  });
}

Finding numa_balancing(const Node& node, const Expected& expected) {
  return switched(node, expected, "numa.balancing", "/proc/sys/kernel/numa_balancing");
}

Finding zone_reclaim(const Node& node, const Expected& expected) {
  return switched(node, expected, "numa.reclaim", "/proc/sys/vm/zone_reclaim_mode");
}

// --- processors and block devices ------------------------------------------------------------------------------------

Finding governor(const Node& node, const Expected& expected) {
  const std::string folder = "/sys/devices/system/cpu/cpufreq";
  return judge_each(
      expected, "cpu.governor", folder + "/policy*/scaling_governor", [&](const Json& statement) -> Measured {
        Json found = Json::object();
        Words objections;
        for (const DirectoryEntry& policy : node.list(folder)) {
          const auto chosen = read_words(node, fmt::format("{}/{}/scaling_governor", folder, policy.name));
          if (!chosen) continue;
          found[policy.name] = *chosen;
          const Measured held = held_to(chosen, statement.get<std::string>(), "the governor of " + policy.name);
          if (!held.objection.empty()) objections.push_back(held.objection);
        }
        if (found.empty()) return {nullptr, "", "the machine does not scale its processors' frequency"};
        return {found, joined(objections, "; ")};
      });
}

/// The processors of `path` are those of the statement.
Finding processors(const Node& node, const Expected& expected, std::string_view subject, const std::string& path,
                   const std::string& what) {
  return judge_each(expected, subject, path, [&](const Json& statement) -> Measured {
    const auto text = node.read_file(path);
    if (!text) return {nullptr, fmt::format("{} does not exist", path)};
    const std::string shown = trimmed(*text), wanted = statement.get<std::string>();
    if (parse_id_list(shown) == parse_id_list(wanted)) return {shown};
    const std::string present = trimmed(node.read_file("/sys/devices/system/cpu/present").value_or("?"));
    return {shown, fmt::format("{} processors are {} instead of {}; the machine has {}", what,
                               shown.empty() || shown == "(null)" ? "none" : shown, wanted, present)};
  });
}

Finding isolated(const Node& node, const Expected& expected) {
  return processors(node, expected, "cpu.isolated", "/sys/devices/system/cpu/isolated", "the isolated");
}

Finding tickless(const Node& node, const Expected& expected) {
  return processors(node, expected, "cpu.tickless", "/sys/devices/system/cpu/nohz_full", "the tickless");
}

/// "3" or "00000000,00000003": hexadecimal, 32 processors a group, the first ones last.
std::vector<int> processors_of_mask(const std::string& mask) {
  std::vector<int> processors;
  int number = 0;
  for (auto digit = mask.rbegin(); digit != mask.rend(); ++digit) {
    if (*digit == ',') continue;
    const int bits = std::isdigit(static_cast<unsigned char>(*digit)) ? *digit - '0' : (*digit | 0x20) - 'a' + 10;
    for (int bit = 0; bit < 4; ++bit, ++number)
      if (bits >> bit & 1) processors.push_back(number);
  }
  return processors;
}

Finding interrupts(const Node& node, const Expected& expected) {
  const std::string path = "/proc/irq/default_smp_affinity";
  return judge_each(expected, "cpu.interrupts", path, [&](const Json& statement) -> Measured {
    const auto mask = read_words(node, path);
    if (!mask) return {nullptr, path + " does not exist"};
    const bool is_same = processors_of_mask(*mask) == parse_id_list(statement.get<std::string>());
    return {*mask, is_same ? ""
                           : fmt::format("interrupts go to the processors of mask {} instead of {}", *mask,
                                         statement.get<std::string>())};
  });
}

Measured block_devices(const Node& node, const Json& statement) {
  const auto glob = statement["devices"].get<std::string>();
  Json found = Json::object();
  Words objections;
  for (const DirectoryEntry& device : node.list("/sys/block")) {
    if (fnmatch(glob.c_str(), device.name.c_str(), 0) != 0) continue;
    const std::string queue = "/sys/block/" + device.name + "/queue/";
    const auto hold = [&](const char* key, const std::optional<std::string>& value, const std::string& what) {
      if (!statement.contains(key)) return;
      const Json& wanted = statement[key];
      const Measured held = held_to(value, wanted.is_string() ? wanted.get<std::string>() : wanted.dump(), what);
      found[device.name][key] = held.value;
      if (!held.objection.empty()) objections.push_back(held.objection);
    };
    hold("scheduler", chosen_word(node, queue + "scheduler"), "the scheduler of " + device.name);
    hold("read_ahead_kib", read_words(node, queue + "read_ahead_kb"), "the read-ahead of " + device.name);
  }
  if (found.empty()) return {nullptr, "", fmt::format("the machine has no block device `{}`", glob)};
  return {found, joined(objections, "; ")};
}

Finding block_settings(const Node& node, const Expected& expected) {
  return judge_each(expected, "storage.scheduler", "/sys/block/*/queue/{scheduler,read_ahead_kb}",
                    [&](const Json& statement) { return block_devices(node, statement); });
}

/// "…/../../vda2", as udev links a partition's name → "vda2".
std::string partition_named(const Node& node, const std::string& name) {
  const std::string target = node.read_link("/dev/disk/by-partlabel/" + name).value_or("");
  return target.substr(target.rfind('/') + 1);
}

/// proc_pid_mountinfo(5): "36 35 98:0 /root /point options … - ext4 /dev/x options".
bool is_mounted(const Node& node, const std::string& point, const Words& filesystems) {
  for (const std::string& line : split_lines(node.read_file("/proc/self/mountinfo").value_or(""))) {
    const Words words = split_words(line);
    const auto dash = std::find(words.begin(), words.end(), "-");
    if (words.size() < 6 || words[4] != point || dash == words.end() || std::next(dash) == words.end()) continue;
    if (std::find(filesystems.begin(), filesystems.end(), *std::next(dash)) != filesystems.end()) return true;
  }
  return false;
}

Measured partition(const Node& node, const Json& statement) {
  constexpr std::int64_t kSector = 512;  // the unit of sysfs, whatever the disk's own is
  const auto id = statement["id"].get<std::string>(), filesystem = statement["fs"].get<std::string>();
  const std::string device = partition_named(node, id);
  if (device.empty()) return {nullptr, fmt::format("there is no partition `{}`", id)};
  const std::int64_t bytes = read_number(node, "/sys/class/block/" + device + "/size").value_or(0) * kSector;
  Json found = {{"device", device}, {"bytes", bytes}};
  if (bytes != statement["bytes"].get<std::int64_t>())
    return {found, fmt::format("partition `{}` has {} bytes instead of {}", id, bytes, statement["bytes"].dump())};
  const auto point = statement["mount"].get<std::string>();
  if (point.empty()) return {found};
  // OSTree shows the root's file system at /sysroot; what is mounted when it is first used is an autofs until then.
  const bool is_root = point == "/";
  const bool is_there =
      is_root ? is_mounted(node, "/sysroot", {filesystem}) : is_mounted(node, point, {filesystem, "autofs"});
  found["mounted"] = is_there;
  return {found, is_there ? "" : fmt::format("{} of partition `{}` is not mounted as {}", point, id, filesystem)};
}

Finding partitions(const Node& node, const Expected& expected) {
  return judge_each(expected, "storage.mounts", "/dev/disk/by-partlabel, /sys/class/block, /proc/self/mountinfo",
                    [&](const Json& statement) { return partition(node, statement); });
}

}  // namespace

std::vector<Check> kernel_setting_checks() {
  return {{"kernel.sysctl", "each declared sysctl has its value", {"declared:kernel.sysctl"}, When::booted, sysctls},
          {"kernel.modules",
           "the initrd's and the declared modules are loaded, the denied ones are not and cannot be",
           {},
           When::booted,
           modules},
          {"kernel.module-parameters",
           "each declared parameter of a module has its value",
           {"declared:kernel.module-parameters"},
           When::booted,
           module_parameters}};
}

std::vector<Check> memory_setting_checks() {
  return {{"mem.hugepages",
           "the pools of huge pages are as large, and as evenly spread, as declared",
           {"declared:mem.hugepages"},
           When::early,
           huge_page_pools},
          {"mem.thp",
           "transparent huge pages are used as declared",
           {"declared:mem.thp"},
           When::early,
           transparent_huge_pages}};
}

std::vector<Check> numa_setting_checks() {
  return {{"numa.balancing",
           "the kernel moves pages between nodes only as declared",
           {"declared:numa.balancing"},
           When::booted,
           numa_balancing},
          {"numa.reclaim",
           "a full node reclaims its own pages only as declared",
           {"declared:numa.reclaim"},
           When::booted,
           zone_reclaim}};
}

std::vector<Check> cpu_checks() {
  return {
      {"cpu.governor", "each processor has the declared governor", {"declared:cpu.governor"}, When::booted, governor},
      {"cpu.isolated", "the declared processors are isolated", {"declared:cpu.isolated"}, When::early, isolated},
      {"cpu.tickless", "the declared processors stop their tick", {"declared:cpu.tickless"}, When::early, tickless},
      {"cpu.interrupts",
       "interrupts go to the declared processors unless a driver says otherwise",
       {"declared:cpu.interrupts"},
       When::early,
       interrupts}};
}

std::vector<Check> storage_checks() {
  return {{"storage.scheduler",
           "each block device has its declared scheduler and read-ahead",
           {"declared:storage.scheduler"},
           When::booted,
           block_settings},
          {"storage.mounts",
           "each partition has its size and is mounted where it was declared",
           {"declared:storage.mounts"},
           When::booted,
           partitions}};
}

}  // namespace ainode::checks
