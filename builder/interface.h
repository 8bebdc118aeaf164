// SPDX-License-Identifier: Apache-2.0
// What the command line and Python use of the builder: the inner folders' entry points, and no more.
#pragma once

#include "builder/build_image.h"
#include "builder/cache.h"
#include "builder/diff_images.h"
#include "builder/explain_package.h"
#include "builder/explain_path.h"
#include "builder/image_directory.h"
#include "builder/outputs/outputs.h"
#include "builder/plan_build.h"
#include "builder/rebuild_image.h"
#include "builder/recipe/load_recipe.h"
#include "builder/recipe/new_recipe.h"
#include "builder/recipe/schema.h"
#include "builder/recipe/show_recipe.h"
#include "builder/sandbox/sandbox.h"
#include "builder/trusted_keys.h"
#include "builder/update_lock.h"
#include "builder/vendor_packages.h"
