// SPDX-License-Identifier: Apache-2.0
// The DMA family, engines: the kernel's own test copies with each channel and compares (Documentation/driver-api/
// dmaengine/dmatest.rst).
#include <fmt/format.h>

#include "validators/checks/catalog.h"
#include "validators/checks/text.h"

namespace ainode::checks {

namespace {

using Words = std::vector<std::string>;

/// What the log says just before the test, so that no earlier run's lines count. Where it has left the ring already,
/// they all have.
constexpr std::string_view kBegins = "ainode: dmatest begins";

constexpr const char* kTest =
    R"sh([ "$(id -u)" = 0 ] || { echo "only root may do this: load dmatest"; exit 1; }
echo "<6>ainode: dmatest begins" >/dev/kmsg || { echo "/dev/kmsg cannot be written"; exit 1; }
modprobe dmatest timeout=2000 iterations=100 threads_per_chan=1 run=1 2>&1 || exit 1
cat /sys/module/dmatest/parameters/wait >/dev/null; s=$?; rmmod dmatest; exit $s)sh";

/// "dmatest: dma0chan0-copy0: summary 100 tests, 0 failures 32786.88 iops …": of each channel the last one.
Words summaries(const std::string& log) {
  const std::size_t begin = log.rfind(kBegins);
  std::map<std::string, std::string> by_thread;
  for (const std::string& line : split_lines(begin == std::string::npos ? log : log.substr(begin))) {
    const std::size_t start = line.find("dmatest: "), words = line.find(": summary ");
    if (start == std::string::npos || words == std::string::npos || words < start) continue;
    by_thread[line.substr(start, words - start)] = line.substr(start);
  }
  Words lines;
  for (auto& [thread, line] : by_thread) lines.push_back(std::move(line));
  return lines;
}

Finding engine(const Node& node, const Expected&) {
  Words channels;
  for (const DirectoryEntry& entry : node.list("/sys/class/dma")) channels.push_back(entry.name);
  if (channels.empty()) return skipped("no DMA engine is in /sys/class/dma");
  const CommandOutcome outcome = node.run({"sh", "-c", kTest});
  const Words found = outcome.status == 0 ? summaries(node.kernel_log().value_or("")) : Words{};
  Words objections;
  if (!outcome.problem.empty()) objections.push_back(outcome.problem);
  if (outcome.status != 0) objections.push_back(fmt::format("dmatest did not run: {}", trimmed(outcome.output)));
  if (outcome.status == 0 && found.empty()) objections.push_back("the kernel's log has no summary of dmatest's");
  for (const std::string& line : found)
    if (line.find(" 0 failures") == std::string::npos) objections.push_back(line);
  return judged({{"channels", channels}, {"summaries", found}}, "0 failures on each channel",
                "modprobe dmatest run=1, the kernel's log", joined(objections, "; "));
}

}  // namespace

std::vector<Check> engine_checks() {
  return {{"dma.engine",
           "each DMA engine copies what it is given",
           {"config:DMATEST"},
           When::booted,
           engine,
           "",
           Where::node,
           Level::full}};
}

}  // namespace ainode::checks
