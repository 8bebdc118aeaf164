// SPDX-License-Identifier: Apache-2.0
#include "builder/recipe/source_files.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/files.h"
#include "builder/recipe/recipe_folder.h"
#include "builder/recipe/rules.h"

namespace ainode {

namespace {

constexpr std::size_t kMostBytes = std::size_t{1} << 20;

class SourceReader {
 public:
  SourceReader(Mistakes& mistakes, const Recipe& recipe, const fs::path& root)
      : mistakes_(mistakes), root_(root), folder_(root, recipe.file) {}

  void read(PlacedFile& file) {
    const Text& source = file.source;
    if (source.value.empty() || mistakes_.concern(source.place)) return;
    if (std::string objection = folder_.objection(source.place.file, source.value); !objection.empty())
      return refuse(source, fmt::format("`{}` is not read", shown(source.value)), std::move(objection),
                    fmt::format("name a file below {}, from the folder that this file lies in", folder_.name()));
    const fs::path path = RecipeFolder::beside(source.place.file, source.value);
    if (!fs::is_regular_file(root_ / path))
      return refuse(source, fmt::format("there is no file {}", path.string()), "",
                    "paths are relative to the folder of the file that names them");
    if (fs::file_size(root_ / path) > kMostBytes)
      return refuse(source, fmt::format("{} is larger than 1 MiB", path.string()), "", "ship it in a package");
    try {
      file.content = read_file(root_ / path, kMostBytes);
    } catch (const Error& error) {
      refuse(source, fmt::format("{} cannot be read", path.string()), error.message(), "");
    }
  }

 private:
  void refuse(const Text& source, std::string message, std::string label, std::string help) {
    mistakes_.bad_value(source.place, std::move(message), std::move(label), std::move(help));
  }

  Mistakes& mistakes_;
  const fs::path& root_;
  RecipeFolder folder_;
};

}  // namespace

void read_source_files(Mistakes& mistakes, Recipe& recipe, const fs::path& root) {
  SourceReader reader(mistakes, recipe, root);
  for (PlacedFile& file : recipe.files) reader.read(file);
  for (PlacedFile& unit : recipe.systemd.units) reader.read(unit);
  for (ExtraModule& module : recipe.kernel.extra_modules)
    if (module.package.place.line == 0)
      for (PlacedFile& source : module.sources) reader.read(source);
}

}  // namespace ainode
