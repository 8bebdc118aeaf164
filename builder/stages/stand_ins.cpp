// SPDX-License-Identifier: Apache-2.0
// One static program under many names, as hard links.
#include "builder/stages/stand_ins.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/files.h"
#include "builder/stages/generators.h"

namespace ainode {

namespace {

constexpr const char* kInfo = "var/lib/dpkg/info";
const fs::path kInside = "/run/ainode";

class Laying {
 public:
  Laying(const Tree& tree, const fs::path& scratch) : tree_(tree), lower_(scratch / "lower") {
    result_.directory = scratch / "stand-ins";
    result_.notes = scratch / "notes";
    make_directories(result_.directory);
    make_directories(result_.notes);
    program_ = scratch / "ainode-aids";
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
    result_.binds.push_back({lower_ / path, kInside / "original" / fs::path(path).filename()});
  }

  void defer_program(const std::string& path) {
    if (tree_.file(path)) put(path);
  }

  StandIns finish() {
    const std::string policy = "usr/sbin/policy-rc.d";
    make_parents(policy);
    write_file(result_.directory / policy, "#!/bin/sh\nexit 101\n", 0755);
    return std::move(result_);
  }

 private:
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
    }
  }

  const Tree& tree_;
  fs::path lower_, program_;
  StandIns result_;
};

}  // namespace

StandIns lay_stand_ins(const Tree& tree, const fs::path& scratch) {
  Laying laying(tree, scratch);
  laying.hide_scripts();
  for (const char* helper : {"deb-systemd-helper", "deb-systemd-invoke"})
    laying.hide_program(std::string("usr/bin/") + helper);
  for (const Generator& generator : generators()) laying.defer_program(std::string(generator.program));
  return laying.finish();
}

}  // namespace ainode
