#pragma once
// The status page: one self-contained HTML document, rendered here and nowhere else.
//
// Its script fetches the same page every two seconds and carries the differences over, so that there is one
// renderer and one place that escapes. Pure; any thread.
#include <string>
#include <string_view>

#include "admin/readiness.hpp"
#include "pgsteer/admin/admin_server.hpp"

namespace pgsteer::admin {

// nonce: what the answer's Content-Security-Policy allows its style and script by; hexadecimal.
[[nodiscard]] std::string status_page(const readiness& ready, const topology_view& view,
                                      std::string_view nonce);

}  // namespace pgsteer::admin
