#include "support/throwaway_ca.hpp"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <stdexcept>

namespace pgsteer::test {
namespace {

template <auto function>
struct freed_by {
  template <class T>
  void operator()(T* what) const noexcept {
    function(what);
  }
};
using key_ptr = std::unique_ptr<EVP_PKEY, freed_by<EVP_PKEY_free>>;
using certificate_ptr = std::unique_ptr<X509, freed_by<X509_free>>;
using memory_ptr = std::unique_ptr<BIO, freed_by<BIO_free>>;

template <class T>
T* made(T* what) {
  if (what == nullptr) throw std::runtime_error("OpenSSL: out of memory");
  return what;
}

void must(bool is_done) {
  if (!is_done) throw std::runtime_error("OpenSSL refuses to make a certificate");
}

std::string text_of(BIO* memory) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory, &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string pem_of(X509* certificate) {
  const memory_ptr memory(made(BIO_new(BIO_s_mem())));
  must(PEM_write_bio_X509(memory.get(), certificate) == 1);
  return text_of(memory.get());
}

std::string pem_of(EVP_PKEY* key) {
  const memory_ptr memory(made(BIO_new(BIO_s_mem())));
  must(PEM_write_bio_PrivateKey(memory.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return text_of(memory.get());
}

void extend(X509* certificate, X509* issuer, int which, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = made(X509V3_EXT_conf_nid(nullptr, &context, which, value.c_str()));
  const bool is_added = X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  must(is_added);
}

// Of subject, by issuer (null: by itself), not signed yet.
certificate_ptr draft(EVP_PKEY* key, const char* subject, X509* issuer) {
  static long serial = 1;
  certificate_ptr certificate(made(X509_new()));
  must(X509_set_version(certificate.get(), 2) == 1);
  must(ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), ++serial) == 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_NAME* const name = X509_get_subject_name(certificate.get());
  must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(subject),
                                  -1, -1, 0) == 1);
  must(X509_set_issuer_name(certificate.get(), issuer != nullptr ? X509_get_subject_name(issuer) : name) ==
       1);
  must(X509_set_pubkey(certificate.get(), key) == 1);
  return certificate;
}

}  // namespace

struct throwaway_ca::implementation {
  key_ptr key;
  certificate_ptr certificate;
  std::string pem;
};

throwaway_ca::throwaway_ca() : implementation_(std::make_unique<implementation>()) {
  implementation& own = *implementation_;
  own.key.reset(made(EVP_EC_gen("P-256")));
  own.certificate = draft(own.key.get(), "throwaway-ca", nullptr);
  extend(own.certificate.get(), own.certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  // By which one of two authorities of the same name is told from the other.
  extend(own.certificate.get(), own.certificate.get(), NID_subject_key_identifier, "hash");
  must(X509_sign(own.certificate.get(), own.key.get(), EVP_sha256()) != 0);
  own.pem = pem_of(own.certificate.get());
}
throwaway_ca::~throwaway_ca() = default;

const std::string& throwaway_ca::certificate() const noexcept {
  return implementation_->pem;
}

server_certificate throwaway_ca::sign(const std::string& names) const {
  const key_ptr key(made(EVP_EC_gen("P-256")));
  X509* const issuer = implementation_->certificate.get();
  const certificate_ptr certificate = draft(key.get(), "kube-apiserver", issuer);
  extend(certificate.get(), issuer, NID_subject_alt_name, names);
  extend(certificate.get(), issuer, NID_authority_key_identifier, "keyid:always");
  must(X509_sign(certificate.get(), implementation_->key.get(), EVP_sha256()) != 0);
  return {pem_of(certificate.get()), pem_of(key.get())};
}

}  // namespace pgsteer::test
