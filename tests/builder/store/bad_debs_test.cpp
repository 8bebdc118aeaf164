// SPDX-License-Identifier: Apache-2.0
// Every case of tests/cases/debs/make_debs.py, imported by a process of its own that may take 2 CPU seconds and 256 MB:
// what it says is the case's .expected file, and nothing of a refused package stays in the store. AINODE_ACCEPT=1
// writes the expected files anew.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <set>

#include "base/process.h"
#include "store_fixture.h"

namespace ainode {
namespace {

#if defined(NDEBUG) && !defined(__SANITIZE_ADDRESS__)
constexpr bool kIsMeasured = true;
#else
constexpr bool kIsMeasured = false;
#endif
constexpr long kMostMemory = 256 << 10;  // KiB, as rusage has it

const fs::path kCases = fs::path(AINODE_SOURCE_DIR) / "tests/cases/debs";

class BadDebs : public testing::StoreTest {
 protected:
  BadDebs() {
    fs::create_directory(made_);
    Command command;
    command.argv = {"/usr/bin/env", "python3", kCases / "make_debs.py", made_};
    run_or_throw(command);
  }

  LockedPackage package(const std::string& name, const fs::path& deb) {
    LockedPackage package;
    package.name = name;
    package.version = "1";
    package.arch = "all";
    package.sha256 = sha256_hex_of_file(deb);
    package.size = fs::file_size(deb);
    debs_[package.sha256] = deb;
    return package;
  }

  /// The error as a user sees it, or what is in the tree.
  std::string outcome(const std::string& name) {
    const fs::path other = made_ / (name + ".other.deb");
    Store store(directory_.path() / name);
    try {
      std::vector<LockedPackage> packages = {package("p", made_ / (name + ".deb"))};
      if (fs::exists(other)) packages.push_back(package("q", other));
      import_packages(run_, store, packages, debs_);
      return "accepted\n" + listing_of(store, compose(store, packages));
    } catch (const Error& error) {
      return render(error);
    }
  }

  struct Outcome {
    std::string said;
    int status = 0;
    rusage used = {};
  };
  Outcome in_a_process(const std::string& name) {
    const fs::path said = directory_.path() / (name + ".said");
    const pid_t child = fork();
    if (child == 0) {
      const rlimit two_seconds = {2, 2};
      if (kIsMeasured) setrlimit(RLIMIT_CPU, &two_seconds);
      try {
        write_file(said, outcome(name));
      } catch (...) {
        _exit(2);
      }
      _exit(0);
    }
    Outcome result;
    if (wait4(child, &result.status, 0, &result.used) != child) ADD_FAILURE() << "wait4 failed";
    result.said = read_file_if_any(said).value_or("(nothing)");
    return result;
  }

  /// Objects, references and staging directories of a store once it was opened again.
  static std::string left_behind(const fs::path& store) {
    const Store reopened(store);
    std::string names;
    for (const char* part : {"repo/objects", "repo/refs/heads", "repo/tmp"}) {
      for (const auto& entry : fs::recursive_directory_iterator(store / part)) {
        const std::string name = entry.path().filename().string();
        if (entry.is_regular_file() || name.starts_with("staging-")) names += entry.path().string() + "\n";
      }
    }
    return names;
  }

  fs::path made_ = directory_.path() / "made";
};

TEST_F(BadDebs, EachSaysWhatIsExpectedAndLeavesNothing) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(made_)) {
    const std::string name = entry.path().stem().string();
    if (!name.ends_with(".other")) names.insert(name);
  }
  EXPECT_GE(names.size(), 60u);
  for (const std::string& name : names) {
    SCOPED_TRACE(name);
    const Outcome result = in_a_process(name);
    EXPECT_EQ(result.status, 0);
    const fs::path expected = kCases / (name + ".expected");
    if (std::getenv("AINODE_ACCEPT")) write_file(expected, result.said);
    EXPECT_EQ(result.said, read_file_if_any(expected).value_or("(no such file)"));
    const bool is_imported = result.said.starts_with("accepted") || result.said.starts_with("error[B0001]");
    if (!is_imported) EXPECT_EQ(left_behind(directory_.path() / name), "");
    if (kIsMeasured) EXPECT_LE(result.used.ru_maxrss, kMostMemory);
  }
}

}  // namespace
}  // namespace ainode
