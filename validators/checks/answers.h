// SPDX-License-Identifier: Apache-2.0
// What probes answered, as JSON: one listing of members for both directions, one table of all probes.
#pragma once

#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/json.h"
#include "validators/checks/node.h"

namespace ainode::checks {

/// Answers by the probe's name; those of a probe that takes an argument by that too.
struct Answers {
  std::map<std::string, Json> single;
  std::map<std::string, std::map<std::string, Json>> by_argument;
};

/// An object with a member a probe; recorded_node.h shows it.
Json write_answers(const Answers& answers);

struct ReadAnswers {
  std::optional<Answers> value;
  std::string problem;  ///< why there is no value: an unknown probe, an answer of another form
};
ReadAnswers read_answers(const Json& json);

/// An answer that has not the form of its probe's.
struct BadAnswer : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Calls `member(name, value)` for each member of an answer.
template <class Member>
void each_member(FileStatus& it, Member member) {
  member("is_regular", it.is_regular), member("mode", it.mode), member("uid", it.uid), member("gid", it.gid);
}
template <class Member>
void each_member(PagePlacement& it, Member member) {
  member("pages", it.pages), member("on_node", it.on_node), member("numa_maps", it.numa_maps),
      member("problem", it.problem);
}
template <class Member>
void each_member(PageMove& it, Member member) {
  member("arrived", it.arrived), member("is_intact", it.is_intact), member("problem", it.problem);
}
template <class Member>
void each_member(PageSpread& it, Member member) {
  member("on_node", it.on_node), member("problem", it.problem);
}
template <class Member>
void each_member(HeapTrial& it, Member member) {
  member("is_present", it.is_present), member("bytes", it.bytes), member("is_zeroed", it.is_zeroed),
      member("is_shared", it.is_shared), member("wrong_flags_error", it.wrong_flags_error),
      member("problem", it.problem);
}
template <class Member>
void each_member(HugePages& it, Member member) {
  member("added", it.added), member("on_node", it.on_node), member("is_intact", it.is_intact),
      member("problem", it.problem);
}
template <class Member>
void each_member(FileBufferTrial& it, Member member) {
  member("is_present", it.is_present), member("bytes", it.bytes), member("is_shared", it.is_shared),
      member("unsealed_error", it.unsealed_error), member("problem", it.problem);
}
template <class Member>
void each_member(DeviceDma& it, Member member) {
  member("bytes", it.bytes), member("is_copied", it.is_copied), member("is_read_only_kept", it.is_read_only_kept),
      member("is_unmapped_kept", it.is_unmapped_kept), member("unmapped_address", it.unmapped_address),
      member("kernel_says", it.kernel_says), member("problem", it.problem);
}
template <class Member>
void each_member(PeerTransfer& it, Member member) {
  member("bytes", it.bytes), member("is_read", it.is_read), member("is_without_path", it.is_without_path),
      member("is_written", it.is_written), member("problem", it.problem);
}
template <class Member>
void each_member(MemorySpeed& it, Member member) {
  member("bytes", it.bytes), member("cache_bytes", it.cache_bytes), member("samples", it.samples),
      member("problem", it.problem);
}
template <class Member>
void each_member(WakeupLatency& it, Member member) {
  member("wakeups", it.wakeups), member("median_us", it.median_us), member("p9999_us", it.p9999_us),
      member("max_us", it.max_us), member("histogram", it.histogram), member("problem", it.problem);
}
template <class Member>
void each_member(MirrorTrial& it, Member member) {
  member("is_present", it.is_present), member("bytes", it.bytes), member("is_read", it.is_read),
      member("is_written", it.is_written), member("moved", it.moved), member("is_brought_back", it.is_brought_back),
      member("problem", it.problem);
}
template <class Member>
void each_member(CommandOutcome& it, Member member) {
  member("status", it.status), member("output", it.output), member("problem", it.problem);
}

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};

template <class T>
inline constexpr bool kIsPlain = std::is_arithmetic_v<T> || std::is_same_v<T, std::string> ||
                                 std::is_same_v<T, std::vector<std::string>> || std::is_same_v<T, std::vector<double>>;

Json json_of(const std::map<int, int>& counts);                ///< {"0": 64}
Json json_of(const std::vector<DirectoryEntry>& entries);      ///< ["file", "directory/"]
void read_json(const Json& json, std::map<int, int>& counts);  ///< throws BadAnswer
void read_json(const Json& json, std::vector<DirectoryEntry>& entries);

template <class T>
Json json_of(T answer) {
  if constexpr (kIsPlain<T>) {
    return answer;
  } else if constexpr (IsOptional<T>::value) {
    return answer ? json_of(*std::move(answer)) : Json();
  } else {
    Json json = Json::object();
    each_member(answer, [&](const char* name, const auto& value) { json[name] = json_of(value); });
    return json;
  }
}

/// Members that are missing keep the values of T{}. Throws BadAnswer for another type or a member that T has not.
template <class T>
void read_json(const Json& json, T& answer) {
  if constexpr (kIsPlain<T>) {
    try {
      json.get_to(answer);
    } catch (const Json::exception&) {
      throw BadAnswer("has the wrong type");
    }
  } else if constexpr (IsOptional<T>::value) {
    if (!json.is_null()) read_json(json, answer.emplace());
  } else {
    if (!json.is_object()) throw BadAnswer("is not an object");
    std::size_t known = 0;
    each_member(answer, [&](const char* name, auto& value) {
      const auto found = json.find(name);
      if (found == json.end()) return;
      ++known;
      read_json(*found, value);
    });
    if (known != json.size()) throw BadAnswer("has a member that nobody knows");
  }
}

}  // namespace ainode::checks
