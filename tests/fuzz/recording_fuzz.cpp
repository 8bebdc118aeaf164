// SPDX-License-Identifier: Apache-2.0
// The probes of a recording that somebody sent: what is accepted is written and read to the same again.
#include "base/json.h"
#include "tests/fuzz/promise.h"
#include "validators/checks/recording.h"

AINODE_FUZZ_TARGET(text) {
  using namespace ainode;
  Json json;
  if (!fuzz::accepts([&] { json = parse_json(text, "fuzz.json", codes::recording_malformed); })) return;
  const checks::ReadAnswers read = checks::read_probes(json);
  fuzz::promise(read.value.has_value() == read.problem.empty(), "there are answers, or a problem");
  if (!read.value) return;
  const std::string written = checks::write_probes(*read.value);
  const checks::ReadAnswers again = checks::read_probes(parse_json(written, "written", codes::recording_malformed));
  fuzz::promise(again.value && checks::write_probes(*again.value) == written, "what is written reads the same");
}
