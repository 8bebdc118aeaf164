// SPDX-License-Identifier: Apache-2.0
// The upper directory is exactly what changed, whatever the directories are called, and nothing stays mounted.
#include <sys/mount.h>

#include "world.h"

namespace ainode {
namespace {

using namespace testing_world;

struct Layers {
  explicit Layers(const fs::path& at)
      : lower(at / "lower"), upper(at / "upper"), work(at / "work"), merged(at / "merged") {
    for (const fs::path& path : {lower, upper, work, merged}) fs::create_directories(path);
  }
  Overlay mounted() const { return {{lower}, upper, work, merged}; }
  fs::path lower, upper, work, merged;
};

TEST(Overlay, TheUpperDirectoryIsWhatChanged) {
  const TemporaryDirectory directory = scratch();
  const Layers layers(directory.path());
  spill(layers.lower / "kept/one", "1");
  spill(layers.lower / "edited", "2");
  inside([&] {
    const Overlay overlay = layers.mounted();
    spill(overlay.root() / "new/file", "3");
    spill(overlay.root() / "edited", "4");
    EXPECT_EQ(slurp(overlay.root() / "kept/one"), "1");
  });
  EXPECT_EQ(listing(layers.upper), (std::vector<std::string>{"edited", "new/", "new/file"}));
  EXPECT_EQ(slurp(layers.lower / "edited"), "2");
}

TEST(Overlay, OffersTheMountPointsThatATreeLacks) {
  const TemporaryDirectory directory = scratch();
  const Layers layers(directory.path());
  inside([&] {
    const Overlay overlay = layers.mounted();
    EXPECT_EQ(listing(overlay.root()), (std::vector<std::string>{"dev/", "proc/", "run/", "tmp/", "work/"}));
  });
  EXPECT_EQ(listing(layers.upper), std::vector<std::string>{});
}

TEST(Overlay, ALowerDirectoryCanBeRemovedAndMadeAnew) {
  const TemporaryDirectory directory = scratch();
  const Layers layers(directory.path());
  spill(layers.lower / "dir/sub/old", "1");
  inside([&] {
    const Overlay overlay = layers.mounted();
    fs::remove_all(overlay.root() / "dir");
    EXPECT_FALSE(fs::exists(overlay.root() / "dir"));
    spill(overlay.root() / "dir/new", "2");
    EXPECT_EQ(listing(overlay.root() / "dir"), std::vector<std::string>{"new"});
  });
}

TEST(Overlay, TheFirstLowerIsTopmost) {
  const TemporaryDirectory directory = scratch();
  const Layers layers(directory.path());
  spill(directory.path() / "top/file", "top");
  spill(layers.lower / "file", "bottom");
  inside([&] {
    const Overlay overlay({directory.path() / "top", layers.lower}, layers.upper, layers.work, layers.merged);
    EXPECT_EQ(slurp(overlay.root() / "file"), "top");
  });
}

TEST(Overlay, AnyDirectoryNameWorks) {
  const TemporaryDirectory directory = scratch();
  const Layers layers(directory.path() / "a b:c,d\\e=f");
  spill(layers.lower / "file", "1");
  inside([&] {
    const Overlay overlay = layers.mounted();
    spill(overlay.root() / "other", slurp(overlay.root() / "file"));
  });
  EXPECT_EQ(slurp(layers.upper / "other"), "1");
}

TEST(Overlay, TheUpperDirectoryServesAgain) {
  const TemporaryDirectory directory = scratch();
  const Layers layers(directory.path());
  inside([&] {
    spill(layers.mounted().root() / "first", "1");
    const Overlay again = layers.mounted();
    EXPECT_EQ(slurp(again.root() / "first"), "1");
  });
}

TEST(Overlay, NothingStaysMounted) {
  const TemporaryDirectory directory = scratch();
  const Layers layers(directory.path());
  inside([&] {
    const std::string before = mounts_here();
    { const Overlay overlay = layers.mounted(); }
    EXPECT_EQ(mounts_here(), before);
    // Also when a file of it is still open.
    Descriptor held;
    {
      const Overlay overlay = layers.mounted();
      spill(overlay.root() / "file", "1");
      held = open_file(overlay.root() / "file", 0);
    }
    EXPECT_EQ(mounts_here(), before);
  });
}

TEST(Overlay, AnUpperDirectoryOnTmpfsIsRefused) {
  const TemporaryDirectory directory = scratch();
  inside([&] {
    ASSERT_EQ(mount("tmpfs", directory.path().c_str(), "tmpfs", 0, nullptr), 0);
    const Layers layers(directory.path());
    const std::string before = mounts_here();
    const Error error = error_of([&] { layers.mounted(); });
    EXPECT_EQ(error.code().id, codes::overlay_failed.id);
    EXPECT_EQ(error.message(), layers.upper.string() + " lies on a tmpfs");
    EXPECT_NE(error.hint().find("XDG_CACHE_HOME"), std::string::npos);
    EXPECT_EQ(mounts_here(), before);
  });
}

TEST(Overlay, AnUpperDirectoryOnAnOverlayIsRefused) {
  const TemporaryDirectory directory = scratch();
  const Layers outer(directory.path());
  inside([&] {
    const Overlay overlay = outer.mounted();
    const Layers layers(overlay.root() / "nested");
    const Error error = error_of([&] { layers.mounted(); });
    EXPECT_EQ(error.message(), layers.upper.string() + " lies on an overlay itself");
  });
}

TEST(Overlay, UpperAndWorkMustShareAFileSystem) {
  const TemporaryDirectory directory = scratch();
  const Layers layers(directory.path());
  inside([&] {
    const Error error = error_of([&] { Overlay({layers.lower}, layers.upper, "/proc/self", layers.merged); });
    EXPECT_EQ(error.message(), layers.upper.string() + " and /proc/self lie on different file systems");
  });
}

TEST(Overlay, AMissingLowerIsNamed) {
  const TemporaryDirectory directory = scratch();
  const Layers layers(directory.path());
  inside([&] {
    const Error error = error_of([&] { Overlay({"/nonexistent"}, layers.upper, layers.work, layers.merged); });
    EXPECT_EQ(error.message(), "cannot open /nonexistent: No such file or directory");
  });
}

}  // namespace
}  // namespace ainode
