#include "admin/routes.hpp"

#include <array>
#include <cstdio>
#include <random>
#include <string>
#include <string_view>

#include "admin/failovers_json.hpp"
#include "admin/readiness.hpp"
#include "admin/status_page.hpp"
#include "admin/traffic_json.hpp"

namespace pgsteer::admin {
namespace {

struct page {
  http::status status = http::status::ok;
  std::string_view content_type = text_plain;
  std::string body;
  // Nothing but the status page runs or loads anything.
  std::string content_security_policy = "default-src 'none'; frame-ancestors 'none'";
};

page livez(const admin_provider&) {
  return {.body = "ok\n"};
}

page readyz(const admin_provider& provider) {
  const readiness now = readiness_of(provider);
  return {.status = is_ready(now) ? http::status::ok : http::status::service_unavailable,
          .content_type = application_json,
          .body = readiness_json(now)};
}

page metrics(const admin_provider& provider) {
  return {.content_type = "text/plain; version=0.0.4; charset=utf-8", .body = provider.metrics_text()};
}

page topology(const admin_provider& provider) {
  return {.content_type = application_json, .body = topology_json(provider.topology())};
}

page traffic(const admin_provider& provider) {
  return {.content_type = application_json,
          .body = traffic_json(readiness_of(provider), provider.traffic(), provider.history().revision())};
}

page failovers(const admin_provider& provider) {
  return {.content_type = application_json,
          .body = failovers_json(provider.history(), provider.traffic().now)};
}

// 128 bits, new for each answer, so that no text smuggled into the page could carry a nonce that counts.
std::string make_nonce() {
  std::random_device entropy;
  std::string nonce;
  for (int i = 0; i < 4; ++i) {
    std::array<char, 9> word{};
    std::snprintf(word.data(), word.size(), "%08x", entropy());
    nonce += word.data();
  }
  return nonce;
}

page status(const admin_provider& provider) {
  const std::string nonce = make_nonce();
  return {.content_type = "text/html; charset=utf-8",
          .body = status_page(
              {readiness_of(provider), provider.topology(), provider.traffic(), provider.history()}, nonce),
          .content_security_policy = "default-src 'none'; style-src 'nonce-" + nonce +
                                     "'; script-src 'nonce-" + nonce +
                                     "'; connect-src 'self'; img-src data:; base-uri 'none'; form-action "
                                     "'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
                                     "trusted-types 'none'"};
}

struct route {
  std::string_view path;
  page (*make)(const admin_provider&);
};
constexpr route routes[] = {{"/", status},
                            {"/livez", livez},
                            {"/readyz", readyz},
                            {"/metrics", metrics},
                            {"/api/v1/topology", topology},
                            {"/api/v1/traffic", traffic},
                            {"/api/v1/failovers", failovers}};

page find(std::string_view target, const admin_provider& provider) {
  const std::string_view path = target.substr(0, target.find('?'));
  for (const route& each : routes) {
    if (each.path == path) return each.make(provider);
  }
  return {.status = http::status::not_found,
          .body =
              "no such page; there are /, /livez, /readyz, /metrics, /api/v1/topology, /api/v1/traffic "
              "and /api/v1/failovers\n"};
}

response to_response(page of, unsigned version) {
  response answer = make_response(of.status, of.content_type, std::move(of.body), version);
  answer.set("Content-Security-Policy", of.content_security_policy);
  answer.set("X-Content-Type-Options", "nosniff");
  answer.set("Referrer-Policy", "no-referrer");
  return answer;
}

}  // namespace

response make_response(http::status status, std::string_view content_type, std::string body,
                       unsigned version) {
  response made(status, version);
  made.set(http::field::content_type, content_type);
  made.set(http::field::cache_control, "no-store");
  made.body() = std::move(body);
  made.prepare_payload();
  return made;
}

response respond(const request& asked, const admin_provider& provider) {
  const bool is_read = asked.method() == http::verb::get || asked.method() == http::verb::head;
  response answer = is_read ? to_response(find(asked.target(), provider), asked.version())
                            : to_response({.status = http::status::method_not_allowed,
                                           .body = "the admin interface is read-only: GET or HEAD\n"},
                                          asked.version());
  if (!is_read) answer.set(http::field::allow, "GET, HEAD");
  answer.keep_alive(asked.keep_alive());
  return answer;
}

response refuse(http::status status, std::string_view why) {
  response answer = to_response({.status = status, .body = std::string(why) + "\n"}, 11);
  answer.keep_alive(false);
  return answer;
}

}  // namespace pgsteer::admin
