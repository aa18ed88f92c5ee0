#pragma once
// throwaway_ca: a certificate authority for one test, and certificates of servers signed by it; all PEM.
//
// Made anew each time, kept nowhere: no secret, valid for an hour. Throws if OpenSSL fails.
#include <memory>
#include <string>

namespace pgsteer::test {

struct server_certificate {
  std::string certificate;
  std::string key;
};

class throwaway_ca {
 public:
  throwaway_ca();
  ~throwaway_ca();
  throwaway_ca(const throwaway_ca&) = delete;
  throwaway_ca& operator=(const throwaway_ca&) = delete;

  [[nodiscard]] const std::string& certificate() const noexcept;
  // names: as in a subjectAltName, "IP:127.0.0.1,DNS:localhost".
  [[nodiscard]] server_certificate sign(const std::string& names) const;

 private:
  struct implementation;
  std::unique_ptr<implementation> implementation_;
};

}  // namespace pgsteer::test
