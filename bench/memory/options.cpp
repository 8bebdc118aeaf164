// SPDX-License-Identifier: Apache-2.0
// A table of options; each says how its value is taken.
#include "bench/memory/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <string_view>

namespace ainode::memory {

const char* const kUsage =
    "usage: ainode-memory run [--from NODE] [--to NODE] [--work WORK,...] [--size SIZE] [--threads N] [--repeat N]\n"
    "       ainode-memory nodes                  the NUMA nodes, their processors, memory and last caches\n"
    "WORK: copy, scale, add, triad (STREAM's, MB/s), chase (of pointers, ns a load); all where none is named.\n"
    "SIZE: of each array, like 512K, 64M or 2G; four times the last caches where none is given, if that much is free.\n"
    "From each node with processors to each with memory where none is named. All: [--json]\n"
    "Exit status: 0 good, 1 the arrays do not hold what they must, 2 usage, 3 the environment.\n";

namespace {

constexpr std::size_t kMostRepetitions = 10'000, kMostThreads = 4096;
constexpr int kMostNode = 1023;
constexpr std::uint64_t kLeastSize = std::uint64_t{64} << 10, kMostSize = std::uint64_t{1} << 50;

[[noreturn]] void refuse(const std::string& message) {
  throw Error(Exit::usage, message);
}

std::uint64_t number_of(const std::string& name, std::string_view text, std::uint64_t least, std::uint64_t most) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most)
    refuse(fmt::format("{} {}: is no number from {} to {}", name, text, least, most));
  return value;
}

std::uint64_t size_of(const std::string& name, const std::string& text) {
  constexpr std::string_view kUnits = "KMG";
  const std::size_t unit = text.empty() ? std::string_view::npos : kUnits.find(text.back());
  if (unit == std::string_view::npos) refuse(fmt::format("{} {}: is no size like 512K, 64M or 2G", name, text));
  const unsigned shift = 10 * (static_cast<unsigned>(unit) + 1);
  const std::string digits = text.substr(0, text.size() - 1);
  const std::uint64_t size = number_of(name, digits, 1, kMostSize >> shift) << shift;
  if (size < kLeastSize) refuse(fmt::format("{} {}: is less than 64K", name, text));
  return size;
}

std::vector<checks::MemoryWork> works_of(const std::string& name, std::string_view text) {
  std::vector<checks::MemoryWork> works;
  for (;;) {
    const std::size_t comma = text.find(',');
    const std::string_view word = text.substr(0, comma);
    const auto* const found = std::find_if(std::begin(checks::kMemoryWorks), std::end(checks::kMemoryWorks),
                                           [&](checks::MemoryWork each) { return name_of(each) == word; });
    if (found == std::end(checks::kMemoryWorks))
      refuse(fmt::format("{} {}: is none of copy, scale, add, triad, chase", name, word));
    works.push_back(*found);
    if (comma == std::string_view::npos) return works;
    text.remove_prefix(comma + 1);
  }
}

struct Row {
  const char* name;
  bool has_value;
  void (*take)(Options&, const std::string& name, const std::string& value);
};

const Row kRows[] = {
    {"--from", true,
     [](Options& o, const std::string& n, const std::string& v) {
       o.from = static_cast<int>(number_of(n, v, 0, kMostNode));
     }},
    {"--to", true,
     [](Options& o, const std::string& n, const std::string& v) {
       o.to = static_cast<int>(number_of(n, v, 0, kMostNode));
     }},
    {"--work", true, [](Options& o, const std::string& n, const std::string& v) { o.works = works_of(n, v); }},
    {"--size", true, [](Options& o, const std::string& n, const std::string& v) { o.bytes = size_of(n, v); }},
    {"--threads", true,
     [](Options& o, const std::string& n, const std::string& v) { o.threads = number_of(n, v, 1, kMostThreads); }},
    {"--repeat", true,
     [](Options& o, const std::string& n, const std::string& v) {
       o.repetitions = number_of(n, v, 1, kMostRepetitions);
     }},
    {"--json", false, [](Options& o, const std::string&, const std::string&) { o.is_json = true; }},
};

}  // namespace

Options parse_options(const std::vector<std::string>& arguments) {
  if (arguments.empty()) refuse("a command is missing");
  Options options;
  options.command = arguments[0];
  if (options.command != "run" && options.command != "nodes")
    refuse(fmt::format("{}: is none of run, nodes", options.command));
  for (auto word = arguments.begin() + 1; word != arguments.end(); ++word) {
    const auto* const row =
        std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& each) { return *word == each.name; });
    if (row == std::end(kRows)) refuse(*word + ": is not known here");
    if (!row->has_value) {
      row->take(options, *word, "");
      continue;
    }
    if (std::next(word) == arguments.end()) refuse(*word + ": needs a value");
    const std::string& name = *word;
    row->take(options, name, *++word);
  }
  if (options.works.empty()) options.works.assign(std::begin(checks::kMemoryWorks), std::end(checks::kMemoryWorks));
  return options;
}

}  // namespace ainode::memory
