// SPDX-License-Identifier: Apache-2.0
// Small strict decoders of YAML files other than recipes: every key is taken once by name, what is left is an error.
#pragma once

#include <set>
#include <string>

#include "base/yaml.h"

namespace ainode {

/// An error at a node's place.
Error wrong_yaml(const ErrorCode& code, const YamlNode& node, const std::string& message);

/// One mapping, whose keys must all be asked for. Keeps a reference to the node. Throws wrong_type, missing_key,
/// unknown_key.
class YamlMapping {
 public:
  YamlMapping(const YamlNode& node, std::string subject);  ///< subject: "a topology"
  const YamlNode* find(const std::string& key);
  const YamlNode& need(const std::string& key);
  void finish() const;  ///< after the last key

 private:
  const YamlNode& node_;
  std::string subject_;
  std::set<std::string> known_;
};

/// A scalar's text; throws wrong_type.
std::string yaml_text(const YamlNode& node, const std::string& key);

}  // namespace ainode
