// SPDX-License-Identifier: Apache-2.0
// The commands, their verdicts, and the static program itself.
#include <sys/wait.h>

#include <array>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "bench/llm/commands.h"
#include "bench/llm/golden.h"
#include "tests/bench/llm/tiny_model.h"

namespace ainode::llm {
namespace {

struct Folder {
  Folder() {
    std::string name = std::filesystem::temp_directory_path() / "ainode-llm-XXXXXX";
    path = mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

Answer answer(const std::vector<std::string>& arguments) {
  return run_command(parse_options(arguments));
}

std::vector<std::string> made(const std::string& command, const std::string& type) {
  return {command, "--shape", "3m", "--type", type};
}

TEST(Golden, HoldsForEachTypeInMemoryAndInAFile) {
  for (const char* type : {"f32", "f16", "q8_0"}) {
    const Answer found = answer(made("golden", type));
    EXPECT_EQ(found.exit, Exit::good) << found.text;
    EXPECT_NE(found.text.find("logits are identical, deviation 0 of their root mean square: good\n"), std::string::npos)
        << found.text;
  }
  const Folder folder;
  const std::string file = folder.path / "3m.gguf";
  EXPECT_EQ(answer({"write", "--shape", "3m", "--type", "q8_0", "-o", file}).exit, Exit::good);
  EXPECT_EQ(answer({"golden", file}).exit, Exit::good);
  EXPECT_FALSE(std::filesystem::exists(file + ".partial"));
}

TEST(Golden, HasValuesOfEachShapeAndType) {
  for (const Shape& shape : shapes()) {
    for (const Type type : {Type::f32, Type::f16, Type::q8_0}) {
      const Golden* golden = golden_of(shape, type);
      ASSERT_NE(golden, nullptr) << shape.name << " " << name_of(type);
      EXPECT_NE(golden->samples[0], golden->samples[1]);
    }
  }
}

TEST(Golden, FailsForOneChangedNumber) {
  const Memory memory = make_model(*shape_named("3m"), Type::q8_0);
  const Gguf gguf = read_gguf("3m", memory.bytes());
  // A weight of the last blocks may meet an activation that was rounded to nothing; a block's scale meets 32 of them.
  for (const auto& [name, offset] :
       {std::pair{"blk.0.attn_k.weight", 2}, {"blk.3.ffn_down.weight", 1}, {"output.weight", 2}}) {
    const std::byte* weight = gguf.tensors.at(name).data.data() + offset;
    std::byte& byte = memory.bytes()[static_cast<std::size_t>(weight - memory.bytes().data())];
    const std::byte before = byte;
    byte = before ^ std::byte{0x04};
    const Model model = read_model("3m", memory.bytes());
    Threads threads(1);
    const std::vector<float> logits = golden_logits(model, kernels_named("auto"), threads);
    const Comparison comparison = compare(*golden_of(model.shape, model.type), logits, 0);
    EXPECT_FALSE(comparison.is_identical) << name;
    EXPECT_FALSE(comparison.is_good) << name;
    byte = before;
  }
}

TEST(Golden, TakesADeviationWithinTheToleranceOnly) {
  std::vector<float> logits(640);
  for (std::size_t i = 0; i < logits.size(); ++i) logits[i] = i % 2 != 0 ? 1.0F : -1.0F;
  const Golden golden = golden_from({}, Type::f32, logits);
  logits[20] += 0.01F;
  EXPECT_FALSE(compare(golden, logits, 0).is_good);
  EXPECT_FALSE(compare(golden, logits, 0.009).is_good);
  EXPECT_TRUE(compare(golden, logits, 0.011).is_good);
  EXPECT_NEAR(compare(golden, logits, 0.011).deviation, 0.01, 1e-6);
}

TEST(Golden, RefusesAFileOfAnotherShape) {
  const Folder folder;
  const std::string file = folder.path / "tiny.gguf";
  const Bytes bytes = bytes_of(kTiny, Type::f16);
  std::ofstream(file).write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  const Refusal refusal = refusal_of([&] { answer({"golden", file}); });
  EXPECT_EQ(refusal.message, file + ": is none of the shapes that golden values are known of");
}

TEST(Run, MeasuresEachRepetition) {
  Threads threads(1);
  const Held held(kTiny, Type::q8_0);
  const Speed speed = measure_speed(held.model, kernels_named("auto"), threads, {20, 0, 3});
  ASSERT_EQ(speed.prefill.size(), 3U);
  EXPECT_TRUE(speed.decode.empty());
  for (const Repetition& repetition : speed.prefill) {
    EXPECT_NEAR(repetition.tokens_per_second * repetition.seconds, 20, 1e-6);
    EXPECT_GT(repetition.cpu_seconds, 0);
  }
  EXPECT_EQ(median_of({{3, 0, 0}, {1, 0, 0}, {2, 0, 0}, {10, 0, 0}}), 2.5);
}

struct Case {
  std::vector<std::string> arguments;
  std::string message;
  Exit exit = Exit::usage;
};

TEST(Options, AreRefusedByName) {
  for (const Case& one : std::vector<Case>{
           {{}, "a command is missing"},
           {{"sing"}, "sing: is none of write, golden, run, logits"},
           {{"run"}, "run: needs a FILE, or --shape and --type"},
           {{"run", "a", "b"}, "b: is not known here"},
           {{"run", "a", "--fast"}, "--fast: is not known here"},
           {{"run", "a", "--shape", "3m"}, "run: needs a FILE, or --shape and --type"},
           {{"run", "--shape", "7b"}, "--shape 7b: is none of 3m, 24m, 134m"},
           {{"run", "--type", "q4_0"}, "--type q4_0: is none of f32, f16, q8_0"},
           {{"run", "a", "--repeat", "0"}, "--repeat 0: is no number from 1 to 16777216"},
           {{"run", "a", "--decode", "1x"}, "--decode 1x: is no number from 0 to 16777216"},
           {{"run", "a", "--threads"}, "--threads: needs a value"},
           {{"golden", "a", "--tolerance", "2"}, "--tolerance 2: is no number from 0 to 1"},
           {{"logits", "a"}, "logits: needs --tokens"},
           {{"logits", "a", "--tokens", "1,,2"}, "--tokens : is no number from 0 to 16777216"},
           {{"write", "--shape", "3m", "--type", "f32"}, "write: needs --shape, --type and -o FILE"},
           {{"run", "/nowhere/a"}, "/nowhere/a: No such file or directory", Exit::environment},
           {{"run", "/dev/null"}, "/dev/null: is no regular file", Exit::environment},
           {{"write", "--shape", "3m", "--type", "f32", "-o", "/nowhere/a"},
            "/nowhere/a.partial: No such file or directory",
            Exit::environment},
       }) {
    const Refusal refusal = refusal_of([&] { answer(one.arguments); });
    EXPECT_EQ(refusal.message, one.message);
    EXPECT_EQ(refusal.exit, one.exit) << one.message;
  }
}

/// What the program printed, and its exit status.
std::pair<std::string, int> program(const std::string& arguments) {
  const std::string command = AINODE_BINARY_DIR "/ainode-llm " + arguments + " 2>&1";
  std::FILE* pipe = popen(command.c_str(), "r");  // NOLINT(cert-env33-c)
  std::string text;
  std::array<char, 4096> part;
  while (const std::size_t size = std::fread(part.data(), 1, part.size(), pipe)) text.append(part.data(), size);
  return {text, WEXITSTATUS(pclose(pipe))};
}

TEST(Program, ExitsWithTheVerdictAndPrintsOneLineOfJson) {
  const auto [golden, status] = program("golden --shape 3m --type q8_0 --json --kernels scalar");
  EXPECT_EQ(status, 0);
  EXPECT_EQ(
      golden,
      "{\"command\":\"golden\",\"model\":\"3m in q8_0\",\"shape\":\"3m\",\"type\":\"q8_0\",\"parameters\":2983040,"
      "\"bytes\":3172864,\"kernels\":\"scalar\",\"threads\":1,\"good\":true,\"identical\":true,\"deviation\":0,"
      "\"tolerance\":0,\"digest\":\"3b0b9101d04c5c51\"}\n");
  const auto [speed, speed_status] = program("run --shape 3m --type f16 --prefill 8 --decode 2 --repeat 2 --json");
  EXPECT_EQ(speed_status, 0);
  EXPECT_NE(speed.find("\"prefill\":{\"tokens\":8,\"median_tokens_per_second\":"), std::string::npos) << speed;
  EXPECT_NE(speed.find("\"decode\":{\"tokens\":2,\"median_tokens_per_second\":"), std::string::npos) << speed;
  EXPECT_EQ(program("run").second, 2);
  EXPECT_EQ(program("run /nowhere/a"),
            (std::pair<std::string, int>("ainode-llm: /nowhere/a: No such file or directory\n", 3)));
  EXPECT_EQ(program("logits --shape 3m --type f32 --tokens 1 >/dev/full").second, 3);
}

TEST(Program, GivesAVerdictOnASpoiledFile) {
  const Folder folder;
  const std::string file = folder.path / "spoiled.gguf";
  const Memory memory = make_model(*shape_named("3m"), Type::q8_0);
  const std::span<std::byte> bytes = memory.bytes();
  for (std::size_t i = bytes.size() - 4000; i < bytes.size() - 3000; ++i) bytes[i] = std::byte{7};
  std::ofstream(file).write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  const auto [text, status] = program("golden " + file);
  EXPECT_EQ(status, 1);
  EXPECT_TRUE(text.ends_with(": BAD\n")) << text;
}

}  // namespace
}  // namespace ainode::llm
