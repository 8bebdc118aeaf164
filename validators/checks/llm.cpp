// SPDX-License-Identifier: Apache-2.0
// The LLM family: a language model made by bench/llm's program on the node itself. Whether its logits are right, and
// how fast its tokens come: tokens a second, or instructions a token where the emulator counts instructions.
#include <fmt/format.h>

#include <algorithm>

#include "validators/checks/catalog.h"
#include "validators/checks/text.h"

namespace ainode::checks {

namespace {

using Words = std::vector<std::string>;

constexpr std::string_view kProgram = "ainode-llm";
constexpr int kBad = 1, kEnvironment = 3;  // exit statuses of the program
constexpr const char* kTypes[] = {"f32", "f16", "q8_0"};
// Of the logits' root mean square. Ours are the same to the bit on every x86-64 processor; another's may fuse a product
// and a sum.
constexpr const char* kTolerance = "1e-4";

/// What the program said; `objection` where it said nothing that can be read.
struct Said {
  int status = -1;
  Json json;
  std::string objection;
};

Said ask(const Node& node, const Words& arguments) {
  Words argv = {std::string(kProgram)};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  const CommandOutcome outcome = node.run_companion(argv);
  Said said = {outcome.status, Json::parse(outcome.output, nullptr, false), ""};
  if (outcome.status == 0 || (outcome.status == kBad && said.json.is_object())) {
    if (!said.json.is_object()) said.objection = fmt::format("{} printed no JSON", joined(argv, " "));
  } else {
    said.objection = outcome.problem.empty() ? fmt::format("{} ended with exit status {}", kProgram, outcome.status)
                                             : outcome.problem;
  }
  return said;
}

/// What the machine lacks (memory, say) is a gap; anything else speaks against it.
Finding without_answer(const Said& said, const std::string& evidence) {
  if (said.status == kEnvironment) return unmeasurable(said.objection, evidence);
  return failed(nullptr, nullptr, evidence, said.objection);
}

Finding golden(const Node& node, const Expected&) {
  const std::string evidence = fmt::format("{} golden --shape 3m, in f32, f16 and q8_0", kProgram);
  Json measured = Json::object();
  Words objections;
  for (const char* type : kTypes) {
    const Said said = ask(node, {"golden", "--shape", "3m", "--type", type, "--tolerance", kTolerance, "--json"});
    if (!said.objection.empty()) return without_answer(said, evidence);
    for (const char* key : {"kernels", "identical", "deviation"}) measured[type][key] = said.json.value(key, Json());
    const Json& deviation = measured[type]["deviation"];
    if (said.json.value("good", Json()) != true)
      objections.push_back(deviation.is_number()
                               ? fmt::format("in {} the logits are wrong by {:.3g} of their root mean square", type,
                                             deviation.get<double>())
                               : fmt::format("in {} not all logits are numbers", type));
  }
  return judged(std::move(measured), {{"deviation", fmt::format("at most {}", kTolerance)}}, evidence,
                joined(objections, "; "));
}

/// One of the program's two loads.
struct Load {
  const char* name;
  const char* tokens;      ///< on a processor of its own speed
  const char* few_tokens;  ///< where each instruction is emulated
};
constexpr Load kPrefill = {"prefill", "128", "32"}, kDecode = {"decode", "32", "8"};

Words arguments_of(const Load& load, bool is_counted) {
  // Instructions do not depend on what a cache holds, so a small model tells as much. A clock does: the large one is
  // larger than most last caches.
  Words words = {"run", "--shape", is_counted ? "24m" : "134m", "--type", "q8_0", "--json"};
  for (const Load* each : {&kPrefill, &kDecode}) {
    const char* tokens = is_counted ? each->few_tokens : each->tokens;
    words.insert(words.end(), {fmt::format("--{}", each->name), each == &load ? tokens : "0"});
  }
  if (is_counted) words.insert(words.end(), {"--repeat", "1"});
  return words;
}

/// What the program measured, each repetition; empty where it printed something else.
std::vector<double> repetitions(const Json& part, const char* key) {
  const Json list = part.is_object() ? part.value(key, Json::array()) : Json::array();
  std::vector<double> values;
  for (const Json& each : list)
    if (each.is_number() && each.get<double>() > 0) values.push_back(each.get<double>());
  return values.size() == list.size() ? values : std::vector<double>{};
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 != 0 ? values[half] : (values[half - 1] + values[half]) / 2;
}

Finding speed(const Node& node, const Expected& expected, const Load& load) {
  const bool is_counted = expected.instruction_ns > 0;
  if (expected.emulated && !is_counted)
    return unmeasurable("an emulated processor has no speed of its own; --counted counts its instructions", "");
  const Words arguments = arguments_of(load, is_counted);
  const std::string evidence = fmt::format("{} {}", kProgram, joined(arguments, " "));
  const Said said = ask(node, arguments);
  if (!said.objection.empty()) return without_answer(said, evidence);
  const Json part = said.json.value(load.name, Json());
  std::vector<double> values = repetitions(part, is_counted ? "cpu_seconds" : "tokens_per_second");
  const std::vector<double> tokens = repetitions(part, "tokens");  // one number is a list of one
  if (values.empty() || tokens.empty()) return failed(said.json, nullptr, evidence, "no figure was printed");
  if (is_counted)
    for (double& each : values) each = each * 1e9 / expected.instruction_ns / tokens.front();
  const std::string unit = is_counted ? "instructions-per-token" : "tokens-per-s";
  Json measured = {{"kernels", said.json.value("kernels", Json())}, {"model", said.json.value("model", Json())}};
  measured[unit] = values;
  Finding finding = passed(std::move(measured), nullptr, evidence);
  finding.figures = {{fmt::format("llm.{}-{}", load.name, unit),
                      is_counted ? "instructions/token" : "tokens/s",
                      !is_counted,
                      is_counted,
                      {median(std::move(values))}}};
  return finding;
}

Finding prefill(const Node& node, const Expected& expected) {
  return speed(node, expected, kPrefill);
}

Finding decode(const Node& node, const Expected& expected) {
  return speed(node, expected, kDecode);
}

}  // namespace

std::vector<Check> llm_checks() {
  std::vector<Check> checks = {
      {"llm.golden", "a fixed language model gives the logits that it gave everywhere else", {}, When::booted, golden},
      {"llm.prefill", "how many tokens of a prompt a language model takes in a second", {}, When::booted, prefill},
      {"llm.decode", "how many tokens a language model makes in a second", {}, When::booted, decode}};
  for (Check& check : checks) {
    check.companion = kProgram;
    check.level = Level::standard;
  }
  return checks;
}

}  // namespace ainode::checks
