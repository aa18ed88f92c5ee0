#pragma once
// Admission: whether a client may go on, by the limits of the process.
//
// Permits are RAII and shared by all workers; any thread.
//
// Flow: admit() when it has been accepted, and all that is known is that it came -> admit_cancel() or
// admit_held() when its first packet is known, and there is something to do for it that has a limit of its
// own.
#include <cstdint>
#include <optional>
#include <variant>

#include "pgsteer/base/permit.hpp"
#include "pgsteer/login/close_reason.hpp"
#include "pgsteer/runtime/options.hpp"

namespace pgsteer::login {

struct admitted {
  permit session;  // until the session ends
  permit login;    // until it is logged in
};

// The client is told why not, once it has sent its first packet: before, it could not read that.
struct refused {
  close_reason reason;
  permit refusal;
};

// Even refusing has a bound: the connection is closed without a word.
struct shut_out {
  close_reason reason;
};

using admission = std::variant<admitted, refused, shut_out>;

// Clients over a limit that are being told so; beyond these the connection is closed without a word.
inline constexpr std::uint32_t refusals_max = 64;

// What has been given out, by all workers.
struct permit_pools {
  permit_pool sessions;
  permit_pool pending_logins;
  permit_pool held_logins;
  permit_pool cancels;
  permit_pool refusals;
};
[[nodiscard]] admission admit(permit_pools& pools, const runtime::limit_options& limits) noexcept;

// Of a CancelRequest that is to be forwarded, and of a login that is to be held. Nothing: there are too many.
[[nodiscard]] std::optional<permit> admit_cancel(permit_pools& pools,
                                                 const runtime::limit_options& limits) noexcept;
[[nodiscard]] std::optional<permit> admit_held(permit_pools& pools,
                                               const runtime::limit_options& limits) noexcept;

}  // namespace pgsteer::login
