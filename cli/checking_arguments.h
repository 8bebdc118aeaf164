// SPDX-License-Identifier: Apache-2.0
// What verbs that run checks have in common.
#pragma once

#include <CLI/CLI.hpp>

#include "validators/validate.h"

namespace ainode::cli {

/// --profile, --check, --level, --evidence, --qemu, --append and the deadlines. The options fill `options`, which must
/// outlive the parser.
void declare_checking(CLI::App& app, ValidateOptions& options);

}  // namespace ainode::cli
