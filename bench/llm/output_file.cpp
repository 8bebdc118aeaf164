// SPDX-License-Identifier: Apache-2.0
#include "bench/llm/output_file.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include "bench/llm/error.h"

namespace ainode::llm {

OutputFile::OutputFile(std::string path)
    : path_(std::move(path)), partial_(path_ + ".partial"), file_(std::fopen(partial_.c_str(), "wbe")) {
  if (file_ == nullptr) fail();
}

OutputFile::~OutputFile() {
  if (file_ == nullptr) return;
  std::fclose(file_);
  std::remove(partial_.c_str());
}

void OutputFile::append(std::span<const std::byte> bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size()) fail();
}

void OutputFile::commit() {
  if (std::fflush(file_) != 0 || std::rename(partial_.c_str(), path_.c_str()) != 0) fail();
  std::fclose(std::exchange(file_, nullptr));
}

void OutputFile::fail() const {
  throw Error(Exit::environment, partial_ + ": " + std::strerror(errno));
}

}  // namespace ainode::llm
