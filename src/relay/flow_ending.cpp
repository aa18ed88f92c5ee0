#include "relay/flow_ending.hpp"

namespace pgsteer::relay {

flow_ending::flow_ending(const flow_memory& before) noexcept
    : goodbye_(before),
      tail_(before.last_six),
      is_orderly_(before.is_orderly),
      has_backend_spoken_last_(before.has_backend_spoken_last) {
  if (before.ended_first != 0) first_ = before.ended_first == 1 ? side::client : side::backend;
  is_client_told_ = first_ == side::backend;  // perhaps
}

flow_memory flow_ending::memory() const noexcept {
  flow_memory made;
  goodbye_.save(made);
  made.last_six = tail_.last_six();
  if (first_) made.ended_first = *first_ == side::client ? 1 : 2;
  made.is_orderly = is_orderly_;
  made.has_backend_spoken_last = has_backend_spoken_last_;
  return made;
}

void flow_ending::from_client(byte_span bytes) noexcept {
  has_backend_spoken_last_ = false;
  tail_.from_client();
  goodbye_.from_client(bytes);
  // Its goodbye lay unread when the backend's answer to it was noticed: it said that of its own accord.
  const bool is_of_its_own = !goodbye_.is_readable() && !is_client_told_ && first_ == side::backend &&
                             goodbye_.said() == goodbye::speaker::client;
  if (!is_of_its_own) return;
  first_ = side::client;
  is_orderly_ = true;
}

void flow_ending::note_unseen(side source) noexcept {
  tail_.note_unseen();
  if (source == side::client) {
    goodbye_.from_client({});
  } else {
    goodbye_.to_client({});
  }
}

void flow_ending::note(side noticed, bool has_failed, net::peer_state client) noexcept {
  const bool is_of_client = depends_on_client(noticed) && client != net::peer_state::present;
  if (first_) return;
  first_ = noticed;
  is_orderly_ = !has_failed;
  if (goodbye_.said() != goodbye::speaker::nobody) {
    first_ = goodbye_.said() == goodbye::speaker::backend ? side::backend : side::client;
    is_orderly_ = true;
  } else if (is_of_client) {
    first_ = side::client;
    is_orderly_ = client == net::peer_state::ended;
  }
}

// An end may be noticed before the bytes ahead of it are read, and the backend's answer be among them.
bool flow_ending::is_the_clients() const noexcept {
  return first_ != side::backend || goodbye_.said() == goodbye::speaker::client_by_answer;
}

flow_end flow_ending::when_closed() const noexcept {
  return is_the_clients() ? flow_end::client_closed : flow_end::backend_closed;
}

flow_end flow_ending::when_failed(side which, int error) const noexcept {
  if (is_misuse(error)) return flow_end::defect;
  // Likewise the client's goodbye ahead of its reset. What it says behind the backend's end is no goodbye.
  const bool is_orderly = is_orderly_ || goodbye_.said() == goodbye::speaker::client_by_answer ||
                          (first_ == side::client && goodbye_.said() == goodbye::speaker::client);
  const bool is_reset = error == ECONNRESET || error == EPIPE;
  if (is_orderly && is_reset) return when_closed();
  return which == side::client ? flow_end::client_failed : flow_end::backend_failed;
}

}  // namespace pgsteer::relay
