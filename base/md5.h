// SPDX-License-Identifier: Apache-2.0
// MD5, only because dpkg's database names configuration files by it. Nothing here trusts it.
#pragma once

#include <string>
#include <string_view>

namespace ainode {

std::string md5_hex(std::string_view bytes);

}  // namespace ainode
