// SPDX-License-Identifier: Apache-2.0
// The functions that a static program's objects take from fmt's shared library elsewhere. Debian has no static one, so
// they are made here, once, of fmt's headers: taking a function's address makes the compiler write it down.
#define FMT_HEADER_ONLY  // NOLINT(cppcoreguidelines-macro-usage): fmt's own switch
#include <fmt/format.h>

#include <cstdio>
#include <string>

namespace ainode {

using Text = fmt::string_view;
using Arguments = fmt::format_args;

extern const void* const kFmtFunctions[];
const void* const kFmtFunctions[] = {
    reinterpret_cast<const void*>(static_cast<std::string (*)(Text, Arguments)>(&fmt::vformat)),
    reinterpret_cast<const void*>(static_cast<void (*)(Text, Arguments)>(&fmt::vprint)),
    reinterpret_cast<const void*>(static_cast<void (*)(std::FILE*, Text, Arguments)>(&fmt::vprint))};

}  // namespace ainode
