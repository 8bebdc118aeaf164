// SPDX-License-Identifier: Apache-2.0
// ainode-llm: how many tokens a second a node's processors make, and whether they make the right ones. A static
// program that needs nothing of the image: model, engine and golden values are its own.
//
//   shape.h    what a model is made of              gguf.h     the file it lies in: writer, reader of foreign bytes
//   model.h    a file that this engine can compute  engine.h   the forward pass
//   kernels.h  products, the same bits everywhere   golden.h   the logits that must come out    speed.h  tokens/s
#include <cstdio>
#include <exception>

#include "bench/llm/commands.h"

namespace ainode::llm {
namespace {

int answer_to(const std::vector<std::string>& arguments) {
  if (!arguments.empty() && (arguments[0] == "--help" || arguments[0] == "help")) return std::fputs(kUsage, stdout) < 0;
  try {
    const Answer answer = run_command(parse_options(arguments));
    if (std::fwrite(answer.text.data(), 1, answer.text.size(), stdout) != answer.text.size() ||
        std::fflush(stdout) != 0)
      throw Error(Exit::environment, "standard output: cannot be written");
    return static_cast<int>(answer.exit);
  } catch (const Error& error) {
    std::fprintf(stderr, "ainode-llm: %s\n%s", error.what(), error.exit() == Exit::usage ? kUsage : "");
    return static_cast<int>(error.exit());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "ainode-llm: %s\n", error.what());
    return static_cast<int>(Exit::environment);
  }
}

}  // namespace
}  // namespace ainode::llm

int main(int count, char** words) {
  return ainode::llm::answer_to({words + (count > 0), words + count});
}
