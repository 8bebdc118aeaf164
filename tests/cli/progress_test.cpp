// SPDX-License-Identifier: Apache-2.0
// What each display writes for the same events, with a clock turned by hand.
#include "cli/progress.h"

#include <gtest/gtest.h>

#include "base/error_json.h"
#include "base/json.h"
#include "cli/verb.h"

namespace ainode::cli {
namespace {

class Screen {
 public:
  explicit Screen(const ProgressStyle& style)
      : sink_(make_progress(style, {[this](const std::string& text) { written_ += text; }, [this] { return now_; }})) {}
  void at(double seconds) { now_ = seconds; }
  EventSink& sink() { return *sink_; }
  void close() { sink_.reset(); }
  /// What was written since the last call.
  std::string take() { return std::exchange(written_, ""); }

  void begin(const std::string& step) { sink_->on_event({Event::Kind::begin, step, ""}); }
  void end(const std::string& step, double seconds, const std::string& text = "") {
    sink_->on_event({Event::Kind::end, step, text, 0, 0, "", seconds});
  }

 private:
  std::string written_;
  double now_ = 0;
  std::unique_ptr<EventSink> sink_;
};

ProgressStyle style(ProgressStyle::Form form, int verbosity = 0, bool quiet = false, int width = 80) {
  return {form, verbosity, quiet, false, width};
}
constexpr auto kLive = ProgressStyle::Form::live;
constexpr auto kPlain = ProgressStyle::Form::plain;
constexpr auto kJson = ProgressStyle::Form::json;

TEST(PlainProgress, SaysBeginAndEnd) {
  Screen screen(style(kPlain));
  screen.begin("fetch");
  screen.end("fetch", 12.34, "172 packages");
  EXPECT_EQ(screen.take(), "fetch …\nfetch           12.3 s  172 packages\n");
}

TEST(PlainProgress, SaysWhatElseIsKnown) {
  Screen screen(style(kPlain));
  screen.begin("machines");
  screen.take();
  screen.at(6);
  screen.sink().on_event({Event::Kind::progress, "machines", "2 running, 31 of 240 checks", 3, 8, "machines"});
  EXPECT_EQ(screen.take(), "machines     3 of 8 machines, 2 running, 31 of 240 checks\n");
}

TEST(PlainProgress, SpeaksAtMostEveryFewSeconds) {
  Screen screen(style(kPlain));
  screen.begin("fetch");
  screen.take();
  screen.at(4.9);
  screen.sink().progress("fetch", 1'000'000, 242'000'000, "B");
  EXPECT_EQ(screen.take(), "");
  screen.at(5);
  screen.sink().progress("fetch", 2'000'000, 242'000'000, "B");
  screen.sink().progress("fetch", 3'000'000, 242'000'000, "B");
  EXPECT_EQ(screen.take(), "fetch        2.0 MB of 242.0 MB\n");
}

TEST(PlainProgress, HidesDetailsWithoutVerbose) {
  Screen brief(style(kPlain));
  brief.sink().detail("fetch", "from a mirror");
  EXPECT_EQ(brief.take(), "");
  Screen verbose(style(kPlain, 1));
  verbose.sink().detail("fetch", "from a mirror");
  EXPECT_EQ(verbose.take(), "fetch: from a mirror\n");
}

TEST(PlainProgress, QuietStillWarns) {
  Screen screen(style(kPlain, 0, true));
  screen.begin("sign");
  screen.sink().note("sign", "a note");
  screen.sink().warn("sign", "no key `release` yet");
  screen.end("sign", 1);
  EXPECT_EQ(screen.take(), "warning: sign: no key `release` yet\n");
}

TEST(PlainProgress, ForeignTextCannotSteerTheTerminal) {
  Screen screen(style(kPlain));
  screen.sink().note("configure", "\x1b[2Jgone");
  EXPECT_EQ(screen.take(), "configure: \\x1b[2Jgone\n");
}

TEST(LiveProgress, RedrawsRunningStepsInPlace) {
  Screen screen(style(kLive));
  screen.begin("fetch");
  EXPECT_EQ(screen.take(), "  fetch        \n");
  screen.sink().progress("fetch", 0, 4, "packages");
  screen.take();
  screen.at(1);
  screen.sink().progress("fetch", 2, 4, "packages");
  EXPECT_EQ(screen.take(), "\x1b[1A\x1b[J  fetch        [##########..........]  50 %  2 of 4 packages\n");
  screen.end("fetch", 1.5);
  EXPECT_EQ(screen.take(), "\x1b[1A\x1b[J✓ fetch            1.5 s\n");
}

TEST(LiveProgress, ProgressWithoutAStepGoesToTheLatest) {
  Screen screen(style(kLive));
  screen.sink().progress("verify", 1, 2, "objects");
  screen.begin("objects");
  screen.take();
  screen.at(1);
  screen.sink().progress("verify", 1, 2, "objects");
  EXPECT_EQ(screen.take(), "\x1b[1A\x1b[J  objects      [##########..........]  50 %  1 of 2 objects\n");
}

TEST(LiveProgress, WarningsStayAbove) {
  Screen screen(style(kLive));
  screen.begin("fetch");
  screen.take();
  screen.sink().warn("fetch", "slow");
  EXPECT_EQ(screen.take(), "\x1b[1A\x1b[Jwarning: slow\n  fetch        \n");
}

TEST(LiveProgress, LinesNeverWrap) {
  Screen screen(style(kLive, 0, false, 30));
  screen.begin("fetch");
  screen.sink().progress("fetch", 1, 4, "packages");
  screen.take();
  screen.at(1);
  screen.sink().progress("fetch", 2, 4, "packages");
  EXPECT_EQ(screen.take(), "\x1b[1A\x1b[J  fetch        [##########...\n");
}

TEST(LiveProgress, LeavesAnEmptyPlaceBehind) {
  Screen screen(style(kLive));
  screen.begin("configure");
  screen.begin("import");
  screen.take();
  screen.close();
  EXPECT_EQ(screen.take(), "\x1b[2A\x1b[J");
}

TEST(JsonProgress, IsOneObjectALine) {
  Screen screen(style(kJson));
  screen.begin("fetch");
  screen.sink().progress("fetch", 4, 4, "packages");
  screen.end("fetch", 1.5, "cached");
  EXPECT_EQ(screen.take(), R"({"event":"begin","step":"fetch"})"
                           "\n"
                           R"({"event":"progress","step":"fetch","done":4,"total":4,"unit":"packages"})"
                           "\n"
                           R"({"event":"end","step":"fetch","text":"cached","seconds":1.5,"cpu_seconds":0.0})"
                           "\n");
}

TEST(JsonProgress, SurvivesBytesThatAreNotUtf8) {
  Screen screen(style(kJson));
  screen.sink().note("import", "name \xff");
  EXPECT_EQ(screen.take(), "{\"event\":\"note\",\"step\":\"import\",\"text\":\"name \uFFFD\"}\n");
}

TEST(ReadableSize, RoundsToThreeFigures) {
  EXPECT_EQ(readable_size(0), "0 B");
  EXPECT_EQ(readable_size(999), "999 B");
  EXPECT_EQ(readable_size(1'234'567), "1.2 MB");
  EXPECT_EQ(readable_size(999'999), "1.0 MB");
  EXPECT_EQ(readable_size(3'221'225'472), "3.2 GB");
}

TEST(ErrorJson, ListsEveryMistake) {
  const Errors errors(
      {Error(codes::unknown_key, "unknown key `a`").at({"r.yaml", 3, 5, 1, ""}).help("did you mean `b`?"),
       Error(codes::bad_value, "second")});
  EXPECT_EQ(error_json(errors).dump(),
            R"({"schema":"ainode.error/1","code":"R0107","summary":"a key that the recipe language does not have",)"
            R"("message":"unknown key `a`","place":{"file":"r.yaml","line":3,"column":5},"help":"did you mean `b`?",)"
            R"("errors":[{"code":"R0107","summary":"a key that the recipe language does not have",)"
            R"("message":"unknown key `a`","place":{"file":"r.yaml","line":3,"column":5},"help":"did you mean `b`?"},)"
            R"({"code":"R0110","summary":"a value outside what the key allows","message":"second"}],)"
            R"("exit":2,"text":"error[R0107]: unknown key `a`\n   ┌─ r.yaml:3:5\n  = help: did you mean `b`?\n\n)"
            R"(error[R0110]: second\n"})");
}

}  // namespace
}  // namespace ainode::cli
