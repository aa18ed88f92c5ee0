#pragma once
// single_object: the one object of a collection that a field selector leaves, by a list and the events after
// it.
//
// Pure: no socket, no clock, no log. Not thread-safe.
//
// Flow: begin_list(), add(), end_list() -> apply() for each event; now() at any time.
#include <optional>
#include <string>
#include <utility>

#include "discovery/api_object.hpp"
#include "pgsteer/base/result.hpp"

namespace pgsteer::discovery {

class single_object final : public object_sink {
 public:
  // metadata.name, as a field selector for api_resource.
  [[nodiscard]] static std::string selector_of(const std::string& name) { return "metadata.name=" + name; }

  void begin_list() override { listed_.reset(); }
  [[nodiscard]] error_code add(const api_object& object) override {
    listed_ = object;
    return {};
  }
  void end_list() override { now_ = std::exchange(listed_, std::nullopt); }
  [[nodiscard]] error_code apply(const watch_event& event) override {
    if (event.what == watch_event::kind::deleted) {
      now_.reset();
    } else {
      now_ = event.object;
    }
    return {};
  }
  // Nothing: there is none, or none is known yet.
  [[nodiscard]] const std::optional<api_object>& now() const noexcept { return now_; }

 private:
  std::optional<api_object> now_;
  std::optional<api_object> listed_;
};

}  // namespace pgsteer::discovery
