#include "relay/tls_record.hpp"

#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

#include "unit/relay/last_words.hpp"

namespace pgsteer::relay {
namespace {

using namespace std::string_literals;
using testing::terminate;

template <auto Free>
struct freed_by {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using context = std::unique_ptr<SSL_CTX, freed_by<SSL_CTX_free>>;
using connection = std::unique_ptr<SSL, freed_by<SSL_free>>;
using key = std::unique_ptr<EVP_PKEY, freed_by<EVP_PKEY_free>>;
using certificate = std::unique_ptr<X509, freed_by<X509_free>>;

struct cipher_case {
  int version;
  const char* cipher;
};

// A client and a server of OpenSSL's that talk in memory.
class tls_pair {
 public:
  explicit tls_pair(const cipher_case& wanted)
      : server_context_(SSL_CTX_new(TLS_server_method())), client_context_(SSL_CTX_new(TLS_client_method())) {
    const key own_key(EVP_RSA_gen(2048));
    const certificate own(X509_new());
    X509_set_pubkey(own.get(), own_key.get());
    X509_gmtime_adj(X509_getm_notBefore(own.get()), 0);
    X509_gmtime_adj(X509_getm_notAfter(own.get()), 3600);
    X509_sign(own.get(), own_key.get(), EVP_sha256());
    SSL_CTX_use_certificate(server_context_.get(), own.get());
    SSL_CTX_use_PrivateKey(server_context_.get(), own_key.get());
    for (SSL_CTX* each : {server_context_.get(), client_context_.get()}) {
      SSL_CTX_set_min_proto_version(each, wanted.version);
      SSL_CTX_set_max_proto_version(each, wanted.version);
      const bool is_new = wanted.version == TLS1_3_VERSION;
      EXPECT_EQ(is_new ? SSL_CTX_set_ciphersuites(each, wanted.cipher)
                       : SSL_CTX_set_cipher_list(each, wanted.cipher),
                1);
    }
    server_.reset(SSL_new(server_context_.get()));
    client_.reset(SSL_new(client_context_.get()));
    for (SSL* each : {server_.get(), client_.get()})
      SSL_set_bio(each, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_accept_state(server_.get());
    SSL_set_connect_state(client_.get());
    for (int round = 0; round < 10 && !is_ready(); ++round) {
      SSL_do_handshake(client_.get());
      give(server_.get(), take(client_.get()));
      SSL_do_handshake(server_.get());
      give(client_.get(), take(server_.get()));
    }
  }

  [[nodiscard]] bool is_ready() const {
    return SSL_is_init_finished(client_.get()) == 1 && SSL_is_init_finished(server_.get()) == 1;
  }
  // What the client sends for it.
  [[nodiscard]] std::string written(const std::string& bytes) {
    SSL_write(client_.get(), bytes.data(), static_cast<int>(bytes.size()));
    return take(client_.get());
  }
  [[nodiscard]] std::string closed() {
    SSL_shutdown(client_.get());
    return take(client_.get());
  }

 private:
  static std::string take(SSL* from) {
    std::string bytes(BIO_ctrl_pending(SSL_get_wbio(from)), '\0');
    if (!bytes.empty()) BIO_read(SSL_get_wbio(from), bytes.data(), static_cast<int>(bytes.size()));
    return bytes;
  }
  static void give(SSL* to, const std::string& bytes) {
    if (!bytes.empty()) BIO_write(SSL_get_rbio(to), bytes.data(), static_cast<int>(bytes.size()));
  }

  context server_context_;
  context client_context_;
  connection server_;
  connection client_;
};

tls_content kind_of(const std::string& bytes) {
  return last_tls_record(as_bytes(bytes)).what;
}

TEST(TlsRecord, IsToldByWhatEachCipherMakesOfIt) {
  const cipher_case cases[] = {
      {TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384"},       {TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256"},
      {TLS1_3_VERSION, "TLS_CHACHA20_POLY1305_SHA256"}, {TLS1_2_VERSION, "ECDHE-RSA-AES256-GCM-SHA384"},
      {TLS1_2_VERSION, "ECDHE-RSA-CHACHA20-POLY1305"},  {TLS1_2_VERSION, "ECDHE-RSA-AES128-SHA"},
      {TLS1_2_VERSION, "ECDHE-RSA-AES128-SHA256"},      {TLS1_2_VERSION, "ECDHE-RSA-AES256-SHA384"},
  };
  for (const cipher_case& now : cases) {
    SCOPED_TRACE(now.cipher);
    tls_pair tls(now);
    ASSERT_TRUE(tls.is_ready());
    const std::string commit = tls.written(
        "Q\0\0\0\xb"
        "commit\0"s);
    const std::string data = tls.written(std::string(5'000, 'd'));
    const std::string last = tls.written(terminate);
    const std::string alert = tls.closed();
    EXPECT_EQ(kind_of(data), tls_content::other);
    EXPECT_EQ(kind_of(last), tls_content::five_bytes);
    EXPECT_EQ(kind_of(alert), tls_content::alert);
    const std::uint8_t ciphers = last_tls_record(as_bytes(alert)).ciphers;
    EXPECT_EQ(last_tls_record(as_bytes(last)).ciphers, ciphers);
    const tls_record of_commit = last_tls_record(as_bytes(commit));
    const bool is_block_cipher =
        last.size() == alert.size();  // what five bytes and eleven bytes are padded to
    EXPECT_EQ(of_commit.what == tls_content::five_bytes && of_commit.ciphers == ciphers, is_block_cipher);
    EXPECT_EQ(last_tls_record(as_bytes(last)).bytes, last.size());
    EXPECT_EQ(last_tls_record(as_bytes(last + alert)).bytes, alert.size());
    EXPECT_EQ(kind_of(last + alert), tls_content::alert);
    EXPECT_EQ(kind_of(alert + last), tls_content::five_bytes);
    for (const std::string& record : {last, alert}) {
      for (std::size_t cut = 1; cut < record.size(); ++cut) {
        EXPECT_EQ(kind_of(record.substr(0, cut)), tls_content::other);
        EXPECT_EQ(kind_of(record.substr(cut)), tls_content::other);
      }
    }
  }
  EXPECT_EQ(kind_of({}), tls_content::other);
}

}  // namespace
}  // namespace pgsteer::relay
