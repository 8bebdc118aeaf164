// SPDX-License-Identifier: Apache-2.0
// Every way in which an archive's metadata can be bad says exactly what stands in tests/cases/metadata/NAME.expected.
// AINODE_ACCEPT=1 writes the expected files anew.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <regex>

#include "base/error.h"
#include "base/files.h"
#include "builder/packages/repositories.h"
#include "tests/mirror/loopback_mirror.h"

namespace ainode {
namespace {

constexpr std::int64_t kDate = 1750000000;  // of the archives: 2025-06-15 15:06:40 UTC
constexpr std::int64_t kHour = 3600, kDay = 24 * kHour;

Repository repository(const char* id, const char* distribution, const char* suite, int line) {
  const std::string source =
      std::string("  - {id: ") + id + ", distribution: " + distribution + ", suite: " + suite + "}";
  const auto place = [&](const std::string& value) {
    return Place{"node.yaml", line, static_cast<int>(source.rfind(value)) + 1, static_cast<int>(value.size()), source};
  };
  Repository made;
  made.id = {id, place(id)};
  made.distribution = {distribution, place(distribution)};
  made.suite = {suite, place(suite)};
  made.components = {{"main", place(suite)}};
  return made;
}

/// Puts another archive in place of the one that is served, each time an index is about to be fetched.
struct Moving : EventSink {
  void on_event(const Event& event) override {
    if (event.text.find("/by-hash/") == std::string::npos || next.empty()) return;
    fs::remove_all(served);
    fs::copy(next.front(), served, fs::copy_options::recursive);
    next.erase(next.begin());
  }
  fs::path served;
  std::vector<fs::path> next;
};

/// What a case may change before the metadata is read.
struct Setting {
  std::vector<Repository> repositories = {repository("main", "debian", "trixie", 6)};
  MirrorOptions options;
  Mirrors mirrors;
  fs::path cache, archives;  // archives: what the server serves, a directory a fault
  Moving events;
};

struct Case {
  const char* name;
  std::vector<std::string> faults;  // of the archives; the first is the one that is read
  std::function<void(Setting&)> prepare = [](Setting&) {};
};

void lacks(Setting& setting, const char* keyring) {
  setting.repositories[0].keyring = {keyring, setting.repositories[0].suite.place};
}

/// The archive that is read becomes the others, one by one.
void moves(Setting& setting, const std::vector<const char*>& others) {
  setting.events.served = setting.archives / "moving";
  fs::copy(setting.archives / "none/debian", setting.events.served, fs::copy_options::recursive);
  for (const char* other : others) setting.events.next.push_back(setting.archives / other / "debian");
  setting.mirrors.uris["debian"] = "file://" + setting.events.served.string();
}

const std::vector<Case>& cases() {
  static const std::vector<Case> table = {
      {"sound", {"none"}},
      // the signature
      {"unsigned", {"unsigned"}},
      {"byte-changed", {"changed-inrelease"}},
      {"foreign-key", {"foreign-key"}},
      {"expired-key", {"expired-key"}},
      {"revoked-key", {"revoked-key"}},
      {"text-before-the-armour", {"text-before"}},
      {"text-after-the-armour", {"text-after"}},
      {"text-inside-the-armour", {"text-inside"}},
      {"login-page", {"html"}},
      {"keyring-missing",
       {"none"},
       [](Setting& setting) { setting.options.keyrings["debian"] = "/nowhere/archive.gpg"; }},
      {"keyring-of-the-recipe-missing", {"none"}, [](Setting& setting) { lacks(setting, "keys/vendor.gpg"); }},
      // time
      {"valid-until-past", {"expired"}},
      {"older-than-max-age",
       {"none"},
       [](Setting& setting) {
         setting.repositories[0].max_age = {7 * kDay, setting.repositories[0].suite.place};
         setting.options.now = kDate + 7 * kDay + 1;
       }},
      {"newer-than-the-snapshot",
       {"none"},
       [](Setting& setting) {
         setting.repositories[0].snapshot = {kDate - kDay, setting.repositories[0].suite.place};
       }},
      {"future-date", {"none"}, [](Setting& setting) { setting.options.now = kDate - 2 * kHour; }},
      {"clock-years-behind", {"none"}, [](Setting& setting) { setting.options.now = kDate - 400 * kDay; }},
      {"older-than-last-seen",
       {"none"},
       [](Setting& setting) {
         fs::create_directories(setting.cache / "last-seen");
         write_file(setting.cache / "last-seen/debian_trixie", std::to_string(kDate + 1) + "\n");
       }},
      // identity
      {"other-origin", {"wrong-origin"}},
      {"other-suite", {"other-suite"}},
      {"suite-unknown", {"unknown-suite"}},
      // digests
      {"only-md5", {"weak-hash"}},
      {"hash-mismatch", {"wrong-packages"}},
      {"size-mismatch", {"truncated-packages"}},
      {"larger-than-declared", {"longer-packages"}},
      {"truncated-xz", {"broken-packages"}},
      {"login-page-as-index", {"html-packages"}},
      {"index-not-there", {"lost-packages"}},
      {"index-not-named", {"no-packages-named"}},
      {"moves-in-mid-fetch", {"none", "longer"}, [](Setting& setting) { moves(setting, {"longer"}); }},
      {"moves-again-and-again",
       {"none", "longer", "sha512-first"},
       [](Setting& setting) {
         moves(setting, {"longer", "sha512-first"});
       }},
      // stanzas
      {"field-missing", {"missing-field"}},
      {"sha512-first", {"sha512-first"}},
      {"many-alternatives", {"many-alternatives"}},
      {"long-line", {"long-line"}},
      {"filename-with-dots", {"escaping-filename"}},
      {"filename-absolute", {"absolute-filename"}},
      {"filename-url", {"url-filename"}},
      {"version-bad", {"bad-version"}},
      {"two-contents",
       {"two-contents"},
       [](Setting& setting) {
         setting.repositories.push_back(repository("security", "debian-security", "trixie-security", 7));
       }},
  };
  return table;
}

/// Ports, keys, places on this disk and what compressors make of a text differ from run to run.
std::string stable(std::string text, const fs::path& cache) {
  for (std::size_t at; (at = text.find(cache.string())) != std::string::npos;)
    text.replace(at, cache.string().size(), "CACHE");
  text = std::regex_replace(text, std::regex("[0-9a-f]{64}"), "DIGEST");
  text = std::regex_replace(text, std::regex("[0-9A-F]{16,40}"), "KEY");
  text = std::regex_replace(text, std::regex("got [0-9]+ bytes, but InRelease declares [0-9]+"),
                            "got N bytes, but InRelease declares M");
  return std::regex_replace(text, std::regex("larger than the [0-9]+ bytes that"), "larger than the N bytes that");
}

std::string outcome(const Case& one) {
  std::vector<std::string> arguments = {"--date", std::to_string(kDate)};
  for (const std::string& fault : one.faults) arguments.insert(arguments.end(), {"--fault", fault});
  const LoopbackMirror mirror(arguments);
  const TemporaryDirectory scratch(fs::temp_directory_path());
  Setting setting;
  setting.cache = scratch.path();
  setting.archives = fs::path(mirror.keyring()).parent_path();
  setting.options.now = kDate + kHour;
  for (const char* archive : {"debian", "debian-security"}) {
    setting.options.keyrings[archive] = mirror.keyring();
    setting.mirrors.uris[archive] = mirror.uri(one.faults[0], archive);
    setting.mirrors.origins[archive] = "from --mirror";
  }
  one.prepare(setting);
  try {
    RunContext run{setting.events};
    const Candidates candidates =
        read_repositories(run, setting.repositories, "amd64", setting.mirrors, setting.options, setting.cache);
    Goal goal;
    goal.install = {{"hello", {}}};
    goal.base_system = false;
    std::string out = "accepted\n";
    for (const LockedPackage& package : resolve(goal, candidates)) out += package.str() + "\n";
    return out;
  } catch (const Error& error) {
    EXPECT_NE(error.hint(), "") << error.what();
    EXPECT_EQ(error.message().find("127.0.0.1"), std::string::npos) << error.what();
    return stable(render(error), setting.cache);
  }
}

class MetadataCase : public testing::TestWithParam<Case> {};

TEST_P(MetadataCase, SaysExactlyWhatIsExpected) {
  const fs::path expected =
      fs::path(AINODE_SOURCE_DIR) / "tests/cases/metadata" / (std::string(GetParam().name) + ".expected");
  const std::string actual = outcome(GetParam());
  if (std::getenv("AINODE_ACCEPT")) write_file(expected, actual);
  EXPECT_EQ(actual, read_file(expected));
}

std::string test_name(const testing::TestParamInfo<Case>& info) {
  std::string name = info.param.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Metadata, MetadataCase, testing::ValuesIn(cases()), test_name);

}  // namespace
}  // namespace ainode
