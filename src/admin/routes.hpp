#pragma once
// From one parsed HTTP request to its whole answer. No socket: what the pages say is decided here.
//
// Control thread, since it calls the provider.
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <string_view>

#include "pgsteer/admin/admin_server.hpp"

namespace pgsteer::admin {

namespace http = boost::beast::http;
using request = http::request<http::string_body>;
using response = http::response<http::string_body>;

// Content types.
inline constexpr std::string_view text_plain = "text/plain; charset=utf-8";
inline constexpr std::string_view application_json = "application/json";

// The answer, with every header. For HEAD it carries the body too, for its length: send the header alone.
[[nodiscard]] response respond(const request& asked, const admin_provider& provider);

// With every header but those of its connection.
[[nodiscard]] response make_response(http::status status, std::string_view content_type, std::string body,
                                     unsigned version);

// An answer of one line that also ends the connection: what was asked could not be understood or has a body.
[[nodiscard]] response refuse(http::status status, std::string_view why);

}  // namespace pgsteer::admin
