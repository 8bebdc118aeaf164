// SPDX-License-Identifier: Apache-2.0
// What update-ca-certificates(8) makes of a fresh tree, without its nine hundred processes.
#pragma once

#include <optional>
#include <string_view>

#include "builder/stages/generators.h"

namespace ainode {

/// The links and the bundle below /etc/ssl/certs, as the script and openssl-rehash(1) make them where nothing lies
/// there yet. Nothing when anything is not as this knows it (another script, local certificates, hooks, links among the
/// certificates): the program itself makes them then. Within a Transaction.
std::optional<Generated> make_certificates(Store& store, const Tree& tree);
/// The same for a script of another SHA-256 (hex digits) that is known to do the same.
std::optional<Generated> make_certificates_as(Store& store, const Tree& tree, std::string_view known_script);

}  // namespace ainode
