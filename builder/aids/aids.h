// SPDX-License-Identifier: Apache-2.0
// Programs that stand in for others while maintainer scripts run. One static file under several names: it lies in the
// overlay's topmost lower layer and needs nothing of the tree.
//
// The sandbox shows it, below kAidDirectory:
//   info/          the packages' own control files, in whose place in /var/lib/dpkg/info this program stands
//   original/NAME  the program that NAME hides
//   notes/         writable, kept: `scripts` and `calls`, one record a line, fields separated by tabs
#pragma once

#include <string>
#include <vector>

namespace ainode::aids {

using Arguments = std::vector<std::string>;

inline const std::string kAidDirectory = "/run/ainode";

/// Appends a line to a file below notes/; concurrent writers never mix. Fields must not hold tabs or line ends.
void note(const std::string& file, const std::vector<std::string>& fields);
/// Tabs, line ends and backslashes as \t, \n, \\.
std::string escaped(const std::string& text);

/// Hides /var/lib/dpkg/info/PACKAGE.KIND: runs the true script and notes between which two moments, so that whatever
/// changed in between is known to be its work. Returns the script's exit status.
int run_maintainer_script(const std::string& path, const Arguments& arguments);

/// Notes the call and does nothing: what the program makes is made once, after all scripts.
int defer_call(const std::string& program, const Arguments& arguments);

/// deb-systemd-helper(1) without a Perl start for each call, as init-system-helpers 1.69 does it. What is not done here
/// (disabling, purging, masking, quoted values, debugging) goes to the original.
int helper_for_units(const Arguments& arguments);

/// deb-systemd-invoke(1): policy-rc.d(8) forbids everything in an image.
int invoke_nothing(const Arguments& arguments);

/// Replaces this process by the program that `name` hides.
[[noreturn]] void run_original(const std::string& name, const Arguments& arguments);

}  // namespace ainode::aids
