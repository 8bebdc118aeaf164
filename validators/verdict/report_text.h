// SPDX-License-Identifier: Apache-2.0
// A report as others read it: continuous integration, and people at a terminal.
#pragma once

#include <string>

#include "base/report.h"

namespace ainode {

/// JUnit XML: a suite a family, a case a check, measured and expected values as properties. A failure of the run as a
/// whole is a case of its own, `run.finished`. Foreign text cannot leave its place: it is escaped, and characters that
/// XML 1.0 forbids are dropped.
std::string to_junit(const Report& report);

/// For the terminal, within 100 columns where the values allow: one line a check, and below each check that did not
/// pass what was measured, what was expected, who declared it, where it was read, and how to repeat it; last, what was
/// not covered.
std::string to_table(const Report& report, bool colour);

/// GitHub's Markdown, for a step's summary or a comment: what went wrong in full, what was not covered, every check in
/// a line. At most 1 MiB: evidence is shortened first, and the text says so. Foreign text can neither make markup nor
/// links.
std::string to_markdown(const Report& report);

}  // namespace ainode
