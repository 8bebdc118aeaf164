// SPDX-License-Identifier: Apache-2.0
// A report as others read it: continuous integration, and people at a terminal.
#pragma once

#include <string>

#include "base/report.h"

namespace ainode {

/// JUnit XML: a suite a family, a case a check, measured and expected values as properties. A failure of the run as a
/// whole is a case of its own, `run.finished`, with its last lines; what went wrong says how to repeat it. Foreign text
/// cannot leave its place: it is escaped, and characters that XML 1.0 forbids are dropped.
std::string to_junit(const Report& report);

/// For the terminal, within 100 columns where the values allow: one line a check, and below each check that did not
/// pass what was measured, what was expected, who declared it, where it was read, and how to repeat it; last, what was
/// not covered. A command is one line, however long, so that it can be pasted.
std::string to_table(const Report& report, bool colour);

/// GitHub's Markdown, for a step's summary: what went wrong in full, what was not covered, every check in a line. At
/// most 1 MiB, which is what a summary may have (a comment: 65,536 characters): evidence is shortened first, and the
/// text says so. Foreign text can neither make markup nor links.
std::string to_markdown(const Report& report);

}  // namespace ainode
