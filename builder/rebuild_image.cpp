// SPDX-License-Identifier: Apache-2.0
#include "builder/rebuild_image.h"

#include <fmt/format.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "base/error.h"
#include "base/files.h"
#include "builder/commit_image.h"
#include "builder/explain_path.h"

namespace ainode {

namespace {

/// Whatever leaks from these into the image shows as a difference.
void change_conditions(RunContext& run, const fs::path& home) {
  umask(077);
  for (const auto& [name, value] : std::initializer_list<std::pair<const char*, const char*>>{
           {"TZ", "Pacific/Kiritimati"}, {"LC_ALL", "tr_TR.UTF-8"}, {"LANGUAGE", "tr"}, {"AINODE_REBUILD", "other"}})
    setenv(name, value, 1);
  setenv("HOME", home.c_str(), 1);
  const std::string name = "rebuild.invalid";
  if (unshare(CLONE_NEWUTS) != 0 || sethostname(name.data(), name.size()) != 0)
    run.events.detail("rebuild", "the host name stays: it cannot be changed here");
  run.jobs = run.jobs > 1 ? 1 : 2;
}

Lock lock_of(const fs::path& image, const Manifest& manifest, const Recipe& recipe) {
  Lock lock = read_lock(read_file(image / manifest.lock), (image / manifest.lock).string());
  if (lock.recipe_digest == recipe.digest) return lock;
  throw Error(codes::lock_stale, fmt::format("{} is no longer what {} was built from", recipe.file, image.string()))
      .help("build it again, or take the recipe from the image's time");
}

std::string origin_of(const std::map<std::string, std::string>& origins, const std::string& path) {
  const auto found = origins.lower_bound(path);
  if (found == origins.end()) return "";
  // A directory that nobody made for its own sake is its first file's maker's.
  const bool is_its_own = found->first == path || (path.ends_with('/') && found->first.starts_with(path));
  return is_its_own ? found->second : "";
}

}  // namespace

Rebuild rebuild_image(RunContext& run, const fs::path& image, const Recipe& recipe, const BuildOptions& options) {
  const Manifest manifest = read_manifest(fs::absolute(image));
  const Lock lock = lock_of(image, manifest, recipe);
  const Store original = Store::read_only(fs::absolute(image));
  const fs::path known = fs::absolute(options.store.empty() ? cache_directory() : options.store);
  const Store cache(known);  // held open: what lies in its work directory stays
  const TemporaryDirectory place(cache.work_directory(), "rebuild-");
  make_directories(known / "debs");
  make_directories(place.path() / "store");
  fs::create_directory_symlink(known / "debs", place.path() / "store" / "debs");

  change_conditions(run, place.path());
  Rebuild rebuild;
  rebuild.commit = manifest.commit;
  Store store(place.path() / "store");
  const CommittedImage again = commit_image(run, store, recipe, lock, options);
  rebuild.rebuilt = again.commit;
  if (rebuild.is_equal()) return rebuild;
  using Origins = std::map<std::string, std::string>;
  const Origins before = fs::exists(image / kOriginsFile) ? read_origins(image) : Origins{};
  const Origins after = parse_origins(again.origins);
  run_step(run, "compare", [&] {
    for (FileChange& change :
         compare_trees(original, original.read_tree(manifest.commit), store, store.read_tree(again.commit))) {
      if (change.is_within) continue;  // its directory stands for it
      const std::string path = change.path.substr(1);
      std::string origin = origin_of(after, path);
      if (origin.empty()) origin = origin_of(before, path);
      rebuild.paths.push_back({std::move(change), makers_of(origin, lock)});
    }
  });
  return rebuild;
}

}  // namespace ainode
