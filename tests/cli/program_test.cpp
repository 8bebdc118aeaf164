// SPDX-License-Identifier: Apache-2.0
// The program as a user meets it: exit statuses, what goes to stdout and to stderr, flags and their variables.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "base/json.h"
#include "base/process.h"
#include "base/version.h"

namespace ainode {
namespace {

constexpr const char* kGood = R"(ainode: 1
name: node
arch: [amd64, arm64]
repositories:
  - {id: main, distribution: debian, suite: trixie, components: [main]}
kernel: {package: linux-image-cloud}
)";

class Program : public testing::Test {
 protected:
  Program() : scratch_(fs::temp_directory_path()) {
    write_file(place() / "good.yaml", kGood);
    write_file(place() / "bad.yaml", std::string(kGood) + "packges: {}\n");
  }
  const fs::path& place() const { return scratch_.path(); }

  ProcessResult ainode(std::vector<std::string> arguments, std::map<std::string, std::string> environment = {}) const {
    environment.emplace("PATH", "/usr/bin:/bin");
    environment.emplace("HOME", place().string());
    arguments.insert(arguments.begin(), std::string(AINODE_BINARY_DIR) + "/ainode");
    Command command;
    command.argv = std::move(arguments);
    command.environment = std::move(environment);
    command.directory = place();
    command.deadline = std::chrono::seconds(60);
    return run_process(command);
  }

  static Json json_of(const ProcessResult& result) { return Json::parse(result.output); }

 private:
  TemporaryDirectory scratch_;
};

TEST_F(Program, NamesItsVersion) {
  const ProcessResult result = ainode({"--version"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.output, fmt::format("ainode {}\n", kVersion));
}

TEST_F(Program, HelpOfEveryVerbHasExamplesAndJson) {
  for (const std::string verb :
       {"doctor", "check", "build", "verify", "boot", "validate", "record", "key", "explain"}) {
    const ProcessResult result = ainode({verb, "--help"});
    EXPECT_EQ(result.exit_code, 0) << verb;
    EXPECT_NE(result.output.find("Examples:\n  ainode " + verb), std::string::npos) << result.output;
    EXPECT_NE(result.output.find("--json"), std::string::npos) << verb;
    EXPECT_EQ(result.errors, "") << verb;
  }
}

TEST_F(Program, AMistypedVerbIsUsage) {
  const ProcessResult result = ainode({"biuld"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.output, "");
  EXPECT_NE(result.errors.find("error[H0001]"), std::string::npos) << result.errors;
  EXPECT_NE(result.errors.find("  = help: did you mean `build`?\n"), std::string::npos) << result.errors;
}

TEST_F(Program, AMissingFlagIsUsage) {
  const ProcessResult result = ainode({"build", "good.yaml"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.errors, "error[H0001]: --out is required\n  = help: ainode build --help\n");
}

TEST_F(Program, UsageErrorsAreObjectsWithJson) {
  const ProcessResult result = ainode({"build", "--json"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(json_of(result)["schema"], "ainode.error/1");
  EXPECT_EQ(json_of(result)["code"], "H0001");
}

TEST_F(Program, CheckAnswersForEveryFile) {
  const ProcessResult result = ainode({"check", "bad.yaml", "good.yaml", "--arch", "amd64"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.output, "good.yaml: good\n");
  EXPECT_EQ(result.errors,
            "error[R0107]: unknown key `packges`\n"
            "   ┌─ bad.yaml:7:1\n"
            "7│ packges: {}\n"
            " │ ^^^^^^^ not a key of recipes\n"
            "  = help: did you mean `packages`?\n");
}

TEST_F(Program, CheckAnswersInJson) {
  const ProcessResult result = ainode({"--json", "check", "bad.yaml", "good.yaml", "--arch", "amd64"});
  EXPECT_EQ(result.exit_code, 2);
  const Json answer = json_of(result);
  EXPECT_EQ(answer["schema"], "ainode.check/1");
  EXPECT_EQ(answer["recipes"][0]["error"]["code"], "R0107");
  EXPECT_EQ(answer["recipes"][0]["error"]["place"]["line"], 7);
  EXPECT_EQ(answer["recipes"][1]["good"], true);
}

TEST_F(Program, WorksInAnotherDirectory) {
  fs::create_directory(place() / "inner");
  fs::rename(place() / "good.yaml", place() / "inner/moved.yaml");
  EXPECT_EQ(ainode({"-C", "inner", "check", "moved.yaml"}).exit_code, 0);
  EXPECT_EQ(ainode({"check", "moved.yaml"}, {{"AINODE_DIRECTORY", "inner"}}).exit_code, 0);
  const ProcessResult result = ainode({"-C", "absent", "check", "moved.yaml"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.errors,
            "error[H0001]: cannot work in absent: No such file or directory\n"
            "  = help: -C takes an existing directory\n");
}

TEST_F(Program, VariablesMirrorFlags) {
  EXPECT_EQ(json_of(ainode({"check", "good.yaml"}, {{"AINODE_JSON", "1"}}))["schema"], "ainode.check/1");
  EXPECT_EQ(ainode({"check", "good.yaml"}, {{"AINODE_ARCH", "mips"}}).exit_code, 2);
  EXPECT_EQ(ainode({"check", "good.yaml", "--arch", "amd64"}, {{"AINODE_ARCH", "mips"}}).exit_code, 0);
}

TEST_F(Program, NoColorBeatsForceColor) {
  const auto has_colour = [](const ProcessResult& result) { return result.errors.find('\x1b') != std::string::npos; };
  EXPECT_FALSE(has_colour(ainode({"check", "bad.yaml"})));
  EXPECT_TRUE(has_colour(ainode({"check", "bad.yaml"}, {{"FORCE_COLOR", "1"}})));
  EXPECT_FALSE(has_colour(ainode({"check", "bad.yaml"}, {{"FORCE_COLOR", "1"}, {"NO_COLOR", "1"}})));
}

TEST_F(Program, BuildRefusesABadRecipeBeforeItMakesAnything) {
  EXPECT_EQ(ainode({"build", "bad.yaml", "--out", "out"}).exit_code, 2);
  EXPECT_FALSE(fs::exists(place() / "out"));
  EXPECT_FALSE(fs::exists(place() / ".cache"));
}

TEST_F(Program, BuildRefusesAForeignOut) {
  fs::create_directory(place() / "mine");
  write_file(place() / "mine/thesis.txt", "years of work");
  const ProcessResult result = ainode({"build", "good.yaml", "--out", "mine", "--json"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(json_of(result)["code"], "B0007");
  EXPECT_EQ(read_file(place() / "mine/thesis.txt"), "years of work");
  EXPECT_FALSE(fs::exists(place() / ".cache"));
}

TEST_F(Program, BuildRefusesAMirrorThatIsNone) {
  const ProcessResult flag = ainode({"build", "good.yaml", "--out", "out", "--mirror", "debian"});
  EXPECT_EQ(flag.exit_code, 2);
  EXPECT_EQ(flag.errors,
            "error[H0001]: --mirror debian does not name a mirror\n"
            "  = help: write DISTRIBUTION=URI with an http, https or file URI\n");
  const ProcessResult variable = ainode({"build", "good.yaml", "--out", "out"}, {{"AINODE_MIRROR_DEBIAN", "ftp://x"}});
  EXPECT_EQ(variable.exit_code, 2);
  EXPECT_NE(variable.errors.find("AINODE_MIRROR_DEBIAN does not name a mirror"), std::string::npos) << variable.errors;
}

TEST_F(Program, VerifyNamesTheMissingImageAndKey) {
  const ProcessResult image = ainode({"verify", "absent", "--json"});
  EXPECT_EQ(image.exit_code, 2);
  EXPECT_EQ(json_of(image)["code"], "B0009");
  const ProcessResult key = ainode({"verify", "absent", "--openpgp-key", "absent.asc", "--json"});
  EXPECT_EQ(key.exit_code, 2);
  EXPECT_EQ(json_of(key)["code"], "T0020");
}

TEST_F(Program, ValidateRefusesAReportThatCannotBeWritten) {
  const ProcessResult result = ainode({"validate", "absent", "-o", "no/such/report.json"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.errors,
            "error[H0001]: a report cannot be written to no/such/report.json\n"
            "  = help: name a file in a directory that exists and that you may write to\n");
}

TEST_F(Program, KeyNamesAreFileNames) {
  for (const std::string name : {"../x", "a b", "_x", ""}) {
    const ProcessResult result = ainode({"key", "gen", name});
    EXPECT_EQ(result.exit_code, 2) << name;
  }
  EXPECT_FALSE(fs::exists(place() / ".config"));
}

TEST_F(Program, AFullStdoutIsAnError) {
  Command command;
  command.argv = {"/bin/sh", "-c", fmt::format("exec '{}/ainode' check good.yaml > /dev/full", AINODE_BINARY_DIR)};
  command.directory = place();
  const ProcessResult result = run_process(command);
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_NE(result.errors.find("error[H0003]: cannot write the answer to stdout"), std::string::npos) << result.errors;
}

}  // namespace
}  // namespace ainode
