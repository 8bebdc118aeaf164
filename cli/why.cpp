// SPDX-License-Identifier: Apache-2.0
// `ainode why`: why a package is in an image, why it is not, and what each wish costs.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "builder/interface.h"
#include "cli/recipe_arguments.h"
#include "cli/verb.h"

namespace ainode::cli {

namespace {

struct WhyArguments {
  RecipeArguments recipe;
  BuildOptions options;
  std::string package;
  bool absent = false;
};

std::string origin_of(const Text& root, bool is_base_system) {
  if (is_base_system) return "part of the base system";
  return root.place.file.empty() ? "asked for" : "asked for by " + root.place.str();
}

std::string show_chain(const WhyChain& chain) {
  std::string text = fmt::format("{}: {}\n", chain.root.value, origin_of(chain.root, chain.is_base_system));
  std::string indent = "  ";
  for (const WhyLink& link : chain.links) {
    text += fmt::format("{}╰─▶ {}  ({} of {}: {})\n", indent, link.next, link.field, link.package, link.clause);
    indent += "  ";
  }
  return text;
}

Json chain_json(const WhyChain& chain) {
  Json links = Json::array();
  for (const WhyLink& link : chain.links)
    links.push_back({{"package", link.package}, {"field", link.field}, {"clause", link.clause}, {"next", link.next}});
  Json json = {{"root", chain.root.value}, {"base_system", chain.is_base_system}, {"links", std::move(links)}};
  if (!chain.root.place.file.empty()) json["place"] = chain.root.place.str();
  return json;
}

int tell_presence(RunContext& run, const Globals& globals, const Recipe& recipe, const WhyArguments& arguments,
                  const BuildOptions& options) {
  const auto chain = explain_package(run, recipe, options, arguments.package);
  if (!chain)
    throw Error(codes::bad_value,
                fmt::format("`{}` does not hold `{}`", recipe.name.value, printable(arguments.package)))
        .help(fmt::format("ainode why {} {} --not", recipe.name.value, printable(arguments.package)));
  if (globals.json) {
    print_json({{"schema", "ainode.why/1"}, {"package", arguments.package}, {"why", chain_json(*chain)}});
  } else {
    print(show_chain(*chain));
  }
  return static_cast<int>(Exit::done);
}

constexpr const char* in_words(WhyNot::Reason reason) {
  switch (reason) {
    case WhyNot::Reason::installed:
      return "installed";
    case WhyNot::Reason::unknown:
      return "unknown";
    case WhyNot::Reason::not_asked:
      return "not asked for";
    case WhyNot::Reason::impossible:
      return "impossible";
  }
  return "";
}

std::string headline(WhyNot::Reason reason, const std::string& package, const std::string& image) {
  switch (reason) {
    case WhyNot::Reason::installed:
      return fmt::format("`{}` is in `{}`", package, image);
    case WhyNot::Reason::unknown:
      return fmt::format("no repository of `{}` has `{}`", image, package);
    case WhyNot::Reason::not_asked:
      return fmt::format("`{}` could be in `{}`, but nothing there needs it", package, image);
    case WhyNot::Reason::impossible:
      return fmt::format("`{}` cannot be in `{}`", package, image);
  }
  return "";
}

int tell_absence(RunContext& run, const Globals& globals, const Recipe& recipe, const WhyArguments& arguments,
                 const BuildOptions& options) {
  const WhyNot answer = explain_absence(run, recipe, options, arguments.package);
  if (globals.json) {
    print_json({{"schema", "ainode.why/1"},
                {"package", arguments.package},
                {"why_not", {{"reason", in_words(answer.reason)}, {"lines", answer.lines}, {"help", answer.hint}}}});
    return static_cast<int>(Exit::done);
  }
  std::string text = headline(answer.reason, printable(arguments.package), recipe.name.value) + "\n";
  for (const std::string& line : answer.lines) text += "  " + line + "\n";
  if (!answer.hint.empty()) text += "  = help: " + answer.hint + "\n";
  print(text);
  return static_cast<int>(Exit::done);
}

int tell_sizes(RunContext& run, const Globals& globals, const Recipe& recipe, const BuildOptions& options) {
  std::vector<SoleReason> reasons = explain_sizes(run, recipe, options);
  std::stable_sort(reasons.begin(), reasons.end(),
                   [](const SoleReason& a, const SoleReason& b) { return a.bytes > b.bytes; });
  Json list = Json::array();
  std::string text = "without it, so much less would be downloaded:\n";
  for (const SoleReason& reason : reasons) {
    text += fmt::format("  {:<28} {:>9}  {:>3} package{}  {}\n", reason.root.value, readable_size(reason.bytes),
                        reason.packages.size(), reason.packages.size() == 1 ? " " : "s", reason.root.place.str());
    list.push_back({{"package", reason.root.value},
                    {"place", reason.root.place.str()},
                    {"bytes", reason.bytes},
                    {"packages", reason.packages}});
  }
  globals.json ? print_json({{"schema", "ainode.why/1"}, {"sole_reason", std::move(list)}}) : print(text);
  return static_cast<int>(Exit::done);
}

int why(const Globals& globals, const WhyArguments& arguments) {
  if (arguments.package.empty() && arguments.absent)
    throw Error(codes::usage_error, "--not needs a package").help("ainode why NAME PKG --not");
  const Recipe recipe = arguments.recipe.load();
  BuildOptions options = arguments.options;
  options.mirrors = arguments.recipe.mirror_options(recipe);
  return in_user_namespace([&] {
    return run_reported(globals, [&](RunContext& run) {
      if (arguments.package.empty()) return tell_sizes(run, globals, recipe, options);
      return arguments.absent ? tell_absence(run, globals, recipe, arguments, options)
                              : tell_presence(run, globals, recipe, arguments, options);
    });
  });
}

VerbBody define(CLI::App& app) {
  auto arguments = std::make_shared<WhyArguments>();
  arguments->recipe.declare(app);
  app.add_option("PKG", arguments->package, "a package; without one: what each requested package alone costs");
  app.add_flag("--not", arguments->absent, "why the package is not there");
  app.add_option("--store", arguments->options.store, "where metadata is kept (default: the cache)")->type_name("DIR");
  return [arguments](RunContext&, const Globals& globals) { return why(globals, *arguments); };
}

}  // namespace

Verb why_verb() {
  return {"why", "Why a package is in an image, or is not",
          "ainode why qemu-base libssl3t64      # the shortest chain from the recipe's line\n"
          "ainode why qemu-base dracut --not    # nothing needs it, something forbids it, or nobody has it\n"
          "ainode why qemu-base                 # what each requested package alone brings along, in bytes",
          define};
}

}  // namespace ainode::cli
