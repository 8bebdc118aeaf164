// SPDX-License-Identifier: Apache-2.0
// The table of checks behind `doctor`: a row is an id, a title, what needs it, and a function that finds out.
#include "builder/inspect_host.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <functional>

#include "base/error.h"
#include "base/files.h"
#include "base/process.h"
#include "base/server_access.h"
#include "builder/sandbox/sandbox.h"

namespace ainode {

namespace {

struct Finding {
  bool is_good = true;
  std::string found, cure = {}, code = {};
};

Finding lack(const Error& error) {
  std::string found = error.message();
  for (const std::string& reason : error.reasons()) found += ": " + reason;
  return {false, found, error.hint(), std::string(error.code().id)};
}

constexpr Need kBuild = {true, false}, kValidate = {false, true}, kNothing = {false, false};

// --- tools

struct Tool {
  const char* program;
  const char* package;
  Need need;
  bool only_for_users = false;  ///< root does without
  bool has_version = true;
};

constexpr std::array kTools = {
    Tool{"apt-get", "apt", kBuild},
    Tool{"gpgv", "gpgv", kBuild},
    Tool{"gpg", "gnupg", kBuild},
    Tool{"newuidmap", "uidmap", kBuild, true, false},
    Tool{"newgidmap", "uidmap", kBuild, true, false},
    Tool{"qemu-system-x86_64", "qemu-system-x86", kValidate},
    Tool{"qemu-img", "qemu-utils", kValidate},
    Tool{"ostree", "ostree", kNothing},
};

/// The first word like 1.2 or 1.2.3~x in what a program says of itself.
std::string version_in(const std::string& text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!std::isdigit(static_cast<unsigned char>(text[at]))) continue;
    const std::size_t end = std::min(text.find_first_of(" \n,()'\"", at), text.size());
    if (const std::string word = text.substr(at, end - at); word.find('.') != std::string::npos) return printable(word);
    at = end;
  }
  return "installed";
}

Finding inspect_tool(const Tool& tool, const std::string& program) {
  if (!find_program(program)) {
    if (tool.only_for_users && geteuid() == 0) return {true, "not installed; root does without"};
    return {false, "not installed", fmt::format("apt-get install {}", tool.package)};
  }
  if (!tool.has_version) return {true, "installed"};
  Command command;
  command.argv = {program, "--version"};
  command.deadline = std::chrono::seconds(20);
  const ProcessResult result = run_process(command);
  if (!result.succeeded())
    return {false, fmt::format("`{} --version` failed", program),
            fmt::format("reinstall the package {}", tool.package)};
  return {true, version_in(result.output)};
}

// --- namespaces, overlay, sandbox

/// Runs `body` inside the user namespace; its answer, or the error it or the namespace threw.
Finding inside(const std::function<std::string()>& body) {
  const Descriptor answer(memfd_create("answer", MFD_CLOEXEC));
  if (!answer.is_open()) throw system_error("create a file in memory", errno);
  const auto say = [&](const Finding& finding) {
    const Json json = {
        {"good", finding.is_good}, {"found", finding.found}, {"cure", finding.cure}, {"code", finding.code}};
    write_all(answer.get(), json.dump(-1, ' ', false, Json::error_handler_t::replace), "the answer");
  };
  const int status = in_user_namespace([&] {
    try {
      say({true, body()});
    } catch (const Error& error) {
      say(lack(error));
    } catch (const std::exception& error) {
      say({false, error.what()});
    }
    return 0;
  });
  if (status != 0) return {false, fmt::format("the trial ended with status {}", status), "run `ainode doctor` again"};
  const Json json = Json::parse(read_file(fmt::format("/proc/self/fd/{}", answer.get())));
  return {json.at("good"), json.at("found"), json.at("cure"), json.at("code")};
}

Finding inspect_user_namespace(const HostOptions&) {
  return inside([] { return geteuid() == 0 ? std::string("root of ids 0 to 65535") : std::string("not root of it"); });
}

[[noreturn]] void overlay_fails(const std::string& action, const fs::path& store) {
  throw Error(codes::overlay_failed,
              fmt::format("cannot {} on an overlay over {}: {}", action, store.string(), std::strerror(errno)))
      .help(
          "put the cache on a disk file system (ext4, xfs, btrfs): --store DIR or XDG_CACHE_HOME; in a container, on "
          "a volume");
}

/// What scripts do and what some file systems refuse: replace a lower directory, give a file away, label it.
std::string try_overlay(const fs::path& store) {
  const TemporaryDirectory directory(store, "doctor-");
  const fs::path& at = directory.path();
  make_directories(at / "lower/dir/sub");
  for (const char* name : {"upper", "work", "root"}) make_directories(at / name);
  write_file(at / "lower/dir/sub/file", "lower");
  const Overlay overlay({at / "lower"}, at / "upper", at / "work", at / "root");
  const fs::path dir = overlay.root() / "dir", file = dir / "file";
  std::error_code error;
  fs::remove_all(dir, error);
  if (error) {
    errno = error.value();
    overlay_fails("remove a directory", store);
  }
  if (mkdir(dir.c_str(), 0755) != 0) overlay_fails("make a directory anew", store);
  write_file(file, "upper");
  if (chown(file.c_str(), 1234, 65534) != 0) overlay_fails("change an owner", store);
  if (setxattr(file.c_str(), "user.ainode", "x", 1, 0) != 0) overlay_fails("set an extended attribute", store);
  if (read_file(file) != "upper" || fs::exists(dir / "sub")) {
    errno = EIO;
    overlay_fails("read back what was written", store);
  }
  return "directories, owners and attributes work on " + store.string();
}

Finding inspect_overlay(const HostOptions& options) {
  return inside([&] { return try_overlay(options.store); });
}

/// A program of the host's own /usr, in a tree that has nothing else.
std::string try_sandbox(const fs::path& store) {
  const TemporaryDirectory directory(store, "doctor-");
  const fs::path& tree = directory.path();
  make_directories(tree / "usr");
  for (const char* name : {"bin", "lib", "lib64"}) fs::create_symlink(std::string("usr/") + name, tree / name);
  SandboxCommand command;
  command.root = tree;
  command.argv = {"/usr/bin/true"};
  command.binds = {{"/usr", "/usr"}};
  command.deadline = std::chrono::seconds(20);
  const ProcessResult result = run_in_sandbox(command);
  if (result.succeeded()) return "a program ran in its own namespaces";
  throw Error(codes::sandbox_failed, fmt::format("/usr/bin/true ended with status {} in it", result.exit_code))
      .chain(printable(result.errors));
}

Finding inspect_sandbox(const HostOptions& options) {
  Finding finding = inside([&] { return try_sandbox(options.store); });
  if (!finding.is_good && finding.cure.empty())
    finding.cure =
        "inside a container, allow mounting /proc and new namespaces (docker: --security-opt "
        "systempaths=unconfined, seccomp=unconfined), or run on the host";
  return finding;
}

// --- machines

Finding inspect_emulation(const HostOptions& options) {
  const GuestProbe probe = probe_accelerator({options.qemu, "tcg", {}, options.emulation_deadline});
  if (probe.answer == GuestAnswer::works) return {true, "a tiny guest ran"};
  const std::string found = probe.answer == GuestAnswer::hangs ? "the tiny guest hangs" : probe.detail;
  return {false, found, "reinstall qemu-system-x86 and seabios, or name another QEMU with --qemu"};
}

Finding inspect_kvm(const HostOptions& options) {
  const GuestProbe probe = probe_accelerator({options.qemu, "kvm", options.kvm_device, options.kvm_deadline});
  const std::string device = options.kvm_device.string();
  switch (probe.answer) {
    case GuestAnswer::works:
      return {true, "works: a tiny guest ran"};
    case GuestAnswer::absent:
      return {
          false, "absent; guests are emulated",
          "turn on virtualisation in the firmware (on a virtual machine: nested), then modprobe kvm_intel or kvm_amd"};
    case GuestAnswer::forbidden:
      return {false, "forbidden; guests are emulated",
              fmt::format("this user may not open {}: as root, usermod -aG kvm USER; then log in again", device)};
    case GuestAnswer::hangs:
      return {false, "hangs; guests are emulated",
              fmt::format("{} is there, but a tiny guest got nowhere in {} s; use another host for speed", device,
                          options.kvm_deadline.count() / 1000)};
    case GuestAnswer::fails:
      return {false, "fails; guests are emulated", probe.detail};
  }
  return {false, "unknown"};
}

// --- disk, network, time

struct statvfs room_at(const fs::path& path) {
  fs::path existing = fs::absolute(path);
  std::error_code ignored;
  while (!fs::exists(existing, ignored) && existing.has_relative_path()) existing = existing.parent_path();
  struct statvfs status = {};
  if (statvfs(existing.c_str(), &status) != 0)
    throw system_error("ask for the free space of " + existing.string(), errno);
  return status;
}

Finding inspect_space(const HostOptions& options) {
  constexpr double kGiB = 1 << 30;
  const struct statvfs room = room_at(options.store);
  const std::uintmax_t free = static_cast<std::uintmax_t>(room.f_bavail) * room.f_frsize;
  const std::string found = fmt::format("{:.1f} GiB free of {:.1f} GiB needed at {}", static_cast<double>(free) / kGiB,
                                        static_cast<double>(options.needed_bytes) / kGiB, options.store.string());
  return {free >= options.needed_bytes, found, "free some, or name another place: --store DIR or XDG_CACHE_HOME"};
}

Finding inspect_inodes(const HostOptions& options) {
  const struct statvfs room = room_at(options.store);
  // btrfs and others make inodes as they need them, and report none.
  if (room.f_files == 0) return {true, "made as needed"};
  const std::string found =
      fmt::format("{} free of {} needed at {}", room.f_favail, options.needed_inodes, options.store.string());
  return {room.f_favail >= options.needed_inodes, found, "name another place: --store DIR or XDG_CACHE_HOME"};
}

std::string day(std::int64_t seconds) {
  const std::time_t time = seconds;
  std::tm date = {};
  gmtime_r(&time, &date);
  return fmt::format("{:04}-{:02}-{:02}", date.tm_year + 1900, date.tm_mon + 1, date.tm_mday);
}

Finding inspect_mirror(const HostOptions& options, const std::string& distribution) {
  const Mirrors mirrors = find_mirrors({distribution}, options.mirrors);
  std::string found = "known";
  if (const auto origin = mirrors.origins.find(distribution); origin != mirrors.origins.end()) found = origin->second;
  if (options.show_hosts) found += ": " + without_secrets(mirrors.uri(distribution));
  return {true, found};
}

/// What a build would say of the repository's signed dates today.
Finding inspect_metadata(const HostOptions& options, const Repository& repository) {
  RunContext run{silent_events()};
  const Mirrors mirrors = find_mirrors({repository.distribution.value}, options.mirrors);
  const ReleaseState release = inspect_release(run, repository, mirrors, options.mirrors);
  const std::string of = "of " + day(release.date);
  return {true, release.staleness.empty() ? of : fmt::format("{}; {}, which is accepted", of, release.staleness)};
}

Finding inspect_keyring(const HostOptions& options) {
  if (fs::exists(options.keyring)) return {true, options.keyring.string()};
  return {false, options.keyring.string() + " is missing", "apt-get install debian-archive-keyring"};
}

/// The value of `Date:` in an InRelease file; 0 when there is none.
std::int64_t date_of(const fs::path& in_release) {
  const std::string text = read_file(in_release);
  const std::size_t at = text.find("\nDate: ");
  std::tm date = {};
  if (at == std::string::npos || !strptime(text.c_str() + at + 7, "%a, %d %b %Y %H:%M:%S", &date)) return 0;
  return timegm(&date);
}

std::int64_t newest_date(const fs::path& lists) {
  std::int64_t newest = 0;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(lists, ignored)) {
    if (entry.path().string().ends_with("InRelease")) newest = std::max(newest, date_of(entry.path()));
  }
  return newest;
}

/// The archive's newest signature is a clock of its own: ours may not lie before it, nor years after it.
Finding inspect_clock(const HostOptions& options) {
  constexpr std::int64_t kDay = 86'400, kYears = kDay * 365 * 2;
  const std::int64_t now = options.now != 0 ? options.now : static_cast<std::int64_t>(std::time(nullptr));
  const std::int64_t newest = newest_date(options.apt_lists);
  if (newest == 0) return {true, day(now) + "; apt's lists hold no date to compare with"};
  if (now < newest - kDay)
    return {false, fmt::format("{}, but apt's lists were signed on {}", day(now), day(newest)),
            "set the clock: timedatectl set-ntp true, or as root: date -s 'YYYY-MM-DD hh:mm'"};
  if (now > newest + kYears)
    return {false, fmt::format("{}, years after apt's lists were signed ({})", day(now), day(newest)),
            "set the clock; if it is right, the lists are old: apt-get update"};
  return {true, fmt::format("{}; apt's newest list was signed on {}", day(now), day(newest))};
}

// --- the table

struct Row {
  const char* id;
  const char* title;
  Need need;
  Finding (*inspect)(const HostOptions&);
};

constexpr std::array kRows = {
    Row{"user-namespace", "user namespace", kBuild, inspect_user_namespace},
    Row{"overlay", "overlay", kBuild, inspect_overlay},
    Row{"sandbox", "sandbox", kBuild, inspect_sandbox},
    Row{"emulation", "emulation (TCG)", kValidate, inspect_emulation},
    Row{"kvm", "KVM", kNothing, inspect_kvm},
    Row{"space", "disk space", kBuild, inspect_space},
    Row{"inodes", "inodes", kBuild, inspect_inodes},
    Row{"mirror.debian", "mirror of debian", kBuild,
        [](const HostOptions& options) { return inspect_mirror(options, "debian"); }},
    Row{"mirror.debian-security", "mirror of debian-security", kBuild,
        [](const HostOptions& options) { return inspect_mirror(options, "debian-security"); }},
    Row{"keyring", "archive keyring", kBuild, inspect_keyring},
    Row{"clock", "clock", kBuild, inspect_clock},
};

Finding found_or_lacking(const std::function<Finding()>& inspect) {
  try {
    Finding finding = inspect();
    if (finding.is_good) finding.cure.clear();
    return finding;
  } catch (const Error& error) {
    if (error.code().id == codes::interrupted.id) throw;
    return lack(error);
  } catch (const std::exception& error) {
    return {false, error.what()};
  }
}

HostCheck check(std::string id, std::string title, Need need, Finding finding) {
  return {std::move(id),           std::move(title),       need, finding.is_good, std::move(finding.found),
          std::move(finding.cure), std::move(finding.code)};
}

bool all_good(const std::vector<HostCheck>& checks, bool Need::*purpose) {
  return std::all_of(checks.begin(), checks.end(),
                     [&](const HostCheck& check) { return check.is_good || !(check.need.*purpose); });
}

}  // namespace

bool HostReport::can_build() const {
  return all_good(checks, &Need::build);
}

bool HostReport::can_validate() const {
  return all_good(checks, &Need::validate);
}

Json HostReport::to_json() const {
  Json rows = Json::array();
  for (const HostCheck& check : checks) {
    Json needed_for = Json::array();
    if (check.need.build) needed_for.push_back("build");
    if (check.need.validate) needed_for.push_back("validate");
    Json row = {{"id", check.id}, {"ok", check.is_good}, {"needed_for", needed_for}, {"found", check.found}};
    if (!check.cure.empty()) row["cure"] = check.cure;
    if (!check.code.empty()) row["code"] = check.code;
    rows.push_back(std::move(row));
  }
  return {{"schema", "ainode.doctor/1"},
          {"can_build", can_build()},
          {"can_validate", can_validate()},
          {"checks", std::move(rows)}};
}

HostReport inspect_host(const HostOptions& options) {
  HostReport report;
  const auto look = [&](const std::string& id, const std::string& title, Need need,
                        const std::function<Finding()>& inspect) {
    if (id.starts_with(options.only)) report.checks.push_back(check(id, title, need, found_or_lacking(inspect)));
  };
  for (const Tool& tool : kTools) {
    const std::string program = std::string_view(tool.program) == "qemu-system-x86_64" ? options.qemu : tool.program;
    look(fmt::format("tool.{}", tool.program), tool.program, tool.need, [&] { return inspect_tool(tool, program); });
  }
  for (const Row& row : kRows) look(row.id, row.title, row.need, [&] { return row.inspect(options); });
  for (const Repository& repository : options.repositories) {
    look(fmt::format("metadata.{}.{}", repository.distribution.value, repository.suite.value),
         repository.suite.value + " metadata", kBuild, [&] { return inspect_metadata(options, repository); });
  }
  return report;
}

}  // namespace ainode
