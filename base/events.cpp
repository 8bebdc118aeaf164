// SPDX-License-Identifier: Apache-2.0
// The sink that swallows everything.
#include "base/events.h"

namespace ainode {

EventSink& silent_events() {
  struct Silent : EventSink {
    void on_event(const Event&) override {}
  };
  static Silent silent;
  return silent;
}

}  // namespace ainode
