// SPDX-License-Identifier: Apache-2.0
// `ainode schema`: the recipe language for editors, and the form of reports for who reads them.
#include <memory>

#include "base/report.h"
#include "builder/interface.h"
#include "cli/verb.h"

namespace ainode::cli {

namespace {

VerbBody define(CLI::App& app) {
  auto of = std::make_shared<std::string>("recipe");
  app.add_option("OF", *of, "recipe or report")->capture_default_str()->check(CLI::IsMember({"recipe", "report"}));
  return [of](RunContext&, const Globals&) {
    print_json(*of == "report" ? report_schema() : recipe_schema());
    return 0;
  };
}

}  // namespace

Verb schema_verb() {
  return {"schema", "JSON Schema of the recipe language, for editors, or of reports",
          "ainode schema > recipes/ainode.schema.json   # then, as a recipe's first line:\n"
          "# yaml-language-server: $schema=ainode.schema.json\n"
          "ainode schema report                         # what `validate -o` writes",
          define};
}

}  // namespace ainode::cli
