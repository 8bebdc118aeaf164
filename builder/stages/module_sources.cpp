// SPDX-License-Identifier: Apache-2.0
// Packages' files are foreign: nothing is read through a link that leads out of the tree.
#include "builder/stages/module_sources.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "base/archive.h"
#include "base/error.h"
#include "base/files.h"
#include "builder/sandbox/in_root.h"

namespace ainode {

namespace {

constexpr std::size_t kMostSourceBytes = std::size_t{1} << 30;

std::string file_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

Error no_such_source(const ExtraModule& module, const Text& path) {
  return Error(codes::bad_value, fmt::format("package {} holds no {}", module.package.value, path.value))
      .at(path.place)
      .help("a path goes from the tree's root, as in usr/src/NAME; behind an archive's name it goes on inside");
}

/// All files below a folder of the build tree; links are left out.
ModuleSources files_below(const fs::path& folder) {
  ModuleSources sources;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file() && !entry.is_symlink())
      sources[entry.path().lexically_relative(folder).string()] = read_file(entry.path(), kMostSourceBytes);
  return sources;
}

/// The file `inner` of an archive, or nothing.
std::optional<std::string> file_of_archive(const std::string& archive, const std::string& origin,
                                           const std::string& inner) {
  TarReader reader(archive, origin);
  while (const ArchiveEntry* entry = reader.next())
    if (entry->type == ArchiveEntry::Type::file && entry->path == inner) return std::string(reader.content());
  return std::nullopt;
}

/// The first part of a path that is a file of the tree, and what follows.
std::optional<std::pair<std::string, std::string>> split_at_archive(const fs::path& root, const std::string& path) {
  for (std::size_t end = path.find('/'); end != std::string::npos; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (fs::is_regular_file(fs::symlink_status(place_in_root(root, part).reached())))
      return std::pair(part, path.substr(end + 1));
  }
  return std::nullopt;
}

ModuleSources read_source(const fs::path& root, const ExtraModule& module, const Text& path) {
  try {
    if (const auto parts = split_at_archive(root, path.value)) {
      const auto& [archive, inner] = *parts;
      const auto bytes = read_in_root(root, archive, kMostSourceBytes);
      auto content = file_of_archive(bytes.value_or(""), archive, inner);
      if (!content) throw no_such_source(module, path);
      return {{file_name(inner), *std::move(content)}};
    }
    const PlaceInRoot place = place_in_root(root, path.value);
    if (fs::is_directory(fs::symlink_status(place.reached()))) return files_below(place.reached());
    if (auto content = read_in_root(root, path.value, kMostSourceBytes))
      return {{file_name(path.value), *std::move(content)}};
  } catch (const Error& error) {
    const bool is_elsewhere = error.code().id == codes::tree_malformed.id;  // no such folder
    const bool is_no_archive = error.code().id == codes::deb_malformed.id;
    if (!is_elsewhere && !is_no_archive) throw;
  }
  throw no_such_source(module, path);
}

/// Where neither Kbuild nor Makefile is among the sources: one that makes the module of all C files.
std::string kbuild_of(const ExtraModule& module, const ModuleSources& sources) {
  const std::string& name = module.name.value;
  std::string objects;
  for (const auto& [path, content] : sources)
    if (path.ends_with(".c")) objects += fmt::format(" {}.o", path.substr(0, path.size() - 2));
  if (objects == fmt::format(" {}.o", name)) return fmt::format("obj-m := {}.o\n", name);
  if (objects.empty() || sources.contains(name + ".c"))
    throw Error(codes::bad_value, fmt::format("the sources of module `{}` do not say how it is made", name))
        .at(module.name.place)
        .help(objects.empty() ? "name its C files, or a Kbuild" : "add a Kbuild to them");
  return fmt::format("obj-m := {0}.o\n{0}-y :={1}\n", name, objects);
}

}  // namespace

ModuleSources module_sources(const ExtraModule& module, const fs::path& build_root) {
  ModuleSources sources;
  for (const PlacedFile& source : module.sources) {
    if (module.package.value.empty())
      sources[file_name(source.source.value)] = source.content.value_or("");
    else
      sources.merge(read_source(build_root, module, source.source));
  }
  if (!sources.contains("Kbuild") && !sources.contains("Makefile")) sources["Kbuild"] = kbuild_of(module, sources);
  return sources;
}

}  // namespace ainode
