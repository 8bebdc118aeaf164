// SPDX-License-Identifier: Apache-2.0
// Chooses what to stand in for by the name it was called under.
#include "builder/aids/aids.h"

namespace ainode::aids {

namespace {

std::string base_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

bool is_maintainer_script(const std::string& name) {
  for (const char* kind : {".preinst", ".postinst"})
    if (name.ends_with(kind)) return true;
  return false;
}

int stand_in(const std::string& called_as, const Arguments& arguments) {
  const std::string name = base_name(called_as);
  if (is_maintainer_script(name)) return run_maintainer_script(called_as, arguments);
  if (name == "dpkg-maintscript-helper") return mend_what_older_versions_left(arguments);
  if (name == "deb-systemd-helper") return helper_for_units(arguments);
  if (name == "deb-systemd-invoke") return invoke_nothing(arguments);
  return defer_call(name, arguments);
}

}  // namespace

}  // namespace ainode::aids

int main(int count, char** words) {
  if (count < 1) return 125;
  return ainode::aids::stand_in(words[0], {words + 1, words + count});
}
