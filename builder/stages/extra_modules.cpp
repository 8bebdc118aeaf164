// SPDX-License-Identifier: Apache-2.0
// Kernel modules that the distribution does not build: sources from a package or beside the recipe, compiled by the
// kernel's own Makefiles in a tree of locked packages, at a fixed path and without a network. Equal inputs give equal
// bytes, so what was compiled is kept.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/archive.h"
#include "base/error.h"
#include "base/files.h"
#include "builder/sandbox/in_root.h"
#include "builder/sandbox/sandbox.h"
#include "builder/stages/stages.h"

namespace ainode {

namespace {

// Raised whenever the same inputs make other bytes.
constexpr int kVersion = 1;
constexpr std::size_t kMostSourceBytes = std::size_t{1} << 30;
constexpr std::size_t kMostLines = 12;           // of what the compiler said
constexpr std::chrono::seconds kDeadline{1800};  // of one module: the largest ones have thousands of files
constexpr std::string_view kFolder = "/work/";   // in the sandbox; the compiler writes it into the module

using Sources = std::map<std::string, std::string>;  // by path in the module's folder

std::string file_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

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

// --- sources ---------------------------------------------------------------------------------------------------------

Error no_such_source(const ExtraModule& module, const Text& path) {
  return Error(codes::bad_value, fmt::format("package {} holds no {}", module.package.value, path.value))
      .at(path.place)
      .help("a path goes from the tree's root, as in usr/src/NAME; behind an archive's name it goes on inside");
}

/// All files below a folder of the build tree; links are left out.
Sources files_below(const fs::path& folder) {
  Sources sources;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file() && !entry.is_symlink())
      sources[entry.path().lexically_relative(folder).string()] = read_file(entry.path(), kMostSourceBytes);
  return sources;
}

/// The file `inner` of an archive, or nothing.
std::optional<std::string> file_of_archive(const std::string& archive, const std::string& origin,
                                           const std::string& inner) {
  TarReader reader(archive, origin);
  while (const ArchiveEntry* entry = reader.next())
    if (entry->type == ArchiveEntry::Type::file && entry->path == inner) return std::string(reader.content());
  return std::nullopt;
}

/// The first part of a path that is a file of the tree, and what follows.
std::optional<std::pair<std::string, std::string>> split_at_archive(const fs::path& root, const std::string& path) {
  for (std::size_t end = path.find('/'); end != std::string::npos; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (fs::is_regular_file(fs::symlink_status(place_in_root(root, part).reached())))
      return std::pair(part, path.substr(end + 1));
  }
  return std::nullopt;
}

Sources read_source(const fs::path& root, const ExtraModule& module, const Text& path) {
  try {
    if (const auto parts = split_at_archive(root, path.value)) {
      const auto& [archive, inner] = *parts;
      const auto bytes = read_in_root(root, archive, kMostSourceBytes);
      auto content = file_of_archive(bytes.value_or(""), archive, inner);
      if (!content) throw no_such_source(module, path);
      return {{file_name(inner), *std::move(content)}};
    }
    const fs::path place = place_in_root(root, path.value).reached();
    if (fs::is_directory(fs::symlink_status(place))) return files_below(place);
    if (auto content = read_in_root(root, path.value, kMostSourceBytes))
      return {{file_name(path.value), *std::move(content)}};
  } catch (const Error& error) {
    const bool is_elsewhere = error.code().id == codes::tree_malformed.id;  // no such folder
    const bool is_no_archive = error.code().id == codes::deb_malformed.id;
    if (!is_elsewhere && !is_no_archive) throw;
  }
  throw no_such_source(module, path);
}

/// Where neither Kbuild nor Makefile is among the sources: one that makes the module of all C files.
std::string kbuild_of(const ExtraModule& module, const Sources& sources) {
  const std::string& name = module.name.value;
  std::string objects;
  for (const auto& [path, content] : sources)
    if (path.ends_with(".c")) objects += fmt::format(" {}.o", path.substr(0, path.size() - 2));
  if (objects == fmt::format(" {}.o", name)) return fmt::format("obj-m := {}.o\n", name);
  if (objects.empty() || sources.contains(name + ".c"))
    throw Error(codes::bad_value, fmt::format("the sources of module `{}` do not say how it is made", name))
        .at(module.name.place)
        .help(objects.empty() ? "name its C files, or a Kbuild" : "add a Kbuild to them");
  return fmt::format("obj-m := {0}.o\n{0}-y :={1}\n", name, objects);
}

Sources sources_of(const ExtraModule& module, const fs::path& build_root) {
  Sources sources;
  for (const PlacedFile& source : module.sources) {
    if (module.package.value.empty())
      sources[file_name(source.source.value)] = source.content.value_or("");
    else
      sources.merge(read_source(build_root, module, source.source));
  }
  if (!sources.contains("Kbuild") && !sources.contains("Makefile")) sources["Kbuild"] = kbuild_of(module, sources);
  return sources;
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
  for (const auto& [path, content] : sources_of(module, build.root)) {
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
  return read_file(made, kMostSourceBytes);
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
