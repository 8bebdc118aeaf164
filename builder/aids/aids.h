// SPDX-License-Identifier: Apache-2.0
// Programs that stand in for others while maintainer scripts run. One static file under several names: it lies in the
// overlay's topmost lower layer and needs nothing of the tree.
//
// The sandbox shows it, below kAidDirectory:
//   info/          the packages' own control files, in whose place in /var/lib/dpkg/info this program stands
//   original/NAME  the program that NAME hides
//   notes/         writable, kept: `scripts` and `calls`, records as builder/aids/record.h has them
#pragma once

#include <string>
#include <vector>

namespace ainode::aids {

using Arguments = std::vector<std::string>;

inline const std::string kAidDirectory = "/run/ainode";

/// Appends a line to a file below notes/; concurrent writers never mix. Fields must not hold tabs or line ends.
void note(const std::string& file, const std::vector<std::string>& fields);

/// Hides /var/lib/dpkg/info/PACKAGE.KIND: runs the true script and notes between which two moments, so that whatever
/// changed in between is known to be its work. Returns the script's exit status.
int run_maintainer_script(const std::string& path, const Arguments& arguments);

/// Notes the call and does nothing: what the program makes is made once, after all scripts.
int defer_call(const std::string& program, const Arguments& arguments);

/// deb-systemd-helper(1) without a Perl start for each call, as init-system-helpers 1.69 does it. What is not done here
/// (disabling, purging, masking, quoted values, debugging) goes to the original.
int helper_for_units(const Arguments& arguments);

/// dpkg-maintscript-helper(1) of dpkg 1.22: nothing where no older version was, else the original.
int mend_what_older_versions_left(const Arguments& arguments);
/// Whether such a call, made by a package's `script` ("preinst", "postinst"), is well formed and would do nothing.
bool is_nothing_to_mend(const Arguments& arguments, const std::string& script);

/// deb-systemd-invoke(1): policy-rc.d(8) forbids everything in an image.
int invoke_nothing(const Arguments& arguments);

/// Replaces this process by the program that `name` hides.
[[noreturn]] void run_original(const std::string& name, const Arguments& arguments);

}  // namespace ainode::aids
