// SPDX-License-Identifier: Apache-2.0
// How one part of a recipe is laid over another.
#pragma once

#include "builder/recipe/mistakes.h"

namespace ainode {

/// `over` laid over `base`; values keep the places where they were written. Mappings merge by key, scalars replace,
/// lists append (an item that stands in both counts once, at its later place), lists of mappings merge by `id`, `name`
/// or `path`; `arch` is replaced, and of keys that exclude each other (kernel.package and kernel.source; a file's
/// source and text) the one in `over` stays. A list's edit takes its place: `{replace: […]}`, or `{remove: […], append:
/// […]}`. Removing what is not there is a mistake.
///
/// Without edits, and where the two agree on what is a mapping and what a list, merging is associative.
YamlNode merge(Mistakes& mistakes, YamlNode base, const YamlNode& over);

}  // namespace ainode
