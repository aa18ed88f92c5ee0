#pragma once
// A discovery source: says which backends exist, whenever that changes.
//
// Not a judge of health: that is probe and topology. Lives on the control thread.
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "pgsteer/base/endpoint.hpp"
#include "pgsteer/discovery/options.hpp"

namespace pgsteer::discovery {

struct discovered_backend {
  std::string name;  // as the operator would call it: the list's entry, or the DNS name with its port
  endpoint address;  // numeric

  friend auto operator<=>(const discovered_backend&, const discovered_backend&) = default;
};

class source {
 public:
  virtual ~source() = default;
  // Called with the whole set, sorted, without repeats: once at first and then on every change. Never empty
  // after it was once non-empty: the last good answer is kept on failure, empty answer or NXDOMAIN.
  using on_change = std::function<void(const std::vector<discovered_backend>&)>;
  virtual void start(on_change handler) = 0;
  virtual void stop() = 0;
  // Looks again soon (a hint: a backend was lost).
  virtual void refresh_now() = 0;
};

}  // namespace pgsteer::discovery
