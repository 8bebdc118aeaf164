// SPDX-License-Identifier: Apache-2.0
// X.509 certificates, as far as directories of trusted ones name them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ainode {

/// What openssl-rehash(1) makes a link's name of.
struct CertificateName {
  std::string subject_hash;  ///< X509_NAME_hash(3): 8 hex digits
  std::string fingerprint;   ///< SHA-1 of the whole certificate, 20 raw bytes; tells a copy from a namesake
};

/// Of a PEM text that holds exactly one certificate and nothing else that openssl-rehash(1) would count; else nothing.
std::optional<CertificateName> name_of_only_certificate(std::string_view pem);

}  // namespace ainode
