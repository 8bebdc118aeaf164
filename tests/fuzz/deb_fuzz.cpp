// SPDX-License-Identifier: Apache-2.0
// The ar container, both tars in it, and the policy on their entries: what is accepted lies inside the tree, is owned
// by an id that exists, and reads the same a second time.
#include <algorithm>
#include <string>
#include <vector>

#include "base/archive.h"
#include "builder/store/entry_policy.h"
#include "tests/fuzz/promise.h"

namespace ainode::fuzz {
namespace {

const LockedPackage kPackage = [] {
  LockedPackage package;
  package.name = "fuzz";
  package.version = "1";
  package.arch = "all";
  return package;
}();

void judge_path(const std::string& path) {
  promise(("/" + path + "/").find("/../") == std::string::npos, "a path leads nowhere else");
  promise(path.find("//") == std::string::npos && !path.starts_with('/') && !path.ends_with('/'), "a path is plain");
  promise(path.find('\0') == std::string::npos && path.find('\n') == std::string::npos, "a path can be listed");
  promise(path.size() <= 4095, "a path is no longer than Linux allows");
  promise(plain_path(kPackage, path) == path, "a plain path stays as it is");
}

std::string read_entries(std::string_view archive) {
  std::string all;
  TarReader tar(archive, "fuzz", std::min<std::uint64_t>(unpacked_limit(archive), std::uint64_t{16} << 20));
  while (const ArchiveEntry* entry = tar.next()) {
    const std::string path = plain_path(kPackage, entry->path);
    judge_path(path);
    require_allowed(kPackage, path, *entry);
    promise(entry->uid >= 0 && entry->uid <= 65535 && entry->gid >= 0 && entry->gid <= 65535, "owners exist");
    promise(entry->mode <= 07777, "a mode holds permission bits only");
    const std::string_view content = tar.content();
    promise(entry->type == ArchiveEntry::Type::file ? content.size() == entry->size : content.empty(),
            "a file has the size that its entry says");
    all.append(path).append(1, '\0').append(entry->target).append(1, '\0').append(content);
  }
  return all;
}

void judge_archive(std::string_view archive) {
  std::string all;
  if (accepts([&] { all = read_entries(archive); }))
    promise(read_entries(archive) == all, "an archive reads the same twice");
}

void judge_deb(std::string_view text) {
  std::vector<ArMember> members;
  if (!accepts([&] { members = read_ar(text, "fuzz.deb"); })) return;
  promise(members.size() == 3, "a .deb has three members");
  for (const ArMember& member : members) promise(lies_in(member.data, text), "a member lies in its .deb");
  judge_archive(members[1].data);
  judge_archive(members[2].data);
}

}  // namespace
}  // namespace ainode::fuzz

AINODE_FUZZ_TARGET(text) {
  ainode::fuzz::judge_deb(text);
  ainode::fuzz::judge_archive(text);
}
