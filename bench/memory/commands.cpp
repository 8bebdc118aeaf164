// SPDX-License-Identifier: Apache-2.0
#include "bench/memory/commands.h"

#include <fmt/format.h>

#include <algorithm>

#include "bench/llm/json.h"

namespace ainode::memory {
namespace {

using checks::MemoryWork;
using checks::NumaNode;
using llm::JsonObject;
using Nodes = std::vector<const NumaNode*>;

constexpr double kMiB = 1U << 20;

std::string names_of(const std::vector<NumaNode>& nodes) {
  std::vector<int> ids;
  for (const NumaNode& node : nodes) ids.push_back(node.id);
  return fmt::format("{}", fmt::join(ids, ", "));
}

/// The node that an option names, or all that have what it takes.
Nodes chosen(const std::vector<NumaNode>& nodes, const char* option, std::optional<int> id, const char* thing,
             bool (*has)(const NumaNode&)) {
  Nodes all;
  if (id) {
    const NumaNode* node = checks::find_node(nodes, *id);
    if (node == nullptr)
      throw Error(Exit::usage,
                  fmt::format("{} {}: is no node of this machine; there are {}", option, *id, names_of(nodes)));
    if (!has(*node)) throw Error(Exit::usage, fmt::format("{} {}: this node has no {}", option, *id, thing));
    return {node};
  }
  for (const NumaNode& node : nodes)
    if (has(node)) all.push_back(&node);
  if (all.empty()) throw Error(Exit::environment, fmt::format("no node has {} that this process may use", thing));
  return all;
}

/// What a node can never give is a mistake; what it cannot give now is not.
void require_memory(const Options& options, MemoryWork work, const NumaNode& node) {
  const std::uint64_t needed = options.bytes * arrays_of(work);
  const auto say = [&](const char* what, std::uint64_t bytes) {
    return fmt::format("--size: {} needs {:.0f} MiB, and node {} has {:.0f} MiB{}", name_of(work),
                       static_cast<double>(needed) / kMiB, node.id, static_cast<double>(bytes) / kMiB, what);
  };
  if (needed > node.total_bytes) throw Error(Exit::usage, say("", node.total_bytes));
  if (needed > node.free_bytes) throw Error(Exit::environment, say(" free", node.free_bytes));
}

void require_processors(const Options& options, const NumaNode& node) {
  if (options.threads > node.cpus.size())
    throw Error(Exit::environment, fmt::format("--threads {}: this process may use {} processors of node {}",
                                               options.threads, node.cpus.size(), node.id));
}

struct Measured {
  const NumaNode *from, *to;
  MemoryWork work;
  checks::MemoryRun run;

  bool is_chase() const { return work == MemoryWork::chase; }
  /// As STREAM takes it: the best repetition.
  double best() const {
    const auto [least, most] = std::minmax_element(run.samples.begin(), run.samples.end());
    return is_chase() ? *least : *most;
  }
  bool exceeds_caches() const { return run.bytes >= checks::kCachesExceeded * from->cache_bytes; }
  std::string way() const { return fmt::format("node {} to node {}", from->id, to->id); }
};

std::string line_of(const Measured& one) {
  const std::string size =
      fmt::format("{} thread{}, {} array{} of {:.3g} MiB", one.run.threads, one.run.threads == 1 ? "" : "s",
                  arrays_of(one.work), one.is_chase() ? "" : "s", static_cast<double>(one.run.bytes) / kMiB);
  const std::string figure =
      one.is_chase() ? fmt::format("{:.1f} ns a load", one.best()) : fmt::format("{:.2f} GB/s", one.best() / 1000);
  const std::string caveat = one.exceeds_caches() ? ""
                                                  : fmt::format("; measures caches: the last ones have {:.3g} MiB",
                                                                static_cast<double>(one.from->cache_bytes) / kMiB);
  return fmt::format("{}: {:<5} {}, best of {}; {}{}{}\n", one.way(), name_of(one.work), figure, one.run.samples.size(),
                     size, caveat, one.run.is_wrong ? ": BAD, " + one.run.problem : "");
}

std::string json_of(const Measured& one) {
  JsonObject object;
  object.number("from", one.from->id).number("to", one.to->id).text("work", name_of(one.work));
  object.text("unit", one.is_chase() ? "ns" : "MB/s").number("best", one.best());
  object.raw("samples", fmt::format("[{:.9g}]", fmt::join(one.run.samples, ",")));
  object.number("threads", one.run.threads).number("array_bytes", one.run.bytes);
  object.number("moved_bytes", bytes_moved(one.work, one.run.bytes)).number("cache_bytes", one.from->cache_bytes);
  object.raw("exceeds_caches", one.exceeds_caches() ? "true" : "false");
  return object.raw("good", one.run.is_wrong ? "false" : "true").str();
}

Measured measure(const Options& options, const NumaNode& from, const NumaNode& to, MemoryWork work) {
  checks::MemoryLoad load;
  load.work = work, load.bytes = options.bytes, load.threads = options.threads, load.repetitions = options.repetitions;
  Measured one = {&from, &to, work, checks::measure_memory_speed(from, to, load)};
  if (one.run.samples.empty())
    throw Error(Exit::environment, fmt::format("{}: {}: {}", one.way(), name_of(work), one.run.problem));
  return one;
}

Answer run(const Options& options, const std::vector<NumaNode>& nodes) {
  const Nodes from =
      chosen(nodes, "--from", options.from, "processors", [](const NumaNode& it) { return !it.cpus.empty(); });
  const Nodes to = chosen(nodes, "--to", options.to, "memory", [](const NumaNode& it) { return it.total_bytes > 0; });
  for (const NumaNode* each : from) require_processors(options, *each);
  for (const NumaNode* each : to)
    for (const MemoryWork work : options.works) require_memory(options, work, *each);
  Answer answer;
  std::vector<std::string> objects;
  for (const NumaNode* near : from) {
    for (const NumaNode* far : to) {
      for (const MemoryWork work : options.works) {
        const Measured one = measure(options, *near, *far, work);
        answer.text += line_of(one);
        objects.push_back(json_of(one));
        if (one.run.is_wrong) answer.exit = Exit::bad;
      }
    }
  }
  if (options.is_json)
    answer.text =
        JsonObject().text("command", "run").raw("measured", fmt::format("[{}]", fmt::join(objects, ","))).str() + "\n";
  return answer;
}

Answer show(const Options& options, const std::vector<NumaNode>& nodes) {
  std::string text;
  std::vector<std::string> objects;
  for (const NumaNode& node : nodes) {
    text += fmt::format("node {}: {} processors, {:.0f} MiB of memory ({:.0f} free), last caches of {:.3g} MiB{}\n",
                        node.id, node.cpus.size(), static_cast<double>(node.total_bytes) / kMiB,
                        static_cast<double>(node.free_bytes) / kMiB, static_cast<double>(node.cache_bytes) / kMiB,
                        node.is_bound ? "" : "; the kernel has no NUMA");
    JsonObject object;
    object.number("node", node.id).raw("processors", fmt::format("[{}]", fmt::join(node.cpus, ",")));
    object.number("memory_bytes", node.total_bytes).number("free_bytes", node.free_bytes);
    objects.push_back(object.number("cache_bytes", node.cache_bytes).str());
  }
  if (!options.is_json) return {text};
  return {JsonObject().text("command", "nodes").raw("nodes", fmt::format("[{}]", fmt::join(objects, ","))).str() +
          "\n"};
}

}  // namespace

Answer run_command(const Options& options, const std::vector<NumaNode>& nodes) {
  return options.command == "nodes" ? show(options, nodes) : run(options, nodes);
}

}  // namespace ainode::memory
