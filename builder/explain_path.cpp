// SPDX-License-Identifier: Apache-2.0
#include "builder/explain_path.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/crypto.h"
#include "base/error.h"
#include "base/files.h"
#include "base/manifest.h"
#include "builder/store/store.h"

namespace ainode {

namespace {

constexpr std::string_view kDigestLine = "sha256 of the lines above: ";
constexpr std::string_view kSeparator = ", then ";
constexpr const char* kInfo = "usr/share/dpkg/database/info";

/// A path on a node → where the image has it (the layout that `finalize` makes).
std::vector<std::string> places_of(std::string path) {
  path = fs::path("/" + path).lexically_normal().relative_path().string();
  while (!path.empty() && path.back() == '/') path.pop_back();
  static const std::pair<std::string_view, std::string_view> kMoved[] = {
      {"etc", "usr/etc"},
      {"var/lib/dpkg", "usr/share/dpkg/database"},
      {"var", "usr/share/factory/var"},
      {"root", "usr/share/factory/var/roothome"},
      {"usr/local", "usr/share/factory/var/usrlocal"},
      {"opt", "usr/share/factory/var/opt"},
      {"home", "usr/share/factory/var/home"},
      {"srv", "usr/share/factory/var/srv"},
      {"mnt", "usr/share/factory/var/mnt"},
      {"bin", "usr/bin"},
      {"sbin", "usr/sbin"},
      {"lib", "usr/lib"},
      {"lib64", "usr/lib64"},
  };
  std::vector<std::string> places = {path};
  for (const auto& [from, to] : kMoved)
    if (path == from || path.rfind(std::string(from) + "/", 0) == 0)
      places.push_back(std::string(to) + path.substr(from.size()));
  return places;
}

std::string shipping_package(const Store& store, const Tree& tree, const std::vector<std::string>& places) {
  const TreeDirectory* info = tree.directory(kInfo);
  if (!info) return "";
  for (const auto& [name, file] : info->files) {
    if (!name.ends_with(".list")) continue;
    const std::string list = "\n" + store.read_file(file.checksum).content;
    for (const std::string& place : places)
      if (list.find("\n/" + place + "\n") != std::string::npos) return name.substr(0, name.size() - 5);
  }
  return "";
}

[[noreturn]] void tell_absent(const Store& store, const Tree& tree, const fs::path& image, const std::string& path,
                              const std::vector<std::string>& places) {
  Error error(codes::bad_value, fmt::format("{} holds no {}", image.string(), printable(path)));
  if (const std::string package = shipping_package(store, tree, places); !package.empty())
    error.help(fmt::format("package {} ships it; a maintainer script or a normaliser removed it", package));
  else
    error.help("give the path as it is on a node, such as /etc/passwd");
  throw error;
}

}  // namespace

std::map<std::string, std::string> parse_origins(std::string_view text) {
  std::map<std::string, std::string> origins;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    const std::string_view line = text.substr(start, end - start);
    if (const std::size_t tab = line.find('\t'); tab != std::string_view::npos)
      origins.emplace(line.substr(0, tab), line.substr(tab + 1));
    start = end + 1;
  }
  return origins;
}

std::string sealed_origins(const std::string& origins) {
  return fmt::format("{}{}{}\n", origins, kDigestLine, sha256_hex(origins));
}

std::map<std::string, std::string> read_origins(const fs::path& image) {
  const auto text = read_file_if_any(image / kOriginsFile);
  if (text) {
    const std::size_t end = text->rfind(kDigestLine);
    const std::string origins = text->substr(0, end);
    if (end != std::string::npos && sealed_origins(origins) == *text) return parse_origins(origins);
    throw Error(codes::output_corrupt,
                fmt::format("{} was changed after it was written", (image / kOriginsFile).string()))
        .help("build it again");
  }
  throw Error(codes::image_malformed, fmt::format("{} has no {}", image.string(), kOriginsFile))
      .help("an earlier version built it: build it again");
}

std::vector<std::string> makers_of(const std::string& origin, const Lock& lock) {
  std::vector<std::string> makers;
  for (std::size_t start = 0; start <= origin.size() && !origin.empty();) {
    const std::size_t end = std::min(origin.find(kSeparator, start), origin.size());
    std::string maker = origin.substr(start, end - start);
    for (const LockedPackage& package : lock.packages)
      if (package.name == maker) {
        maker = fmt::format("package {} {}", package.name, package.version);
        break;
      }
    makers.push_back(std::move(maker));
    start = end + kSeparator.size();
  }
  return makers;
}

PathExplanation explain_path(const fs::path& image, const std::string& path) {
  const Manifest manifest = read_manifest(image);
  const Store store = Store::read_only(image);
  const Tree tree = store.read_tree(manifest.commit);
  const Lock lock = read_lock(read_file(image / manifest.lock), (image / manifest.lock).string());
  const auto origins = read_origins(image);
  const std::vector<std::string> places = places_of(path);
  const auto found = std::find_if(places.begin(), places.end(), [&](const auto& place) { return tree.exists(place); });
  if (found == places.end()) tell_absent(store, tree, image, path, places);

  PathExplanation explanation;
  explanation.path = *found;
  Ownership ownership;
  std::string key = *found;
  if (const TreeDirectory::File* file = tree.file(*found)) {
    const FileObject object = store.read_file(file->checksum);
    explanation.type = object.is_symlink ? "symlink" : "file";
    ownership = object.ownership;
    if (object.is_symlink) {
      explanation.target = object.content;
    } else {
      explanation.size = object.content.size();
      explanation.sha256 = sha256_hex(object.content);
    }
  } else {
    explanation.type = "directory";
    ownership = tree.directory(*found)->ownership;
    key += "/";
  }
  explanation.mode = fmt::format("{:04o}", ownership.mode);
  explanation.uid = ownership.uid;
  explanation.gid = ownership.gid;
  if (const auto origin = origins.find(key); origin != origins.end())
    explanation.makers = makers_of(origin->second, lock);
  return explanation;
}

}  // namespace ainode
