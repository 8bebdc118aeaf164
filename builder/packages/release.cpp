// SPDX-License-Identifier: Apache-2.0
// What a Release text says, and whether it speaks of the right archive at the right time.
#include "builder/packages/release.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdlib>

#include "builder/packages/deb822.h"

namespace ainode {

namespace {

constexpr std::int64_t kHour = 3600, kDay = 24 * kHour;

template <class Number>
bool read_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

/// Three numbers joined by colons.
bool read_clock(std::string_view text, int& hour, int& minute, int& second) {
  const std::size_t first = text.find(':');
  const std::size_t last = text.rfind(':');
  if (first == std::string_view::npos || first == last) return false;
  return read_number(text.substr(0, first), hour) && read_number(text.substr(first + 1, last - first - 1), minute) &&
         read_number(text.substr(last + 1), second) && hour >= 0 && hour < 24 && minute >= 0 && minute < 60 &&
         second >= 0 && second < 61;
}

unsigned month_number(std::string_view name) {
  constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto* it = std::find(kMonths.begin(), kMonths.end(), name);
  return it == kMonths.end() ? 0 : static_cast<unsigned>(it - kMonths.begin()) + 1;
}

bool is_sha256(std::string_view text) {
  return text.size() == 64 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::int64_t read_date(const Deb822Reader& reader, const Deb822Field& field) {
  if (const auto date = parse_date(field.value)) return *date;
  throw reader.error(field.line, fmt::format("`{}` is not a date: {}", field.name, field.value));
}

std::vector<std::string> words_of(std::string_view value) {
  std::vector<std::string> words;
  for (const std::string_view word : split_words(value)) words.emplace_back(word);
  return words;
}

void read_files(Release& release, const Deb822Reader& reader, const Deb822Field& field) {
  int line = field.line;
  for (const std::string_view entry : split_lines(field.value)) {
    const auto words = split_words(entry);
    ReleaseFile file;
    if (words.size() != 3 || !is_sha256(words[0]) || !read_number(words[1], file.size)) {
      throw reader.error(++line, "is not `SHA256 SIZE PATH`");
    }
    ++line;
    file.sha256 = words[0];
    release.files.emplace(words[2], file);
  }
}

std::string subject_of(const Repository& repository) {
  return fmt::format("{} {}", repository.distribution.value, repository.suite.value);
}

void check_identity(const Release& release, const Repository& repository) {
  const auto expected = archive_identity(repository);
  const auto refuse = [&](const char* field, const std::string& got, const std::string& wanted) {
    return Error(codes::metadata_wrong_origin,
                 fmt::format("InRelease of {} says {} `{}`, not `{}`", subject_of(repository), field, got, wanted))
        .help(fmt::format("the mirror serves another archive there; give the right one: --mirror {}=URI",
                          repository.distribution.value));
  };
  if (expected && release.origin != expected->origin) throw refuse("Origin", release.origin, expected->origin);
  if (expected && release.label != expected->label) throw refuse("Label", release.label, expected->label);
  if (!expected && release.suite == repository.suite.value) return;  // vendors seldom name their releases
  if (release.codename == repository.suite.value) return;
  Error error = refuse("Codename", release.codename, repository.suite.value);
  if (release.suite == repository.suite.value) {
    error.at(repository.suite.place)
        .help(fmt::format("a suite's name moves to the next release; write the codename `{}`", release.codename));
  }
  throw error;
}

std::string clock_hint(std::int64_t now) {
  return fmt::format("this machine's clock says {}; if that is wrong, set it", format_date(now));
}

void check_not_future(const Release& release, const Repository& repository, std::int64_t now) {
  if (release.date > now + kDay) {
    throw Error(codes::clock_wrong, fmt::format("this machine's clock says {}, but {} was signed at {}",
                                                format_date(now), subject_of(repository), format_date(release.date)))
        .help("set the clock (date, timedatectl), then try again");
  }
  if (release.date > now + kHour) {
    throw Error(codes::metadata_future, fmt::format("InRelease of {} is dated in the future: {}",
                                                    subject_of(repository), format_date(release.date)))
        .help(clock_hint(now));
  }
}

/// The archive as it was at a time: whatever was signed later is something else.
void check_snapshot(const Release& release, const Repository& repository) {
  if (release.date <= repository.snapshot->value) return;
  throw Error(codes::metadata_newer,
              fmt::format("InRelease of {} is from {}, but the recipe asks for the archive of {}",
                          subject_of(repository), format_date(release.date), format_date(repository.snapshot->value)))
      .at(repository.snapshot->place)
      .help(fmt::format("the mirror must serve the archive as it was then; give one that does: --mirror {}=URI",
                        repository.distribution.value));
}

/// In the largest unit that leaves no rest: "7 days".
std::string format_duration(std::int64_t seconds) {
  constexpr std::int64_t kMinute = 60;
  const auto count = [](std::int64_t number, const char* unit) {
    return fmt::format("{} {}{}", number, unit, number == 1 ? "" : "s");
  };
  if (seconds % kDay == 0) return count(seconds / kDay, "day");
  if (seconds % kHour == 0) return count(seconds / kHour, "hour");
  if (seconds % kMinute == 0) return count(seconds / kMinute, "minute");
  return count(seconds, "second");
}

struct Staleness {
  std::string phrase;
  Error error;
};

std::optional<Staleness> find_staleness(const Release& release, const Repository& repository, std::int64_t now) {
  const std::string subject = "InRelease of " + subject_of(repository);
  if (release.valid_until && *release.valid_until < now) {
    const std::string phrase = "expired at " + format_date(*release.valid_until);
    return Staleness{phrase, Error(codes::metadata_expired, subject + " " + phrase)};
  }
  if (repository.max_age && now - release.date > repository.max_age->value) {
    const std::string phrase = fmt::format("is from {}, older than the {} that the recipe allows",
                                           format_date(release.date), format_duration(repository.max_age->value));
    return Staleness{phrase, Error(codes::metadata_too_old, subject + " " + phrase).at(repository.max_age->place)};
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::int64_t> parse_date(std::string_view text) {
  const auto words = split_words(text);
  if (words.size() != 6 || (words[5] != "UTC" && words[5] != "GMT" && words[5] != "+0000")) return std::nullopt;
  unsigned day = 0;
  int year = 0, hour = 0, minute = 0, second = 0;
  const unsigned month = month_number(words[2]);
  if (!read_number(words[1], day) || month == 0 || !read_number(words[3], year) || year < 1970 || year > 9999 ||
      !read_clock(words[4], hour, minute, second)) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month), std::chrono::day(day)};
  if (!date.ok()) return std::nullopt;
  const auto days = std::chrono::sys_days(date).time_since_epoch().count();
  return days * kDay + hour * kHour + minute * std::int64_t{60} + second;
}

std::string format_date(std::int64_t seconds) {
  const std::int64_t days = seconds >= 0 ? seconds / kDay : -((-seconds + kDay - 1) / kDay);
  const std::int64_t rest = seconds - days * kDay;
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(days))};
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), rest / kHour,
                     rest % kHour / 60, rest % 60);
}

Release parse_release(std::string_view text, const std::string& subject) {
  Deb822Reader reader(text, subject);
  Deb822Stanza stanza, second;
  if (!reader.next(stanza)) throw reader.error(1, "is empty");
  Release release;
  release.origin = stanza.value("Origin");
  release.label = stanza.value("Label");
  release.suite = stanza.value("Suite");
  release.codename = stanza.value("Codename");
  release.components = words_of(stanza.value("Components"));
  release.architectures = words_of(stanza.value("Architectures"));
  release.by_hash = stanza.value("Acquire-By-Hash") == "yes";
  release.not_automatic = stanza.value("NotAutomatic") == "yes";
  release.but_automatic_upgrades = stanza.value("ButAutomaticUpgrades") == "yes";
  const Deb822Field* date = stanza.find("Date");
  if (!date) throw reader.error(stanza.line, "the release has no `Date`");
  release.date_text = date->value;
  release.date = read_date(reader, *date);
  if (const Deb822Field* until = stanza.find("Valid-Until")) release.valid_until = read_date(reader, *until);
  const Deb822Field* files = stanza.find("SHA256");
  if (!files) {
    throw Error(codes::metadata_weak_hash, fmt::format("{} names no SHA-256 of its indices", subject))
        .help("MD5 and SHA-1 are not accepted; use an archive that publishes SHA-256");
  }
  read_files(release, reader, *files);
  if (reader.next(second)) throw reader.error(second.line, "starts a second stanza");
  return release;
}

std::optional<ArchiveIdentity> archive_identity(const Repository& repository) {
  const std::string& distribution = repository.distribution.value;
  if (distribution == "debian") {
    const bool is_backports = repository.suite.value.ends_with("-backports");
    return is_backports ? ArchiveIdentity{"Debian Backports", "Debian Backports"} : ArchiveIdentity{"Debian", "Debian"};
  }
  if (distribution == "debian-security") return ArchiveIdentity{"Debian", "Debian-Security"};
  // A vendor's archive is known by its own keys, and gives only what the recipe allows it to.
  if (!repository.keyring.value.empty() && !repository.allow.empty()) return std::nullopt;
  throw Error(codes::bad_value, fmt::format("no distribution `{}` is known", distribution))
      .at(repository.distribution.place)
      .help("known distributions: debian, debian-security; a vendor's archive needs `keyring` and `allow`");
}

std::string check_release(const Release& release, const Repository& repository, std::int64_t now, bool accept_stale) {
  check_identity(release, repository);
  check_not_future(release, repository, now);
  if (repository.snapshot) {
    check_snapshot(release, repository);
    return "";
  }
  auto staleness = find_staleness(release, repository, now);
  if (!staleness) return "";
  if (accept_stale) return staleness->phrase;
  throw staleness->error.help(fmt::format("{}; if the archive is meant to be this old, give --accept-stale {}",
                                          clock_hint(now), repository.distribution.value));
}

}  // namespace ainode
