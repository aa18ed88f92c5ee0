#pragma once
// The status page's history: failovers as a timeline with their phases, and changes of role, newest first.
//
// src/admin/page/failovers.js builds the same entries. Pure; any thread.
#include <string>

#include "pgsteer/story/history.hpp"

namespace pgsteer::admin {

[[nodiscard]] std::string failovers_section(const story::history& of, time_point now);
[[nodiscard]] std::string role_changes_section(const story::history& of);

// How it stands with one, in a few words: "over after 1.3 s".
[[nodiscard]] std::string stage_in_words(const story::failover& of, time_point now);

}  // namespace pgsteer::admin
