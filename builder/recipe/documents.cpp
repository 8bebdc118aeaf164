// SPDX-License-Identifier: Apache-2.0
// Depth first, in the order of `extends`: a file that two others extend counts once, before both.
#include "builder/recipe/documents.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/files.h"
#include "base/suggestion.h"

namespace ainode {

namespace {

constexpr std::size_t kMaxFile = std::size_t{1} << 20;
constexpr std::size_t kMostFiles = 64;

std::vector<std::string> recipes_below(const fs::path& root) {
  std::vector<std::string> found;
  for (const char* folder : {"images", "recipes"}) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(root / folder, error))
      if (entry.path().extension() == ".yaml") found.push_back(entry.path().stem().string());
  }
  std::sort(found.begin(), found.end());
  return found;
}

[[noreturn]] void tell_not_found(const std::string& name, const fs::path& root) {
  Error error(codes::recipe_not_found, fmt::format("there is no recipe `{}`", name));
  const std::vector<std::string> known = recipes_below(root);
  const std::vector<std::string_view> names(known.begin(), known.end());
  const std::string suggestion = nearest(fs::path(name).stem().string(), names);
  if (!suggestion.empty() && suggestion != name) {
    error.help(fmt::format("did you mean `{}`?", suggestion));
  } else {
    error.help(
        "a bare name is looked for in images/ and recipes/ below the current directory; anything else is a path");
  }
  throw error;
}

bool is_path(const std::string& name) {
  return name.find('/') != std::string::npos || name.ends_with(".yaml") || name.ends_with(".yml");
}

std::string read_recipe_file(const std::string& file, const fs::path& root) {
  if (!fs::is_regular_file(root / file))
    throw Error(codes::recipe_unreadable, fmt::format("{} is not a regular file", file)).help("name a recipe's file");
  if (fs::file_size(root / file) > kMaxFile)
    throw Error(codes::yaml_too_large, fmt::format("{} is larger than 1 MiB", file));
  try {
    return read_file(root / file, kMaxFile);
  } catch (const Error& error) {
    throw Error(codes::recipe_unreadable, fmt::format("{} cannot be read", file)).because(error);
  }
}

bool leads_out(const fs::path& relative) {
  return relative.empty() || relative.is_absolute() || *relative.begin() == "..";
}

/// The folder that no `extends` may leave: the working directory where the recipe lies below it, else the folder above
/// images/ or recipes/, else the recipe's own.
fs::path recipe_root(const fs::path& file) {
  const fs::path lexical = file.lexically_normal();
  if (!leads_out(lexical)) return ".";
  const fs::path folder = lexical.parent_path();
  const bool is_collection = folder.filename() == "images" || folder.filename() == "recipes";
  return is_collection ? folder.parent_path() : folder;
}

class DocumentReader {
 public:
  DocumentReader(Mistakes& mistakes, const fs::path& root, const std::string& file)
      : mistakes_(mistakes), root_(root), recipe_root_(recipe_root(file)) {}

  std::vector<Document> take() { return std::move(documents_); }

  void read(const std::string& file) {
    const YamlNode tree = parse_yaml(read_recipe_file(file, root_), file);
    open_.push_back(fs::path(file).lexically_normal().string());
    if (const YamlNode* extends = tree.find("extends"))
      for (const YamlNode& item : extends->items)
        if (item.kind == YamlNode::Kind::scalar) read_extended(file, item);
    open_.pop_back();
    documents_.push_back({file, tree});
  }

 private:
  void refuse(const YamlNode& item, const ErrorCode& code, std::string message, std::string label, std::string help) {
    mistakes_.add(Error(code, std::move(message)).at(item.place).label(std::move(label)).help(std::move(help)));
  }

  void read_extended(const std::string& from, const YamlNode& item) {
    const auto outside = [&](std::string label) {
      refuse(item, codes::extends_outside, fmt::format("`extends` cannot be `{}`", shown(item.text)), std::move(label),
             fmt::format("name a file below {}, from the folder that this file lies in",
                         recipe_root_ == "." ? "the current directory" : recipe_root_.string()));
    };
    if (item.text.find('\0') != std::string::npos) return outside("it holds a NUL");
    if (item.text.starts_with('/')) return outside("it is absolute");
    const fs::path path = (fs::path(from).parent_path() / item.text).lexically_normal();
    if (leads_out(path.lexically_relative(recipe_root_.lexically_normal()))) return outside("it leads out");
    if (has_symlink(path)) return outside("it leads through a symbolic link");
    const std::string file = path.string();
    if (const auto open = std::find(open_.begin(), open_.end(), file); open != open_.end()) {
      const std::vector<std::string> circle(open, open_.end());
      return refuse(item, codes::extends_cycle, "recipes extend each other in a circle",
                    fmt::format("{} → {}", fmt::join(circle, " → "), file), "take one of them out");
    }
    const bool is_read = std::any_of(documents_.begin(), documents_.end(),
                                     [&](const Document& document) { return document.file == file; });
    if (is_read) return;
    if (!fs::exists(root_ / path))
      return refuse(item, codes::recipe_not_found, fmt::format("there is no recipe `{}`", file), "",
                    "paths are relative to the folder of the file that names them");
    if (documents_.size() + open_.size() >= kMostFiles)
      return refuse(item, codes::yaml_too_large, fmt::format("a recipe of more than {} files", kMostFiles), "", "");
    read(file);
  }

  bool has_symlink(const fs::path& path) const {
    const fs::path inner = path.lexically_relative(recipe_root_.lexically_normal());
    fs::path walked = root_ / recipe_root_;
    return std::any_of(inner.begin(), inner.end(), [&](const fs::path& part) {
      walked /= part;
      return fs::is_symlink(fs::symlink_status(walked));
    });
  }

  Mistakes& mistakes_;
  fs::path root_, recipe_root_;
  std::vector<std::string> open_;  ///< files whose `extends` is being followed, outermost first
  std::vector<Document> documents_;
};

}  // namespace

std::string find_recipe_file(const std::string& name, const fs::path& root) {
  if (is_path(name)) {
    if (fs::exists(root / name)) return name;
  } else {
    for (const std::string& candidate : {"images/" + name + ".yaml", "recipes/" + name + ".yaml"})
      if (fs::exists(root / candidate)) return candidate;
  }
  tell_not_found(name, root);
}

std::vector<Document> read_documents(Mistakes& mistakes, const std::string& file, const fs::path& root) {
  DocumentReader reader(mistakes, root, file);
  reader.read(file);
  return reader.take();
}

}  // namespace ainode
