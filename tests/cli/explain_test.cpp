// SPDX-License-Identifier: Apache-2.0
// `ainode explain`: its answers, and that what its texts tell a user to type exists.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <sstream>

#include "base/files.h"
#include "base/json.h"
#include "base/process.h"
#include "cli/explanations.h"

namespace ainode {
namespace {

using cli::all_explanations;
using cli::Explanation;
using testing::HasSubstr;

ProcessResult ainode(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), std::string(AINODE_BINARY_DIR) + "/ainode");
  Command command;
  command.argv = std::move(arguments);
  command.environment = std::map<std::string, std::string>{{"PATH", "/usr/bin:/bin"}};
  command.deadline = std::chrono::seconds(60);
  return run_process(command);
}

std::vector<std::string> matches_in(std::string_view text, const std::regex& pattern, std::size_t group = 0) {
  const std::string copy(text);
  std::vector<std::string> found;
  for (std::sregex_iterator it(copy.begin(), copy.end(), pattern), end; it != end; ++it) found.push_back((*it)[group]);
  return found;
}

/// What the texts tell to type: from `ainode ` to the end of the line or of the quotation, less its comment.
std::vector<std::string> commands_in(std::string_view text) {
  return matches_in(text, std::regex("(?:^  |\n  |`|&& |URI )(ainode [^`\n#&]*)"), 1);
}

std::vector<std::string> flags_in(const std::string& text) {
  return matches_in(text, std::regex("(?:^|[ `])(--?[A-Za-z][a-z0-9-]*)"), 1);
}

/// Help of a verb, and of `key gen` where the flags of `key` are.
std::string help_of(const std::string& verb) {
  static std::map<std::string, std::string> known;
  if (!known.contains(verb)) {
    known[verb] = ainode({verb, "--help"}).output;
    if (verb == "key") known[verb] += ainode({"key", "gen", "--help"}).output;
  }
  return known[verb];
}

bool has_flag(const std::string& help, const std::string& flag) {
  return std::regex_search(help, std::regex("(^|[ ,])" + flag + "($|[ ,\n:.)])"));
}

TEST(Explanations, AreShortAndEndInACure) {
  for (const auto& [code, text] : all_explanations()) {
    std::istringstream lines{std::string(text)};
    int count = 0;
    for (std::string line; std::getline(lines, line); ++count) EXPECT_LE(line.size(), 100U) << code.id << ": " << line;
    EXPECT_TRUE(count >= 2 && count <= 6) << code.id << " has " << count << " lines";
    EXPECT_TRUE(text.ends_with("\n") && !text.ends_with("\n\n")) << code.id;
    EXPECT_THAT(std::string(text), HasSubstr("\nCure")) << code.id;
  }
}

TEST(Explanations, StandOnceForEachCode) {
  std::map<std::string_view, int> count;
  for (const Explanation& explanation : all_explanations()) ++count[explanation.code.id];
  for (const ErrorCode& code : all_error_codes()) EXPECT_EQ(count[code.id], 1) << code.id;
  EXPECT_EQ(count.size(), all_error_codes().size());
}

TEST(Explanations, NameNoUnknownCode) {
  for (const auto& [code, text] : all_explanations()) {
    for (const std::string& named : matches_in(text, std::regex("\\b[A-Z][0-9]{4}\\b")))
      EXPECT_EQ(ainode({"explain", named}).exit_code, 0) << code.id << " names " << named;
  }
}

TEST(Explanations, TellToTypeOnlyWhatExists) {
  const std::string verbs = ainode({"--help"}).output;
  std::size_t commands = 0;
  for (const auto& [code, text] : all_explanations()) {
    for (const std::string& command : commands_in(text)) {
      ++commands;
      const std::string verb = matches_in(command, std::regex("^ainode ([a-z]+)"), 1).at(0);
      EXPECT_THAT(verbs, testing::ContainsRegex("\n +" + verb + " ")) << code.id << ": " << command;
      for (const std::string& flag : flags_in(command))
        EXPECT_TRUE(has_flag(help_of(verb), flag)) << code.id << ": " << command << ": no flag " << flag;
    }
  }
  EXPECT_GT(commands, 20U);
}

TEST(Explanations, NameOnlyFlagsOfSomeVerb) {
  // Flags of programs other than ours, each named beside its program in a text.
  const std::map<std::string, std::string> foreign = {{"-l", "ls"},
                                                      {"-ld", "ls"},
                                                      {"-f", "iconv"},
                                                      {"-t", "iconv"},
                                                      {"--cap-add", "docker"},
                                                      {"--security-opt", "docker"},
                                                      {"--only-upgrade", "apt-get"},
                                                      {"--add-subuids", "usermod"},
                                                      {"--add-subgids", "usermod"}};
  std::string helps = ainode({"--help"}).output;
  for (const char* verb :
       {"doctor", "check", "build", "verify", "boot", "validate", "record", "baseline", "gate", "key", "explain"})
    helps += help_of(verb);
  for (const auto& [code, text] : all_explanations()) {
    for (const std::string& flag : flags_in(std::string(text))) {
      if (has_flag(helps, flag)) continue;
      ASSERT_TRUE(foreign.contains(flag)) << code.id << ": no verb has the flag " << flag;
      EXPECT_THAT(std::string(text), HasSubstr(foreign.at(flag))) << code.id << ": " << flag;
    }
  }
}

TEST(Explain, TellsACodeInFull) {
  const ProcessResult result = ainode({"explain", "R0107"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.errors, "");
  EXPECT_EQ(result.output,
            "R0107: a key that the recipe language does not have\n"
            "\n"
            "The recipe language has no such key in this place. Usually it is misspelt, or it stands one level\n"
            "too high or too low.\n"
            "  kernel: {cmdlne: [panic=10]}  # did you mean `cmdline`?\n"
            "Cure: the help line names the nearest key, or all keys that are allowed there.\n"
            "\n"
            "Exit status 2: usage or recipe error.\n");
}

TEST(Explain, TakesACodeAsItIsCopied) {
  const std::string text = ainode({"explain", "S0002"}).output;
  for (const char* written : {"s0002", "error[S0002]", "error[S0002]:", "[s0002]"})
    EXPECT_EQ(ainode({"explain", written}).output, text) << written;
}

TEST(Explain, RefusesAnUnknownCode) {
  const ProcessResult near = ainode({"explain", "s0004"});
  EXPECT_EQ(near.exit_code, 2);
  EXPECT_EQ(near.output, "");
  EXPECT_EQ(near.errors,
            "error[H0001]: `s0004` is not an error code\n"
            "  × the codes of S are S0001, S0002, S0003\n"
            "  = help: did you mean `S0001`?\n");
  const ProcessResult far = ainode({"explain", "nonsense"});
  EXPECT_EQ(far.exit_code, 2);
  EXPECT_EQ(far.errors,
            "error[H0001]: `nonsense` is not an error code\n"
            "  = help: ainode explain lists all codes\n");
  EXPECT_EQ(ainode({"explain", ""}).exit_code, 2);
}

TEST(Explain, ListsEveryCode) {
  const ProcessResult result = ainode({"explain"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_TRUE(result.output.starts_with("recipe\n  R0001  the recipe does not exist\n")) << result.output;
  for (const ErrorCode& code : all_error_codes())
    EXPECT_THAT(result.output, HasSubstr(fmt::format("\n  {}  {}\n", code.id, code.summary)));
}

TEST(Explain, AnswersInJson) {
  const Json one = Json::parse(ainode({"explain", "r0107", "--json"}).output);
  EXPECT_EQ(one["schema"], "ainode.explain/1");
  EXPECT_EQ(one["code"], "R0107");
  EXPECT_EQ(one["summary"], "a key that the recipe language does not have");
  EXPECT_EQ(one["exit"], 2);
  EXPECT_THAT(one["text"].get<std::string>(), HasSubstr("\nCure: "));
  const Json all = Json::parse(ainode({"explain", "--json"}).output);
  EXPECT_EQ(all["schema"], "ainode.explain/1");
  EXPECT_EQ(all["codes"].size(), all_error_codes().size());
  EXPECT_EQ(all["codes"][0]["code"], "R0001");
}

TEST(Explain, IsPointedToByVerboseErrors) {
  const TemporaryDirectory place(fs::temp_directory_path());
  const std::vector<std::string> command = {"-C", place.path().string(), "check", "absent.yaml"};
  EXPECT_THAT(ainode(command).errors, testing::Not(HasSubstr("ainode explain")));
  std::vector<std::string> verbose = command;
  verbose.insert(verbose.begin(), "-v");
  EXPECT_TRUE(ainode(verbose).errors.ends_with("\nFor more about this error: ainode explain R0001\n"));
  verbose.insert(verbose.begin(), "-q");
  EXPECT_THAT(ainode(verbose).errors, testing::Not(HasSubstr("ainode explain")));
}

}  // namespace
}  // namespace ainode
