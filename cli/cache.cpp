// SPDX-License-Identifier: Apache-2.0
// `ainode cache`: what lies there, what can go, whether it is right.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cctype>
#include <charconv>
#include <limits>
#include <map>
#include <memory>

#include "base/files.h"
#include "builder/interface.h"
#include "cli/verb.h"

namespace ainode::cli {

namespace {

struct CacheArguments {
  fs::path store;
  std::string older_than, keep;
  bool dry_run = false, repair = false;
  CLI::App *ls = nullptr, *gc = nullptr, *verify = nullptr;

  fs::path directory() const { return store.empty() ? cache_directory() : store; }
};

/// "30d" by {d: 86400, …}; throws usage_error with the forms that there are.
std::uint64_t with_unit(const std::string& text, const std::map<char, std::uint64_t>& units, const char* option,
                        const char* example) {
  std::uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  const auto unit = rest == end - 1 ? units.find(*rest) : units.end();
  if (error == std::errc() && unit != units.end() && number <= std::numeric_limits<std::int64_t>::max() / unit->second)
    return number * unit->second;
  throw Error(codes::usage_error, fmt::format("`{}` is no value for {}", text, option)).help(example);
}

constexpr std::uint64_t kHour = 3600, kDay = 24 * kHour, kKibi = 1024;

CacheWish wish_of(const CacheArguments& arguments) {
  CacheWish wish;
  wish.dry_run = arguments.dry_run;
  if (!arguments.keep.empty())
    wish.keep = with_unit(
        arguments.keep,
        {{'K', kKibi}, {'M', kKibi * kKibi}, {'G', kKibi * kKibi * kKibi}, {'T', kKibi * kKibi * kKibi * kKibi}},
        "--keep", "a size with its unit: 500M, 20G, 1T");
  const bool is_default = arguments.older_than.empty() && !wish.keep;
  if (is_default || !arguments.older_than.empty())
    wish.older_than = std::chrono::seconds(with_unit(is_default ? "30d" : arguments.older_than,
                                                     {{'h', kHour}, {'d', kDay}, {'w', 7 * kDay}}, "--older-than",
                                                     "a time with its unit: 12h, 30d, 4w"));
  return wish;
}

std::string time_text(std::int64_t seconds) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(static_cast<std::time_t>(seconds)));
}

Json items_json(const std::vector<CacheItem>& items) {
  Json list = Json::array();
  for (const CacheItem& item : items)
    list.push_back(
        {{"kind", item.kind}, {"name", item.name}, {"bytes", item.bytes}, {"last_use", time_text(item.last_use)}});
  return list;
}

/// One line a kind; one line an item when `is_long`.
std::string items_text(const std::vector<CacheItem>& items, bool is_long) {
  struct Sum {
    std::size_t count = 0;
    std::uint64_t bytes = 0;
    std::int64_t last_use = 0;
  };
  std::map<std::string, Sum> sums;
  std::string text;
  for (const CacheItem& item : items) {
    Sum& sum = sums[item.kind];
    ++sum.count;
    sum.bytes += item.bytes;
    sum.last_use = std::max(sum.last_use, item.last_use);
    if (is_long)
      text += fmt::format("  {:<8} {:>9}  {}  {}\n", item.kind, readable_size(item.bytes), time_text(item.last_use),
                          printable(item.name));
  }
  if (is_long) return text;
  for (const auto& [kind, sum] : sums)
    text += fmt::format("  {:<8} {:>6}  {:>9}  last used {}\n", kind, sum.count, readable_size(sum.bytes),
                        time_text(sum.last_use));
  return text;
}

int list(const Globals& globals, const CacheArguments& arguments) {
  const CacheContent content = list_cache(arguments.directory());
  if (globals.json) {
    print_json({{"schema", "ainode.cache-ls/1"},
                {"store", content.directory.string()},
                {"bytes", content.bytes},
                {"items", items_json(content.items)}});
  } else {
    print(fmt::format("{}: {} on the disk; what several share counts for each below\n{}", content.directory.string(),
                      readable_size(content.bytes), items_text(content.items, globals.verbosity > 0)));
  }
  return static_cast<int>(Exit::done);
}

int clean(RunContext& run, const Globals& globals, const CacheArguments& arguments) {
  const CacheCleaned cleaned = clean_cache(run, arguments.directory(), wish_of(arguments));
  if (globals.json) {
    print_json({{"schema", "ainode.cache-gc/1"},
                {"store", arguments.directory().string()},
                {"dry_run", arguments.dry_run},
                {"removed", items_json(cleaned.removed)},
                {"objects_removed", cleaned.objects},
                {"bytes_freed", cleaned.bytes_freed},
                {"bytes_left", cleaned.bytes_left}});
  } else {
    print(fmt::format("{}: {} things and {} objects {}, {} freed, {} left\n{}", arguments.directory().string(),
                      cleaned.removed.size(), cleaned.objects, arguments.dry_run ? "would be removed" : "removed",
                      readable_size(cleaned.bytes_freed), readable_size(cleaned.bytes_left),
                      items_text(cleaned.removed, globals.verbosity > 0)));
  }
  return static_cast<int>(Exit::done);
}

int verify(RunContext& run, const Globals& globals, const CacheArguments& arguments) {
  const CacheVerdict verdict = verify_cache(run, arguments.directory(), arguments.repair);
  const bool is_good = verdict.damage.empty();
  if (globals.json) {
    Json damage = Json::array();
    for (const CacheDamage& one : verdict.damage)
      damage.push_back({{"path", one.path.string()}, {"reason", one.reason}, {"removed", arguments.repair}});
    print_json({{"schema", "ainode.cache-verify/1"},
                {"store", arguments.directory().string()},
                {"good", is_good},
                {"objects", verdict.objects},
                {"files", verdict.files},
                {"damage", std::move(damage)}});
  } else {
    std::string text =
        fmt::format("{}: {} objects and {} files read, {}\n", arguments.directory().string(), verdict.objects,
                    verdict.files, is_good ? "all good" : fmt::format("{} damaged", verdict.damage.size()));
    for (const CacheDamage& one : verdict.damage)
      text += fmt::format("  {} {}\n      {}\n", arguments.repair ? "removed" : "damaged", one.path.string(),
                          printable(one.reason));
    if (!is_good)
      text += arguments.repair ? "the next build makes anew what it needs of it\n"
                               : "next:\n  ainode cache verify --repair\n";
    print(text);
  }
  return static_cast<int>(is_good || arguments.repair ? Exit::done : Exit::bad_verdict);
}

VerbBody define(CLI::App& app) {
  auto arguments = std::make_shared<CacheArguments>();
  app.add_option("--store", arguments->store, "where packages and steps are kept (default: the cache)")
      ->type_name("DIR");
  arguments->ls = app.add_subcommand("ls", "What lies there: sizes, last use (-v: each thing)");
  arguments->gc = app.add_subcommand("gc", "Remove what was not used for long");
  arguments->gc->add_option("--older-than", arguments->older_than, "not used for so long: 12h, 30d, 4w (default: 30d)")
      ->type_name("TIME");
  arguments->gc->add_option("--keep", arguments->keep, "then the least recently used, until so much is left: 500M, 20G")
      ->type_name("SIZE");
  arguments->gc->add_flag("--dry-run", arguments->dry_run, "only say what would be removed");
  arguments->verify = app.add_subcommand("verify", "Hold every byte to its hash");
  arguments->verify->add_flag("--repair", arguments->repair, "remove what is damaged; the next build makes it anew");
  for (CLI::App* part : {arguments->ls, arguments->gc, arguments->verify}) part->fallthrough();
  app.require_subcommand(1);
  return [arguments](RunContext&, const Globals& globals) {
    if (arguments->gc->parsed()) wish_of(*arguments);  // a mistake is told before anything is waited for
    return in_user_namespace([&] {
      return run_reported(globals, [&](RunContext& run) {
        if (arguments->ls->parsed()) return list(globals, *arguments);
        return arguments->gc->parsed() ? clean(run, globals, *arguments) : verify(run, globals, *arguments);
      });
    });
  };
}

}  // namespace

Verb cache_verb() {
  return {"cache", "What the cache holds; clean it, verify it",
          "ainode cache ls -v\n"
          "ainode cache gc --older-than 30d --keep 20G   # waits until no build runs\n"
          "ainode cache verify --repair",
          define};
}

}  // namespace ainode::cli
