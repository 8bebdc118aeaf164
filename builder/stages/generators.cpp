// SPDX-License-Identifier: Apache-2.0
// The table of generators, and one way to run them all.
#include "builder/stages/generators.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <iterator>
#include <tuple>

#include "base/error.h"
#include "base/files.h"
#include "base/parallel.h"
#include "builder/aids/record.h"
#include "builder/sandbox/sandbox.h"
#include "builder/stages/certificates.h"
#include "builder/stages/origins.h"
#include "builder/stages/program_closure.h"
#include "builder/store/checkout.h"

namespace ainode {

namespace {

// Raised whenever the same inputs generate other files.
constexpr int kVersion = 1;
constexpr const char* kRemoved = ".removed";
constexpr std::size_t kMostLines = 12;  // of what a failed program said

using Calls = std::vector<DeferredCall>;
using Commands = std::vector<std::vector<std::string>>;

/// Every distinct call, as it was made.
Commands as_called(const Calls& calls) {
  Commands commands;
  for (const DeferredCall& call : calls) {
    commands.push_back({call.program});
    commands.back().insert(commands.back().end(), call.arguments.begin(), call.arguments.end());
  }
  return commands;
}

Commands nothing(const Calls&) {
  return {};
}

/// Once with its hooks says all; anew when any call asked for that.
Commands certificates(const Calls& calls) {
  if (calls.empty()) return {};
  const bool anew = std::any_of(calls.begin(), calls.end(), [](const DeferredCall& call) {
    return std::find(call.arguments.begin(), call.arguments.end(), "--fresh") != call.arguments.end();
  });
  if (anew) return {{"update-ca-certificates", "--fresh"}};
  return {{"update-ca-certificates"}};
}

}  // namespace

const std::vector<Generator>& generators() {
  static const std::vector<Generator> rows = {
      {"modules",
       "usr/sbin/depmod",
       as_called,
       {"usr/lib/modules", "etc/depmod.d", "usr/lib/depmod.d"},
       {"usr/sbin/depmod"},
       {"usr/lib/modules/*/modules.*"}},
      {"hardware-database",
       "usr/bin/systemd-hwdb",
       as_called,
       {"usr/lib/udev/hwdb.d", "etc/udev/hwdb.d"},
       {"usr/bin/systemd-hwdb"},
       {"usr/lib/udev/hwdb.bin", "etc/udev/hwdb.bin"}},
      {"certificates",
       "usr/sbin/update-ca-certificates",
       certificates,
       {"usr/share/ca-certificates", "usr/local/share/ca-certificates", "etc/ca-certificates.conf",
        "etc/ca-certificates", "etc/ssl", "usr/sbin/update-ca-certificates"},
       {"usr/bin/openssl"},
       {"etc/ssl/certs/*"},
       make_certificates},
      {"mime-types",
       "usr/bin/update-mime-database",
       as_called,
       {"usr/share/mime"},
       {"usr/bin/update-mime-database"},
       {"usr/share/mime/*"}},
      {"glib-schemas",
       "usr/lib/x86_64-linux-gnu/glib-2.0/glib-compile-schemas",
       as_called,
       {"usr/share/glib-2.0/schemas"},
       {"usr/lib/x86_64-linux-gnu/glib-2.0/glib-compile-schemas"},
       {"usr/share/glib-2.0/schemas/gschemas.compiled"}},
      // The initrd is ours, and a node's own database of manual pages is made by its timer.
      {"initrd", "usr/sbin/update-initramfs", nothing, {}, {}, {}},
      {"manual-pages", "usr/bin/mandb", nothing, {}, {}, {}},
  };
  return rows;
}

bool DeferredCall::operator<(const DeferredCall& other) const {
  return std::tie(program, arguments) < std::tie(other.program, other.arguments);
}

namespace {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t end = std::min(text.find(separator, start), text.size());
    parts.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return parts;
}

}  // namespace

std::vector<DeferredCall> read_calls(std::string_view text) {
  std::vector<DeferredCall> calls;
  for (const std::string_view line : split(text, '\n')) {
    if (line.empty()) continue;
    const std::vector<std::string_view> fields = split(line, '\t');
    DeferredCall call{aids::unescaped(fields[0]), {}};
    for (std::size_t i = 1; i < fields.size(); ++i) call.arguments.push_back(aids::unescaped(fields[i]));
    calls.push_back(std::move(call));
  }
  std::sort(calls.begin(), calls.end());
  calls.erase(std::unique(calls.begin(), calls.end()), calls.end());
  return calls;
}

std::string write_calls(const std::vector<DeferredCall>& calls) {
  std::string text;
  for (const DeferredCall& call : calls) {
    text += aids::escaped(call.program);
    for (const std::string& argument : call.arguments) text += "\t" + aids::escaped(argument);
    text += "\n";
  }
  return text;
}

namespace {

std::string base_name(std::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1));
}

void add_ownership(StepKey& key, const Ownership& ownership) {
  key.add(fmt::format("{} {} {:o}", ownership.uid, ownership.gid, ownership.mode));
  for (const auto& [name, value] : ownership.xattrs) key.add(name).add(value);
}

void add_directory(StepKey& key, const TreeDirectory& directory) {
  add_ownership(key, directory.ownership);
  for (const auto& [name, file] : directory.files) key.add(name).add(file.checksum);
  for (const auto& [name, child] : directory.directories) {
    key.add(name + "/");
    add_directory(key, *child);
  }
  key.add("end");
}

Calls calls_of(const Generator& generator, const Calls& calls) {
  Calls own;
  for (const DeferredCall& call : calls)
    if (call.program == base_name(generator.program)) own.push_back(call);
  return own;
}

/// A generator that has to do with this tree.
struct Job {
  const Generator* generator;
  Commands commands;
  std::string ref;
};

bool may_change(const Generator& generator, const std::string& path) {
  return std::any_of(generator.outputs.begin(), generator.outputs.end(), [&](std::string_view pattern) {
    return fnmatch(std::string(pattern).c_str(), path.c_str(), 0) == 0;
  });
}

std::string ref_of(const Store& store, const Tree& tree, const Generator& generator, const Commands& commands,
                   const std::string& below, std::int64_t epoch) {
  StepKey key(fmt::format("generator {}", generator.name), kVersion);
  key.add(below).add(std::to_string(epoch));
  for (const auto& command : commands) {
    key.add("run");
    for (const std::string& word : command) key.add(word);
  }
  for (const std::string_view input : generator.inputs) {
    key.add(input);
    if (const TreeDirectory* directory = tree.directory(input)) add_directory(key, *directory);
    if (const TreeDirectory::File* file = tree.file(input)) key.add(file->checksum);
  }
  // What it made before, or a package shipped: it may remove or keep that.
  tree.for_each_file([&](const std::string& path, const TreeDirectory::File& file) {
    if (may_change(generator, path)) key.add(path).add(file.checksum);
  });
  for (const std::string_view program : generator.programs)
    for (const auto& [path, checksum] :
         program_closure(store, tree, std::string(program), fmt::format("generator `{}`", generator.name)))
      key.add(path).add(checksum);
  return "generated/" + key.hex();
}

Error failure(const Generator& generator, const std::string& what) {
  return Error(codes::generator_failed, fmt::format("generator `{}` {}", generator.name, what));
}

void run_command(const std::vector<std::string>& words, const Generator& generator, const fs::path& root,
                 std::int64_t epoch) {
  SandboxCommand command;
  command.root = root;
  command.argv = words;
  command.source_date_epoch = epoch;
  const SandboxResult result = run_in_sandbox(command);
  if (result.succeeded()) return;
  const std::string ending =
      result.timed_out ? "did not end in time" : fmt::format("ended with exit status {}", result.exit_code);
  Error error = failure(generator, fmt::format("failed: `{}` {}", fmt::join(words, " "), ending));
  std::vector<std::string_view> lines = split(result.errors, '\n');
  std::erase_if(lines, [](std::string_view line) { return line.empty(); });
  for (std::size_t i = lines.size() > kMostLines ? lines.size() - kMostLines : 0; i < lines.size(); ++i)
    error.chain(printable(lines[i]));
  result.explain(error);
  throw error;
}

/// In a scratch directory of its own: what the commands changed.
Generated run_job(Store& store, const Tree& tree, const Job& job, const fs::path& lower, std::int64_t epoch) {
  if (job.generator->natively)
    if (std::optional<Generated> made = job.generator->natively(store, tree)) return std::move(*made);
  const TemporaryDirectory scratch(store.work_directory(), "generate-");
  for (const char* name : {"upper", "work", "root"}) make_directories(scratch.path() / name);
  {
    const Overlay overlay({lower}, scratch.path() / "upper", scratch.path() / "work", scratch.path() / "root");
    for (const auto& command : job.commands) run_command(command, *job.generator, overlay.root(), epoch);
  }
  Generated generated;
  generated.removed = fold_changes(store, generated.changes, scratch.path() / "upper",
                                   fmt::format("generator {}", job.generator->name));
  generated.changes.for_each_file([&](const std::string& path, const TreeDirectory::File&) {
    if (!may_change(*job.generator, path))
      throw failure(*job.generator, fmt::format("wrote /{}, which is not among its outputs", path));
  });
  generated.changes.for_each_directory([&](const std::string& path, const TreeDirectory& directory) {
    const TreeDirectory* before = path.empty() ? &directory : tree.directory(path);
    const bool holds_something = !directory.files.empty() || !directory.directories.empty();
    const bool is_allowed = before ? before->ownership == directory.ownership : holds_something;
    if (!is_allowed && !may_change(*job.generator, path))
      throw failure(*job.generator, fmt::format("changed directory /{}, which is not among its outputs", path));
  });
  for (const std::string& path : generated.removed)
    if (!may_change(*job.generator, path))
      throw failure(*job.generator, fmt::format("removed /{}, which is not among its outputs", path));
  return generated;
}

Generated read_generated(const Store& store, const std::string& commit, const Generator& generator) {
  Generated generated;
  generated.changes = store.read_tree(commit);
  for (const std::string_view path : split(store.read_text(generated.changes, kRemoved), '\n'))
    if (!path.empty()) generated.removed.emplace_back(path);
  generated.changes.remove(kRemoved);
  std::vector<std::pair<std::string, std::string>> files;
  generated.changes.for_each_file(
      [&](const std::string& path, const TreeDirectory::File& file) { files.emplace_back(path, file.checksum); });
  for (auto& [path, checksum] : files)
    generated.changes.put_file(path, std::move(checksum), fmt::format("generator {}", generator.name));
  return generated;
}

/// The removed paths go into a file beside the changes.
std::string commit_of(Store& store, const Job& job, const Generated& generated) {
  Tree kept = generated.changes.clone();
  kept.put_file(kRemoved, store.write_text(fmt::format("{}\n", fmt::join(generated.removed, "\n"))), "");
  CommitOptions options;
  options.subject = fmt::format("generator {}", job.generator->name);
  return store.write_commit(kept, options);
}

void run_jobs(RunContext& run, Store& store, const Tree& tree, const std::vector<Job>& jobs,
              const std::function<fs::path()>& on_disk, std::int64_t epoch) {
  std::vector<Generated> results(jobs.size());
  const fs::path lower = on_disk();
  Store::Transaction transaction(store);
  parallel_for(run.jobs, jobs.size(), [&](std::size_t i) { results[i] = run_job(store, tree, jobs[i], lower, epoch); });
  for (std::size_t i = 0; i < jobs.size(); ++i) transaction.set_ref(jobs[i].ref, commit_of(store, jobs[i], results[i]));
  transaction.commit();
}

void overlay_directory(TreeDirectory& into, const TreeDirectory& from) {
  for (const auto& [name, file] : from.files) {
    into.directories.erase(name);
    TreeDirectory::File& target = into.files[name];
    target = {file.checksum, origin_chain(target.owner, file.owner)};
  }
  for (const auto& [name, child] : from.directories) {
    into.files.erase(name);
    const bool is_new = !into.directories.contains(name);
    TreeDirectory& target = into.ensure(name);
    if (is_new) target.ownership = child->ownership;  // the others are the tree's own, whatever they were elsewhere
    overlay_directory(target, *child);
  }
}

}  // namespace

void apply_changes(Tree& tree, const Generated& generated) {
  for (const std::string& path : generated.removed) tree.remove(path);
  overlay_directory(tree.root(), generated.changes.root());
}

void run_generators(RunContext& run, Store& store, Tree& tree, const std::vector<DeferredCall>& calls,
                    const std::string& below, const std::function<fs::path()>& on_disk, std::int64_t epoch) {
  std::vector<Job> jobs;
  StepKey all("generate", kVersion);
  for (const Generator& generator : generators()) {
    Job job{&generator, generator.commands(calls_of(generator, calls)), ""};
    if (job.commands.empty()) continue;
    for (auto& command : job.commands) command[0] = "/" + std::string(generator.program);  // not all lie in PATH
    job.ref = ref_of(store, tree, generator, job.commands, below, epoch);
    all.add(job.ref);
    jobs.push_back(std::move(job));
  }
  const auto is_missing = [&](const Job& job) { return !store.resolve(job.ref); };
  std::vector<Job> missing;
  if (std::any_of(jobs.begin(), jobs.end(), is_missing)) {
    // Of several builds of one tree, the first makes them.
    const FileLock maker = store.lock_maker(run, all, "generated files");
    std::copy_if(jobs.begin(), jobs.end(), std::back_inserter(missing), is_missing);
    if (!missing.empty()) run_jobs(run, store, tree, missing, on_disk, epoch);
  }
  run.events.detail("generate",
                    fmt::format("{} of {} results kept from before", jobs.size() - missing.size(), jobs.size()));
  // In the table's order, though no two write the same path.
  for (const Job& job : jobs) apply_changes(tree, read_generated(store, *store.resolve(job.ref), *job.generator));
}

}  // namespace ainode
