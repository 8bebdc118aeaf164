// SPDX-License-Identifier: Apache-2.0
// The kernel of a tree.
#include <fmt/format.h>

#include "base/error.h"
#include "builder/stages/stages.h"

namespace ainode {

Kernel find_kernel(const Tree& tree, const std::vector<LockedPackage>& packages) {
  const TreeDirectory* modules = tree.directory("usr/lib/modules");
  const std::size_t count = modules ? modules->directories.size() : 0;
  if (count != 1) {
    throw Error(codes::kernel_missing,
                fmt::format("the tree holds {} kernels under /usr/lib/modules; an image has one", count))
        .help("name one kernel package under `kernel: {package: …}` and exclude others");
  }
  Kernel kernel;
  kernel.release = modules->directories.begin()->first;
  kernel.image_path = "usr/lib/modules/" + kernel.release + "/vmlinuz";
  if (!tree.file(kernel.image_path)) kernel.image_path = "boot/vmlinuz-" + kernel.release;
  const TreeDirectory::File* image = tree.file(kernel.image_path);
  if (!image)
    throw Error(codes::kernel_missing,
                fmt::format("the tree has modules of kernel {}, but no kernel image", kernel.release));
  for (const LockedPackage& package : packages) {
    const bool is_kernel_package =
        package.name == "linux-image-" + kernel.release || package.name == "linux-binary-" + kernel.release;
    if (is_kernel_package) kernel.package = package.name, kernel.version = package.version;
  }
  return kernel;
}

}  // namespace ainode
