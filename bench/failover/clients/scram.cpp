#include "clients/scram.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace pgsteer::bench {
namespace {

using digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string text_of(const digest& value) {
  return {reinterpret_cast<const char*>(value.data()), value.size()};
}

std::string hmac(std::string_view key, std::string_view data) {
  digest out{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(data), data.size(), out.data(),
       &size);
  return text_of(out);
}

std::string sha256(std::string_view data) {
  digest out{};
  SHA256(bytes_of(data), data.size(), out.data());
  return text_of(out);
}

std::string to_base64(std::string_view data) {
  std::string out(4 * ((data.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes_of(data),
                                   static_cast<int>(data.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  std::string out(text.size(), '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes_of(text),
                                   static_cast<int>(text.size()));
  if (size < 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  out.resize(static_cast<std::size_t>(size) - padding);
  return out;
}

// The value of one "k=..." attribute of a SCRAM message.
std::string_view attribute(std::string_view message, char key) {
  for (std::size_t at = 0; at < message.size();) {
    const std::size_t end = std::min(message.find(',', at), message.size());
    if (end - at > 1 && message[at] == key && message[at + 1] == '=')
      return message.substr(at + 2, end - at - 2);
    at = end + 1;
  }
  return {};
}

}  // namespace

const scram_keys& scram_key_cache::keys_for(const std::string& salt, int iterations) {
  scram_keys& keys = known_[{salt, iterations}];
  if (keys.client.empty()) {
    digest salted{};
    PKCS5_PBKDF2_HMAC(password_.data(), static_cast<int>(password_.size()), bytes_of(salt),
                      static_cast<int>(salt.size()), iterations, EVP_sha256(), SHA256_DIGEST_LENGTH,
                      salted.data());
    keys.client = hmac(text_of(salted), "Client Key");
    keys.stored = sha256(keys.client);
    keys.server = hmac(text_of(salted), "Server Key");
  }
  return keys;
}

scram_conversation::scram_conversation(scram_key_cache& keys) : keys_(keys) {
  std::array<unsigned char, 18> random{};  // 24 characters of base64, as libpq's
  RAND_bytes(random.data(), static_cast<int>(random.size()));
  nonce_ = to_base64({reinterpret_cast<const char*>(random.data()), random.size()});
}

std::string scram_conversation::first_message() const {
  return "n,,n=,r=" + nonce_;
}

std::optional<std::string> scram_conversation::final_message(std::string_view server_first) {
  const std::string nonce(attribute(server_first, 'r'));
  const auto salt = from_base64(attribute(server_first, 's'));
  const int iterations = std::atoi(std::string(attribute(server_first, 'i')).c_str());
  if (!nonce.starts_with(nonce_) || !salt || iterations <= 0) return std::nullopt;
  const scram_keys& keys = keys_.keys_for(*salt, iterations);
  const std::string without_proof = "c=biws,r=" + nonce;
  const std::string signed_text = "n=,r=" + nonce_ + "," + std::string(server_first) + "," + without_proof;
  std::string proof = hmac(keys.stored, signed_text);
  for (std::size_t i = 0; i < proof.size(); ++i) proof[i] = static_cast<char>(proof[i] ^ keys.client[i]);
  server_signature_ = hmac(keys.server, signed_text);
  return without_proof + ",p=" + to_base64(proof);
}

bool scram_conversation::is_server_proven(std::string_view server_final) const {
  return from_base64(attribute(server_final, 'v')) == server_signature_;
}

}  // namespace pgsteer::bench
