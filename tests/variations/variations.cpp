// SPDX-License-Identifier: Apache-2.0
// Preloaded into a build: what a host may do otherwise and must not matter. AINODE_VARY_DIRECTORIES=reversed gives the
// entries of every directory in the opposite order; AINODE_VARY_SECONDS=N moves the wall clock.
#include <dirent.h>
#include <dlfcn.h>
#include <sys/time.h>

#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <mutex>
#include <vector>

namespace {

template <class Function>
Function* original(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

long shift() {
  static const char* const text = std::getenv("AINODE_VARY_SECONDS");
  static const long seconds = text ? std::atol(text) : 0;
  return seconds;
}

bool reverses() {
  static const char* const text = std::getenv("AINODE_VARY_DIRECTORIES");
  return text && std::strcmp(text, "reversed") == 0;
}

/// A directory's entries; those behind `left` were given, and stay valid until it is closed.
struct Entries {
  std::vector<dirent64> all;
  std::size_t left = 0;
};
std::map<DIR*, Entries>& opened() {
  static std::map<DIR*, Entries> all;
  return all;
}
std::mutex guard;

dirent64* next_entry(DIR* directory) {
  static auto* const read = original<dirent64*(DIR*)>("readdir64");
  if (!reverses()) return read(directory);
  const std::lock_guard lock(guard);
  const auto [place, is_new] = opened().try_emplace(directory);
  Entries& entries = place->second;
  if (is_new) {
    while (const dirent64* entry = read(directory)) {
      dirent64 copy = {};
      std::memcpy(&copy, entry, entry->d_reclen);
      entries.all.push_back(copy);
    }
    entries.left = entries.all.size();
  }
  return entries.left == 0 ? nullptr : &entries.all[--entries.left];
}

void forget(DIR* directory) {
  const std::lock_guard lock(guard);
  opened().erase(directory);
}

}  // namespace

extern "C" {

dirent64* readdir64(DIR* directory) {
  return next_entry(directory);
}

dirent* readdir(DIR* directory) {
  static_assert(sizeof(dirent) == sizeof(dirent64));
  return reinterpret_cast<dirent*>(next_entry(directory));
}

void rewinddir(DIR* directory) {
  forget(directory);
  original<void(DIR*)>("rewinddir")(directory);
}

int closedir(DIR* directory) {
  forget(directory);
  return original<int(DIR*)>("closedir")(directory);
}

int clock_gettime(clockid_t clock, timespec* now) {
  static auto* const get = original<int(clockid_t, timespec*)>("clock_gettime");
  const int status = get(clock, now);
  if (status == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += shift();
  return status;
}

int gettimeofday(timeval* now, void* zone) {
  static auto* const get = original<int(timeval*, void*)>("gettimeofday");
  const int status = get(now, zone);
  if (status == 0) now->tv_sec += shift();
  return status;
}

time_t time(time_t* place) {
  static auto* const get = original<time_t(time_t*)>("time");
  const time_t now = get(nullptr) + shift();
  if (place) *place = now;
  return now;
}
}
