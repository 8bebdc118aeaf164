// SPDX-License-Identifier: Apache-2.0
#include "validators/checks/cdi.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <stdexcept>

#include "base/error.h"
#include "base/json.h"
#include "base/yaml.h"

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

/// Runtimes turn YAML into JSON first. What the specification has in a place of text is text, however it is written; a
/// key without a value is none.
Json json_of_yaml(const YamlNode& node) {
  if (node.kind == YamlNode::Kind::scalar) return node.text;
  if (node.kind == YamlNode::Kind::sequence) {
    Json list = Json::array();
    for (const YamlNode& item : node.items) list.push_back(json_of_yaml(item));
    return list;
  }
  if (node.kind == YamlNode::Kind::null) return nullptr;
  Json object = Json::object();
  for (const auto& [key, value] : node.entries)
    if (value.kind != YamlNode::Kind::null) object[key.text] = json_of_yaml(value);
  return object;
}

/// Nothing where the YAML is right but more than is read here.
std::optional<Json> read_yaml(const std::string& text) {
  try {
    return json_of_yaml(parse_yaml(text, "it"));
  } catch (const Error& error) {
    const std::string_view code = error.code().id;
    if (code == codes::yaml_not_allowed.id || code == codes::yaml_too_large.id) return std::nullopt;
    const int line = error.place() ? error.place()->line : 0;
    throw std::runtime_error(error.message() + (line == 0 ? "" : fmt::format(" (line {})", line)));
  }
}

std::optional<Json> read_document(const std::string& text, bool is_json) {
  const auto document = is_json ? Json::parse(text, nullptr, false) : read_yaml(text);
  if (document && !document->is_object())
    throw std::runtime_error(is_json ? "it is no JSON object" : "it is no mapping");
  return document;
}

}  // namespace

CdiFiles read_cdi_files(const Node& node) {
  CdiFiles files;
  for (const std::string folder : {"/etc/cdi", "/run/cdi"}) {
    for (const DirectoryEntry& entry : node.list(folder)) {
      if (!entry.name.ends_with(".json") && !entry.name.ends_with(".yaml")) continue;
      const std::string path = folder + "/" + entry.name;
      files.paths.push_back(path);
      try {
        const auto document = read_document(node.read_file(path).value_or(""), entry.name.ends_with(".json"));
        document ? read_specification(*document, files.devices) : files.unread.push_back(path);
      } catch (const std::exception& problem) {
        files.problems.push_back(path + ": " + problem.what());
      }
    }
  }
  return files;
}

}  // namespace ainode::checks
