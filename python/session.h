// SPDX-License-Identifier: Apache-2.0
// The class that keeps a booted guest.
#pragma once

#include <pybind11/pybind11.h>

namespace ainode::python {

void define_session(pybind11::module_& module);

}  // namespace ainode::python
