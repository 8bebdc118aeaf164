// SPDX-License-Identifier: Apache-2.0
#include "bench/llm/commands.h"

#include <fmt/format.h>

#include "bench/llm/golden.h"
#include "bench/llm/json.h"
#include "bench/llm/output_file.h"

namespace ainode::llm {
namespace {

/// A model with the bytes it lies in.
struct Loaded {
  Memory memory;
  Model model;
};

Loaded load_model(const Options& options) {
  if (!options.file.empty()) {
    Memory memory = read_file(options.file);
    Model model = read_model(options.file, memory.bytes());
    return {std::move(memory), std::move(model)};
  }
  Memory memory = make_model(*options.shape, *options.type);
  Model model = read_model(fmt::format("{} in {}", options.shape->name, name_of(*options.type)), memory.bytes());
  return {std::move(memory), std::move(model)};
}

JsonObject described(const Options& options, const Model& model, const Kernels& kernels) {
  JsonObject object;
  return object.text("command", options.command)
      .text("model", model.path)
      .text("shape", model.shape.name)
      .text("type", name_of(model.type))
      .number("parameters", parameters_of(model.shape))
      .number("bytes", model.bytes)
      .text("kernels", kernels.name)
      .number("threads", options.threads);
}

Answer write(const Options& options) {
  OutputFile file(options.output);
  Digest digest;
  write_gguf(*options.shape, *options.type, [&](std::span<const std::byte> piece) {
    file.append(piece);
    digest.add(piece.data(), piece.size());
  });
  file.commit();
  const std::uint64_t size = gguf_size(*options.shape, *options.type);
  const std::string hex = fmt::format("{:016x}", digest.value());
  if (!options.is_json)
    return {fmt::format("{}: {} parameters, {} bytes, FNV-1a {}\n", options.output, parameters_of(*options.shape), size,
                        hex)};
  JsonObject object;
  object.text("command", "write").text("model", options.output).text("shape", options.shape->name);
  object.text("type", name_of(*options.type)).number("parameters", parameters_of(*options.shape));
  return {object.number("file_bytes", size).text("fnv1a", hex).str() + "\n"};
}

Answer golden(const Options& options) {
  Threads threads(options.threads);
  if (options.is_remake) return {remake_golden_values(threads)};
  const Kernels& kernels = kernels_named(options.kernels);
  const Loaded loaded = load_model(options);
  const Golden* expected = golden_of(loaded.model.shape, loaded.model.type);
  if (expected == nullptr)
    throw Error(Exit::usage, loaded.model.path + ": is none of the shapes that golden values are known of");
  const std::vector<float> logits = golden_logits(loaded.model, kernels, threads);
  const Comparison comparison = compare(*expected, logits, options.tolerance);
  const Exit exit = comparison.is_good ? Exit::good : Exit::bad;
  if (!options.is_json)
    return {fmt::format("{}: {} kernels: logits are {}, deviation {:.3g} of their root mean square: {}\n",
                        loaded.model.path, kernels.name, comparison.is_identical ? "identical" : "not identical",
                        comparison.deviation, comparison.is_good ? "good" : "BAD"),
            exit};
  JsonObject object = described(options, loaded.model, kernels);
  object.raw("good", comparison.is_good ? "true" : "false")
      .raw("identical", comparison.is_identical ? "true" : "false");
  object.number("deviation", comparison.deviation).number("tolerance", options.tolerance);
  object.text("digest", fmt::format("{:016x}", golden_from({}, expected->type, logits).digest));
  return {object.str() + "\n", exit};
}

std::string json_of(const std::vector<Repetition>& repetitions, std::size_t tokens) {
  std::vector<double> speeds, seconds, cpu;
  for (const Repetition& repetition : repetitions) {
    speeds.push_back(repetition.tokens_per_second);
    seconds.push_back(repetition.seconds);
    cpu.push_back(repetition.cpu_seconds);
  }
  JsonObject object;
  object.number("tokens", tokens).number("median_tokens_per_second", median_of(repetitions));
  object.raw("tokens_per_second", fmt::format("[{:.9g}]", fmt::join(speeds, ",")));
  object.raw("seconds", fmt::format("[{:.9g}]", fmt::join(seconds, ",")));
  return object.raw("cpu_seconds", fmt::format("[{:.9g}]", fmt::join(cpu, ","))).str();
}

std::string text_of(const char* name, const std::vector<Repetition>& repetitions) {
  if (repetitions.empty()) return "";
  std::string text = fmt::format("{}: median {:.2f} tokens/s of", name, median_of(repetitions));
  for (const Repetition& repetition : repetitions)
    text += fmt::format(" {:.2f} ({:.3f} CPU s)", repetition.tokens_per_second, repetition.cpu_seconds);
  return text + "\n";
}

Answer run(const Options& options) {
  const Kernels& kernels = kernels_named(options.kernels);
  Threads threads(options.threads);
  const Loaded loaded = load_model(options);
  const Speed speed = measure_speed(loaded.model, kernels, threads, options.load);
  if (!options.is_json)
    return {fmt::format("{}: {} kernels, {} threads\n", loaded.model.path, kernels.name, options.threads) +
            text_of("prefill", speed.prefill) + text_of("decode", speed.decode)};
  JsonObject object = described(options, loaded.model, kernels);
  object.raw("prefill", json_of(speed.prefill, options.load.prefill));
  return {object.raw("decode", json_of(speed.decode, options.load.decode)).str() + "\n"};
}

Answer logits(const Options& options) {
  const Kernels& kernels = kernels_named(options.kernels);
  Threads threads(options.threads);
  const Loaded loaded = load_model(options);
  Engine engine(loaded.model, kernels, threads, options.tokens.size());
  const std::span<const float> values = engine.append(options.tokens);
  if (!options.is_json) return {fmt::format("{}\n", fmt::join(values, "\n"))};
  JsonObject object = described(options, loaded.model, kernels);
  object.raw("tokens", fmt::format("[{}]", fmt::join(options.tokens, ",")));
  return {object.raw("logits", fmt::format("[{}]", fmt::join(values, ","))).str() + "\n"};
}

}  // namespace

Answer run_command(const Options& options) {
  if (options.command == "write") return write(options);
  if (options.command == "golden") return golden(options);
  if (options.command == "run") return run(options);
  return logits(options);
}

}  // namespace ainode::llm
