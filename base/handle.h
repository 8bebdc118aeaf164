// SPDX-License-Identifier: Apache-2.0
// Ownership of C objects through one template.
#pragma once

#include <memory>

namespace ainode {

template <auto release>
struct Releaser {
  template <class T>
  void operator()(T* pointer) const noexcept {
    if (pointer) release(pointer);
  }
};

/// `using Curl = Handle<CURL, curl_easy_cleanup>;`
template <class T, auto release>
using Handle = std::unique_ptr<T, Releaser<release>>;

}  // namespace ainode
