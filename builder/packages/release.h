// SPDX-License-Identifier: Apache-2.0
// What an InRelease file says, once its signature was found good: an archive, its date and the digests of its indices.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/recipe.h"

namespace ainode {

struct ReleaseFile {
  std::string sha256;
  std::uint64_t size = 0;
};

struct Release {
  std::string origin, label, suite, codename;
  std::string date_text;
  std::int64_t date = 0;  ///< seconds since 1970
  std::optional<std::int64_t> valid_until;
  std::vector<std::string> components, architectures;
  bool by_hash = false;
  bool not_automatic = false, but_automatic_upgrades = false;  ///< what apt's default priorities look at
  std::map<std::string, ReleaseFile, std::less<>> files;  ///< by path below dists/SUITE, from the SHA256 field only
};

/// Throws index_malformed, metadata_weak_hash.
Release parse_release(std::string_view text, const std::string& subject);

/// What a distribution's signed metadata must call itself.
struct ArchiveIdentity {
  std::string origin, label;
};
/// The table: debian and debian-security. Nothing for a vendor's archive, which must have a keyring of its own and a
/// list of what may come from it. Throws bad_value at the recipe's line for any other.
std::optional<ArchiveIdentity> archive_identity(const Repository& repository);

/// Checks identity and time: Date, Valid-Until and the recipe's max_age. Of a snapshot, which is meant to be old, only
/// that it is not newer than the time asked for. `now` is seconds since 1970.
/// Returns what was accepted only because of `accept_stale`, as a phrase ("expired at …"); empty when nothing was.
/// Throws metadata_wrong_origin, clock_wrong, metadata_future, metadata_newer, metadata_expired, metadata_too_old.
std::string check_release(const Release& release, const Repository& repository, std::int64_t now, bool accept_stale);

/// "Sat, 15 Mar 2025 10:11:12 UTC" as seconds since 1970; nothing when it is not of this form.
std::optional<std::int64_t> parse_date(std::string_view text);
std::string format_date(std::int64_t seconds);  ///< "2025-03-15 10:11:12 UTC"

}  // namespace ainode
