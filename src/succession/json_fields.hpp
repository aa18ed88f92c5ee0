#pragma once
// json_fields: reads the fields of one JSON object straight through; whatever is missing or of another kind
// is remembered and read as nothing.
//
// Refers to the value that it reads. One thread.
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <string>
#include <string_view>

namespace pgsteer::succession {

class json_fields {
 public:
  // is_good: becomes false at the first field that cannot be read, and outlives this.
  json_fields(const boost::json::value& from, bool& is_good) : fields_(from.if_object()), is_good_(is_good) {
    if (fields_ == nullptr) is_good_ = false;
  }

  [[nodiscard]] bool has(std::string_view key) const { return fields_ != nullptr && fields_->contains(key); }
  [[nodiscard]] bool is_null(std::string_view key) {
    const boost::json::value* const found = find(key);
    return found == nullptr || found->is_null();
  }
  template <class Number>
  [[nodiscard]] Number number(std::string_view key) {
    const boost::json::value* const found = find(key);
    boost::system::error_code ec;
    const Number read = found == nullptr ? Number{} : found->to_number<Number>(ec);
    if (ec) is_good_ = false;
    return ec ? Number{} : read;
  }
  [[nodiscard]] bool flag(std::string_view key) {
    const boost::json::value* const found = find(key);
    if (found == nullptr || !found->is_bool()) return fail(false);
    return found->get_bool();
  }
  [[nodiscard]] std::string text(std::string_view key) {
    const boost::json::value* const found = find(key);
    if (found == nullptr || !found->is_string()) return fail(std::string());
    return std::string(found->get_string());
  }
  [[nodiscard]] const boost::json::array& list(std::string_view key) {
    static const boost::json::array none;
    const boost::json::value* const found = find(key);
    if (found == nullptr || !found->is_array()) {
      is_good_ = false;
      return none;
    }
    return found->get_array();
  }
  // For what is an object itself.
  [[nodiscard]] json_fields object(std::string_view key) {
    static const boost::json::value none;
    const boost::json::value* const found = find(key);
    return {found == nullptr ? none : *found, is_good_};
  }

 private:
  template <class Value>
  Value fail(Value nothing) {
    is_good_ = false;
    return nothing;
  }
  [[nodiscard]] const boost::json::value* find(std::string_view key) {
    const boost::json::value* const found = fields_ == nullptr ? nullptr : fields_->if_contains(key);
    if (found == nullptr) is_good_ = false;
    return found;
  }

  const boost::json::object* fields_;
  bool& is_good_;
};

}  // namespace pgsteer::succession
