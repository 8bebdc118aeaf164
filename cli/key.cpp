// SPDX-License-Identifier: Apache-2.0
// `ainode key gen`: a named directory of signing keys.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "base/files.h"
#include "builder/interface.h"
#include "cli/verb.h"

namespace ainode::cli {

namespace {

struct KeyArguments {
  std::string name, user_id;
};

/// A name becomes a directory, a variable and a word in recipes.
void require_key_name(const std::string& name) {
  const auto is_allowed = [](char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || (letter >= '0' && letter <= '9') ||
           letter == '-' || letter == '_';
  };
  const bool is_name = !name.empty() && name.size() <= 64 && name[0] != '-' && name[0] != '_' &&
                       std::all_of(name.begin(), name.end(), is_allowed);
  if (!is_name)
    throw Error(codes::usage_error, fmt::format("`{}` cannot name a key", name))
        .help("use letters, digits, `-` and `_`, and begin with a letter or digit");
}

std::vector<std::string> files_of(const fs::path& directory) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

void tell(const Globals& globals, const KeyDirectory& key) {
  const std::vector<std::string> files = files_of(key.path);
  if (globals.json)
    return print_json({{"schema", "ainode.key/1"}, {"name", key.name}, {"path", key.path.string()}, {"files", files}});
  std::string text = fmt::format("made key `{}` in {}\n", key.name, key.path.string());
  for (const std::string& file : files)
    text += fmt::format("  {:<18} {}\n", file,
                        file.find(".pub.") == std::string::npos ? "secret: keep it" : "public: give it away");
  print(text);
}

/// In a user namespace, so that the agent which GnuPG leaves behind ends with its process namespace.
int generate(const Globals& globals, const KeyArguments& arguments) {
  require_key_name(arguments.name);
  const std::string user_id = arguments.user_id.empty() ? "ainode " + arguments.name : arguments.user_id;
  return in_user_namespace([&] {
    return run_reported(globals, [&](RunContext& run) {
      tell(globals, generate_key(run, arguments.name, user_id));
      return static_cast<int>(Exit::done);
    });
  });
}

VerbBody define(CLI::App& app) {
  auto arguments = std::make_shared<KeyArguments>();
  CLI::App* gen = app.add_subcommand("gen", "Make a key: OpenPGP, Ed25519 and ECDSA P-256");
  gen->fallthrough();
  gen->add_option("NAME", arguments->name, "how recipes name it")->required();
  gen->add_option("--user-id", arguments->user_id, "the OpenPGP user id (default: ainode NAME)")->type_name("TEXT");
  app.require_subcommand(1);
  return [arguments](RunContext&, const Globals& globals) { return generate(globals, *arguments); };
}

}  // namespace

Verb key_verb() {
  return {"key", "Make signing keys",
          "ainode key gen release                       # below the configuration directory\n"
          "ainode key gen release --user-id 'Example Release Engineering'",
          define};
}

}  // namespace ainode::cli
