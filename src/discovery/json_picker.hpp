#pragma once
// json_picker: reads one JSON text in pieces of any size, keeps the scalars at the paths that are wanted, and
// drops all else.
//
// Not a document: of a Pod of a megabyte some hundred bytes stay. Pure: no socket, no clock, no log. Not
// thread-safe. Bounded by text_bytes_max, value_bytes_max and values_max, whatever comes.
//
// Flow: consume() with every piece, until it says that the text is complete or invalid -> restart() for the
// next text.
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pgsteer/base/result.hpp"

namespace pgsteer::discovery {

// Keys from the root; "[]" is every element of an array. {"items", "[]", "metadata", "name"}
using json_path = std::vector<std::string>;

struct picked_value {
  std::size_t which = 0;    // index among the wanted paths
  std::size_t element = 0;  // index in the outermost array below the unit; 0 without one
  std::string text;         // a string's value, or a number, true, false or null as written

  friend bool operator==(const picked_value&, const picked_value&) = default;
};
using picked_values = std::vector<picked_value>;

// The first value of one wanted path; empty if there was none. Valid as long as values.
[[nodiscard]] std::string_view text_of(const picked_values& values, std::size_t which) noexcept;

class json_picker {
 public:
  // etcd takes objects of 1.5 MiB (--max-request-bytes); what is larger is no Kubernetes object.
  static constexpr std::size_t text_bytes_max = 4 * 1024 * 1024;
  // A name has at most 253 bytes, a continue token some hundred, a message a line or two.
  static constexpr std::size_t value_bytes_max = 8 * 1024;
  // A Pod has some ten conditions, an EndpointSlice 1,000 endpoints at most.
  static constexpr std::size_t values_max = 8 * 1024;
  // As deep as managedFields of a custom resource get, twice.
  static constexpr std::size_t depth_max = 64;

  using on_unit = std::function<void(const picked_values&)>;

  // The values inside a unit, an object at a path such as {"items", "[]"}, are handed over when it ends, and
  // forgotten.
  explicit json_picker(const std::vector<json_path>& wanted, const json_path& unit = {},
                       on_unit handler = {});
  ~json_picker();
  json_picker(json_picker&&) noexcept;
  json_picker& operator=(json_picker&&) noexcept;

  // How many of the bytes belong to the text: all of them unless it is complete. Errors: of Boost.JSON, or
  // discovery::errc::too_large, for this call and every later one until restart().
  [[nodiscard]] result<std::size_t> consume(std::string_view bytes);
  [[nodiscard]] bool is_complete() const noexcept;
  // True between the first byte of a text and its last.
  [[nodiscard]] bool is_inside() const noexcept;
  // What was picked outside of units, so far.
  [[nodiscard]] const picked_values& values() const noexcept;
  void restart();

 private:
  struct parser;
  std::unique_ptr<parser> parser_;
};

}  // namespace pgsteer::discovery
