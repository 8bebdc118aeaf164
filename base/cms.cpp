// SPDX-License-Identifier: Apache-2.0
#include "base/cms.h"

#include <fmt/format.h>
#include <openssl/asn1.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include <algorithm>
#include <climits>

#include "base/crypto.h"
#include "base/handle.h"

namespace ainode {

namespace {

constexpr std::size_t kLongest = 8192;  // bytes of a certificate

using Bio = Handle<BIO, BIO_free_all>;
using Message = Handle<CMS_ContentInfo, CMS_ContentInfo_free>;
using Certificate = Handle<X509, X509_free>;

void free_list(STACK_OF(X509) * list) {
  sk_X509_free(list);
}
using CertificateList = Handle<STACK_OF(X509), free_list>;

Message read_message(std::string_view der) {
  if (der.size() > LONG_MAX) return nullptr;
  const auto* start = reinterpret_cast<const unsigned char*>(der.data());
  return Message(d2i_CMS_ContentInfo(nullptr, &start, static_cast<long>(der.size())));
}

/// What stands at the bytes' start; there may be more behind it.
Certificate read_certificate(std::string_view bytes) {
  const auto* start = reinterpret_cast<const unsigned char*>(bytes.data());
  return Certificate(d2i_X509(nullptr, &start, static_cast<long>(std::min<std::size_t>(bytes.size(), kLongest))));
}

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

/// Behind a filter that changes nothing: of bare memory CMS_verify() makes a copy, which it loses when a message is
/// malformed.
Bio reader_of(std::string_view content) {
  Bio filter(BIO_new(BIO_f_null()));
  Bio memory(content.size() > INT_MAX ? nullptr : BIO_new_mem_buf(content.data(), static_cast<int>(content.size())));
  if (!filter || !memory) return nullptr;
  BIO_push(filter.get(), memory.release());
  return filter;
}

bool is_of(const X509* certificate, const CmsSigner& signer) {
  if (!signer.key_id.empty()) return hex_of(X509_get0_subject_key_id(const_cast<X509*>(certificate))) == signer.key_id;
  return hex_of(X509_get0_serialNumber(certificate)) == signer.serial &&
         der_of(X509_get_issuer_name(certificate)) == signer.issuer_der;
}

}  // namespace

std::string CmsSigner::name() const {
  if (!key_id.empty()) return "key " + key_id;
  return serial.empty() ? "nobody" : fmt::format("{}, serial {}", issuer, serial);
}

std::vector<CmsSigner> cms_signers(std::string_view der) {
  std::vector<CmsSigner> signers;
  const Message message = read_message(der);
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

std::string find_certificate(std::string_view bytes, const CmsSigner& signer) {
  constexpr std::string_view kSequence = "\x30\x82";  // longer than 255 bytes, as every certificate is
  const std::string mark = signer.key_id.empty() ? signer.issuer_der : from_hex(signer.key_id);
  std::string found;
  for (std::size_t at = mark.empty() ? mark.npos : bytes.find(mark); at != bytes.npos && found.empty();
       at = bytes.find(mark, at + 1)) {
    for (std::size_t start = bytes.rfind(kSequence, at); start != bytes.npos && at - start < kLongest && found.empty();
         start = start == 0 ? bytes.npos : bytes.rfind(kSequence, start - 1)) {
      const Certificate certificate = read_certificate(bytes.substr(start));
      if (certificate && is_of(certificate.get(), signer))
        found = bytes.substr(start, static_cast<std::size_t>(i2d_X509(certificate.get(), nullptr)));
    }
  }
  ERR_clear_error();
  return found;
}

bool is_signed_by(std::string_view der, std::string_view content, std::string_view certificate) {
  const Message message = read_message(der);
  const Certificate signer = read_certificate(certificate);
  const CertificateList list(sk_X509_new_null());
  const Bio bytes = reader_of(content);
  const bool holds = message && signer && list && bytes && sk_X509_push(list.get(), signer.get()) > 0 &&
                     CMS_verify(message.get(), list.get(), nullptr, bytes.get(), nullptr,
                                CMS_BINARY | CMS_DETACHED | CMS_NOINTERN | CMS_NO_SIGNER_CERT_VERIFY) == 1;
  ERR_clear_error();
  return holds;
}

}  // namespace ainode
