// SPDX-License-Identifier: Apache-2.0
// From a recipe's repositories to verified candidates: mirrors, InRelease, Packages.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/http.h"
#include "base/lock.h"
#include "base/recipe.h"
#include "base/steps.h"

namespace ainode {

struct MirrorOptions {
  std::map<std::string, std::string> given;  ///< --mirror DISTRIBUTION=URI and AINODE_MIRROR_<DISTRIBUTION>
  std::set<std::string> accept_stale;        ///< --accept-stale DISTRIBUTION
  std::map<std::string, std::filesystem::path> keyrings;  ///< for tests: distribution → keyring file
  std::int64_t now = 0;                                   ///< for tests: seconds since 1970; 0 asks the clock
};

/// Base URIs by distribution, and how their servers are reached. A URI is never shown without -v (detail events), its
/// name and password never at all, and nothing of this is stored.
class Mirrors {
 public:
  const std::string& uri(const std::string& distribution) const;  ///< throws no_mirror with the cure
  std::map<std::string, std::string> uris;
  std::map<std::string, std::string> origins;  ///< distribution → "from apt's configuration", "from --mirror"
  FetchOptions fetch;
};

/// `given` first, then the host's apt configuration (`apt-get --print-uris update`), told apart by Origin and Label of
/// what apt has fetched, or by path and suite where it has fetched nothing yet. A distribution
/// that apt does not have is an error that says how to give it. Throws no_mirror or apt_lists_empty only for
/// distributions in `needed`. Proxies, names with passwords and certificates are those of the host's apt, whoever named
/// the mirror; where it has none, libcurl asks http_proxy, https_proxy and no_proxy.
Mirrors find_mirrors(const std::set<std::string>& needed, const MirrorOptions& options);

/// The verified metadata of all repositories of one recipe, ready for solving. Opaque: libsolv and deb822 stay inside.
class Candidates {
 public:
  Candidates();
  ~Candidates();
  Candidates(Candidates&&) noexcept;
  std::vector<LockedRepository> repositories;
  std::int64_t newest_date = 0;  ///< seconds since 1970 of the newest InRelease Date

  struct Data;
  std::unique_ptr<Data> data;
};

/// Fetches and verifies each InRelease (gpgv, by status lines; TRUST fact 4) and reads its Packages indices (by-hash,
/// SHA-256). Verified indices are kept in `cache` by their digest.
///
/// What a repository of the recipe says is held: `max_age`; `snapshot`, whose mirror is the one given for its
/// distribution (--mirror) and must serve the archive as it was then; `keyring`, counted from the current directory.
/// One with `required` false that cannot be fetched is left out with a warning: it is not in `repositories` then. Bad
/// signatures and everything else that is not the environment's fault remain errors.
Candidates read_repositories(RunContext& run, const std::vector<Repository>& repositories,
                             const std::string& architecture, const Mirrors& mirrors, const MirrorOptions& options,
                             const std::filesystem::path& cache);

/// A repository's InRelease alone, fetched and held to all that read_repositories holds it to, except that nothing is
/// remembered or compared with what was seen before. Throws what that throws.
struct ReleaseState {
  std::int64_t date = 0;  ///< seconds since 1970
  std::string staleness;  ///< what was accepted because of accept_stale: "expired at …"
};
ReleaseState inspect_release(RunContext& run, const Repository& repository, const Mirrors& mirrors,
                             const MirrorOptions& options);

/// What to solve for: names with the recipe lines that asked for them.
struct Goal {
  std::vector<Text> install, exclude;
  std::map<std::string, Text> pins;
  bool recommends = false;
  bool base_system = true;           ///< add Essential: yes and Priority: required
  std::string image;                 ///< named in errors
  std::vector<PackageLevel> levels;  ///< what of `install` each document asks for; makes the lock's layers
};
Goal goal_of(const Recipe& recipe);
/// The programs that shape bytes, and the initrd's shell: busybox-static, dosfstools, e2fsprogs, fdisk, kmod, mtools,
/// qemu-utils, zstd; without the base system.
Goal tools_goal();

/// What the recipe's extra modules (at least one) are compiled in: the headers of the very kernel that the image's
/// packages hold, its compiler, the packages of sources, above the base system. Throws kernel_missing.
Goal module_build_goal(const Recipe& recipe, const std::vector<LockedPackage>& image);

/// libsolv with apt's preferences; packages in configuration order. Throws unknown_package or unsatisfiable, naming
/// recipe lines.
std::vector<LockedPackage> resolve(const Goal& goal, const Candidates& candidates);

/// The names of those packages that the candidates hold with the very same content.
std::set<std::string> still_offered(const Candidates& candidates, const std::vector<LockedPackage>& packages);

/// Downloads every package that does not lie whole in `directory` already, as SHA256.deb; returns all paths by SHA-256.
std::map<std::string, std::filesystem::path> fetch_packages(RunContext& run, const std::vector<LockedPackage>& packages,
                                                            const std::vector<LockedRepository>& repositories,
                                                            const Mirrors& mirrors,
                                                            const std::filesystem::path& directory);

}  // namespace ainode
