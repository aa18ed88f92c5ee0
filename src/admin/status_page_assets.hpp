#pragma once
// The fixed parts of the status page: style, script, icon. No values go in here, so nothing needs escaping.
//
// Style and script are the files of src/admin/page, which CMake makes part of the program.
#include <string_view>

namespace pgsteer::admin {

extern const std::string_view status_page_style;
extern const std::string_view status_page_script;

inline constexpr std::string_view status_page_icon =
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect width='32' "
    "height='32' rx='8' fill='%231d4ed8'/%3E%3Cpath d='M5 16h9l7-7M14 16l7 7M21 9h6M21 23h6' fill='none' "
    "stroke='white' stroke-width='3' stroke-linecap='round' stroke-linejoin='round'/%3E%3C/svg%3E";

}  // namespace pgsteer::admin
