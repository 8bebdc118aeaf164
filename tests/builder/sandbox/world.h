// SPDX-License-Identifier: Apache-2.0
// The small world of these tests: a tree that borrows the host's programs, and bodies judged inside a user namespace.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "builder/sandbox/sandbox.h"

namespace ainode::testing_world {

/// On the build directory's disk: an overlay's upper directory must not lie on a tmpfs.
inline TemporaryDirectory scratch() {
  return TemporaryDirectory(AINODE_BINARY_DIR, "sandbox-test-");
}

/// Expectations made in `body` count for the test that calls this.
inline void inside(const std::function<void()>& body) {
  const int status = in_user_namespace([&] {
    try {
      body();
    } catch (const Error& error) {
      ADD_FAILURE() << render(error);
    }
    return ::testing::Test::HasFailure() ? 1 : 0;
  });
  EXPECT_EQ(status, 0);
}

inline std::string slurp(const fs::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

inline void spill(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

/// Sorted, relative; directories end with a slash.
inline std::vector<std::string> listing(const fs::path& root) {
  std::vector<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(root))
    names.push_back(entry.path().lexically_relative(root).string() + (entry.is_directory() ? "/" : ""));
  std::sort(names.begin(), names.end());
  return names;
}

inline const char* const kLinks[] = {"bin", "sbin", "lib", "lib64"};

/// A usr-merged tree with an empty /usr, on which the host's own is shown.
inline void make_tree(const fs::path& root) {
  for (const char* name : {"usr", "etc", "root", "proc", "dev", "run", "tmp", "var"})
    fs::create_directories(root / name);
  for (const char* name : kLinks) fs::create_symlink(std::string("usr/") + name, root / name);
  spill(root / "etc/owner", "tree\n");
}

inline SandboxCommand shell(const fs::path& root, const std::string& script) {
  SandboxCommand command;
  command.root = root;
  command.argv = {"/bin/sh", "-c", script};
  command.binds = {{"/usr", "/usr"}};
  return command;
}

inline std::string mounts_here() {
  return slurp("/proc/self/mountinfo");
}

template <class Body>
Error error_of(Body&& body) {
  try {
    body();
  } catch (const Error& error) {
    return error;
  }
  return Error(codes::usage_error, "nothing was thrown");
}

}  // namespace ainode::testing_world
