// SPDX-License-Identifier: Apache-2.0
#include "base/cms.h"

#include <fmt/format.h>
#include <openssl/asn1.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include <climits>

#include "base/crypto.h"
#include "base/handle.h"

namespace ainode {

namespace {

using Bio = Handle<BIO, BIO_free_all>;
using Message = Handle<CMS_ContentInfo, CMS_ContentInfo_free>;

std::string text_of(const X509_NAME* name) {
  const Bio out(BIO_new(BIO_s_mem()));
  if (!out || X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253) < 0) return "";
  char* start = nullptr;
  const long size = BIO_get_mem_data(out.get(), &start);
  return size > 0 ? std::string(start, static_cast<std::size_t>(size)) : "";
}

std::string der_of(const X509_NAME* name) {
  unsigned char* bytes = nullptr;
  const int size = i2d_X509_NAME(name, &bytes);
  std::string der = size > 0 ? std::string(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)) : "";
  OPENSSL_free(bytes);
  return der;
}

std::string hex_of(const ASN1_STRING* value) {
  if (!value) return "";
  return to_hex({reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                 static_cast<std::size_t>(ASN1_STRING_length(value))});
}

}  // namespace

std::string CmsSigner::name() const {
  if (!key_id.empty()) return "key " + key_id;
  return serial.empty() ? "nobody" : fmt::format("{}, serial {}", issuer, serial);
}

std::vector<CmsSigner> cms_signers(std::string_view der) {
  std::vector<CmsSigner> signers;
  if (der.size() > LONG_MAX) return signers;
  const auto* start = reinterpret_cast<const unsigned char*>(der.data());
  const Message message(d2i_CMS_ContentInfo(nullptr, &start, static_cast<long>(der.size())));
  STACK_OF(CMS_SignerInfo)* infos = message ? CMS_get0_SignerInfos(message.get()) : nullptr;
  for (int i = 0; infos && i < sk_CMS_SignerInfo_num(infos); ++i) {
    ASN1_OCTET_STRING* key_id = nullptr;
    X509_NAME* issuer = nullptr;
    ASN1_INTEGER* serial = nullptr;
    if (CMS_SignerInfo_get0_signer_id(sk_CMS_SignerInfo_value(infos, i), &key_id, &issuer, &serial) != 1) continue;
    signers.push_back({issuer ? text_of(issuer) : "", hex_of(serial), hex_of(key_id), issuer ? der_of(issuer) : ""});
  }
  ERR_clear_error();
  return signers;
}

}  // namespace ainode
