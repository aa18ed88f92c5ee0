#include "admin/json_fields.hpp"

#include <boost/json/value_to.hpp>

namespace pgsteer::admin {

std::string text_at(const boost::json::object& from, std::string_view key) {
  const boost::json::value& found = from.at(key);
  return found.is_null() ? std::string() : boost::json::value_to<std::string>(found);
}

std::uint64_t count_at(const boost::json::object& from, std::string_view key) {
  return from.at(key).to_number<std::uint64_t>();
}

}  // namespace pgsteer::admin
