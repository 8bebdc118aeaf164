// SPDX-License-Identifier: Apache-2.0
// A model's file: what the reader accepts lies inside the bytes, what is taken for a model can be computed, and
// whatever is refused is refused by one error that names the file.
#include <algorithm>
#include <cstring>
#include <functional>
#include <vector>

#include "bench/llm/engine.h"
#include "bench/llm/error.h"
#include "bench/llm/model.h"
#include "tests/fuzz/promise.h"

namespace ainode::fuzz {
namespace {

bool is_taken(const std::function<void()>& work) {
  try {
    work();
    return true;
  } catch (const llm::Error& error) {
    promise(std::string_view(error.what()).starts_with("fuzz.gguf: "), "an error names its file");
    promise(error.exit() == llm::Exit::bad, "a file is bad, not the machine");
    return false;
  }
}

void judge_tensors(const llm::Gguf& gguf, std::string_view text) {
  for (const auto& [name, tensor] : gguf.tensors) {
    promise(lies_in({reinterpret_cast<const char*>(tensor.data.data()), tensor.data.size()}, text),
            "a tensor lies in its file");
    std::uint64_t rows = 1;
    for (std::size_t i = 1; i < tensor.dimensions.size(); ++i) rows *= tensor.dimensions[i];
    promise(tensor.data.size() == llm::row_bytes(tensor.type, tensor.dimensions[0]) * rows,
            "a tensor has as many bytes as its dimensions say");
  }
}

/// The logits of two tokens, by each set of kernels that there is: numbers, or one error, the same for all.
void judge_model(const llm::Model& model) {
  llm::Threads threads(1);
  std::vector<std::vector<float>> results;
  for (const llm::Kernels* kernels : llm::all_kernels()) {
    if (!kernels->is_supported()) continue;
    std::vector<float> logits;
    is_taken([&] {
      llm::Engine engine(model, *kernels, threads, std::min<std::size_t>(model.shape.context, 2));
      engine.append(std::vector<llm::Token>{0});
      if (model.shape.context < 2) return;
      const std::span<const float> found =
          engine.append(std::vector<llm::Token>{static_cast<llm::Token>(model.shape.vocabulary - 1)});
      logits.assign(found.begin(), found.end());
    });
    results.push_back(logits);
  }
  for (const auto& logits : results) promise(logits == results[0], "all kernels give the same logits");
}

}  // namespace
}  // namespace ainode::fuzz

AINODE_FUZZ_TARGET(text) {
  using namespace ainode;
  // The reader takes bytes that begin where a page does.
  std::vector<std::uint64_t> words(text.size() / 8 + 1);
  if (!text.empty()) std::memcpy(words.data(), text.data(), text.size());
  const std::span<const std::byte> bytes = std::as_bytes(std::span(words)).first(text.size());
  const std::string_view whole(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  fuzz::is_taken([&] { fuzz::judge_tensors(llm::read_gguf("fuzz.gguf", bytes), whole); });
  llm::Model model;
  if (fuzz::is_taken([&] { model = llm::read_model("fuzz.gguf", bytes); })) fuzz::judge_model(model);
}
