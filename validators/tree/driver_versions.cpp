// SPDX-License-Identifier: Apache-2.0
// Which part is of which version stands in names (libcuda.so.550.163.01, firmware/nvidia/550.163.01/) and in the
// modules' .modinfo. What each vendor calls its parts is a table; the modules are what all else is held to.
#include "validators/tree/driver_versions.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "validators/checks/text.h"
#include "validators/tree/kernel_symbols.h"
#include "validators/tree/module_files.h"

namespace ainode::tree {

namespace {

using checks::Finding;
using checks::Node;
using Words = std::vector<std::string>;

constexpr const char* kEvidence =
    "/usr/lib/modules/**/*.ko*: .modinfo; names in /usr/lib and /usr/lib/firmware; /etc/cdi, /usr/share/cdi";

/// What a vendor's parts are called.
struct Driver {
  std::string_view vendor;
  std::vector<std::string_view> modules;    ///< as the kernel calls them; one that ends with `*` is a beginning
  std::vector<std::string_view> libraries;  ///< file names up to the version
  std::string_view firmware;                ///< a folder of folders that are called by versions
};

/// NVIDIA's other libraries (libnvidia-egl-wayland, libnvidia-container) have versions of their own. Debian calls the
/// modules nvidia-current and nvidia-tesla-535, so that several can be installed.
const std::vector<Driver>& drivers() {
  static const std::vector<Driver> all = {
      {"NVIDIA",
       {"nvidia", "nvidia_uvm", "nvidia_modeset", "nvidia_drm", "nvidia_peermem", "nvidia_current*", "nvidia_tesla*"},
       {"libcuda.so.", "libcudadebugger.so.", "libnvcuvid.so.", "libnvidia-cfg.so.", "libnvidia-eglcore.so.",
        "libnvidia-encode.so.", "libnvidia-glcore.so.", "libnvidia-ml.so.", "libnvidia-nvvm.so.",
        "libnvidia-opencl.so.", "libnvidia-opticalflow.so.", "libnvidia-pkcs11-openssl3.so.",
        "libnvidia-ptxjitcompiler.so.", "libnvoptix.so."},
       "nvidia/"},
  };
  return all;
}

/// Something that is of a version.
struct Named {
  std::string version, name;
};

struct Parts {
  std::vector<Named> modules, libraries, firmware;
  std::vector<Named> cdi;    ///< "/etc/cdi/x.json: /usr/lib/libcuda.so.550.163.01"
  std::vector<Named> asked;  ///< firmware that modules ask for, by the modules' paths
  Words silent;              ///< why a module does not say its version
};

/// Numbers with dots between them: the 1 of libcuda.so.1 is a library's interface.
bool is_version(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789";
  return text.find('.') != std::string_view::npos && text.find("..") == std::string_view::npos &&
         text.find_first_not_of("0123456789.") == std::string_view::npos &&
         kDigits.find(text.front()) != std::string_view::npos && kDigits.find(text.back()) != std::string_view::npos;
}

bool is_module_of(const Driver& driver, std::string_view name) {
  return std::any_of(driver.modules.begin(), driver.modules.end(), [&](std::string_view each) {
    return each.ends_with('*') ? name.starts_with(each.substr(0, each.size() - 1)) : name == each;
  });
}

/// Of a library's file name; empty where it is none of the driver's, or has no version.
std::string library_version(const Driver& driver, std::string_view name) {
  for (const std::string_view begin : driver.libraries)
    if (name.starts_with(begin) && is_version(name.substr(begin.size()))) return std::string(name.substr(begin.size()));
  return "";
}

/// Of a path below a firmware folder: "nvidia/550.163.01/gsp_ga10x.bin".
std::string firmware_version(const Driver& driver, std::string_view path) {
  if (driver.firmware.empty() || !path.starts_with(driver.firmware)) return "";
  path.remove_prefix(driver.firmware.size());
  const std::string_view folder = path.substr(0, path.find('/'));
  return is_version(folder) ? std::string(folder) : "";
}

void add_module(const Node& node, const Driver& driver, const std::string& path, Parts& parts) {
  try {
    const std::string module = read_unpacked(node, path);
    for (const std::string& file : module_info(module, "firmware", path))
      if (std::string version = firmware_version(driver, file); !version.empty())
        parts.asked.push_back({std::move(version), path});
    const Words versions = module_info(module, "version", path);
    if (versions.empty())
      parts.silent.push_back(path + " does not say its version");
    else
      parts.modules.push_back({versions.front(), path});
  } catch (const Error& error) {
    parts.silent.push_back(error.message());
  }
}

void add_libraries(const Node& node, const Driver& driver, const std::string& folder, Parts& parts) {
  for (const checks::DirectoryEntry& entry : node.list(folder)) {
    const std::string path = folder + "/" + entry.name;
    if (entry.is_directory) {
      if (path != kModules && path != "/usr/lib/firmware") add_libraries(node, driver, path, parts);
    } else if (std::string version = library_version(driver, entry.name); !version.empty() && node.exists(path)) {
      parts.libraries.push_back({std::move(version), path});
    }
  }
}

void add_firmware(const Node& node, const Driver& driver, Parts& parts) {
  if (driver.firmware.empty()) return;
  for (const std::string& root : firmware_folders(node.kernel_release()))
    for (const checks::DirectoryEntry& entry :
         node.list(root + std::string(driver.firmware.substr(0, driver.firmware.size() - 1))))
      if (entry.is_directory && is_version(entry.name))
        parts.firmware.push_back({entry.name, fmt::format("{}{}{}", root, driver.firmware, entry.name)});
}

/// Paths of a CDI file, JSON or YAML alike: runs of what paths are made of, outside of YAML's comments. Slashes may be
/// escaped in JSON.
Words paths_in(const std::string& document) {
  Words paths;
  for (std::string line : checks::split_lines(document)) {
    line.erase(std::remove(line.begin(), line.end(), '\\'), line.end());
    if (checks::trimmed(line).starts_with('#')) continue;
    std::string path;
    for (const char c : line + ' ') {
      const bool is_part = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                           std::string_view("/._+-").find(c) != std::string_view::npos;
      if (is_part) path += c;
      if (is_part || path.empty()) continue;
      paths.push_back(std::move(path));
      path.clear();
    }
  }
  return paths;
}

/// Of a library, or of a file below the firmware folder.
std::string version_of_path(const Driver& driver, const std::string& path) {
  constexpr std::string_view kFirmware = "/lib/firmware/";
  const std::size_t root = path.find(kFirmware);
  return root == std::string::npos ? library_version(driver, std::string_view(path).substr(path.rfind('/') + 1))
                                   : firmware_version(driver, std::string_view(path).substr(root + kFirmware.size()));
}

void add_cdi_files(const Node& node, const Driver& driver, Parts& parts) {
  for (const std::string folder : {"/etc/cdi", "/usr/share/cdi"}) {
    for (const checks::DirectoryEntry& entry : node.list(folder)) {
      if (!entry.name.ends_with(".json") && !entry.name.ends_with(".yaml")) continue;
      const std::string file = folder + "/" + entry.name;
      std::set<std::string> seen;
      for (const std::string& path : paths_in(node.read_file(file).value_or("")))
        if (std::string version = version_of_path(driver, path); !version.empty() && seen.insert(path).second)
          parts.cdi.push_back({std::move(version), file + ": " + path});
    }
  }
}

Parts parts_of(const Node& node, const Driver& driver, const Words& modules) {
  Parts parts;
  for (const std::string& path : modules)
    if (is_module_of(driver, module_name(path))) add_module(node, driver, path, parts);
  for (const char* root : {"/usr/lib", "/usr/lib64"}) add_libraries(node, driver, root, parts);
  add_firmware(node, driver, parts);
  add_cdi_files(node, driver, parts);
  return parts;
}

std::set<std::string> versions_of(const std::vector<Named>& names) {
  std::set<std::string> versions;
  for (const Named& each : names) versions.insert(each.version);
  return versions;
}

std::string listed(const std::set<std::string>& versions) {
  return fmt::format("{}", fmt::join(versions, " and "));
}

/// Version → part → its names.
Json measured(const Parts& parts) {
  Json all = Json::object();
  const auto add = [&](const char* part, const std::vector<Named>& names) {
    for (const Named& each : names) all[each.version][part].push_back(each.name);
  };
  add("modules", parts.modules);
  add("libraries", parts.libraries);
  add("firmware", parts.firmware);
  add("cdi", parts.cdi);
  return all;
}

/// One objection for each version among `names` that `due` has not.
void object(const char* what, const std::vector<Named>& names, const std::vector<Named>& due, const char* of_due,
            Words& objections) {
  const std::set<std::string> known = versions_of(due);
  for (const std::string& version : versions_of(names)) {
    if (known.contains(version)) continue;
    const auto first =
        std::find_if(names.begin(), names.end(), [&](const Named& each) { return each.version == version; });
    const auto count =
        std::count_if(names.begin(), names.end(), [&](const Named& each) { return each.version == version; });
    objections.push_back(fmt::format("{} of {} {} are of {}, as {}, and the {} of {}", count, names.size(), what,
                                     version, first->name, of_due, listed(known)));
  }
}

/// What is not as the modules are. Of modules alone: nothing but firmware and CDI files can differ from them.
Words objections_to(const Parts& parts) {
  Words objections;
  if (parts.modules.empty()) return objections;
  object("libraries", parts.libraries, parts.modules, "modules", objections);
  if (objections.empty() && !parts.libraries.empty())
    object("modules", parts.modules, parts.libraries, "libraries", objections);
  if (!parts.firmware.empty()) object("wishes for firmware", parts.asked, parts.firmware, "firmware", objections);
  object("names in CDI files", parts.cdi, parts.modules, "modules", objections);
  return objections;
}

bool is_whole(const Parts& parts) {
  return !parts.modules.empty() && !parts.libraries.empty();
}

/// What files do not say of a driver that has libraries.
Words gaps_in(const Parts& parts) {
  if (parts.libraries.empty()) return {};
  Words gaps = parts.silent;
  if (const auto versions = versions_of(parts.modules); versions.size() > 1)
    gaps.push_back(fmt::format("there are drivers of {}, and files do not say which is used", listed(versions)));
  return gaps;
}

/// Of a driver that is not whole: what is there. Empty where nothing is.
std::string what_is_there(const Driver& driver, const Parts& parts) {
  const bool has_modules = !parts.modules.empty();
  const std::vector<Named>& half = has_modules ? parts.modules : parts.libraries;
  if (half.empty()) return "";
  std::string words = fmt::format("{}'s driver has {} of {} ({}) and no {} in the image", driver.vendor,
                                  has_modules ? "modules" : "libraries", listed(versions_of(half)), half.front().name,
                                  has_modules ? "library" : "module");
  if (!parts.firmware.empty()) words += fmt::format("; its firmware is of {}", listed(versions_of(parts.firmware)));
  return words;
}

void append(Words& all, const std::string& vendor, const Words& more) {
  for (const std::string& each : more) all.push_back(vendor + ": " + each);
}

}  // namespace

Finding userspace_match(const Node& node, const checks::Expected&) {
  const Words modules = find_modules(node);
  Json found = Json::object(), due = Json::object();
  Words vendors, objections, gaps, halves;
  bool is_told = false;
  for (const Driver& driver : drivers()) {
    const std::string& vendor = vendors.emplace_back(driver.vendor);
    const Parts parts = parts_of(node, driver, modules);
    if (Json all = measured(parts); !all.empty()) found[vendor] = std::move(all);
    if (!parts.modules.empty()) due[vendor] = versions_of(parts.modules);
    append(objections, vendor, objections_to(parts));
    append(gaps, vendor, gaps_in(parts));
    is_told = is_told || is_whole(parts);
    if (std::string half = is_whole(parts) ? "" : what_is_there(driver, parts); !half.empty())
      halves.push_back(std::move(half));
  }
  Finding finding = checks::judged(std::move(found), std::move(due), kEvidence, checks::joined(objections, "; "),
                                   checks::joined(gaps, "; "));
  if (finding.verdict != Verdict::pass || is_told) return finding;
  if (halves.empty())
    return checks::skipped(
        fmt::format("no driver of {} has a module and libraries in the image", fmt::join(vendors, ", ")));
  finding.verdict = Verdict::skip;
  finding.reason = checks::joined(halves, "; ");
  return finding;
}

std::vector<std::string> driver_modules(const Node& node) {
  Words paths = find_modules(node);
  std::erase_if(paths, [](const std::string& path) {
    return std::none_of(drivers().begin(), drivers().end(),
                        [&](const Driver& driver) { return is_module_of(driver, module_name(path)); });
  });
  return paths;
}

}  // namespace ainode::tree
