// SPDX-License-Identifier: Apache-2.0
// Hashes, signatures and encodings, over OpenSSL.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace ainode {

using Digest = std::array<std::uint8_t, 32>;

/// Incremental SHA-256 (OpenSSL's, which uses the processor's instructions).
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  Sha256& update(std::string_view bytes);
  Digest finish();  ///< and starts anew
  std::string finish_hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha256_hex(std::string_view bytes);
std::string sha256_hex_of_file(const std::filesystem::path& path);

std::string to_hex(std::string_view bytes);
std::string to_hex(const Digest& digest);
std::string from_hex(std::string_view hex);  ///< throws bad_value
std::string to_base64(std::string_view bytes);
std::string from_base64(std::string_view text);  ///< canonical base64 only; throws bad_value
std::string random_bytes(std::size_t count);
/// RFC 4122 version 5 over the DNS-free namespace of ainode; deterministic.
std::string uuid_v5(std::string_view name);

/// A private key in memory (Ed25519 or ECDSA P-256).
class PrivateKey {
 public:
  static PrivateKey generate_ed25519();
  static PrivateKey generate_p256();
  /// PEM (PKCS#8), not encrypted. `origin` names it in errors (key_malformed).
  static PrivateKey from_pem(std::string_view pem, const std::string& origin);
  ~PrivateKey();
  PrivateKey(PrivateKey&&) noexcept;

  std::string pem() const;
  std::string public_pem() const;
  std::string raw_public() const;  ///< Ed25519: 32 bytes
  bool is_ed25519() const;
  std::string sign(std::string_view message) const;  ///< Ed25519: 64 raw bytes

 private:
  struct State;
  explicit PrivateKey(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

bool ed25519_verifies(std::string_view raw_public_key, std::string_view message, std::string_view signature);
/// The 32 raw bytes of an Ed25519 public key in PEM; throws key_malformed naming `origin`.
std::string ed25519_public_from_pem(std::string_view pem, const std::string& origin);
/// HMAC-SHA-256, 32 raw bytes.
std::string hmac_sha256(std::string_view key, std::string_view message);

}  // namespace ainode
