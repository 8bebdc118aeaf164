// SPDX-License-Identifier: Apache-2.0
// MD5 by OpenSSL.
#include "base/md5.h"

#include <openssl/evp.h>

#include <array>
#include <stdexcept>

#include "base/crypto.h"

namespace ainode {

std::string md5_hex(std::string_view bytes) {
  std::array<char, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(digest.data()), &size, EVP_md5(),
                 nullptr) != 1) {
    throw std::runtime_error("OpenSSL offers no MD5");
  }
  return to_hex(std::string_view(digest.data(), size));
}

}  // namespace ainode
