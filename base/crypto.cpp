// SPDX-License-Identifier: Apache-2.0
// Hashes, signatures and encodings: each OpenSSL return code becomes an Error here and goes no further.
#include "base/crypto.h"

#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/handle.h"

namespace ainode {
namespace {

using DigestContext = Handle<EVP_MD_CTX, EVP_MD_CTX_free>;
using Key = Handle<EVP_PKEY, EVP_PKEY_free>;
using KeyContext = Handle<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using Bio = Handle<BIO, BIO_free_all>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes_of(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}

void require(bool succeeded, const std::string& action) {
  if (succeeded) return;
  char reason[256];
  ERR_error_string_n(ERR_get_error(), reason, sizeof reason);
  ERR_clear_error();
  throw Error(codes::crypto_failed, "OpenSSL could not " + action + ": " + reason);
}

Bio memory_bio(std::string_view text) {
  Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  require(bio != nullptr, "read a key from memory");
  return bio;
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

// An encrypted key must be refused; without this, OpenSSL would ask for a passphrase on the terminal.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

std::string raw_public_of(EVP_PKEY* key) {
  std::string raw(32, '\0');
  std::size_t size = raw.size();
  require(EVP_PKEY_get_raw_public_key(key, bytes_of(raw), &size) == 1 && size == 32, "read a public key");
  return raw;
}

bool is_p256(EVP_PKEY* key) {
  char group[64] = "";
  std::size_t size = 0;
  return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC && EVP_PKEY_get_group_name(key, group, sizeof group, &size) == 1 &&
         std::string_view(group) == "prime256v1";
}

std::string digest_with(const EVP_MD* method, std::string_view bytes) {
  std::string digest(static_cast<std::size_t>(EVP_MD_get_size(method)), '\0');
  require(EVP_Digest(bytes.data(), bytes.size(), bytes_of(digest), nullptr, method, nullptr) == 1, "hash");
  return digest;
}

int hex_value(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  return -1;
}

}  // namespace

struct Sha256::State {
  DigestContext context{EVP_MD_CTX_new()};
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  require(state_->context && EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr) == 1, "start a hash");
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

Sha256& Sha256::update(std::string_view bytes) {
  require(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1, "hash");
  return *this;
}

Digest Sha256::finish() {
  Digest digest{};
  EVP_MD_CTX* context = state_->context.get();
  require(EVP_DigestFinal_ex(context, digest.data(), nullptr) == 1, "finish a hash");
  require(EVP_DigestInit_ex(context, nullptr, nullptr) == 1, "start a hash");
  return digest;
}

std::string Sha256::finish_hex() {
  return to_hex(finish());
}

std::string sha256_hex(std::string_view bytes) {
  return Sha256().update(bytes).finish_hex();
}

std::string sha256_hex_of_file(const std::filesystem::path& path) {
  const Descriptor file = open_file(path, O_RDONLY);
  std::string buffer(std::size_t{1} << 18, '\0');
  Sha256 hash;
  for (;;) {
    const ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw system_error("read " + path.string(), errno);
    if (count == 0) return hash.finish_hex();
    hash.update({buffer.data(), static_cast<std::size_t>(count)});
  }
}

std::string to_hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(bytes.size() * 2);
  for (const char byte : bytes) {
    const auto value = static_cast<unsigned char>(byte);
    hex += kDigits[value >> 4];
    hex += kDigits[value & 15];
  }
  return hex;
}

std::string to_hex(const Digest& digest) {
  return to_hex(std::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()));
}

std::string from_hex(std::string_view hex) {
  if (hex.size() % 2 != 0) throw Error(codes::bad_value, "hexadecimal text with an odd number of digits");
  std::string bytes;
  bytes.reserve(hex.size() / 2);
  for (std::size_t at = 0; at < hex.size(); at += 2) {
    const int high = hex_value(hex[at]), low = hex_value(hex[at + 1]);
    if (high < 0 || low < 0)
      throw Error(codes::bad_value, "`" + printable(hex.substr(at, 2)) + "` is not a lower-case hexadecimal byte");
    bytes += static_cast<char>(high << 4 | low);
  }
  return bytes;
}

std::string to_base64(std::string_view bytes) {
  // EVP_EncodeBlock writes a terminating NUL beyond the text.
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  text.resize(
      static_cast<std::size_t>(EVP_EncodeBlock(bytes_of(text), bytes_of(bytes), static_cast<int>(bytes.size()))));
  return text;
}

std::string from_base64(std::string_view text) {
  std::string bytes(text.size() / 4 * 3, '\0');
  int size = 0;
  if (text.size() % 4 == 0 && !text.empty())
    size = EVP_DecodeBlock(bytes_of(bytes), bytes_of(text), static_cast<int>(text.size()));
  if (size >= 0) {
    const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
    bytes.resize(static_cast<std::size_t>(size) - (size > 0 ? padding : 0));
    // OpenSSL skips spaces and ignores stray bits; only the text that we would write ourselves is canonical.
    if (to_base64(bytes) == text) return bytes;
  }
  ERR_clear_error();
  throw Error(codes::bad_value, "`" + printable(text.substr(0, 80)) + "` is not canonical base64");
}

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  require(RAND_bytes(bytes_of(bytes), static_cast<int>(count)) == 1, "make random bytes");
  return bytes;
}

std::string uuid_v5(std::string_view name) {
  static constexpr std::string_view kNamespace("\x6a\x1d\x0e\x52\x7c\x0b\x4f\x38\x9b\xd1\x2e\x55\xa4\x90\xc3\x17", 16);
  std::string uuid = digest_with(EVP_sha1(), std::string(kNamespace) + std::string(name)).substr(0, 16);
  uuid[6] = static_cast<char>((uuid[6] & 0x0f) | 0x50);
  uuid[8] = static_cast<char>((uuid[8] & 0x3f) | 0x80);
  std::string text = to_hex(uuid);
  for (const std::size_t at : {20, 16, 12, 8}) text.insert(at, 1, '-');
  return text;
}

struct PrivateKey::State {
  Key key;
};

PrivateKey::PrivateKey(std::unique_ptr<State> state) : state_(std::move(state)) {}
PrivateKey::~PrivateKey() = default;
PrivateKey::PrivateKey(PrivateKey&&) noexcept = default;

PrivateKey PrivateKey::generate_ed25519() {
  Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  require(key != nullptr, "make an ed25519 key");
  return PrivateKey(std::make_unique<State>(State{std::move(key)}));
}

PrivateKey PrivateKey::generate_p256() {
  Key key(EVP_EC_gen("P-256"));
  require(key != nullptr, "make an ECDSA P-256 key");
  return PrivateKey(std::make_unique<State>(State{std::move(key)}));
}

PrivateKey PrivateKey::from_pem(std::string_view pem, const std::string& origin) {
  if (pem.find("ENCRYPTED") != std::string_view::npos)
    throw Error(codes::key_malformed, origin + " is encrypted")
        .help("store the key without a passphrase, in a file that only its owner can read");
  Key key(PEM_read_bio_PrivateKey(memory_bio(pem).get(), nullptr, no_passphrase, nullptr));
  ERR_clear_error();
  if (!key) throw Error(codes::key_malformed, origin + " does not hold a private key in PEM (PKCS#8)");
  if (EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_ED25519 && !is_p256(key.get()))
    throw Error(codes::key_malformed, origin + " is neither an ed25519 nor an ECDSA P-256 key");
  return PrivateKey(std::make_unique<State>(State{std::move(key)}));
}

std::string PrivateKey::pem() const {
  Bio bio(BIO_new(BIO_s_secmem()));
  require(bio && PEM_write_bio_PKCS8PrivateKey(bio.get(), state_->key.get(), nullptr, nullptr, 0, nullptr, nullptr),
          "write a private key");
  return text_of(bio.get());
}

std::string PrivateKey::public_pem() const {
  Bio bio(BIO_new(BIO_s_mem()));
  require(bio && PEM_write_bio_PUBKEY(bio.get(), state_->key.get()) == 1, "write a public key");
  return text_of(bio.get());
}

std::string PrivateKey::raw_public() const {
  return raw_public_of(state_->key.get());
}

bool PrivateKey::is_ed25519() const {
  return EVP_PKEY_get_base_id(state_->key.get()) == EVP_PKEY_ED25519;
}

std::string PrivateKey::sign(std::string_view message) const {
  const DigestContext context(EVP_MD_CTX_new());
  // Ed25519 hashes by itself; naming a digest would ask for another scheme.
  const EVP_MD* method = is_ed25519() ? nullptr : EVP_sha256();
  std::size_t size = 0;
  require(context && EVP_DigestSignInit(context.get(), nullptr, method, nullptr, state_->key.get()) == 1 &&
              EVP_DigestSign(context.get(), nullptr, &size, bytes_of(message), message.size()) == 1,
          "start a signature");
  std::string signature(size, '\0');
  require(EVP_DigestSign(context.get(), bytes_of(signature), &size, bytes_of(message), message.size()) == 1, "sign");
  signature.resize(size);
  return signature;
}

bool ed25519_verifies(std::string_view raw_public_key, std::string_view message, std::string_view signature) {
  if (raw_public_key.size() != 32 || signature.size() != 64) return false;
  const Key key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(raw_public_key), 32));
  const DigestContext context(EVP_MD_CTX_new());
  const bool verifies =
      key && context && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
      EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(message), message.size()) == 1;
  ERR_clear_error();
  return verifies;
}

std::string ed25519_public_from_pem(std::string_view pem, const std::string& origin) {
  const Key key(PEM_read_bio_PUBKEY(memory_bio(pem).get(), nullptr, no_passphrase, nullptr));
  ERR_clear_error();
  if (!key) throw Error(codes::key_malformed, origin + " does not hold a public key in PEM");
  if (EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_ED25519)
    throw Error(codes::key_malformed, origin + " is not an ed25519 public key");
  return raw_public_of(key.get());
}

std::string hmac_sha256(std::string_view key, std::string_view message) {
  std::string code(32, '\0');
  unsigned size = 0;
  require(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(message), message.size(),
               bytes_of(code), &size) != nullptr,
          "make an HMAC");
  return code;
}

}  // namespace ainode
