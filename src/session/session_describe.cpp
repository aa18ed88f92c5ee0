// What can be told of a session, as it stands.
#include "session/session.hpp"

namespace pgsteer::session {
namespace {

std::string listed_name(std::string_view name) {
  return std::string(name.substr(0, listed_name_bytes_max));
}

session_stage stage_of(login::login_stage of) noexcept {
  switch (of) {
    case login::login_stage::under_way:
      return session_stage::logging_in;
    case login::login_stage::held:
      return session_stage::held;
    case login::login_stage::cancelling:
      return session_stage::cancelling;
  }
  return session_stage::logging_in;
}

session_stage stage_of(const relay::flow_view& of) noexcept {
  if (of.is_half_closed) return session_stage::ending;
  switch (of.moment) {
    case relay::flow_moment::busy:
      return session_stage::busy;
    case relay::flow_moment::idle:
      return session_stage::idle;
    case relay::flow_moment::in_transaction:
      return session_stage::in_transaction;
    case relay::flow_moment::unreadable:
      return session_stage::encrypted;
  }
  return session_stage::busy;
}

}  // namespace

std::optional<listed_session> session::describe() const {
  const bool is_over = !itself_ || is_stopping_ || (flow_ == nullptr && !login_);
  if (is_over) return std::nullopt;
  listed_session made{.id = id_,
                      .listener = listener_.counters.name,
                      .user = {},
                      .database = {},
                      .application_name = {},
                      .client = client_address_,
                      .backend = {},
                      .backend_address = {},
                      .local = {},
                      .backend_pid = {},
                      .accepted_at = accepted_at_};
  const auto name = [&](const client_names& of) {
    made.user = listed_name(of.user());
    made.database = listed_name(of.database());
    made.application_name = listed_name(of.application());
  };
  const auto place_at = [&](const login::lease& place, int fd) {
    if (!place.is_held()) return;
    made.backend = place.id();
    made.backend_address = place.address();
    if (const auto local = net::local_address(fd)) made.local = net::to_client(*local);
  };
  if (flow_ == nullptr) {
    made.stage = stage_of(login_->machine().stage());
    name(login_->names());
    place_at(login_->machine().backend(), login_->backend().fd());
    return made;
  }
  const relay::flow_view seen = worker_.engine.look(*flow_);
  made.bytes = seen.bytes;
  made.stage = login_ && logged_in_at_ == time_point::max() ? session_stage::logging_in : stage_of(seen);
  name(names_);
  place_at(backend_, backend_fd_.value());
  if (cancel_entry_ != nullptr) made.backend_pid = cancel_entry_->first.pid;
  return made;
}

}  // namespace pgsteer::session
