#pragma once
// json_body: the fields of the JSON object that a request to the control socket, or the answer to one, comes
// with. No body at all is an object without fields.
//
// What is missing, of another kind or not known is remembered in words and read as nothing. A value; one
// thread.
//
// Flow: a reader for each field that there may be -> problem(), which is empty if all was well
#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pgsteer::admin {

class json_body {
 public:
  explicit json_body(std::string_view text);

  [[nodiscard]] std::string text(std::string_view key);
  [[nodiscard]] std::uint64_t count(std::string_view key);
  [[nodiscard]] bool flag(std::string_view key);
  // Nothing where it is null or left out.
  [[nodiscard]] std::optional<std::string> text_if_any(std::string_view key);
  [[nodiscard]] std::optional<double> number_if_any(std::string_view key);

  // A value that was read is not what it should be; the first complaint counts.
  void complain(std::string_view key, std::string_view expected);
  // Also of fields that nobody has read.
  [[nodiscard]] std::string problem() const;

 private:
  [[nodiscard]] std::optional<boost::json::value> take(std::string_view key);

  boost::json::object fields_;  // that are not read yet
  std::string problem_;
};

}  // namespace pgsteer::admin
