// SPDX-License-Identifier: Apache-2.0
#include "base/certificate.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <array>
#include <climits>

#include "base/handle.h"

namespace ainode {

namespace {

using Bio = Handle<BIO, BIO_free_all>;

void free_all(STACK_OF(X509_INFO) * parts) {
  sk_X509_INFO_pop_free(parts, X509_INFO_free);
}
using Parts = Handle<STACK_OF(X509_INFO), free_all>;

}  // namespace

std::optional<CertificateName> name_of_only_certificate(std::string_view pem) {
  if (pem.size() > INT_MAX) return std::nullopt;
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const Parts parts(bio ? PEM_X509_INFO_read_bio(bio.get(), nullptr, nullptr, nullptr) : nullptr);
  ERR_clear_error();
  if (!parts || sk_X509_INFO_num(parts.get()) != 1) return std::nullopt;
  const X509_INFO* only = sk_X509_INFO_value(parts.get(), 0);
  if (!only->x509 || only->crl || only->x_pkey) return std::nullopt;
  int is_hashed = 0;
  const unsigned long hash = X509_NAME_hash_ex(X509_get_subject_name(only->x509), nullptr, nullptr, &is_hashed);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (!is_hashed || X509_digest(only->x509, EVP_sha1(), digest.data(), &size) != 1) return std::nullopt;
  return CertificateName{fmt::format("{:08x}", hash & 0xffffffffUL),
                         {reinterpret_cast<const char*>(digest.data()), size}};
}

}  // namespace ainode
