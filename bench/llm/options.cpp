// SPDX-License-Identifier: Apache-2.0
// A table of options; each says how its value is taken.
#include "bench/llm/options.h"

#include <fmt/format.h>

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <iterator>

#include "bench/llm/error.h"

namespace ainode::llm {

const char* const kUsage =
    "usage: ainode-llm write --shape SHAPE --type TYPE -o FILE     makes a model: the same bytes always\n"
    "       ainode-llm golden MODEL [--tolerance R]                are its logits what they must be?\n"
    "       ainode-llm golden --remake                             golden_values.cpp, made anew\n"
    "       ainode-llm run MODEL [--prefill N] [--decode N] [--repeat N]   tokens a second (128, 32, 5)\n"
    "       ainode-llm logits MODEL --tokens 1,2,3                 the logits after these tokens\n"
    "MODEL: FILE, or --shape 3m|24m|134m --type f32|f16|q8_0, made in memory.\n"
    "All: [--threads N] [--kernels auto|avx512|avx2|scalar] [--json]\n"
    "Exit status: 0 good, 1 the verdict is bad, 2 usage, 3 the environment.\n";

namespace {

[[noreturn]] void refuse(const std::string& message) {
  throw Error(Exit::usage, message);
}

std::size_t number_of(const std::string& name, std::string_view text, std::size_t least) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > 1U << 24)
    refuse(fmt::format("{} {}: is no number from {} to {}", name, text, least, 1U << 24));
  return value;
}

std::vector<Token> tokens_of(const std::string& name, std::string_view text) {
  std::vector<Token> tokens;
  for (;;) {
    const std::size_t comma = text.find(',');
    tokens.push_back(static_cast<Token>(number_of(name, text.substr(0, comma), 0)));
    if (comma == std::string_view::npos) return tokens;
    text.remove_prefix(comma + 1);
  }
}

double tolerance_of(const std::string& name, const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !(value >= 0 && value <= 1))
    refuse(fmt::format("{} {}: is no number from 0 to 1", name, text));
  return value;
}

struct Row {
  const char* name;
  bool has_value;
  void (*take)(Options&, const std::string& name, const std::string& value);
};

const Row kRows[] = {
    {"--shape", true,
     [](Options& o, const std::string& name, const std::string& value) {
       o.shape = shape_named(value);
       if (o.shape == nullptr) refuse(fmt::format("{} {}: is none of 3m, 24m, 134m", name, value));
     }},
    {"--type", true,
     [](Options& o, const std::string& name, const std::string& value) {
       o.type = type_named(value);
       if (!o.type) refuse(fmt::format("{} {}: is none of f32, f16, q8_0", name, value));
     }},
    {"-o", true, [](Options& o, const std::string&, const std::string& value) { o.output = value; }},
    {"--kernels", true, [](Options& o, const std::string&, const std::string& value) { o.kernels = value; }},
    {"--threads", true, [](Options& o, const std::string& n, const std::string& v) { o.threads = number_of(n, v, 1); }},
    {"--prefill", true,
     [](Options& o, const std::string& n, const std::string& v) { o.load.prefill = number_of(n, v, 0); }},
    {"--decode", true,
     [](Options& o, const std::string& n, const std::string& v) { o.load.decode = number_of(n, v, 0); }},
    {"--repeat", true,
     [](Options& o, const std::string& n, const std::string& v) { o.load.repeat = number_of(n, v, 1); }},
    {"--tokens", true, [](Options& o, const std::string& n, const std::string& v) { o.tokens = tokens_of(n, v); }},
    {"--tolerance", true,
     [](Options& o, const std::string& n, const std::string& v) { o.tolerance = tolerance_of(n, v); }},
    {"--json", false, [](Options& o, const std::string&, const std::string&) { o.is_json = true; }},
    {"--remake", false, [](Options& o, const std::string&, const std::string&) { o.is_remake = true; }},
};

const Row* row_of(const std::string& name) {
  for (const Row& row : kRows)
    if (name == row.name) return &row;
  return nullptr;
}

/// What each command needs beside its options.
void require_whole(const Options& o) {
  const bool is_made = o.shape != nullptr && o.type.has_value();
  if (o.command == "write") {
    if (!is_made || o.output.empty() || !o.file.empty()) refuse("write: needs --shape, --type and -o FILE");
  } else if (o.command == "golden" || o.command == "run" || o.command == "logits") {
    const bool has_parts = o.shape != nullptr || o.type.has_value();
    if (!o.is_remake && (o.file.empty() ? !is_made : has_parts))
      refuse(o.command + ": needs a FILE, or --shape and --type");
    if (o.command == "logits" && o.tokens.empty()) refuse("logits: needs --tokens");
  } else {
    refuse(fmt::format("{}: is none of write, golden, run, logits", o.command));
  }
}

}  // namespace

Options parse_options(const std::vector<std::string>& arguments) {
  if (arguments.empty()) refuse("a command is missing");
  Options options;
  options.command = arguments[0];
  for (auto word = arguments.begin() + 1; word != arguments.end(); ++word) {
    const Row* row = row_of(*word);
    if (row == nullptr && (word->starts_with("-") || !options.file.empty())) refuse(*word + ": is not known here");
    if (row == nullptr) {
      options.file = *word;
    } else if (!row->has_value) {
      row->take(options, *word, "");
    } else {
      if (std::next(word) == arguments.end()) refuse(*word + ": needs a value");
      const std::string& name = *word;
      row->take(options, name, *++word);
    }
  }
  require_whole(options);
  return options;
}

}  // namespace ainode::llm
