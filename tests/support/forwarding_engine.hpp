#pragma once
// forwarding_engine: a relay engine that hands everything on to another one, for tests that change or note a
// part of it.
#include <optional>
#include <string_view>

#include "pgsteer/relay/engine.hpp"

namespace pgsteer::test {

class forwarding_engine : public relay::engine {
 public:
  explicit forwarding_engine(relay::engine& real) : real_(real) {}

  [[nodiscard]] relay::flow* start(const relay::flow_start& start) override { return real_.start(start); }
  relay::turn_report turn(bool may_wait) override { return real_.turn(may_wait); }
  void stop(relay::flow& target) override { real_.stop(target); }
  [[nodiscard]] bool detach(relay::flow& target) override { return real_.detach(target); }
  void stop_when_idle(relay::flow& target, duration quiet) override { real_.stop_when_idle(target, quiet); }
  [[nodiscard]] bool stay(relay::flow& target) override { return real_.stay(target); }
  [[nodiscard]] std::optional<duration> leave_quiet(time_point now) override {
    return real_.leave_quiet(now);
  }
  [[nodiscard]] relay::flow_view look(const relay::flow& target) const noexcept override {
    return real_.look(target);
  }
  [[nodiscard]] result<void> wait(relay::socket_wait& who, int fd, relay::readiness what) override {
    return real_.wait(who, fd, what);
  }
  void forget(relay::socket_wait& who) override { real_.forget(who); }
  void tick(time_point now) override { real_.tick(now); }
  void retune(const relay::relay_options& options) override { real_.retune(options); }
  [[nodiscard]] std::string_view name() const noexcept override { return real_.name(); }

 private:
  relay::engine& real_;
};

}  // namespace pgsteer::test
