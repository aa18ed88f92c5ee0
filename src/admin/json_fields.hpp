#pragma once
// Fields of the JSON that a running pgsteer answers a command with.
//
// These throw if the key is missing or of another type. Who reads a whole answer turns that into nothing.
// Any thread.
#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <string_view>

namespace pgsteer::admin {

std::string text_at(const boost::json::object& from, std::string_view key);  // empty for null
std::uint64_t count_at(const boost::json::object& from, std::string_view key);

}  // namespace pgsteer::admin
