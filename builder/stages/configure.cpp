// SPDX-License-Identifier: Apache-2.0
// Layer by layer: packages unpacked over what is configured below, their maintainer scripts over an overlay (every
// preinst, then dpkg --configure on the database that the union assembled). The overlay's upper directory is exactly
// what they changed; it is folded into the tree.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <set>
#include <thread>

#include "base/error.h"
#include "base/files.h"
#include "builder/sandbox/in_root.h"
#include "builder/sandbox/sandbox.h"
#include "builder/stages/origins.h"
#include "builder/stages/script_times.h"
#include "builder/stages/stages.h"
#include "builder/stages/stand_ins.h"
#include "builder/stages/triggers.h"
#include "builder/store/checkout.h"
#include "builder/store/packages.h"

namespace ainode {

namespace {

// dpkg closes its status descriptor in the scripts it runs, so that must not be standard error itself.
constexpr const char* kConfigureAll = "exec dpkg --force-unsafe-io --status-fd 3 --configure -a 3>&2";

// One sandbox for all; what it says is sorted as dpkg's own words are. Its input: PACKAGE ARCHITECTURE SCRIPT.
constexpr const char* kRunPreinsts = R"(
while read -r package architecture script; do
  echo "processing: preinst: $package" >&2
  DPKG_MAINTSCRIPT_PACKAGE=$package DPKG_MAINTSCRIPT_ARCH=$architecture "$script" install </dev/null >&2 || exit
done)";

Error script_error(const std::string& package, const std::string& script, const SandboxResult& result,
                   const std::vector<std::string>& said) {
  Error error(codes::script_failed,
              fmt::format("the {} of {} {}", script, package,
                          result.timed_out ? "did not end in time"
                                           : fmt::format("failed with exit status {}", result.exit_code)));
  for (const std::string& line : said) error.chain(line);
  result.explain(error);
  return error;
}

/// What dpkg says on its status channel while it configures, sorted from what the scripts say.
class DpkgStatus {
 public:
  explicit DpkgStatus(std::function<void(std::size_t)> on_installed) : on_installed_(std::move(on_installed)) {}

  void line(std::string_view line) {
    if (line.rfind("status: ", 0) == 0) return status(line.substr(8));
    if (line.rfind("processing: ", 0) == 0) return processing(line.substr(12));
    said_.emplace_back(line);
    if (said_.size() > 12) said_.erase(said_.begin());
  }
  /// The one that dpkg named, else the one that it was at when it ended.
  const std::string& failed_package() const { return failed_package_.empty() ? current_ : failed_package_; }
  const std::vector<std::string>& said() const { return failed_package_.empty() ? said_ : said_before_failure_; }

 private:
  /// "configure: PACKAGE", "trigproc: PACKAGE".
  void processing(std::string_view rest) {
    if (const std::size_t colon = rest.find(": "); colon != std::string_view::npos) current_ = rest.substr(colon + 2);
  }

  /// "PACKAGE: STATE", or "PACKAGE : error : WHY".
  void status(std::string_view rest) {
    const std::string package(rest.substr(0, rest.find_first_of(" :")));
    const std::size_t error = rest.find(" : error : ");
    if (error != std::string_view::npos && failed_package_.empty()) {
      failed_package_ = package;
      said_before_failure_ = said_;
      said_before_failure_.emplace_back(rest.substr(error + 11));
    }
    if (on_installed_ && rest.size() > 11 && rest.substr(rest.size() - 11) == ": installed")
      on_installed_(++installed_);
  }

  std::function<void(std::size_t)> on_installed_;
  std::size_t installed_ = 0;
  std::string current_, failed_package_;
  std::vector<std::string> said_, said_before_failure_;
};

/// A file that scripts could have written, or put something else in place of. Far above what real ones leave.
std::string left_by_scripts(const fs::path& root, const std::string& path) {
  return read_in_root(root, path, std::size_t{32} << 20).value_or("");
}

/// A configured tree as it is kept: what explains it and what is still to be generated lie beside the files.
constexpr const char* kOrigins = ".origins";
constexpr const char* kCalls = ".calls";

std::string keep(Store& store, const Configured& configured, const Layer& layer) {
  for (const char* name : {kOrigins, kCalls})
    if (configured.tree.exists(name))
      throw Error(codes::tree_malformed,
                  fmt::format("layer {} of the image holds /{}, a name that is ours", layer.name, name));
  Tree kept = configured.tree.clone();
  kept.put_file(kOrigins, store.write_text(write_origins(configured.tree)), "");
  kept.put_file(kCalls, store.write_text(write_calls(configured.calls)), "");
  CommitOptions options;
  options.subject = fmt::format("configured: layer {}", layer.name);
  return store.write_commit(kept, options);
}

void remove_notes(Tree& kept) {
  kept.remove(kOrigins);
  kept.remove(kCalls);
}

Configured recall(const Store& store, const Layer& layer) {
  Configured configured;
  configured.tree = store.read_tree(*store.resolve(layer.ref));
  const std::string origins = store.read_text(configured.tree, kOrigins);
  configured.calls = read_calls(store.read_text(configured.tree, kCalls));
  remove_notes(configured.tree);
  apply_origins(configured.tree, origins);
  return configured;
}

/// Mostly what another image, or this one with an older package, left: not much of it changes.
std::unique_ptr<Checkout> take_checkout(Store& store) {
  auto checkout = std::make_unique<Checkout>(store);
  if (checkout->left().empty()) return checkout;
  try {
    if (const auto commit = store.resolve(checkout->left())) {
      Tree tree = store.read_tree(*commit);
      remove_notes(tree);
      checkout->take_up(store, tree);
    }
  } catch (const Error& error) {
    // It may be damage in another image's objects, which this build does not need.
    if (error.code().id == codes::interrupted.id) throw;
  }
  return checkout;
}

/// Where the configured tree lies; the next build finds it there.
fs::path on_disk(Store& store, Configured& configured, const Layer& last) {
  if (!configured.checkout) configured.checkout = take_checkout(store);
  fs::path directory = configured.checkout->show(store, configured.tree);
  configured.checkout->keep(store, last.ref);
  return directory;
}

/// A package's state in dpkg's status file.
struct PackageState {
  std::string name, state;
};
std::vector<PackageState> unfinished_packages(const std::string& status) {
  std::vector<PackageState> unfinished;
  std::string name;
  for (std::size_t start = 0; start < status.size();) {
    const std::size_t end = std::min(status.find('\n', start), status.size());
    const std::string_view line = std::string_view(status).substr(start, end - start);
    if (line.rfind("Package: ", 0) == 0) name = line.substr(9);
    if (line.rfind("Status: ", 0) == 0 && line != "Status: install ok installed")
      unfinished.push_back({name, std::string(line.substr(8))});
    start = end + 1;
  }
  return unfinished;
}

/// Maintainer scripts in an overlay's root, with the stand-ins of `stubs` before them.
class Configuration {
 public:
  Configuration(RunContext& run, const fs::path& root, const StandIns& stand_ins, const Layer& layer)
      : run_(run), root_(root), stand_ins_(stand_ins), layer_(layer) {}

  /// base-passwd's makes /etc/passwd, which the others' scripts expect; after it comes what the recipe says of
  /// accounts.
  void run_preinsts() {
    run_preinsts(true);
    seed();
    run_preinsts(false);
  }

  void configure_all() {
    if (layer_.packages.empty()) return;
    SandboxCommand command = prepared({"sh", "-c", kConfigureAll});
    const std::size_t count = layer_.packages.size();
    run_reported(command, "postinst", [&](std::size_t done) {
      run_.events.progress("configure", std::min(done, count), count, "packages");
    });
    for (const PackageState& package : unfinished_packages(left_by_scripts(root_, "var/lib/dpkg/status"))) {
      throw Error(codes::script_failed,
                  fmt::format("{} is not configured: its state is `{}`", package.name, package.state));
    }
  }

  /// When the recipe's accounts were written; empty when there are none.
  void add_seeding_to(ScriptTimes& times) const {
    if (seeding_) times.add("the recipe's users and groups", seeding_->first, seeding_->second);
  }

 private:
  /// No script's time may touch it, as builder/aids keeps scripts apart: file times come in ticks.
  void seed() {
    if (layer_.accounts.empty()) return;
    constexpr std::chrono::milliseconds kMoreThanATick{12};
    const auto now = [] {
      return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
    };
    std::this_thread::sleep_for(kMoreThanATick);
    const std::int64_t begin = now() - std::chrono::nanoseconds(kMoreThanATick).count() / 2;
    seed_accounts(root_, layer_.accounts);
    seeding_ = {begin, now()};
    std::this_thread::sleep_for(kMoreThanATick);
  }

  SandboxCommand prepared(std::vector<std::string> argv) const {
    SandboxCommand command;
    command.root = root_;
    command.argv = std::move(argv);
    command.binds = stand_ins_.binds;
    // The initrd is ours; kernel packages ask INITRD whether to make one.
    command.environment = {{"INITRD", "No"},
                           {"DEBCONF_NONINTERACTIVE_SEEN", "true"},
                           {"DPKG_ROOT", ""},
                           {"DPKG_ADMINDIR", "/var/lib/dpkg"}};
    command.source_date_epoch = layer_.epoch;
    return command;
  }

  void run_preinsts(bool of_base_passwd) {
    SandboxCommand command = prepared({"sh", "-c", kRunPreinsts});
    for (const LockedPackage& package : layer_.packages) {
      if ((package.name == "base-passwd") != of_base_passwd) continue;
      for (const std::string& name : {package.name, package.name + ":" + package.arch}) {
        const std::string script = "/var/lib/dpkg/info/" + name + ".preinst";
        if (fs::exists(root_.string() + script))
          command.input += fmt::format("{} {} {}\n", package.name, package.arch, script);
      }
    }
    if (command.input.empty()) return;
    command.environment["DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT"] = "1";
    command.environment["DPKG_MAINTSCRIPT_NAME"] = "preinst";
    command.environment["DPKG_RUNNING_VERSION"] = "1.22.0";
    run_reported(command, "preinst", {});
  }

  /// Throws script_failed naming the package that was at work.
  void run_reported(SandboxCommand& command, const std::string& script, std::function<void(std::size_t)> on_installed) {
    DpkgStatus status(std::move(on_installed));
    command.on_error_line = [&](std::string_view line) { status.line(line); };
    const SandboxResult result = run_in_sandbox(command);
    if (result.succeeded()) return;
    const std::string& package = status.failed_package();
    throw script_error(package.empty() ? "some package" : package, script, result, status.said());
  }

  RunContext& run_;
  const fs::path& root_;
  const StandIns& stand_ins_;
  const Layer& layer_;
  std::optional<std::pair<std::int64_t, std::int64_t>> seeding_;  ///< nanoseconds since 1970
};

std::vector<std::string> info_names(const Tree& tree, const std::vector<LockedPackage>& packages) {
  std::vector<std::string> names;
  for (const LockedPackage& package : packages)
    for (const std::string& name : {package.name, package.name + ":" + package.arch})
      if (tree.file("var/lib/dpkg/info/" + name + ".list")) names.push_back(name);
  return names;
}

/// The packages of a layer, unpacked over what is configured below it.
Tree unpack(Store& store, const Layer& layer, const Tree* below, std::vector<SharedPath>& shared) {
  if (!below) return compose_onto(store, Tree{}, layer.packages, shared);
  if (layer.packages.empty()) return below->clone();
  Tree tree = compose_onto(store, *below, layer.packages, shared);
  Store::Transaction transaction(store);
  const std::string activated = activated_triggers(store, tree, info_names(tree, layer.packages));
  tree.put_file("var/lib/dpkg/triggers/Unincorp", store.write_text(activated), "dpkg itself");
  transaction.commit();
  return tree;
}

/// A preinst that diverts a path has moved what lay there: whoever diverts gets the path, the other goes where it says.
void part_shared_paths(const Store& store, const fs::path& root, const std::vector<SharedPath>& shared,
                       const std::map<std::string, Diversion>& diversions) {
  for (const SharedPath& path : shared) {
    const auto diversion = diversions.find(path.path);
    if (diversion == diversions.end()) throw clash_error(path);
    const auto& [to, by] = diversion->second;
    if (by != path.first && by != path.second) throw clash_error(path);
    const bool is_first = by == path.first;
    place_file(store, is_first ? path.first_checksum : path.second_checksum, place_in_root(root, path.path).reached());
    place_file(store, is_first ? path.second_checksum : path.first_checksum, place_in_root(root, to).reached());
  }
}

/// dpkg runs a package's preinst before it unpacks the package, we do so after: what preinsts of this layer cleared
/// away of its own packages is there again. A diverted path stays where its preinst moved it.
void unpack_again(const Tree& tree, const Layer& layer, const fs::path& upper,
                  const std::map<std::string, Diversion>& diversions) {
  std::set<std::string> unpacked;
  for (const LockedPackage& package : layer.packages) unpacked.insert(package.name);
  show_again(tree, upper, [&](const std::string& path, const std::string& owner) {
    return unpacked.contains(owner) && !diversions.contains(path);
  });
}

/// From here the layer's packages are configured, and everything but what generators make is in the tree.
Configured configure_layer(RunContext& run, Store& store, Configured* below, const Layer& layer) {
  Configured result;
  std::vector<SharedPath> shared;
  result.tree = unpack(store, layer, below ? &below->tree : nullptr, shared);
  result.checkout = below && below->checkout ? std::move(below->checkout) : take_checkout(store);
  const fs::path lower = result.checkout->show(store, result.tree);
  const TemporaryDirectory scratch_directory(store.work_directory(), "configure-");
  const fs::path& scratch = scratch_directory.path();
  const StandIns stand_ins = lay_stand_ins(result.tree, lower, scratch);
  for (const char* name : {"upper", "work", "root"}) make_directories(scratch / name);
  ScriptTimes times;
  const fs::path root = scratch / "root";
  const auto mounted = [&] { return Overlay({stand_ins.directory, lower}, scratch / "upper", scratch / "work", root); };
  Configuration configuration(run, root, stand_ins, layer);
  std::map<std::string, Diversion> diversions;
  {
    const Overlay overlay = mounted();
    configuration.run_preinsts();
    diversions = read_diversions(left_by_scripts(root, "var/lib/dpkg/diversions"));
  }
  unpack_again(result.tree, layer, scratch / "upper", diversions);
  {
    const Overlay overlay = mounted();
    part_shared_paths(store, root, shared, diversions);
    configuration.configure_all();
  }
  configuration.add_seeding_to(times);
  clear_copied_stand_ins(scratch / "upper", lower, scratch);
  times.read(left_by_scripts(stand_ins.notes, "scripts"));
  result.calls = read_calls((below ? write_calls(below->calls) : "") + left_by_scripts(stand_ins.notes, "calls"));
  Store::Transaction transaction(store);
  fold_upper(store, result.tree, scratch / "upper", [&](std::int64_t changed) { return times.maker(changed); });
  transaction.set_ref(layer.ref, keep(store, result, layer));
  transaction.commit();
  return result;
}

}  // namespace

Configured configure(RunContext& run, Store& store, const std::vector<Layer>& layers) {
  std::size_t done = layers.size();
  while (done > 0 && !store.resolve(layers[done - 1].ref)) --done;
  std::optional<Configured> state;
  if (done > 0) state.emplace(recall(store, layers[done - 1]));
  for (std::size_t i = done; i < layers.size(); ++i) {
    const Layer& layer = layers[i];
    const auto known = [&] {
      return store.resolve(layer.ref) ? std::optional<Configured>(recall(store, layer)) : std::nullopt;
    };
    Configured above =
        store.make_once(run, StepKey("layer", 1).add(layer.ref), fmt::format("layer {}", layer.name), known,
                        [&] { return configure_layer(run, store, state ? &*state : nullptr, layer); });
    state.emplace(std::move(above));
  }
  run.events.detail("configure", fmt::format("{} of {} layers kept from before", done, layers.size()));
  if (!state) throw Error(codes::tree_malformed, "the lock holds no packages");
  if (state->checkout) on_disk(store, *state, layers.back());
  return std::move(*state);
}

void generate(RunContext& run, Store& store, Configured& configured, const std::vector<Layer>& layers) {
  const auto lower = [&] { return on_disk(store, configured, layers.back()); };
  run_generators(run, store, configured.tree, configured.calls, layers.front().ref, lower, layers.back().epoch);
  configured.checkout.reset();
}

}  // namespace ainode
