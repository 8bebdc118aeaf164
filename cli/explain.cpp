// SPDX-License-Identifier: Apache-2.0
// `ainode explain`: the long text of an error code, the list of all codes, or who made a path of an image.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <memory>

#include "base/suggestion.h"
#include "builder/interface.h"
#include "cli/explanations.h"
#include "cli/verb.h"

namespace ainode::cli {

namespace {

struct Family {
  char letter;
  const char* name;
};
constexpr Family kFamilies[] = {{'R', "recipe"}, {'P', "packages"},   {'S', "solver"}, {'T', "trust"},
                                {'B', "build"},  {'V', "validation"}, {'H', "host"}};

const char* meaning_of(Exit exit) {
  switch (exit) {
    case Exit::done:
      return "done";
    case Exit::bad_verdict:
      return "the verdict is bad";
    case Exit::usage:
      return "usage or recipe error";
    case Exit::environment:
      return "the environment failed; a retry makes sense";
    case Exit::nothing_ran:
      return "nothing ran";
    case Exit::inconclusive:
      return "inconclusive";
    case Exit::unchanged:
      return "unchanged";
  }
  return "";
}

std::string uppercase(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char letter) { return std::toupper(letter); });
  return text;
}

/// The code as a user writes or copies it: `R0107`, `r0107`, `error[R0107]`, `error[R0107]:`.
std::string code_in(const std::string& word) {
  const std::size_t open = word.find('['), close = word.find(']');
  if (open == std::string::npos || close == std::string::npos || close < open) return uppercase(word);
  return uppercase(word.substr(open + 1, close - open - 1));
}

Error unknown_code(const std::string& word) {
  const std::string code = code_in(word);
  std::vector<std::string_view> all, family;
  for (const ErrorCode& known : all_error_codes()) {
    all.push_back(known.id);
    if (known.id[0] == code[0]) family.push_back(known.id);
  }
  std::string suggestion = nearest(code, family);
  if (suggestion.empty()) suggestion = nearest(code, all);
  Error error(codes::usage_error, fmt::format("`{}` is not an error code", word));
  if (!family.empty()) error.chain(fmt::format("the codes of {} are {}", code[0], fmt::join(family, ", ")));
  return error.help(suggestion.empty() ? "ainode explain lists all codes"
                                       : fmt::format("did you mean `{}`?", suggestion));
}

const Explanation& find_explanation(const std::string& word) {
  const std::string code = code_in(word);
  for (const Explanation& explanation : all_explanations()) {
    if (explanation.code.id == code) return explanation;
  }
  throw unknown_code(word);
}

Json code_json(const ErrorCode& code) {
  return {{"code", code.id}, {"summary", code.summary}, {"exit", static_cast<int>(code.exit)}};
}

int explain_code(const Globals& globals, const std::string& word) {
  const auto& [code, text] = find_explanation(word);
  if (globals.json) {
    Json json = {{"schema", "ainode.explain/1"}};
    json.update(code_json(code));
    json["text"] = text;
    print_json(json);
  } else {
    print(fmt::format("{}: {}\n\n{}\nExit status {}: {}.\n", code.id, code.summary, text, static_cast<int>(code.exit),
                      meaning_of(code.exit)));
  }
  return static_cast<int>(Exit::done);
}

int list_codes(const Globals& globals) {
  if (globals.json) {
    Json codes = Json::array();
    for (const ErrorCode& code : all_error_codes()) codes.push_back(code_json(code));
    print_json({{"schema", "ainode.explain/1"}, {"codes", std::move(codes)}});
    return static_cast<int>(Exit::done);
  }
  std::string text;
  for (const Family& family : kFamilies) {
    text += fmt::format("{}{}\n", text.empty() ? "" : "\n", family.name);
    for (const ErrorCode& code : all_error_codes()) {
      if (code.id[0] == family.letter) text += fmt::format("  {}  {}\n", code.id, code.summary);
    }
  }
  print(text);
  return static_cast<int>(Exit::done);
}

/// A directory that a build wrote, by the name or path that was given.
bool names_an_image(const std::string& word) {
  std::error_code ignored;
  return std::filesystem::is_directory(word, ignored);
}

int explain_file(const Globals& globals, const std::string& image, const std::string& path) {
  const PathExplanation explanation = explain_path(image, path);
  if (globals.json) {
    Json json = {{"schema", "ainode.explain/1"},   {"image", image},
                 {"path", "/" + explanation.path}, {"type", explanation.type},
                 {"mode", explanation.mode},       {"uid", explanation.uid},
                 {"gid", explanation.gid},         {"makers", explanation.makers}};
    if (explanation.type == "symlink") json["target"] = explanation.target;
    if (explanation.type == "file") json.update({{"size", explanation.size}, {"sha256", explanation.sha256}});
    print_json(json);
    return static_cast<int>(Exit::done);
  }
  std::string text = fmt::format("/{}\n", printable(explanation.path));
  const std::string detail = explanation.type == "symlink" ? " to " + printable(explanation.target)
                             : explanation.type == "file"
                                 ? fmt::format(", {} bytes, sha256 {}", explanation.size, explanation.sha256)
                                 : "";
  text += fmt::format("  {}{}\n  mode {}, owner {}:{}\n", explanation.type, detail, explanation.mode, explanation.uid,
                      explanation.gid);
  for (std::size_t i = 0; i < explanation.makers.size(); ++i)
    text += fmt::format("  {} {}\n", i == 0 ? "made by   " : "changed by", printable(explanation.makers[i]));
  if (explanation.makers.empty()) text += "  nobody in particular: it holds what others made\n";
  print(text);
  return static_cast<int>(Exit::done);
}

VerbBody define(CLI::App& app) {
  auto words = std::make_shared<std::vector<std::string>>();
  app.add_option("CODE | IMAGE PATH", *words,
                 "an error's code, such as R0107 or error[R0107] (none: all codes); or an image and a path of it")
      ->expected(0, 2);
  return [words](RunContext&, const Globals& globals) {
    if (words->empty()) return list_codes(globals);
    if (words->size() == 2) return explain_file(globals, words->at(0), words->at(1));
    if (names_an_image(words->front()))
      throw Error(codes::usage_error, fmt::format("{} is a directory: which path of that image?", words->front()))
          .help(fmt::format("ainode explain {} /etc/passwd", words->front()));
    return explain_code(globals, words->front());
  };
}

}  // namespace

Verb explain_verb() {
  return {"explain", "The long text of an error; who made a path of an image",
          "ainode explain R0107     # what it means, how it comes about, and the cure\n"
          "ainode explain           # all codes\n"
          "ainode explain out/qemu-base /etc/passwd   # which package, script, generator or recipe line made it",
          define};
}

}  // namespace ainode::cli
