// SPDX-License-Identifier: Apache-2.0
// `ainode schema`: the recipe language for editors.
#include "builder/interface.h"
#include "cli/verb.h"

namespace ainode::cli {

namespace {

VerbBody define(CLI::App&) {
  return [](RunContext&, const Globals&) {
    print_json(recipe_schema());
    return 0;
  };
}

}  // namespace

Verb schema_verb() {
  return {"schema", "JSON Schema of the recipe language, for editors",
          "ainode schema > recipes/ainode.schema.json   # then, as a recipe's first line:\n"
          "# yaml-language-server: $schema=ainode.schema.json",
          define};
}

}  // namespace ainode::cli
