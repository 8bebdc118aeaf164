// SPDX-License-Identifier: Apache-2.0
// The initrd as the image carries it: the archive, compressed by the tools tree's zstd.
#include <fmt/format.h>

#include <optional>

#include "base/crypto.h"
#include "base/error.h"
#include "base/files.h"
#include "builder/sandbox/sandbox.h"
#include "builder/stages/initrd_archive.h"
#include "builder/stages/stages.h"

namespace ainode {

namespace {

constexpr const char* kCompressed = "initramfs.img";

/// One thread and a fixed level: the bytes depend on nothing but zstd's version, which the lock names.
std::string compress(const std::string& archive, const ToolsTree& tools) {
  SandboxCommand command;
  command.root = tools.root;
  command.argv = {"zstd", "--single-thread", "-9", "-q", "-c"};
  command.input = archive;
  ProcessResult result = run_in_sandbox(command);
  if (!result.succeeded())
    throw Error(codes::tool_failed, fmt::format("`zstd` of the tools tree failed on the initrd (exit status {}): {}",
                                                result.exit_code, printable(result.errors)));
  return std::move(result.output);
}

}  // namespace

Initrd make_initrd(RunContext& run, Store& store, const Tree& tree, const Kernel& kernel, const ToolsTree& tools) {
  const std::string busybox = read_file(tools.root / "usr/bin/busybox");
  InitrdArchive archive = make_initrd_archive(store, tree, kernel.release, busybox);
  // Read anew in each build, since that is little; compressed once.
  const StepKey key = StepKey("initrd", 1).add(sha256_hex(archive.newc)).add(tools.key);
  const std::string ref = "initrd/" + key.hex();
  const auto known = [&]() -> std::optional<std::string> {
    const auto commit = store.resolve(ref);
    if (!commit) return std::nullopt;
    return store.read_text(store.read_tree(*commit), kCompressed);
  };
  const auto make = [&] {
    std::string content = compress(archive.newc, tools);
    Store::Transaction transaction(store);
    Tree kept;
    kept.put_file(kCompressed, store.write_text(content), "");
    CommitOptions options;
    options.subject = "initrd";
    transaction.set_ref(ref, store.write_commit(kept, options));
    transaction.commit();
    return content;
  };
  return {store.make_once(run, key, "the initrd", known, make), std::move(archive.modules)};
}

}  // namespace ainode
