// SPDX-License-Identifier: Apache-2.0
// The table of verbs: the parser, --help and completion all read it.
#include "cli/verb.h"

namespace ainode::cli {

std::vector<Verb> all_verbs() {
  return {doctor_verb(),  init_verb(),     check_verb(),  show_verb(),   schema_verb(),   lock_verb(),
          plan_verb(),    why_verb(),      vendor_verb(), build_verb(),  verify_verb(),   diff_verb(),
          boot_verb(),    validate_verb(), record_verb(), report_verb(), baseline_verb(), gate_verb(),
          compare_verb(), cache_verb(),    key_verb(),    explain_verb()};
}

}  // namespace ainode::cli
