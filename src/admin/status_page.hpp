#pragma once
// The status page: one self-contained HTML document, complete and readable without its script.
//
// The script (src/admin/page) keeps it up to date from the JSON addresses: it rebuilds the same elements from
// text alone, never from markup. Pure; any thread.
#include <string>
#include <string_view>

#include "admin/readiness.hpp"
#include "pgsteer/admin/admin_server.hpp"

namespace pgsteer::admin {

struct page_view {
  const readiness& ready;
  const topology_view& topology;
  const traffic_view& traffic;
  const story::history& history;
};

// nonce: what the answer's Content-Security-Policy allows its style and script by; hexadecimal.
[[nodiscard]] std::string status_page(const page_view& view, std::string_view nonce);

}  // namespace pgsteer::admin
