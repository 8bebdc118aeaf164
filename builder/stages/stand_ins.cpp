// SPDX-License-Identifier: Apache-2.0
// One static program under many names, as hard links.
#include "builder/stages/stand_ins.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "base/error.h"
#include "base/files.h"
#include "base/steps.h"
#include "builder/stages/generators.h"

namespace ainode {

namespace {

constexpr const char* kInfo = "var/lib/dpkg/info";
const fs::path kInside = "/run/ainode";
constexpr const char* kProgram = "ainode-aids";

class Laying {
 public:
  Laying(const Tree& tree, fs::path lower, const fs::path& scratch) : tree_(tree), lower_(std::move(lower)) {
    result_.directory = scratch / "stand-ins";
    result_.notes = scratch / "notes";
    make_directories(result_.directory);
    make_directories(result_.notes);
    program_ = scratch / kProgram;
    fs::copy_file(companion_program("ainode-aids"), program_);
    fs::permissions(program_, fs::perms(0755));
    result_.binds.push_back({result_.notes, kInside / "notes", true});
  }

  void hide_scripts() {
    const TreeDirectory* info = tree_.directory(kInfo);
    if (!info) return;
    result_.binds.push_back({lower_ / kInfo, kInside / "info"});
    for (const auto& [name, file] : info->files)
      if (name.ends_with(".preinst") || name.ends_with(".postinst")) put(std::string(kInfo) + "/" + name);
  }

  void hide_program(const std::string& path) {
    if (!tree_.file(path)) return;
    put(path);
    // A link is resolved as inside the tree: on the host it would lead elsewhere.
    const std::string original = target_in_tree(path);
    if (!original.empty())
      result_.binds.push_back({lower_ / original, kInside / "original" / fs::path(path).filename()});
  }

  StandIns finish() {
    const std::string policy = "usr/sbin/policy-rc.d";
    make_parents(policy);
    write_file(result_.directory / policy, "#!/bin/sh\nexit 101\n", 0755);
    return std::move(result_);
  }

 private:
  /// One link within the same tree's directories (depmod is kmod); empty where it is more than that.
  std::string target_in_tree(const std::string& path) const {
    const fs::path place = lower_ / path;
    std::string target = path;
    if (fs::is_symlink(fs::symlink_status(place))) {
      const fs::path link = fs::read_symlink(place);
      target = (link.is_absolute() ? link.relative_path() : fs::path(path).parent_path() / link).lexically_normal();
    }
    const bool is_plain = tree_.file(target) && fs::is_regular_file(fs::symlink_status(lower_ / target));
    return is_plain ? target : "";
  }

  void put(const std::string& path) {
    make_parents(path);
    if (link(program_.c_str(), (result_.directory / path).c_str()) != 0)
      throw system_error("lay a stand-in at " + (result_.directory / path).string(), errno);
  }

  /// An overlay shows the topmost directory's owner and mode: they must be the tree's.
  void make_parents(const std::string& path) {
    for (std::size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
      const std::string parent = path.substr(0, slash);
      const fs::path made = result_.directory / parent;
      if (fs::exists(made)) continue;
      make_directories(made);
      const TreeDirectory* directory = tree_.directory(parent);
      const Ownership ownership = directory ? directory->ownership : Ownership{};
      if (chown(made.c_str(), ownership.uid, ownership.gid) != 0 || chmod(made.c_str(), ownership.mode) != 0)
        throw system_error("lay a stand-in at " + made.string(), errno);
      for (const auto& [name, value] : ownership.xattrs)
        if (lsetxattr(made.c_str(), name.c_str(), value.data(), value.size(), 0) != 0)
          throw system_error("lay a stand-in at " + made.string(), errno);
    }
  }

  const Tree& tree_;
  fs::path lower_, program_;
  StandIns result_;
};

}  // namespace

StandIns lay_stand_ins(const Tree& tree, const fs::path& lower, const fs::path& scratch) {
  Laying laying(tree, lower, scratch);
  // So that a test can hold what they do against the programs that they stand in for.
  if (failpoint_asks("configure", "stand-ins", "none")) return laying.finish();
  laying.hide_scripts();
  for (const char* helper : {"deb-systemd-helper", "deb-systemd-invoke", "dpkg-maintscript-helper"})
    laying.hide_program(std::string("usr/bin/") + helper);
  for (const Generator& generator : generators()) laying.hide_program(std::string(generator.program));
  return laying.finish();
}

namespace {

/// A script may say again what a program's owner and mode are (man-db's does): then the copy differs in nothing from
/// what the tree has.
bool has_owner_and_mode_of(const fs::path& copy, const fs::path& original) {
  struct stat made = {}, shown = {};
  return lstat(copy.c_str(), &made) == 0 && lstat(original.c_str(), &shown) == 0 && S_ISREG(shown.st_mode) &&
         made.st_uid == shown.st_uid && made.st_gid == shown.st_gid && made.st_mode == shown.st_mode;
}

}  // namespace

void clear_copied_stand_ins(const fs::path& upper, const fs::path& lower, const fs::path& scratch) {
  const std::uintmax_t size = fs::file_size(scratch / kProgram);
  std::optional<std::string> program;
  std::vector<fs::path> copies;
  for (const auto& entry : fs::recursive_directory_iterator(upper)) {
    if (!entry.is_regular_file() || entry.is_symlink() || entry.file_size() != size) continue;
    if (!program) program = read_file(scratch / kProgram);
    if (read_file(entry.path()) == *program) copies.push_back(entry.path());
  }
  for (const fs::path& copy : copies) {
    const fs::path inside = copy.lexically_relative(upper);
    if (!has_owner_and_mode_of(copy, lower / inside)) {
      throw Error(codes::script_failed,
                  fmt::format("a maintainer script changed or moved /{}, in whose place a program of "
                              "ours stood while it ran",
                              inside.string()))
          .help("exclude the package that diverts or changes it, and report it");
    }
    remove_tree(copy);
  }
}

}  // namespace ainode
