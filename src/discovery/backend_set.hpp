#pragma once
// The set a source has made public: sorted, one entry per address, never empty again.
//
// Pure but for one log line per change; owned by a source. Control thread.
#include <string>
#include <vector>

#include "pgsteer/discovery/source.hpp"

namespace pgsteer::discovery {

class backend_set {
 public:
  // True if this is a change that must be handed over. An empty set never is.
  [[nodiscard]] bool update(std::vector<discovered_backend> found);
  [[nodiscard]] const std::vector<discovered_backend>& backends() const noexcept { return backends_; }

 private:
  void tell();

  std::vector<discovered_backend> backends_;
  std::string told_;  // of them, in the log
};

}  // namespace pgsteer::discovery
