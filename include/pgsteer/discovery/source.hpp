#pragma once
// A discovery source: says which backends exist, whenever that changes.
//
// Not a judge of health: that is probe and topology. Lives on the control thread.
#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pgsteer/base/endpoint.hpp"
#include "pgsteer/discovery/options.hpp"

namespace pgsteer::discovery {

struct discovered_backend {
  std::string name;  // as the operator would call it: the list's entry, or the DNS name with its port
  endpoint address;  // numeric
  // Tells it from another backend that had the address before (a pod's UID); empty where nothing does.
  std::string identity = {};
  // Its manager does not want it used: it gets no new session but as the proven primary.
  bool is_withheld = false;
  std::string zone = {};  // where it runs; empty: not known
  bool is_in_own_zone = false;

  friend auto operator<=>(const discovered_backend&, const discovered_backend&) = default;
};

// What a source that is told of changes, instead of asking again and again, has to say of that. Words are
// metric labels.
struct watch_figures {
  std::string_view resource;  // "pods"; lives as long as the source
  bool is_watching = false;   // a watch is open
  std::uint64_t lists = 0;    // taken whole
  std::map<std::string_view, std::uint64_t> events;
  std::map<std::string_view, std::uint64_t> errors;
  std::optional<time_point> answered_at;  // the last good answer
};

// What a source was told of a backend besides its name and address.
enum class notice {
  deletion,   // it is about to be deleted
  removal,    // it is gone
  readiness,  // it is ready now, or is not any more
  labels,     // its manager calls it something else now: primary, standby, unhealthy
  lease,      // it has got or lost its cluster's primary Lease
  status,     // its cluster's status names it, or does not any more, as the primary or as the next one
};

// A manager is about to replace one backend as the primary by another: its word, and proof of nothing.
struct switchover {
  discovered_backend from;
  discovered_backend to;

  friend bool operator==(const switchover&, const switchover&) = default;
};

class source {
 public:
  virtual ~source() = default;
  // Called with the whole set, sorted, without repeats: once at first and then on every change. Never empty
  // after it was once non-empty: the last good answer is kept on failure, empty answer or NXDOMAIN.
  using on_change = std::function<void(const std::vector<discovered_backend>&)>;
  // Called with a backend, mostly of the last set or of the one before, of which the source was told
  // something: a reason to probe it, and proof of nothing.
  using on_hint = std::function<void(const discovered_backend&, notice)>;
  // Called when a switchover between two such backends is announced, and with none when it is over or called
  // off. After on_change, before on_hint.
  using on_switchover = std::function<void(const std::optional<switchover>&)>;
  struct handlers {
    on_change change;
    on_hint hint = {};
    on_switchover announcement = {};
  };
  virtual void start(handlers told) = 0;
  // Nothing is called any more.
  virtual void stop() = 0;
  // Looks again soon (a hint: a backend was lost).
  virtual void refresh_now() = 0;
  // Of each resource that is watched; none for a source that asks again and again.
  [[nodiscard]] virtual std::vector<watch_figures> figures() const { return {}; }
  // pgsteer's own zone; empty: not known, or of no use here.
  [[nodiscard]] virtual std::string own_zone() const { return {}; }
};

}  // namespace pgsteer::discovery
