// SPDX-License-Identifier: Apache-2.0
// A call that may take long: the work has a thread of its own, and Python's threads go on meanwhile.
#pragma once

#include <pybind11/pybind11.h>

#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/json.h"
#include "base/steps.h"

namespace ainode::python {

/// An error that another program reported: what error_json gave there.
struct Reported {
  Json error;
};

/// A class of Python's own kind: pybind11's serves static properties, and a stub cannot name it.
inline pybind11::metaclass plain_class() {
  return pybind11::metaclass(reinterpret_cast<PyObject*>(&PyType_Type));
}

/// Runs `work` on a new thread, and waits for its end without the GIL. The calling thread, which has the GIL on entry
/// and on return, looks every tenth of a second for Python's signals, and gives events to `on_event` (a callable, or
/// None) as (kind, step, text, done, total, unit, seconds). What a signal's handler or the callable raises interrupts
/// the work (AnswersFlag), waits for its end and is thrown; an Error becomes the exception of ainode.errors.
/// `jobs` of 0: all processors.
void call(const pybind11::object& on_event, int jobs, const std::function<void(RunContext& run)>& work);

/// The same for work that gives an answer.
template <class Work>
auto answer_of(const pybind11::object& on_event, int jobs, const Work& work) {
  std::optional<std::invoke_result_t<Work, RunContext&>> answer;
  call(on_event, jobs, [&](RunContext& run) { answer.emplace(work(run)); });
  return *std::move(answer);
}

}  // namespace ainode::python
