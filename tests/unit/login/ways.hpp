#pragma once
// The ways that a login can go, for tests that disturb each of them at every step.
#include <string>
#include <vector>

#include "unit/login/login_world.hpp"

namespace pgsteer::login::test {

inline const std::string startup = wire::startup({"user", "app", "database", "shop"});
inline const std::string ssl_request = wire::packet(wire::ssl_code);
inline const std::string gssenc_request = wire::packet(wire::gssenc_code);
inline const std::string cancel_request = wire::packet(wire::cancel_code, wire::int32(7) + wire::int32(8));
inline const std::string client_hello = wire::tls_record(std::string("\x01\0\0\x01x", 5));

struct way {
  std::string name;
  plan planned;
};

inline std::vector<way> ways() {
  using dial = attempt_plan::dial;
  const auto any = routing::target_session_attrs::any;
  const attempt_plan good = answering({authentication_ok});
  const attempt_plan starting_up = answering({error_of("57P03")});
  return {
      {"plain", {.client = {startup}, .attempts = {good}}},
      {"in pieces",
       {.client = {startup.substr(0, 3), startup.substr(3, 20), startup.substr(23)},
        .attempts = {answering({authentication_ok.substr(0, 4), authentication_ok.substr(4)})}}},
      {"encryption declined",
       {.client = {ssl_request, startup}, .attempts = {answering({"N", authentication_ok}), good}}},
      {"two encryptions declined",
       {.client = {gssenc_request, ssl_request, startup},
        .attempts = {answering({"N", "N", authentication_ok}), answering({"N", authentication_ok}), good}}},
      {"encryption granted", {.client = {ssl_request}, .attempts = {answering({"S"}), answering({"S"})}}},
      {"direct TLS", {.client = {client_hello}, .attempts = {answering({}), answering({})}}},
      {"cancel", {.client = {cancel_request}}},
      {"refused", {.client = {startup}, .refused = close_reason::too_many_sessions}},
      {"refused behind encryption",
       {.client = {ssl_request, startup}, .refused = close_reason::too_many_logins}},
      {"refused and a cancel", {.client = {cancel_request}, .refused = close_reason::too_many_sessions}},
      {"another backend", {.client = {startup}, .attempts = {{dial::is_refused}, good}, .route = any}},
      {"a backend that starts up", {.client = {startup}, .attempts = {starting_up, starting_up, good}}},
      {"a full backend",
       {.client = {startup}, .attempts = std::vector<attempt_plan>(40, answering({error_of("53300")}))}},
      {"a slow dial", {.client = {startup}, .attempts = {{dial::hangs}, good}, .route = any}},
      {"a slow answer", {.client = {startup}, .attempts = {answering({})}}},
      {"a slow reply to encryption",
       {.client = {ssl_request, startup},
        .attempts = {answering({}), answering({"N", authentication_ok})},
        .route = any}},
      {"local trouble", {.client = {startup}, .attempts = {{dial::meets_local_trouble}, good}}},
      {"a backend that ends",
       {.client = {startup}, .attempts = {{dial::connects, {}, true}, good}, .route = any}},
      {"a queue for dials", {.client = {startup}, .attempts = {good}, .dials_taken_for = seconds{3}}},
      {"a queue for dials that does not move", {.client = {startup}, .dials_taken_for = seconds{60}}},
      {"a queue for room",
       {.client = {startup}, .attempts = {good}, .is_held_at_first = true, .full_for = seconds{3}}},
      {"a queue for room, encrypted",
       {.client = {ssl_request},
        .attempts = {answering({"S"})},
        .is_held_at_first = true,
        .full_for = seconds{3}}},
      {"no room in time",
       {.client = {startup}, .attempts = {good}, .is_held_at_first = true, .full_for = seconds{60}}},
      {"malformed", {.client = {wire::packet(2U << 16)}}},
      {"malformed and refused",
       {.client = {wire::packet(2U << 16)}, .refused = close_reason::too_many_sessions}},
      {"silent", {}},
  };
}

}  // namespace pgsteer::login::test
