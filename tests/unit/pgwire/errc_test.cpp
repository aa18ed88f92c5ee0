#include "pgsteer/pgwire/errc.hpp"

#include <gtest/gtest.h>

#include "pgsteer/base/errc.hpp"

namespace pgsteer::pgwire {
namespace {

TEST(Verdict, IsPostgresqls) {
  const struct {
    errc fault;
    const char* sqlstate;
    const char* message;
  } expected[] = {
      {errc::unencrypted_data_after_ssl_request, "08P01", "received unencrypted data after SSL request"},
      {errc::unencrypted_data_after_gssenc_request, "08P01",
       "received unencrypted data after GSSAPI encryption request"},
      {errc::unsupported_protocol, "0A000", "unsupported frontend protocol: server supports 3.0 to 3.2"},
      {errc::missing_terminator, "08P01", "invalid startup packet layout: expected terminator as last byte"},
      {errc::no_user, "28000", "no PostgreSQL user name specified in startup packet"},
  };
  for (const auto& each : expected) {
    SCOPED_TRACE(each.message);
    const auto told = verdict_of(each.fault);
    EXPECT_EQ(told.sqlstate, each.sqlstate);
    EXPECT_EQ(told.message, each.message);
    EXPECT_FALSE(told.is_silent);
  }
}

TEST(Verdict, IsSilentWherePostgresqlOnlyLogs) {
  for (const auto fault :
       {errc::invalid_length, errc::invalid_cancel_length, errc::data_after_cancel_request,
        errc::malformed_tls_record, errc::not_this_packet, errc::malformed_error_response}) {
    SCOPED_TRACE(error_code(fault).message());
    EXPECT_TRUE(verdict_of(fault).is_silent);
    EXPECT_TRUE(verdict_of(fault).message.empty());
  }
}

TEST(Verdict, IsSilentOnErrorsOfOthers) {
  EXPECT_TRUE(verdict_of(error_code{}).is_silent);
  EXPECT_TRUE(verdict_of(pgsteer::errc::malformed_endpoint).is_silent);
}

}  // namespace
}  // namespace pgsteer::pgwire
