// SPDX-License-Identifier: Apache-2.0
// Manifests, locks and trees of two images, each compared by its own rules.
#include "builder/diff_images.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "builder/image_directory.h"
#include "builder/store/store.h"

namespace ainode {

namespace {

constexpr std::size_t kMostLockBytes = std::size_t{64} << 20;
constexpr std::string_view kModules = "usr/lib/modules/";

/// An image, held against its own manifest.
struct Image {
  Manifest manifest;
  Lock lock;
  Store store;
  Tree tree;
};

Lock read_image_lock(const fs::path& image, const Manifest& manifest) {
  const fs::path path = image / manifest.lock;
  const auto text = read_file_if_any(path, kMostLockBytes);
  if (!text)
    throw Error(codes::image_malformed, fmt::format("{} lacks its lock: {} is missing", image.string(), manifest.lock))
        .help("build it again");
  if (const std::string actual = sha256_hex(*text); actual != manifest.lock_sha256)
    throw Error(codes::output_corrupt,
                fmt::format("{} has SHA-256 {}, but the manifest says {}", path.string(), actual, manifest.lock_sha256))
        .help("build it again: an equal recipe and lock give equal bytes");
  return read_lock(*text, path.string());
}

Image open_image(const fs::path& directory) {
  Manifest manifest = read_manifest(directory);
  Lock lock = read_image_lock(directory, manifest);
  Store store = open_image_repository(directory, manifest);
  Tree tree = store.read_tree(manifest.commit);
  return {std::move(manifest), std::move(lock), std::move(store), std::move(tree)};
}

std::uint64_t installed_size(const Image& image) {
  std::set<std::string_view> counted;
  std::uint64_t total = 0;
  image.tree.for_each_file([&](const std::string&, const TreeDirectory::File& file) {
    if (counted.insert(file.checksum).second) total += object_size(image.store, file.checksum);
  });
  return total;
}

void compare_kernels(ImageDiff& diff, const Image& before, const Image& after) {
  LockDiff& lock = diff.lock;
  lock.kernel_before = before.manifest.kernel_release;
  lock.kernel_after = after.manifest.kernel_release;
  std::vector<KernelConfiguration> configurations;
  for (const Image* image : {&before, &after}) {
    const std::string& release = image->manifest.kernel_release;
    const std::string path = std::string(kModules) + release + "/config";
    if (image->tree.file(path)) {
      configurations.push_back(parse_kernel_configuration(release, image->store.read_text(image->tree, path)));
    } else {
      const std::string side = image == &before ? "A" : "B";
      lock.unknown.push_back(fmt::format("the configuration of {}'s kernel: it has no /{}", side, path));
    }
  }
  if (configurations.size() == 2) lock.kernel_options = compare_configurations(configurations[0], configurations[1]);
}

/// nvidia_uvm, from …/nvidia-uvm.ko.xz; the kernel takes both spellings for one.
std::set<std::string> modules_of(const Tree& tree) {
  std::set<std::string> modules;
  tree.for_each_file([&](const std::string& path, const TreeDirectory::File&) {
    const std::size_t start = path.rfind('/') + 1, end = path.rfind(".ko");
    if (!path.starts_with(kModules) || end == std::string::npos || end <= start) return;
    if (const std::string suffix = path.substr(end + 3); !suffix.empty() && suffix[0] != '.') return;
    std::string name = path.substr(start, end - start);
    std::replace(name.begin(), name.end(), '-', '_');
    modules.insert(std::move(name));
  });
  return modules;
}

/// What stands in `all` more often than in `others`, in its order.
std::vector<std::string> beyond(const std::vector<std::string>& all, std::vector<std::string> others) {
  std::vector<std::string> left;
  for (const std::string& item : all) {
    const auto same = std::find(others.begin(), others.end(), item);
    if (same == others.end()) {
      left.push_back(item);
    } else {
      others.erase(same);
    }
  }
  return left;
}

void compare_arguments(ImageDiff& diff) {
  const auto &was = diff.before.kernel_cmdline, &is = diff.after.kernel_cmdline;
  diff.arguments_removed = beyond(was, is);
  diff.arguments_added = beyond(is, was);
  diff.arguments_reordered = diff.arguments_removed.empty() && diff.arguments_added.empty() && was != is;
}

/// What the diff says in places of their own: arguments, the kernel, the commit.
bool is_told_elsewhere(const std::string& subject) {
  return subject == "kernel.cmdline" || subject == "kernel.release" || subject == "image.deployed";
}

/// A subject may be declared several times, once for each of its values.
std::map<std::string, std::vector<std::string>> settings_of(const Manifest& manifest) {
  std::map<std::string, std::vector<std::string>> settings;
  for (const Declaration& declared : manifest.declared)
    if (!is_told_elsewhere(declared.subject)) settings[declared.subject].push_back(declared.expected.dump());
  return settings;
}

void compare_settings(ImageDiff& diff) {
  const auto was = settings_of(diff.before), is = settings_of(diff.after);
  std::set<std::string> subjects;
  for (const auto* side : {&was, &is})
    for (const auto& [subject, values] : *side) subjects.insert(subject);
  const auto values_of = [](const auto& side, const std::string& subject) {
    const auto found = side.find(subject);
    return found == side.end() ? std::vector<std::string>() : found->second;
  };
  for (const std::string& subject : subjects) {
    const auto before = values_of(was, subject), after = values_of(is, subject);
    auto gone = beyond(before, after), come = beyond(after, before);
    for (std::size_t i = 0; i < std::max(gone.size(), come.size()); ++i)
      diff.settings.push_back({subject, i < gone.size() ? gone[i] : "", i < come.size() ? come[i] : ""});
  }
}

void compare_identity(ImageDiff& diff) {
  const auto compare = [&](const char* subject, const std::string& was, const std::string& is) {
    if (was != is) diff.identity.push_back({subject, was, is});
  };
  const Manifest &was = diff.before, &is = diff.after;
  compare("name", was.name, is.name);
  compare("ref", was.ref, is.ref);
  compare("architecture", was.architecture, is.architecture);
  compare("profiles", fmt::format("{}", fmt::join(was.profiles, ", ")),
          fmt::format("{}", fmt::join(is.profiles, ", ")));
  compare("OpenPGP key", fmt::format("{}", fmt::join(was.openpgp_fingerprints, ", ")),
          fmt::format("{}", fmt::join(is.openpgp_fingerprints, ", ")));
  compare("ed25519 key", was.ed25519_public, is.ed25519_public);
  compare("builder", was.builder_version, is.builder_version);
}

void compare_outputs(ImageDiff& diff) {
  std::map<std::string, OutputChange> by_name;
  for (const OutputFile& file : diff.before.outputs) by_name[file.name].before = file;
  for (const OutputFile& file : diff.after.outputs) by_name[file.name].after = file;
  for (auto& [name, change] : by_name) {
    const bool is_same = change.before && change.after && change.before->sha256 == change.after->sha256;
    if (!is_same) diff.outputs.push_back(std::move(change));
  }
}

}  // namespace

bool ImageDiff::empty() const {
  return before.commit == after.commit && lock.empty() && identity.empty() && files.empty() &&
         lock.kernel_options.empty() && arguments_added.empty() && arguments_removed.empty() && !arguments_reordered &&
         settings.empty() && outputs.empty();
}

ImageDiff diff_images(RunContext& run, const fs::path& before, const fs::path& after) {
  const Image was = run_step(run, "read", [&] { return open_image(before); });
  const Image is = run_step(run, "read", [&] { return open_image(after); });
  ImageDiff diff;
  diff.before = was.manifest;
  diff.after = is.manifest;
  diff.lock = compare_locks(was.lock, is.lock);
  compare_identity(diff);
  diff.files = run_step(run, "compare", [&] { return compare_trees(was.store, was.tree, is.store, is.tree); });
  compare_kernels(diff, was, is);
  const std::set<std::string> modules_before = modules_of(was.tree), modules_after = modules_of(is.tree);
  std::set_difference(modules_after.begin(), modules_after.end(), modules_before.begin(), modules_before.end(),
                      std::back_inserter(diff.modules_added));
  std::set_difference(modules_before.begin(), modules_before.end(), modules_after.begin(), modules_after.end(),
                      std::back_inserter(diff.modules_removed));
  compare_arguments(diff);
  compare_settings(diff);
  diff.installed_before = installed_size(was);
  diff.installed_after = installed_size(is);
  compare_outputs(diff);
  return diff;
}

}  // namespace ainode
