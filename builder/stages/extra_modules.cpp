// SPDX-License-Identifier: Apache-2.0
// Kernel modules that the distribution does not build: sources from a package or beside the recipe, compiled by the
// kernel's own Makefiles in a tree of locked packages, at a fixed path and without a network. Equal inputs give equal
// bytes, so what was compiled is kept.
#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "builder/sandbox/sandbox.h"
#include "builder/stages/module_sources.h"
#include "builder/stages/stages.h"

namespace ainode {

namespace {

// Raised whenever the same inputs make other bytes.
constexpr int kVersion = 1;
constexpr std::size_t kMostBytes = std::size_t{1} << 30;  // of a compiled module
constexpr std::size_t kMostLines = 12;                    // of what the compiler said
constexpr std::chrono::seconds kDeadline{1800};           // of one module: the largest ones have thousands of files
constexpr std::string_view kFolder = "/work/";            // in the sandbox; the compiler writes it into the module

StepKey key_of(const ExtraModule& module, const std::vector<LockedPackage>& build) {
  StepKey key("extra module", kVersion);
  key.add(module.name.value).add(module.package.value);
  for (const PlacedFile& source : module.sources) key.add(source.source.value).add(source.content.value_or(""));
  for (const LockedPackage& package : build) key.add(package.sha256);
  return key;
}

std::string ref_of(const StepKey& key) {
  return "extra-module/" + key.hex();
}

// --- compiling -------------------------------------------------------------------------------------------------------

/// What says why: the compiler's and modpost's errors, else the last lines.
std::vector<std::string> telling_lines(const std::string& output) {
  std::vector<std::string> all, errors;
  for (std::size_t start = 0; start < output.size();) {
    const std::size_t end = std::min(output.find('\n', start), output.size());
    std::string line = output.substr(start, end - start);
    if (line.find("error:") != std::string::npos || line.find("ERROR:") != std::string::npos) errors.push_back(line);
    if (!line.empty()) all.push_back(std::move(line));
    start = end + 1;
  }
  if (errors.size() > kMostLines) errors.resize(kMostLines);
  if (!errors.empty()) return errors;
  if (all.size() > kMostLines) all.erase(all.begin(), all.end() - static_cast<std::ptrdiff_t>(kMostLines));
  return all;
}

Error failure(const ExtraModule& module, const Kernel& kernel, const std::string& why) {
  return Error(codes::module_failed,
               fmt::format("module `{}` was not compiled for kernel {}: {}", module.name.value, kernel.release, why))
      .at(module.name.place);
}

void run_in_folder(std::vector<std::string> argv, const ToolsTree& build, const fs::path& folder,
                   const ExtraModule& module, const Kernel& kernel) {
  SandboxCommand command;
  command.root = build.root;
  command.argv = std::move(argv);
  command.binds = {{folder, std::string(kFolder) + module.name.value, true}};
  command.deadline = kDeadline;
  const SandboxResult result = run_in_sandbox(command);
  if (result.succeeded()) return;
  Error error = failure(module, kernel,
                        fmt::format("{} {}", command.argv[0],
                                    result.timed_out ? "did not end in time"
                                                     : fmt::format("ended with exit status {}", result.exit_code)));
  for (const std::string& line : telling_lines(result.errors.empty() ? result.output : result.errors))
    error.chain(printable(line));
  result.explain(error);
  throw error.help(result.timed_out ? "compile it by hand to see what it waits for, or leave it out of this image"
                                    : "compiled by hand it would say the same: its source does not fit this kernel");
}

std::string compile(RunContext& run, Store& store, const ExtraModule& module, const Kernel& kernel,
                    const ToolsTree& build) {
  const std::string& name = module.name.value;
  run.events.note("modules", fmt::format("compiling {} for {}", name, kernel.release));
  const TemporaryDirectory scratch(store.work_directory(), "module-");
  const fs::path folder = scratch.path() / name;
  make_directories(folder);
  for (const auto& [path, content] : module_sources(module, build.root)) {
    make_directories((folder / path).parent_path());
    write_file(folder / path, content);
  }
  const std::string inside = std::string(kFolder) + name;
  // The tree is not configured: no alternative stands for `awk`.
  run_in_folder({"/usr/bin/make", "-C", "/usr/src/linux-headers-" + kernel.release, fmt::format("-j{}", run.jobs),
                 "AWK=mawk", "M=" + inside, "modules"},
                build, folder, module, kernel);
  const fs::path made = folder / (name + ".ko");
  if (!fs::is_regular_file(fs::symlink_status(made)))
    throw failure(module, kernel, fmt::format("its sources made no {}.ko", name))
        .help("the module's name is that of the file which they make");
  run_in_folder({"/usr/bin/strip", "--strip-debug", fmt::format("{}/{}.ko", inside, name)}, build, folder, module,
                kernel);
  return read_file(made, kMostBytes);
}

/// A commit whose only file is the module.
std::string keep(Store& store, const ExtraModule& module, const std::string& content, const std::string& ref) {
  Store::Transaction transaction(store);
  Tree tree;
  tree.put_file(module.name.value + ".ko", store.write_text(content), "");
  CommitOptions options;
  options.subject = "extra module " + module.name.value;
  std::string commit = store.write_commit(tree, options);
  transaction.set_ref(ref, commit);
  transaction.commit();
  return commit;
}

std::string maker_of(const ExtraModule& module) {
  const std::string& package = module.package.value;
  return fmt::format("`kernel.extra-modules` at {}{}", module.name.place.str(),
                     package.empty() ? "" : ", of " + package);
}

}  // namespace

std::string extra_module_path(const Kernel& kernel, const ExtraModule& module) {
  return fmt::format("usr/lib/modules/{}/extra/{}.ko", kernel.release, module.name.value);
}

bool has_extra_modules(const Store& store, const Recipe& recipe, const std::vector<LockedPackage>& build) {
  const auto& modules = recipe.kernel.extra_modules;
  return std::all_of(modules.begin(), modules.end(),
                     [&](const ExtraModule& module) { return store.resolve(ref_of(key_of(module, build))); });
}

void add_extra_modules(RunContext& run, Store& store, Tree& tree, const Recipe& recipe, const Kernel& kernel,
                       const std::vector<LockedPackage>& build) {
  for (const ExtraModule& module : recipe.kernel.extra_modules) {
    throw_if_interrupted();
    const StepKey key = key_of(module, build);
    const std::string ref = ref_of(key);
    const std::string commit = store.make_once(
        run, key, "module " + module.name.value, [&] { return store.resolve(ref); },
        [&] {
          const ToolsTree tools = compose_tools(run, store, build);
          return keep(store, module, compile(run, store, module, kernel, tools), ref);
        });
    const std::string file = module.name.value + ".ko";
    tree.put_file(extra_module_path(kernel, module), store.read_tree(commit).file(file)->checksum, maker_of(module));
  }
}

}  // namespace ainode
