#pragma once
// What psql 15 sends to log in, and what PostgreSQL 15 answers it under trust.
//
// Made by the tests' own idea of the wire, so that nothing measured makes its own input. Free functions; any
// thread.
#include <string>

#include "support/wire.hpp"

namespace pgsteer::bench {

inline test::wire::parameters psql_parameters() {
  return {{"user", "app"}, {"database", "appdb"}, {"application_name", "psql"}, {"client_encoding", "UTF8"}};
}

inline std::string psql_startup_message() {
  return test::wire::startup_message(psql_parameters());
}

// AuthenticationOk | ParameterStatus ... | BackendKeyData | ReadyForQuery
// The values that PostgreSQL reports: protocol-flow.html#PROTOCOL-ASYNC.
inline std::string login_answer() {
  using namespace test::wire;
  std::string bytes = authentication_ok();
  for (const auto& [name, value] : parameters{{"application_name", "psql"},
                                              {"client_encoding", "UTF8"},
                                              {"DateStyle", "ISO, MDY"},
                                              {"default_transaction_read_only", "off"},
                                              {"in_hot_standby", "off"},
                                              {"integer_datetimes", "on"},
                                              {"IntervalStyle", "postgres"},
                                              {"is_superuser", "off"},
                                              {"server_encoding", "UTF8"},
                                              {"server_version", "15.18 (Debian 15.18-0+deb12u1)"},
                                              {"session_authorization", "app"},
                                              {"standard_conforming_strings", "on"},
                                              {"TimeZone", "Etc/UTC"}})
    bytes += parameter_status(name, value);
  return bytes + backend_key_data(4711, "\x12\x34\x56\x78") + ready_for_query('I');
}

}  // namespace pgsteer::bench
