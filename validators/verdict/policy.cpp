// SPDX-License-Identifier: Apache-2.0
#include "validators/verdict/policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/files.h"
#include "base/yaml_mapping.h"
#include "validators/verdict/baseline.h"

namespace ainode {

namespace {

constexpr std::size_t kLargest = std::size_t{1} << 20;
constexpr double kCountedLimit = 0.01, kTimedLimit = 0.05;

std::optional<double> parse_number(std::string_view text) {
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

double percent(const YamlNode& node, const std::string& key) {
  const auto value = parse_percent(yaml_text(node, key));
  if (!value)
    throw wrong_yaml(codes::bad_value, node, fmt::format("`{}` must be a share in percent", key))
        .label("is none between 0 and 100")
        .help("write it like 3% or 0.5%");
  return *value;
}

double bound(const YamlNode& node, const std::string& key) {
  const auto value = parse_number(yaml_text(node, key));
  if (!value || node.is_quoted)
    throw wrong_yaml(codes::wrong_type, node, fmt::format("`{}` must be a number", key))
        .label("is none")
        .help("write it in digits, without quotes and without its unit, which is the figure's");
  return *value;
}

const std::vector<YamlNode>& sequence(const YamlNode& node, const std::string& key) {
  if (node.kind != YamlNode::Kind::sequence)
    throw wrong_yaml(codes::wrong_type, node, fmt::format("`{}` must be a list", key))
        .label("is none")
        .help("write its items as [item, …], or each on a line after `- `");
  return node.items;
}

Limit read_limit(const YamlNode& name, const YamlNode& node) {
  if (!is_figure_name(name.text))
    throw wrong_yaml(codes::bad_value, name, fmt::format("`{}` is not the name of a figure", name.text))
        .label("is no family.what-unit")
        .help("a report's figures are shown by `ainode report table REPORT`: mem.triad-GBps");
  Limit limit{name.text, {}, {}, {}};
  YamlMapping mapping(node, "a limit");
  if (const YamlNode* each = mapping.find("regress")) limit.regress = percent(*each, "regress");
  if (const YamlNode* each = mapping.find("at-least")) limit.at_least = bound(*each, "at-least");
  if (const YamlNode* each = mapping.find("at-most")) limit.at_most = bound(*each, "at-most");
  mapping.finish();
  if (node.entries.empty())
    throw wrong_yaml(codes::missing_key, node, fmt::format("the limit of {} says nothing", name.text))
        .label("is empty")
        .help("write {regress: 3%}, {at-least: N} or {at-most: N}");
  return limit;
}

std::string read_word(const YamlNode& node, const std::string& key) {
  std::string text = yaml_text(node, key);
  if (text.empty())
    throw wrong_yaml(codes::bad_value, node, fmt::format("`{}` is empty", key))
        .label("says nothing")
        .help(key == "tracker" ? "name the issue where it is being dealt with" : "name a check or a figure");
  return text;
}

Waiver read_waiver(const YamlNode& node) {
  YamlMapping mapping(node, "a waiver");
  Waiver waiver;
  waiver.subject = read_word(mapping.need("subject"), "subject");
  waiver.tracker = read_word(mapping.need("tracker"), "tracker");
  const YamlNode& expires = mapping.need("expires");
  waiver.expires = yaml_text(expires, "expires");
  if (!is_date(waiver.expires))
    throw wrong_yaml(codes::bad_value, expires, "`expires` must be a date")
        .label("is none")
        .help("write the last day on which the waiver counts, like 2027-02-28");
  mapping.finish();
  return waiver;
}

}  // namespace

std::optional<double> parse_percent(std::string_view text) {
  if (!text.ends_with('%')) return std::nullopt;
  text.remove_suffix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  const auto value = parse_number(text);
  if (!value || *value <= 0 || *value >= 100) return std::nullopt;
  return *value / 100;
}

Policy parse_policy(std::string_view yaml, const std::string& file) {
  const YamlNode document = parse_yaml(yaml, file);
  YamlMapping mapping(document, "a policy");
  Policy policy;
  if (const YamlNode* limits = mapping.find("limits")) {
    const YamlMapping by_figure(*limits, "`limits`");
    for (const auto& [name, limit] : limits->entries) policy.limits.push_back(read_limit(name, limit));
  }
  if (const YamlNode* checks = mapping.find("must-pass"))
    for (const YamlNode& each : sequence(*checks, "must-pass"))
      policy.must_pass.push_back(read_word(each, "must-pass"));
  if (const YamlNode* waivers = mapping.find("waivers"))
    for (const YamlNode& each : sequence(*waivers, "waivers")) policy.waivers.push_back(read_waiver(each));
  mapping.finish();
  return policy;
}

Policy read_policy(const fs::path& file) {
  if (!fs::is_regular_file(file))
    throw Error(codes::policy_not_found, fmt::format("there is no policy {}", file.string()))
        .help("write one: limits: {mem.triad-GBps: {regress: 2%}}");
  return parse_policy(read_file(file, kLargest), file.string());
}

Policy usual_policy(const FigureSet& baseline) {
  Policy policy;
  for (const Figure& figure : baseline.figures)
    policy.limits.push_back({figure.name, figure.is_counted ? kCountedLimit : kTimedLimit, {}, {}});
  return policy;
}

}  // namespace ainode
