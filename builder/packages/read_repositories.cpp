// SPDX-License-Identifier: Apache-2.0
// The chain of digests: a key of the distribution signs InRelease, which names each index's SHA-256, which names each
// package's. Only what hangs on this chain is kept.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <ctime>

#include "base/archive.h"
#include "base/files.h"
#include "base/http.h"
#include "builder/packages/candidates.h"
#include "builder/packages/policy.h"
#include "builder/packages/pool.h"
#include "builder/packages/pool_cache.h"
#include "builder/packages/release.h"
#include "builder/packages/signature.h"

namespace ainode {

namespace {

constexpr const char* kStep = "metadata";
constexpr std::uint64_t kMostReleaseBytes = std::uint64_t{16} << 20;
constexpr std::uint64_t kMostIndexBytes = std::uint64_t{1} << 30;

/// What all repositories of one call share.
struct Reading {
  RunContext& run;
  const std::string& architecture;
  const Mirrors& mirrors;
  const MirrorOptions& options;
  const fs::path& cache;
};

struct VerifiedRelease {
  const Repository* repository = nullptr;
  Release release;
  std::string staleness;  // what --accept-stale made good
  LockedRepository locked;
};

/// One Packages index on its way from the mirror into the cache.
struct IndexFile {
  std::string subject;
  std::string url;
  ReleaseFile packed, plain;
  fs::path cached;  // by the plain text's digest
};

/// A repository from its InRelease to its indices' texts.
struct VerifiedRepository {
  VerifiedRelease release;
  std::vector<IndexFile> indices;
  std::vector<std::string> texts;  // of the indices, in their order
};

std::string name_of(const Repository& repository) {
  return repository.distribution.value + " " + repository.suite.value;
}

/// The recipe's, counted from the current directory, else the distribution's.
fs::path keyring_of(const Repository& repository, const MirrorOptions& options) {
  const Text& named = repository.keyring;
  if (!named.value.empty()) {
    if (fs::is_regular_file(named.value)) return named.value;
    throw Error(codes::keyring_missing,
                fmt::format("the keyring {} of {} does not exist", named.value, name_of(repository)))
        .at(named.place)
        .help("the recipe names it; its path counts from the current directory");
  }
  const auto it = options.keyrings.find(repository.distribution.value);
  return it != options.keyrings.end() ? it->second : fs::path("/usr/share/keyrings/debian-archive-keyring.gpg");
}

std::string dists_url(const Reading& reading, const Repository& repository) {
  return fmt::format("{}/dists/{}", reading.mirrors.uri(repository.distribution.value), repository.suite.value);
}

void check_path_parts(const Repository& repository) {
  const auto check = [](const Text& text, const char* what) {
    if (is_pool_path(text.value)) return;
    throw Error(codes::bad_value, fmt::format("`{}` is not the name of a {}", text.value, what)).at(text.place);
  };
  check(repository.suite, "suite");
  for (const Text& component : repository.components) check(component, "component");
}

std::string fetch_inrelease(const Reading& reading, const Repository& repository) {
  const std::string subject = "InRelease of " + name_of(repository);
  auto text = fetch_text(reading.run, dists_url(reading, repository) + "/InRelease", subject, kMostReleaseBytes,
                         reading.mirrors.fetch);
  if (text) return *std::move(text);
  throw Error(codes::unknown_suite,
              fmt::format("{} has no suite `{}`", repository.distribution.value, repository.suite.value))
      .at(repository.suite.place)
      .help(fmt::format("the mirror ({}) answers 404; is the codename right, and does this mirror carry it?",
                        reading.mirrors.origins.contains(repository.distribution.value)
                            ? reading.mirrors.origins.at(repository.distribution.value)
                            : "as given"));
}

/// Metadata must not go back in time: what was seen once is remembered per suite. A snapshot is older on purpose, and
/// says nothing about what came later.
void check_not_rolled_back(const Reading& reading, const VerifiedRelease& verified) {
  const Repository& repository = *verified.repository;
  if (repository.snapshot) return;
  std::string name = repository.distribution.value + "_" + repository.suite.value;
  std::replace(name.begin(), name.end(), '/', '_');
  const fs::path path = reading.cache / "last-seen" / name;
  std::int64_t seen = 0;
  if (const auto text = read_file_if_any(path)) std::from_chars(text->data(), text->data() + text->size(), seen);
  if (verified.release.date < seen) {
    throw Error(codes::metadata_rolled_back,
                fmt::format("InRelease of {} is from {}, but one from {} was seen before", name_of(repository),
                            format_date(verified.release.date), format_date(seen)))
        .help(fmt::format("the mirror lags behind or replays old metadata; try again later or another mirror, or "
                          "remove {} to accept it",
                          path.string()));
  }
  if (verified.release.date == seen) return;
  make_directories(path.parent_path());
  write_file(path, std::to_string(verified.release.date) + "\n");
}

void announce(const Reading& reading, const VerifiedRelease& verified) {
  const std::string name = name_of(*verified.repository);
  const std::string& distribution = verified.repository->distribution.value;
  const auto origin = reading.mirrors.origins.find(distribution);
  reading.run.events.note(kStep, fmt::format("{}: {}, of {}", name,
                                             origin == reading.mirrors.origins.end() ? "mirror given" : origin->second,
                                             format_date(verified.release.date)));
  reading.run.events.detail(kStep, fmt::format("{}: signed by {}", name, verified.locked.signer));
  if (verified.staleness.empty()) return;
  reading.run.events.warn(kStep, fmt::format("InRelease of {} {}; accepted because of --accept-stale {}", name,
                                             verified.staleness, distribution));
}

VerifiedRelease read_release(const Reading& reading, const Repository& repository) {
  check_path_parts(repository);
  archive_identity(repository);
  const std::string& distribution = repository.distribution.value;
  const std::string subject = "InRelease of " + name_of(repository);
  const std::string inrelease = fetch_inrelease(reading, repository);
  const SignedText verified_text = verify_inrelease(inrelease, keyring_of(repository, reading.options), subject);
  VerifiedRelease verified;
  verified.repository = &repository;
  verified.release = parse_release(verified_text.text, subject);
  LockedRepository& locked = verified.locked;
  const std::int64_t now = reading.options.now != 0 ? reading.options.now : std::time(nullptr);
  verified.staleness =
      check_release(verified.release, repository, now, reading.options.accept_stale.contains(distribution));
  locked.accepted_stale = !verified.staleness.empty();
  locked.id = repository.id.value;
  locked.distribution = distribution;
  locked.suite = repository.suite.value;
  for (const Text& component : repository.components) locked.components.push_back(component.value);
  locked.origin = verified.release.origin;
  locked.label = verified.release.label;
  locked.codename = verified.release.codename;
  locked.inrelease_sha256 = sha256_hex(inrelease);
  locked.date = verified.release.date_text;
  locked.signer = verified_text.signer;
  return verified;
}

bool contains(const std::vector<std::string>& list, const std::string& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

void check_offered(const Reading& reading, const VerifiedRelease& verified, const Text& component) {
  const Release& release = verified.release;
  const std::string name = name_of(*verified.repository);
  // Debian's security archive lists its components as updates/main, but files them under main.
  if (!contains(release.components, component.value) && !contains(release.components, "updates/" + component.value)) {
    throw Error(codes::unknown_suite, fmt::format("{} has no component `{}`", name, component.value))
        .at(component.place)
        .help(fmt::format("its components: {}", fmt::join(release.components, ", ")));
  }
  if (!contains(release.architectures, reading.architecture)) {
    throw Error(codes::unknown_suite, fmt::format("{} has no architecture `{}`", name, reading.architecture))
        .at(verified.repository->suite.place)
        .help(fmt::format("its architectures: {}", fmt::join(release.architectures, ", ")));
  }
}

IndexFile find_index(const Reading& reading, const VerifiedRelease& verified, const Text& component) {
  check_offered(reading, verified, component);
  const Release& release = verified.release;
  const std::string directory = fmt::format("{}/binary-{}", component.value, reading.architecture);
  IndexFile index;
  index.subject = fmt::format("Packages of {} {}", name_of(*verified.repository), component.value);
  const auto plain = release.files.find(directory + "/Packages");
  for (const char* suffix : {".xz", ".gz"}) {
    const auto packed = release.files.find(directory + "/Packages" + suffix);
    if (packed == release.files.end() || plain == release.files.end()) continue;
    index.packed = packed->second;
    index.plain = plain->second;
    index.cached = reading.cache / "indices" / plain->second.sha256;
    index.url =
        dists_url(reading, *verified.repository) + "/" +
        (release.by_hash ? fmt::format("{}/by-hash/SHA256/{}", directory, packed->second.sha256) : packed->first);
    return index;
  }
  throw Error(codes::index_malformed,
              fmt::format("InRelease of {} names no {}/Packages", name_of(*verified.repository), directory))
      .help("the archive must publish Packages and Packages.xz or Packages.gz with SHA-256");
}

/// The cached text, when it still has its own digest.
std::optional<std::string> recall(const IndexFile& index) {
  auto text = read_file_if_any(index.cached, kMostIndexBytes);
  if (!text || sha256_hex(*text) != index.plain.sha256) return std::nullopt;
  mark_used(index.cached);
  return text;
}

std::string unpack(const IndexFile& index, const fs::path& file) {
  const std::string packed = read_file(file, kMostIndexBytes);
  std::string text;
  try {
    text = decompress(packed, index.subject, std::min(index.plain.size, kMostIndexBytes));
  } catch (const Error& error) {
    throw Error(codes::index_malformed, fmt::format("{} cannot be unpacked", index.subject))
        .because(error)
        .help("the archive itself is damaged; try again later or give another mirror with --mirror");
  }
  if (text.size() == index.plain.size && sha256_hex(text) == index.plain.sha256) return text;
  throw Error(codes::checksum_mismatch,
              fmt::format("{}: its unpacked text has not the SHA-256 that InRelease declares", index.subject))
      .help("the archive is inconsistent; try again later or another mirror");
}

/// All indices' texts, from the cache or the mirror, in the given order.
std::vector<std::string> obtain(const Reading& reading, const std::vector<IndexFile>& indices) {
  std::vector<std::string> texts(indices.size());
  std::vector<std::size_t> lacking;
  std::vector<Download> downloads;
  make_directories(reading.cache / "indices");
  // Who comes second finds what the first has fetched.
  const FileLock one_at_a_time(reading.cache / "lock", FileLock::Mode::exclusive, [&] {
    reading.run.events.note(kStep, "another build is fetching package indices; waiting for it");
  });
  const TemporaryDirectory scratch(reading.cache, "download-");
  const auto packed_path = [&](std::size_t i) { return scratch.path() / std::to_string(i); };
  for (std::size_t i = 0; i < indices.size(); ++i) {
    throw_if_interrupted();
    if (auto text = recall(indices[i])) {
      texts[i] = *std::move(text);
      continue;
    }
    lacking.push_back(i);
    Download& download = downloads.emplace_back();
    download.url = indices[i].url;
    download.subject = indices[i].subject;
    download.destination = packed_path(i);
    download.size = indices[i].packed.size;
    download.sha256 = indices[i].packed.sha256;
    download.authority = "InRelease";
  }
  download_all(reading.run, downloads, reading.mirrors.fetch);
  for (const std::size_t i : lacking) {
    throw_if_interrupted();
    texts[i] = unpack(indices[i], packed_path(i));
    write_file(indices[i].cached, texts[i]);
  }
  return texts;
}

/// Whether the build may go on without a repository: it says so itself, and the reason lies in the surroundings of this
/// run, not in what the archive says.
bool may_lack(const Repository& repository, const Error& error) {
  if (repository.required.value || error.code().exit != Exit::environment) return false;
  for (const ErrorCode& code :
       {codes::interrupted, codes::offline, codes::disk_full, codes::file_failed, codes::tool_missing}) {
    if (error.code().id == code.id) return false;
  }
  return true;
}

void leave_out(const Reading& reading, const Repository& repository, const Error& error) {
  reading.run.events.warn(kStep, fmt::format("going on without repository `{}`, which the recipe does not require: {}",
                                             repository.id.value, error.message()));
}

std::vector<VerifiedRepository> read_releases(const Reading& reading, const std::vector<Repository>& repositories) {
  std::vector<VerifiedRepository> read;
  for (const Repository& repository : repositories) {
    try {
      VerifiedRelease release = read_release(reading, repository);
      check_not_rolled_back(reading, release);
      read.emplace_back().release = std::move(release);
    } catch (const Error& error) {
      if (!may_lack(repository, error)) throw;
      leave_out(reading, repository, error);
    }
  }
  for (VerifiedRepository& repository : read) {
    for (const Text& component : repository.release.repository->components) {
      repository.indices.push_back(find_index(reading, repository.release, component));
    }
  }
  return read;
}

/// The required ones side by side, then each of the others alone, so that only it is left out.
void read_indices(const Reading& reading, std::vector<VerifiedRepository>& repositories) {
  std::vector<IndexFile> required;
  for (const VerifiedRepository& repository : repositories) {
    if (!repository.release.repository->required.value) continue;
    required.insert(required.end(), repository.indices.begin(), repository.indices.end());
  }
  auto texts = obtain(reading, required);
  auto next = texts.begin();
  std::erase_if(repositories, [&](VerifiedRepository& repository) {
    const Repository& wish = *repository.release.repository;
    if (wish.required.value) {
      const auto end = next + static_cast<std::ptrdiff_t>(repository.indices.size());
      repository.texts.assign(std::make_move_iterator(next), std::make_move_iterator(end));
      next = end;
      return false;
    }
    try {
      repository.texts = obtain(reading, repository.indices);
      return false;
    } catch (const Error& error) {
      if (!may_lack(wish, error)) throw;
      leave_out(reading, wish, error);
      return true;
    }
  });
}

/// Where the pool of these repositories is kept; says to the data what they are.
PoolCache describe(const Reading& reading, const std::vector<VerifiedRepository>& read, Candidates::Data& data) {
  data.architecture = reading.architecture;
  data.policies.clear();
  std::vector<PoolIndex> inputs;
  for (const VerifiedRepository& repository : read) {
    const auto number = static_cast<std::uint32_t>(data.policies.size());
    data.policies.push_back(policy_of(*repository.release.repository, repository.release.release));
    for (const IndexFile& index : repository.indices) inputs.push_back({index.plain.sha256, number});
  }
  return PoolCache(reading.cache / "pools", pool_cache_key(reading.architecture, data.policies, inputs));
}

/// Records and pool: as they were kept, else from the indices' texts, and kept for the next time.
void fill(const Reading& reading, std::vector<VerifiedRepository>& read, Candidates::Data& data) {
  if (describe(reading, read, data).recall(data)) return;
  read_indices(reading, read);
  const PoolCache pools = describe(reading, read, data);  // one that is not required may have been left out
  for (std::uint32_t number = 0; number < read.size(); ++number) {
    VerifiedRepository& repository = read[number];
    for (std::size_t i = 0; i < repository.indices.size(); ++i) {
      const auto text_number = static_cast<std::uint32_t>(data.texts.size());
      const std::string& text = data.texts.emplace_back(std::move(repository.texts[i]));
      const std::size_t first = data.packages.size();
      read_packages(text, repository.indices[i].subject, reading.architecture, number, data.packages, text_number);
      hide_what_is_not_allowed(data.policies[number], first, data.packages, data.hidden);
    }
  }
  data.make_pool();
  pools.keep(data);
}

std::vector<std::string> digests_of(const std::vector<VerifiedRepository>& repositories) {
  std::vector<std::string> digests;
  for (const VerifiedRepository& repository : repositories) {
    digests.push_back(repository.release.locked.inrelease_sha256);
  }
  return digests;
}

bool may_have_moved(const Error& error) {
  return error.code().id != codes::interrupted.id && error.code().id != codes::offline.id &&
         error.code().id != codes::disk_full.id;
}

/// InRelease and its indices, all of one state of each archive.
std::vector<VerifiedRepository> read_all(const Reading& reading, const std::vector<Repository>& repositories,
                                         Candidates& candidates) {
  auto read = read_releases(reading, repositories);
  for (bool is_second = false;; is_second = true) {
    try {
      fill(reading, read, *candidates.data);
      return read;
    } catch (const Error& error) {
      if (!may_have_moved(error)) throw;
      // The archive may have moved on between InRelease and its indices: look once more.
      auto again = read_releases(reading, repositories);
      if (digests_of(again) == digests_of(read)) throw;
      if (is_second) {
        throw Error(error.code(), "the archive changed while it was read, and again when it was read anew")
            .because(error)
            .help("the mirror is being updated; try again in some minutes, or give another mirror with --mirror");
      }
      reading.run.events.note(kStep, "the archive changed while it was read; reading it again");
      read = std::move(again);
      candidates.data = std::make_unique<Candidates::Data>();
    }
  }
}

}  // namespace

ReleaseState inspect_release(RunContext& run, const Repository& repository, const Mirrors& mirrors,
                             const MirrorOptions& options) {
  const std::string any_architecture;
  const fs::path no_cache;
  const VerifiedRelease verified = read_release({run, any_architecture, mirrors, options, no_cache}, repository);
  return {verified.release.date, verified.staleness};
}

Candidates read_repositories(RunContext& run, const std::vector<Repository>& repositories,
                             const std::string& architecture, const Mirrors& mirrors, const MirrorOptions& options,
                             const fs::path& cache) {
  const Reading reading{run, architecture, mirrors, options, cache};
  Candidates candidates;
  std::vector<VerifiedRepository> read = read_all(reading, repositories, candidates);
  for (VerifiedRepository& repository : read) {
    VerifiedRelease& verified = repository.release;
    announce(reading, verified);
    candidates.newest_date = std::max(candidates.newest_date, verified.release.date);
    candidates.repositories.push_back(std::move(verified.locked));
  }
  return candidates;
}

}  // namespace ainode
