// SPDX-License-Identifier: Apache-2.0
// The initrd as the image carries it: the archive, compressed by the tools tree's zstd.
#include <fmt/format.h>

#include "base/error.h"
#include "base/files.h"
#include "builder/sandbox/sandbox.h"
#include "builder/stages/initrd_archive.h"
#include "builder/stages/stages.h"

namespace ainode {

namespace {

/// One thread and a fixed level: the bytes depend on nothing but zstd's version, which the lock names.
std::string compress(const std::string& archive, const ToolsTree& tools, std::int64_t epoch) {
  SandboxCommand command;
  command.root = tools.root;
  command.argv = {"zstd", "--single-thread", "-9", "-q", "-c"};
  command.input = archive;
  command.source_date_epoch = epoch;
  ProcessResult result = run_in_sandbox(command);
  if (!result.succeeded())
    throw Error(codes::tool_failed, fmt::format("`zstd` of the tools tree failed on the initrd (exit status {}): {}",
                                                result.exit_code, printable(result.errors)));
  return std::move(result.output);
}

}  // namespace

Initrd make_initrd(Store& store, const Tree& tree, const Kernel& kernel, const ToolsTree& tools, std::int64_t epoch) {
  const std::string busybox = read_file(tools.root / "usr/bin/busybox");
  InitrdArchive archive = make_initrd_archive(store, tree, kernel.release, busybox);
  return {compress(archive.newc, tools, epoch), std::move(archive.modules)};
}

}  // namespace ainode
