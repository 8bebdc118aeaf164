// SPDX-License-Identifier: Apache-2.0
// Depth first, in the order of `extends`: a file that two others extend counts once, before both.
#include "builder/recipe/documents.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/files.h"
#include "base/suggestion.h"
#include "builder/recipe/recipe_folder.h"

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

class DocumentReader {
 public:
  DocumentReader(Mistakes& mistakes, const fs::path& root, const std::string& file)
      : mistakes_(mistakes), root_(root), folder_(root, file) {}

  std::vector<Document> take() { return std::move(documents_); }

  void read(const std::string& file) {
    const YamlNode tree = parse_yaml(read_recipe_file(file, root_), file);
    open_.push_back(fs::path(file).lexically_normal().string());
    if (const YamlNode* extends = tree.find("extends")) read_extended_by(file, *extends);
    open_.pop_back();
    documents_.push_back({file, tree});
  }

 private:
  void read_extended_by(const std::string& file, const YamlNode& extends) {
    // A name instead of a list is told as that alone, not by all that then is missing.
    if (extends.kind == YamlNode::Kind::scalar) read_extended(file, extends);
    for (const YamlNode& item : extends.items)
      if (item.kind == YamlNode::Kind::scalar) read_extended(file, item);
  }

  void refuse(const YamlNode& item, const ErrorCode& code, std::string message, std::string label, std::string help) {
    mistakes_.add(Error(code, std::move(message)).at(item.place).label(std::move(label)).help(std::move(help)));
  }

  void read_extended(const std::string& from, const YamlNode& item) {
    if (std::string objection = folder_.objection(from, item.text); !objection.empty())
      return refuse(item, codes::extends_outside, fmt::format("`extends` cannot be `{}`", shown(item.text)),
                    std::move(objection),
                    fmt::format("name a file below {}, from the folder that this file lies in", folder_.name()));
    const fs::path path = RecipeFolder::beside(from, item.text);
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

  Mistakes& mistakes_;
  fs::path root_;
  RecipeFolder folder_;
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
