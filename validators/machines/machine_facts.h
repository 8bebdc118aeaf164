// SPDX-License-Identifier: Apache-2.0
// By what the machine of one figure is told from that of another.
#pragma once

#include "base/json.h"

namespace ainode {

/// {"emulated", "processor", "processors"}: of this host, as /proc/cpuinfo has it. For an emulated guest it is the
/// host's speed that stands behind whatever was timed; what the guest is made of, its topology's name says.
Json machine_facts(bool is_emulated);

}  // namespace ainode
