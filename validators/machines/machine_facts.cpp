// SPDX-License-Identifier: Apache-2.0
#include "validators/machines/machine_facts.h"

#include <fstream>
#include <string>
#include <thread>

namespace ainode {

namespace {

/// "model name\t: …"; empty where the kernel gives none, as on arm64.
std::string processor_model() {
  std::ifstream lines("/proc/cpuinfo");
  for (std::string line; std::getline(lines, line);) {
    const std::size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "";
}

}  // namespace

Json machine_facts(bool is_emulated) {
  return {
      {"emulated", is_emulated}, {"processor", processor_model()}, {"processors", std::thread::hardware_concurrency()}};
}

}  // namespace ainode
