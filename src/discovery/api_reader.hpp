#pragma once
// The bodies of the Kubernetes API's answers, read in pieces of any size: a page of a list, a watch's events,
// a Status.
//
// Pure: no socket, no clock, no log; what they hold is bounded (json_picker). Not thread-safe.
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "discovery/api_object.hpp"

namespace pgsteer::discovery {

// One page of a list: {"metadata": {"resourceVersion": ..., "continue": ...}, "items": [...]}.
class list_reader {
 public:
  using on_object = std::function<void(api_object)>;
  list_reader(const api_resource& resource, on_object handler);
  list_reader(const list_reader&) = delete;
  list_reader& operator=(const list_reader&) = delete;

  // Errors: of json_picker; errc::malformed for an object without a UID.
  [[nodiscard]] error_code consume(std::string_view bytes);
  // Once the body has ended. Errors: errc::malformed if this was no whole page.
  [[nodiscard]] error_code finish() const;
  [[nodiscard]] std::string_view resource_version() const noexcept;
  [[nodiscard]] std::string_view continue_token() const noexcept;  // empty: the last page

 private:
  json_picker picker_;
  on_object handler_;
  std::size_t fields_;
  bool is_malformed_ = false;
};

// A watch's events, {"type": "ADDED", "object": {...}}, one after the other, a line each.
class watch_reader {
 public:
  using on_event = std::function<void(const watch_event&)>;
  watch_reader(const api_resource& resource, on_event handler);

  // Hands over every event that is whole by now. Errors: as list_reader; what comes after one is not read.
  [[nodiscard]] error_code consume(std::string_view bytes);
  // Once the body has ended. Errors: errc::malformed amid an event.
  [[nodiscard]] error_code finish() const;

 private:
  [[nodiscard]] error_code hand_over();

  json_picker picker_;
  on_event handler_;
  std::size_t fields_;
};

// Of the body of an answer that is no success; it may be anything, so nothing but its code need be there.
[[nodiscard]] api_status read_status(int code, std::string_view body);

}  // namespace pgsteer::discovery
