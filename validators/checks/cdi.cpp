// SPDX-License-Identifier: Apache-2.0
#include "validators/checks/cdi.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "base/json.h"

namespace ainode::checks {

namespace {

std::string text_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string() || found->get<std::string>().empty())
    throw std::runtime_error(fmt::format("`{}` is missing or no text", key));
  return found->get<std::string>();
}

Json list_of(const Json& object, const char* key) {
  Json list = object.value(key, Json::array());
  if (!list.is_array()) throw std::runtime_error(fmt::format("`{}` is no list", key));
  return list;
}

void add_edits(const Json& edits, CdiDevice& device) {
  for (const Json& node : list_of(edits, "deviceNodes")) {
    device.nodes.push_back(text_of(node, "path"));
    device.needs.push_back(node.contains("hostPath") ? text_of(node, "hostPath") : device.nodes.back());
  }
  for (const Json& mount : list_of(edits, "mounts")) {
    text_of(mount, "containerPath");
    device.needs.push_back(text_of(mount, "hostPath"));
  }
}

/// Letters, digits and some others, as the specification wants names to be.
bool is_word(std::string_view text, std::string_view others) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           others.find(c) != std::string_view::npos;
  });
}

void require_kind(const std::string& kind) {
  const std::size_t slash = std::min(kind.find('/'), kind.size());
  const std::string_view vendor = std::string_view(kind).substr(0, slash);
  if (slash == kind.size() || !is_word(vendor, "_-.") || !is_word(std::string_view(kind).substr(slash + 1), "_-"))
    throw std::runtime_error(fmt::format("`kind` is `{}` and not like vendor.com/class", kind));
}

std::string device_name(const Json& entry) {
  std::string name = text_of(entry, "name");
  if (!is_word(name, "_-.:")) throw std::runtime_error(fmt::format("a device cannot be named `{}`", name));
  return name;
}

void read_specification(const Json& document, std::vector<CdiDevice>& devices) {
  text_of(document, "cdiVersion");
  const std::string kind = text_of(document, "kind");
  require_kind(kind);
  const Json list = list_of(document, "devices");
  if (list.empty()) throw std::runtime_error("it defines no device");
  for (const Json& entry : list) {
    CdiDevice device;
    device.name = kind + "=" + device_name(entry);
    for (const Json* part : {&document, &entry}) {
      const auto edits = part->find("containerEdits");
      if (edits != part->end()) add_edits(*edits, device);
    }
    std::sort(device.nodes.begin(), device.nodes.end());
    device.nodes.erase(std::unique(device.nodes.begin(), device.nodes.end()), device.nodes.end());
    devices.push_back(std::move(device));
  }
}

}  // namespace

CdiFiles read_cdi_files(const Node& node) {
  CdiFiles files;
  for (const std::string folder : {"/etc/cdi", "/run/cdi"}) {
    for (const DirectoryEntry& entry : node.list(folder)) {
      const bool is_json = entry.name.ends_with(".json");
      if (!is_json && !entry.name.ends_with(".yaml")) continue;
      const std::string path = folder + "/" + entry.name;
      files.paths.push_back(path);
      if (!is_json) {
        files.unread.push_back(path);
        continue;
      }
      try {
        const Json document = Json::parse(node.read_file(path).value_or(""), nullptr, false);
        if (!document.is_object()) throw std::runtime_error("it is no JSON object");
        read_specification(document, files.devices);
      } catch (const std::exception& problem) {
        files.problems.push_back(path + ": " + problem.what());
      }
    }
  }
  return files;
}

}  // namespace ainode::checks
