#pragma once
// The few pieces of HTML that the parts of the status page share.
//
// An argument called html goes in as it is, every other is escaped here. Pure; any thread.
#include <string>
#include <string_view>

#include "pgsteer/story/history.hpp"
#include "pgsteer/topology/types.hpp"

namespace pgsteer::admin {

inline constexpr std::string_view nothing_html = "&ndash;";

// kind is one of the style's classes, or empty.
[[nodiscard]] std::string badge(std::string_view kind, std::string_view words);
[[nodiscard]] std::string small(std::string_view words);
[[nodiscard]] std::string cell(std::string_view html);
[[nodiscard]] std::string cell(std::string_view kind, std::string_view html);
// The style's class of a role; empty if it is not known.
[[nodiscard]] std::string_view role_kind(topology::role of);
// "2026-11-29 16:14:32 UTC"; the script puts it into the reader's own time.
[[nodiscard]] std::string time_html(story::wall_time at);

}  // namespace pgsteer::admin
