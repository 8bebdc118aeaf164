// SPDX-License-Identifier: Apache-2.0
// The one error of ainode-llm: what is wrong, and what the program exits with because of it.
#pragma once

#include <stdexcept>
#include <string>

namespace ainode::llm {

/// The program's exit codes: a verdict is about the model or its figures, environment about the machine.
enum class Exit { good = 0, bad = 1, usage = 2, environment = 3 };

/// Names its subject in the message: the file, and the offset, tensor or key in it.
class Error : public std::runtime_error {
 public:
  Error(Exit exit, const std::string& message) : std::runtime_error(message), exit_(exit) {}
  Exit exit() const { return exit_; }

 private:
  Exit exit_;
};

}  // namespace ainode::llm
