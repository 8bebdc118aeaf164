// SPDX-License-Identifier: Apache-2.0
#include "base/own_file.h"

#include <dlfcn.h>
#include <link.h>

namespace ainode {

OwnFile own_file() {
  Dl_info symbol = {};
  void* found = nullptr;
  // The program itself has no name in the loader's list.
  const bool is_known = dladdr1(reinterpret_cast<void*>(&own_file), &symbol, &found, RTLD_DL_LINKMAP) != 0;
  const auto* object = is_known ? static_cast<const link_map*>(found) : nullptr;
  if (object && object->l_name && *object->l_name) return {std::filesystem::absolute(object->l_name), true};
  return {"/proc/self/exe", false};
}

}  // namespace ainode
