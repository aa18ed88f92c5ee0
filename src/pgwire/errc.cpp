#include "pgsteer/pgwire/errc.hpp"

#include <string>

namespace pgsteer::pgwire {
namespace {

class category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "pgsteer.pgwire"; }
  std::string message(int value) const override {
    switch (static_cast<errc>(value)) {
      case errc::invalid_length:
        return "startup packet has an invalid length";
      case errc::invalid_cancel_length:
        return "CancelRequest has an invalid length";
      case errc::unencrypted_data_after_ssl_request:
        return "unencrypted data behind an SSLRequest";
      case errc::unencrypted_data_after_gssenc_request:
        return "unencrypted data behind a GSSENCRequest";
      case errc::data_after_cancel_request:
        return "data behind a CancelRequest";
      case errc::malformed_tls_record:
        return "first byte of TLS, but no record with a ClientHello";
      case errc::unsupported_protocol:
        return "unsupported frontend protocol";
      case errc::missing_terminator:
        return "StartupMessage lacks a terminator as its last byte";
      case errc::no_user:
        return "StartupMessage names no user";
      case errc::not_this_packet:
        return "another kind of packet than expected";
      case errc::malformed_error_response:
        return "malformed ErrorResponse";
    }
    return "unknown error";
  }
};

constexpr verdict silent{"", "", true};

// Texts and codes of ProcessStartupPacket(), src/backend/tcop/backend_startup.c (postmaster.c before 17).
constexpr verdict verdict_of(errc fault) noexcept {
  switch (fault) {
    case errc::unencrypted_data_after_ssl_request:
      return {"08P01", "received unencrypted data after SSL request", false};
    case errc::unencrypted_data_after_gssenc_request:
      return {"08P01", "received unencrypted data after GSSAPI encryption request", false};
    case errc::unsupported_protocol:
      return {"0A000", "unsupported frontend protocol: server supports 3.0 to 3.2", false};
    case errc::missing_terminator:
      return {"08P01", "invalid startup packet layout: expected terminator as last byte", false};
    case errc::no_user:
      return {"28000", "no PostgreSQL user name specified in startup packet", false};
    case errc::invalid_length:
    case errc::invalid_cancel_length:
    case errc::data_after_cancel_request:
    case errc::malformed_tls_record:
    case errc::not_this_packet:
    case errc::malformed_error_response:
      return silent;
  }
  return silent;
}

}  // namespace

const boost::system::error_category& pgwire_category() noexcept {
  static const category instance;
  return instance;
}

verdict verdict_of(error_code error) noexcept {
  if (error.category() != pgwire_category()) return silent;
  return verdict_of(static_cast<errc>(error.value()));
}

}  // namespace pgsteer::pgwire
