// SPDX-License-Identifier: Apache-2.0
// A file that is there whole or not at all.
#pragma once

#include <cstddef>
#include <cstdio>
#include <span>
#include <string>

namespace ainode::llm {

/// Collects FILE.partial, which becomes FILE in commit(), else is removed. Throws Error(environment) that names it.
class OutputFile {
 public:
  explicit OutputFile(std::string path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void append(std::span<const std::byte> bytes);
  void commit();

 private:
  [[noreturn]] void fail() const;

  std::string path_, partial_;
  std::FILE* file_;
};

}  // namespace ainode::llm
