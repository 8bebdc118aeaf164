// SPDX-License-Identifier: Apache-2.0
// Maintainer scripts over an overlay: every preinst, then dpkg --configure on the database that the union assembled.
// The overlay's upper layer is exactly what they changed; it is folded into the tree.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <sstream>

#include "base/error.h"
#include "base/files.h"
#include "builder/sandbox/sandbox.h"
#include "builder/stages/stages.h"
#include "builder/store/checkout.h"

namespace ainode {

namespace {

// Raised whenever the same packages configure to another tree.
constexpr int kVersion = 1;

// dpkg closes its status descriptor in the scripts it runs, so that must not be standard error itself.
constexpr const char* kConfigureAll = "exec dpkg --force-unsafe-io --status-fd 3 --configure -a 3>&2";

/// Services must not start while an image is made: policy-rc.d(8) says so to invoke-rc.d.
void write_stubs(const fs::path& directory) {
  make_directories(directory / "usr/sbin");
  write_file(directory / "usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0755);
  for (const char* name : {"", "usr", "usr/sbin"}) fs::permissions(directory / name, fs::perms(0755));
}

Error script_error(const std::string& package, const std::string& script, const ProcessResult& result,
                   const std::vector<std::string>& said) {
  Error error(codes::script_failed,
              fmt::format("the {} of {} {}", script, package,
                          result.timed_out ? "did not end in time"
                                           : fmt::format("failed with exit status {}", result.exit_code)));
  for (const std::string& line : said) error.chain(line);
  return error;
}

std::vector<std::string> last_lines(const std::string& text, std::size_t wanted) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  if (lines.size() > wanted) lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(wanted));
  return lines;
}

/// What dpkg says on its status channel while it configures, sorted from what the scripts say.
class DpkgStatus {
 public:
  explicit DpkgStatus(std::function<void(std::size_t)> on_installed) : on_installed_(std::move(on_installed)) {}

  void line(std::string_view line) {
    if (line.rfind("status: ", 0) == 0) return status(line.substr(8));
    if (line.rfind("processing: ", 0) == 0) return;
    said_.emplace_back(line);
    if (said_.size() > 12) said_.erase(said_.begin());
  }
  const std::string& failed_package() const { return failed_package_; }
  const std::vector<std::string>& said() const { return failed_package_.empty() ? said_ : said_before_failure_; }

 private:
  /// "PACKAGE: STATE", or "PACKAGE : error : WHY".
  void status(std::string_view rest) {
    const std::string package(rest.substr(0, rest.find_first_of(" :")));
    const std::size_t error = rest.find(" : error : ");
    if (error != std::string_view::npos && failed_package_.empty()) {
      failed_package_ = package;
      said_before_failure_ = said_;
      said_before_failure_.emplace_back(rest.substr(error + 11));
    }
    if (rest.size() > 11 && rest.substr(rest.size() - 11) == ": installed") on_installed_(++installed_);
  }

  std::function<void(std::size_t)> on_installed_;
  std::size_t installed_ = 0;
  std::string failed_package_;
  std::vector<std::string> said_, said_before_failure_;
};

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

class Configuration {
 public:
  Configuration(RunContext& run, const fs::path& root, std::int64_t epoch) : run_(run), root_(root), epoch_(epoch) {}

  void run_preinsts(const std::vector<LockedPackage>& packages) {
    // base-passwd makes /etc/passwd, which the others' scripts expect.
    std::vector<const LockedPackage*> ordered;
    for (const LockedPackage& package : packages) ordered.push_back(&package);
    std::stable_partition(ordered.begin(), ordered.end(),
                          [](const auto* package) { return package->name == "base-passwd"; });
    for (const LockedPackage* package : ordered) run_preinst(*package);
  }

  void configure_all(std::size_t count) {
    SandboxCommand command = prepared({"sh", "-c", kConfigureAll});
    DpkgStatus status(
        [&](std::size_t done) { run_.events.progress("configure", std::min(done, count), count, "packages"); });
    command.on_error_line = [&](std::string_view line) { status.line(line); };
    const ProcessResult result = run_in_sandbox(command);
    if (!result.succeeded()) {
      throw script_error(status.failed_package().empty() ? "some package" : status.failed_package(), "postinst", result,
                         status.said());
    }
    for (const PackageState& package : unfinished_packages(read_file(root_ / "var/lib/dpkg/status"))) {
      throw Error(codes::script_failed,
                  fmt::format("{} is not configured: its state is `{}`", package.name, package.state));
    }
  }

 private:
  SandboxCommand prepared(std::vector<std::string> argv) const {
    SandboxCommand command;
    command.root = root_;
    command.argv = std::move(argv);
    // The initrd is ours; kernel packages ask INITRD whether to make one.
    command.environment = {{"INITRD", "No"},
                           {"DEBCONF_NONINTERACTIVE_SEEN", "true"},
                           {"DPKG_ROOT", ""},
                           {"DPKG_ADMINDIR", "/var/lib/dpkg"}};
    command.source_date_epoch = epoch_;
    return command;
  }

  void run_preinst(const LockedPackage& package) {
    for (const std::string& name : {package.name, package.name + ":" + package.arch}) {
      const std::string script = "/var/lib/dpkg/info/" + name + ".preinst";
      if (!fs::exists(root_.string() + script)) continue;
      SandboxCommand command = prepared({script, "install"});
      command.environment["DPKG_MAINTSCRIPT_PACKAGE"] = package.name;
      command.environment["DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT"] = "1";
      command.environment["DPKG_MAINTSCRIPT_ARCH"] = package.arch;
      command.environment["DPKG_MAINTSCRIPT_NAME"] = "preinst";
      command.environment["DPKG_RUNNING_VERSION"] = "1.22.0";
      const ProcessResult result = run_in_sandbox(command);
      if (!result.succeeded())
        throw script_error(package.str(), "preinst", result, last_lines(result.output + result.errors, 12));
    }
  }

  RunContext& run_;
  const fs::path& root_;
  std::int64_t epoch_;
};

/// The overlay's upper directory after all scripts ran.
fs::path run_scripts(RunContext& run, const Store& store, const Tree& unpacked,
                     const std::vector<LockedPackage>& packages, std::int64_t epoch, const fs::path& scratch) {
  check_out(store, unpacked, scratch / "lower");
  write_stubs(scratch / "stubs");
  for (const char* name : {"upper", "work", "root"}) make_directories(scratch / name);
  const Overlay overlay({scratch / "stubs", scratch / "lower"}, scratch / "upper", scratch / "work", scratch / "root");
  Configuration configuration(run, overlay.root(), epoch);
  configuration.run_preinsts(packages);
  configuration.configure_all(packages.size());
  return scratch / "upper";
}

}  // namespace

std::string configured_ref(const std::vector<LockedPackage>& packages, std::int64_t epoch) {
  StepKey key("configure", kVersion);
  key.add(std::to_string(epoch));
  for (const LockedPackage& package : packages) key.add(package.sha256);
  return "configured/" + key.hex();
}

Tree configure(RunContext& run, Store& store, const Tree& unpacked, const std::vector<LockedPackage>& packages,
               std::int64_t epoch) {
  const std::string ref = configured_ref(packages, epoch);
  if (const auto commit = store.resolve(ref)) {
    run.events.detail("configure", "cached");
    return store.read_tree(*commit);
  }
  const TemporaryDirectory scratch(store.work_directory(), "configure-");
  const fs::path upper = run_scripts(run, store, unpacked, packages, epoch, scratch.path());
  Tree tree = unpacked.clone();
  Store::Transaction transaction(store);
  fold_upper(store, tree, upper, "<maintainer scripts>");
  CommitOptions options;
  options.subject = "configured";
  transaction.set_ref(ref, store.write_commit(tree, options));
  transaction.commit();
  return tree;
}

}  // namespace ainode
