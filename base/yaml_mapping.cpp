// SPDX-License-Identifier: Apache-2.0
#include "base/yaml_mapping.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"

namespace ainode {

Error wrong_yaml(const ErrorCode& code, const YamlNode& node, const std::string& message) {
  return Error(code, message).at(node.place);
}

YamlMapping::YamlMapping(const YamlNode& node, std::string subject) : node_(node), subject_(std::move(subject)) {
  if (node.kind != YamlNode::Kind::mapping)
    throw wrong_yaml(codes::wrong_type, node, fmt::format("{} must be a mapping", subject_))
        .label("is none")
        .help("write its keys and values: {key: value, …}");
}

const YamlNode* YamlMapping::find(const std::string& key) {
  known_.insert(key);
  return node_.find(key);
}

const YamlNode& YamlMapping::need(const std::string& key) {
  const YamlNode* value = find(key);
  if (!value)
    throw wrong_yaml(codes::missing_key, node_, fmt::format("{} lacks `{}`", subject_, key))
        .label("begins here")
        .help(fmt::format("add `{}: …`", key));
  return *value;
}

void YamlMapping::finish() const {
  for (const auto& [key, value] : node_.entries) {
    if (!known_.contains(key.text))
      throw wrong_yaml(codes::unknown_key, key, fmt::format("unknown key `{}`", key.text))
          .label(fmt::format("not a key of {}", subject_))
          .help(fmt::format("its keys are {}", fmt::join(known_, ", ")));
  }
}

std::string yaml_text(const YamlNode& node, const std::string& key) {
  if (node.kind != YamlNode::Kind::scalar)
    throw wrong_yaml(codes::wrong_type, node, fmt::format("`{}` must be text", key))
        .label("is a list or a mapping")
        .help("write one word or number");
  return node.text;
}

}  // namespace ainode
