// SPDX-License-Identifier: Apache-2.0
// Short enough to be read whole; every line can be kept.
#include "builder/recipe/new_recipe.h"

#include <fmt/format.h>

#include "base/error.h"
#include "builder/recipe/rules.h"

namespace ainode {

namespace {

constexpr const char* kOwn = R"(# yaml-language-server: $schema={schema}
# `ainode check {name}` tells all mistakes, `ainode build {name} --out out/{name}` builds it.
ainode: 1
name: {name}
summary: What this node is for
arch: [amd64]

# Distribution, suite, components. The mirror is the host's: see --mirror.
repositories:
  - {{id: main, distribution: debian, suite: trixie, components: [main]}}
  - {{id: security, distribution: debian-security, suite: trixie-security, components: [main]}}

packages:
  recommends: false
  include: [systemd-sysv, udev, dbus, kmod, iproute2, ostree-boot]

kernel:
  package: linux-image-cloud-amd64
  cmdline: [quiet, panic=10]

systemd: {{default-target: multi-user.target}}

disk:
  partitions:
    - {{id: esp, type: esp, fs: vfat, size: 256M, mount: /efi}}
    - {{id: root, type: root, fs: ext4, size: 3G, mount: /}}

# Keys are named here and made by `ainode key gen release`; until then a development key signs.
signing: {{ostree: {{openpgp: release, ed25519: release}}}}
outputs: {{ostree: {{ref: "ainode/{{arch}}/{{name}}"}}, disk: [qcow2]}}
validation: {{profile: [boot]}}
)";

constexpr const char* kExtending = R"(# yaml-language-server: $schema={schema}
# `ainode show {name} --origin` tells which file set each value, `ainode check {name}` all mistakes.
ainode: 1
name: {name}
summary: What this node is for

# Mappings merge, scalars replace, lists append; {{remove: […], append: […]}} or {{replace: […]}} in place of a list.
extends: ["{extends}"]

packages:
  include: []

# Chosen by {name}@debug.
variants:
  debug: {{packages: {{include: [strace]}}}}
)";

}  // namespace

std::string new_recipe(const std::string& name, const std::string& extends, const std::string& schema) {
  if (const std::string problem = check_name(name); !problem.empty())
    throw Error(codes::bad_value, fmt::format("`{}` cannot be a recipe's name", printable(name)))
        .help(fmt::format("{}; write lower-case letters, digits, `-`, `.` and `_`", problem));
  return fmt::format(fmt::runtime(extends.empty() ? kOwn : kExtending), fmt::arg("name", name),
                     fmt::arg("extends", extends), fmt::arg("schema", schema));
}

}  // namespace ainode
