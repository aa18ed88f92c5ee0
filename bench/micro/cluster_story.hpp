#pragma once
// A cluster of any size for the decision core: backend 1 is the primary, the others are its standbys, and
// every one of them answers its probes.
//
// No probe and no socket: the answers are made here, on a clock of its own. Not thread-safe.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "pgsteer/topology/topology.hpp"

namespace pgsteer::bench {

class cluster_story {
 public:
  // The primary's address is where its sessions dial; the standbys' addresses lead nowhere.
  explicit cluster_story(std::uint32_t backends, const endpoint& primary = {"10.0.0.1", 5432},
                         time_point start = time_point{} + seconds{1000})
      : now_(start) {
    std::vector<topology::backend_spec> specs{{"pg-1.example:5432", primary}};
    for (std::uint32_t id = 2; id <= backends; ++id)
      specs.push_back({"pg-" + std::to_string(id) + ".example:5432", {"10.0.0." + std::to_string(id), 5432}});
    core_.set_backends(specs);
    for (std::uint32_t id = 1; id <= backends; ++id) answered(id);
  }

  // As the owner of a topology does it for each probe that ends: the result in, a snapshot out.
  topology::topology_snapshot answered(std::uint32_t id) {
    topology::role_answer row;
    row.is_in_recovery = id != primary_;
    row.system = {7'123'456'789'012'345'678};
    row.timeline = {timeline_};
    wal_bytes_ += 8192;
    row.write_lsn = {id == primary_ ? wal_bytes_ : 0};
    row.receive_lsn = row.replay_lsn = {id == primary_ ? 0 : wal_bytes_};
    if (row.is_in_recovery) row.replay_delay = milliseconds{0};
    row.has_wal_receiver = row.is_in_recovery;
    row.start_time_us = 1'700'000'000'000'000;
    topology::probe_result result;
    result.outcome = topology::probe_outcome::answered;
    result.answer = row;
    return ended(std::move(result), id);
  }
  topology::topology_snapshot timed_out(std::uint32_t id) {
    topology::probe_result result;
    result.outcome = topology::probe_outcome::timed_out;
    result.message = "timeout expired";
    return ended(std::move(result), id);
  }
  // The next answer of this backend proves it primary, on the next timeline.
  void promote(std::uint32_t id) {
    primary_ = id;
    ++timeline_;
  }

 private:
  topology::topology_snapshot ended(topology::probe_result result, std::uint32_t id) {
    now_ += milliseconds{1};
    result.sent_at = result.received_at = now_;
    core_.record({id}, result);
    return core_.decide(now_);
  }

  topology::topology core_{topology::topology_options{}};
  time_point now_;
  std::uint32_t primary_ = 1;
  std::uint32_t timeline_ = 1;
  std::uint64_t wal_bytes_ = 0x1000000;
};

}  // namespace pgsteer::bench
