// SPDX-License-Identifier: Apache-2.0
// What importing packages costs beside what no importer can avoid: unpacking xz, hashing what comes out, and creating
// files of the same sizes (O_TMPFILE and linkat). CPU seconds of all threads, median of the rounds.
//   import_bench DEBS WORK [--rounds N] [--jobs N]
// DEBS is a directory of .deb files; WORK a directory on the file system to measure, emptied of what the bench makes.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <thread>

#include "base/archive.h"
#include "base/crypto.h"
#include "base/decompress.h"
#include "base/error.h"
#include "base/files.h"
#include "base/parallel.h"
#include "base/steps.h"
#include "builder/store/control.h"
#include "builder/store/packages.h"

namespace {

using namespace ainode;

struct Deb {
  fs::path path;
  LockedPackage package;
  std::vector<std::size_t> sizes;  // of its regular files
};

struct Options {
  fs::path debs, work;
  int rounds = 3;
  int jobs = static_cast<int>(std::thread::hardware_concurrency());
};

constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 40;

double cpu_seconds_of_all_threads() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

template <class Body>
double measured(const Body& body) {
  const double before = cpu_seconds_of_all_threads();
  body();
  return cpu_seconds_of_all_threads() - before;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

std::string_view member_of(const std::vector<ArMember>& members, std::string_view stem) {
  for (const ArMember& member : members)
    if (member.name.starts_with(stem)) return member.data;
  return {};
}

Deb describe(const fs::path& path) {
  const std::string bytes = read_file(path, std::size_t{8} << 30);
  const auto members = read_ar(bytes, path.string());
  Deb deb{path, {}, {}};
  deb.package.sha256 = sha256_hex(bytes);
  deb.package.size = bytes.size();
  TarReader control(member_of(members, "control.tar"), path.string());
  while (const ArchiveEntry* entry = control.next()) {
    if (!entry->path.ends_with("/control") && entry->path != "control") continue;
    const std::string_view text = control.content();
    deb.package.name = control_field(text, "Package");
    deb.package.version = control_field(text, "Version");
    deb.package.arch = control_field(text, "Architecture");
  }
  TarReader data(member_of(members, "data.tar"), path.string(), kNoLimit);
  while (const ArchiveEntry* entry = data.next())
    if (entry->type == ArchiveEntry::Type::file) deb.sizes.push_back(entry->size);
  return deb;
}

std::vector<Deb> debs_in(const fs::path& directory) {
  std::vector<Deb> debs;
  for (const auto& entry : fs::directory_iterator(directory))
    if (entry.path().extension() == ".deb") debs.push_back(describe(entry.path()));
  std::sort(debs.begin(), debs.end(), [](const Deb& a, const Deb& b) { return a.package.size > b.package.size; });
  return debs;
}

void unpack(const Options& options, const std::vector<Deb>& debs, bool with_hash) {
  parallel_for(options.jobs, debs.size(), [&](std::size_t i) {
    const std::string bytes = read_file(debs[i].path, std::size_t{8} << 30);
    const auto members = read_ar(bytes, debs[i].path.string());
    const auto source = open_bytes(member_of(members, "data.tar"), debs[i].path.string(), kNoLimit);
    Sha256 hash;
    for (std::string_view chunk = source->next_chunk(); !chunk.empty(); chunk = source->next_chunk())
      if (with_hash) hash.update(chunk);
  });
}

void create(const Options& options, const std::vector<Deb>& debs, const fs::path& into) {
  std::size_t largest = 0;
  for (const Deb& deb : debs)
    for (const std::size_t size : deb.sizes) largest = std::max(largest, size);
  const std::string bytes(largest, 'x');
  for (int i = 0; i < 256; ++i) make_directories(into / fmt::format("{:02x}", i));
  parallel_for(options.jobs, debs.size(), [&](std::size_t i) {
    for (std::size_t j = 0; j < debs[i].sizes.size(); ++j) {
      const fs::path directory = into / fmt::format("{:02x}", (i * 31 + j) % 256);
      const fs::path path = directory / fmt::format("{}-{}", i, j);
      const Descriptor file(open(directory.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644));
      if (file.get() < 0) throw system_error("create a file in " + directory.string(), errno);
      write_all(file.get(), std::string_view(bytes).substr(0, debs[i].sizes[j]), path);
      const std::string opened = fmt::format("/proc/self/fd/{}", file.get());
      if (linkat(AT_FDCWD, opened.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) != 0)
        throw system_error("link " + path.string(), errno);
    }
  });
}

void import(const Options& options, const std::vector<Deb>& debs, const fs::path& into) {
  Store store(into);
  RunContext run{silent_events(), options.jobs, true};
  std::vector<LockedPackage> packages;
  std::map<std::string, fs::path> files;
  for (const Deb& deb : debs) {
    packages.push_back(deb.package);
    files[deb.package.sha256] = deb.path;
  }
  import_packages(run, store, packages, files);
}

void run(const Options& options) {
  const std::vector<Deb> debs = debs_in(options.debs);
  if (debs.empty()) throw Error(codes::usage_error, options.debs.string() + " holds no .deb");
  std::uint64_t packed = 0, unpacked = 0, files = 0;
  for (const Deb& deb : debs) {
    packed += deb.package.size;
    files += deb.sizes.size();
    for (const std::size_t size : deb.sizes) unpacked += size;
  }
  fmt::print("{} packages, {} MB packed, {} MB in {} files, {} threads\n", debs.size(), packed >> 20, unpacked >> 20,
             files, options.jobs);
  std::vector<double> xz, hashed, created, floors, imports, ratios;
  for (int round = 0; round < options.rounds; ++round) {
    const TemporaryDirectory scratch(options.work, "import-bench-");
    xz.push_back(measured([&] { unpack(options, debs, false); }));
    hashed.push_back(measured([&] { unpack(options, debs, true); }));
    created.push_back(measured([&] { create(options, debs, scratch.path() / "files"); }));
    floors.push_back(hashed.back() + created.back());
    imports.push_back(measured([&] { import(options, debs, scratch.path() / "store"); }));
    ratios.push_back(imports.back() / floors.back());
    fmt::print("round {}: floor {:.2f} s, import {:.2f} s, ratio {:.3f}\n", round + 1, floors.back(), imports.back(),
               ratios.back());
    std::fflush(stdout);
  }
  fmt::print("xz {:.2f} s; with SHA-256 {:.2f} s; creation {:.2f} s; floor {:.2f} s\nimport {:.2f} s; ratio {:.3f}\n",
             median(xz), median(hashed), median(created), median(floors), median(imports), median(ratios));
}

bool take(Options& options, const std::vector<std::string>& words) {
  std::vector<std::string> places;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool has_value = i + 1 < words.size();
    if (words[i] == "--rounds" && has_value)
      options.rounds = std::atoi(words[++i].c_str());
    else if (words[i] == "--jobs" && has_value)
      options.jobs = std::atoi(words[++i].c_str());
    else
      places.push_back(words[i]);
  }
  if (places.size() != 2 || options.rounds < 1 || options.jobs < 1) return false;
  options.debs = places[0];
  options.work = places[1];
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!take(options, std::vector<std::string>(argv + 1, argv + argc))) {
    std::fputs("usage: import_bench DEBS WORK [--rounds N] [--jobs N]\n", stderr);
    return 2;
  }
  try {
    run(options);
  } catch (const Error& error) {
    std::fputs(render(error).c_str(), stderr);
    return static_cast<int>(error.code().exit);
  }
  return 0;
}
