#pragma once
// pod_set: which pods there are, by a list and the events after it; which of them may be backends, and what
// has changed at those.
//
// Pure: no socket, no clock, no log. Not thread-safe. A pod is its UID: its name and its address may be
// another's before and after it. Nothing here is a role: labels and readiness are hints.
//
// Flow: begin_list(), add() for each object of every page, end_list() -> apply() for each event; after either
// take_change() says whether candidates() are others now, and take_hints() what to look at.
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "discovery/api_object.hpp"
#include "pgsteer/discovery/source.hpp"

namespace pgsteer::discovery {

// A backend that should be asked, and why.
struct backend_hint {
  discovered_backend backend;
  notice what{};

  friend auto operator<=>(const backend_hint&, const backend_hint&) = default;
};

// Pods whose manager keeps PostgreSQL from running in them.
struct fenced_pods {
  bool are_all = false;
  std::set<std::string, std::less<>> names;

  [[nodiscard]] bool contains(std::string_view name) const { return are_all || names.contains(name); }
  friend bool operator==(const fenced_pods&, const fenced_pods&) = default;
};

class pod_set final : public object_sink {
 public:
  // A selector that matches more pods is a mistake, and must not cost us our memory.
  static constexpr std::size_t pods_max = 5'000;

  // Of which collection, and what of each pod.
  [[nodiscard]] static api_resource resource(std::string label_selector);

  // Backends listen on this port.
  explicit pod_set(std::uint16_t port) : port_(port) {}

  void begin_list() override { listed_.clear(); }
  // Errors: errc::too_many.
  [[nodiscard]] error_code add(const api_object& object) override;
  void end_list() override;
  // Errors: errc::too_many.
  [[nodiscard]] error_code apply(const watch_event& event) override;

  // These are withheld from now on, and no others. They stay candidates: somebody may have promoted one.
  void withhold(fenced_pods fenced);
  // Pods that run, have an address and are not being deleted, ready or not. Where two have one
  // address, the one that was made last: the other is gone, and only the API does not know it yet. Sorted by
  // address.
  [[nodiscard]] std::vector<discovered_backend> candidates() const;
  // The pod of this name that runs, fenced, being deleted or not; of two, the one that was made last.
  [[nodiscard]] std::optional<discovered_backend> named(std::string_view name) const;
  // Those since the last call, each once. Of pods that are, were or may yet be candidates.
  [[nodiscard]] std::set<backend_hint> take_hints();
  // True if candidates() may have changed since the last call.
  [[nodiscard]] bool take_change();

 private:
  struct pod {
    std::string name;
    std::string address;  // empty: none, or none that is an IP address
    std::string phase;
    std::string created_at;  // RFC 3339, so that text order is time's
    std::string zone;        // empty: it does not carry the label
    std::vector<std::string> labels;
    bool is_ready = false;
    bool is_being_deleted = false;

    [[nodiscard]] bool is_candidate() const {
      return phase == "Running" && !address.empty() && !is_being_deleted;
    }
  };
  // Where the set of candidates would be the same with either.
  [[nodiscard]] static bool is_same_candidate(const pod& left, const pod& right);
  using pods = std::map<std::string, pod>;  // by UID

  [[nodiscard]] static pod pod_of(const api_object& object);
  [[nodiscard]] discovered_backend backend_of(const std::string& uid, const pod& of) const;
  void note_change(const std::string& uid, const pod& before, const pod* now);

  const std::uint16_t port_;
  pods pods_;
  pods listed_;  // by a list that is not whole yet
  fenced_pods fenced_;
  std::set<backend_hint> hints_;
  bool has_changed_ = false;
};

}  // namespace pgsteer::discovery
