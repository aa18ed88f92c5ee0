#pragma once
// The decision core: who is primary, who may be read from, whose sessions must go. The rules of truth
// (README).
//
// Pure: no socket, no clock, no log; values in, snapshot out. Not thread-safe; the control thread owns it.
// Misses only stop new dials; only positive proof moves rw.
//
// Flow:
//   set_backends(specs)           discovery changed
//   record(id, result)            a probe ended
//   note_late(id, sent_at)        a probe has no answer yet, though others came sooner
//   note_pause(now)               the process itself stood still: nothing known before now is fresh
//   announce_switchover(id, sign, now)  a manager says that it is about to replace this primary
//   withdraw_switchover()         or that it is not
//   set_order(id, order)          the operator's, about one backend
//   replace_mark(mark)            the operator's, or what was saved
//   change_options(options)       the operator's
//   resume(past)                  what the process before this one knew
//   decide(now)                   -> snapshot; generation grows only if a verdict changed
// After each of the others, and at next_deadline(), call decide() and publish what it returns, also
// under the same generation: rw_valid_until moves on with every good answer. Leaving backends stay to be
// probed.
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "pgsteer/base/clock.hpp"
#include "pgsteer/base/endpoint.hpp"
#include "pgsteer/topology/backend_spec.hpp"
#include "pgsteer/topology/fence_mark.hpp"
#include "pgsteer/topology/options.hpp"
#include "pgsteer/topology/probe_result.hpp"
#include "pgsteer/topology/recollection.hpp"
#include "pgsteer/topology/snapshot.hpp"

namespace pgsteer::topology {

class topology {
 public:
  // A remembered mark pins the cluster and its fence before the first probe. One of another cluster than
  // options.system names is ignored: what the operator says now counts.
  explicit topology(topology_options options, const std::optional<fence_mark>& remembered = {});
  ~topology();
  topology(topology&&) noexcept;
  topology& operator=(topology&&) noexcept;

  // Makes specs the backends that may take new sessions (at most backends_max; the rest is ignored, as is an
  // address named twice). One that is no longer named is leaving: it takes no new session, and is kept so
  // that its sessions live, until forget(). Named again before that, it is the same backend with the same id.
  // Only the primary in use stays in use: discovery hints, probes prove. But one whose address is another's
  // now cannot be asked any more: all that was known of it is forgotten, and what is told of it ignored.
  void set_backends(std::span<const backend_spec> specs);
  // The backend that discovery knows so, leaving or not; nothing if there is none.
  [[nodiscard]] std::optional<backend_id> find(const endpoint& address, std::string_view identity) const;
  // Drops a leaving backend that has no sessions any more; false, and nothing done, for any other and for the
  // primary in use.
  bool forget(backend_id id);
  // Takes one result in. A result older than what is known overwrites nothing; an unknown id is ignored.
  void record(backend_id id, const probe_result& result);
  // The probe asked at sent_at should have been answered by now: the backend is suspect, takes no new session
  // and keeps the others, until anything asked then or later is known. No role changes.
  void note_late(backend_id id, time_point sent_at);
  // The process stood still until now: nobody is rw-eligible until a question asked from now on was answered,
  // and the time not watched does not count towards dead_after. Call it before the decide() that follows.
  void note_pause(time_point now);

  // If this is the primary in use, new sessions wait for its successor, and those that it has end at their
  // next idle moment, for switchover_hold. Proof of a successor ends that sooner. The same sign again, also
  // after it was withdrawn, begins nothing anew for a minute.
  // True if it is news, and not of another backend than the primary in use.
  bool announce_switchover(backend_id from, replacement_sign sign, time_point now);
  // The manager's status does not say so any more. A deletion stands.
  void withdraw_switchover();

  // The operator's word about this backend, in place of what he said before; nothing takes that back. It
  // keeps new sessions from it and moves no role: nobody else becomes the primary by it. It stands as long as
  // its time, whatever becomes of the backend meanwhile, also if discovery does not name it for a while. An
  // unknown id is ignored.
  void set_order(backend_id id, const std::optional<operator_order>& wanted);

  // What is known stays known, unless options.system names another cluster than it is of: then only what the
  // backends say from now on counts, as after replace_mark(). The fence that was proven before is set aside,
  // and counts again once its cluster is named again, or once nothing is named and nothing was proven
  // meanwhile. True if it is another cluster now.
  bool change_options(const topology_options& options);

  // For the process that follows this one. Leaving backends are in it, those that were replaced are not.
  [[nodiscard]] recollection recollect() const;
  // Begins where another process is: its backends keep their ids. The mark counts if it is of the cluster
  // that options.system names, or if none is named; of one cluster the higher one does. Precondition: no
  // backend is known yet.
  void resume(const recollection& past);

  // Deterministic; O(backends).
  [[nodiscard]] topology_snapshot decide(time_point now);
  // The first instant at which decide() may answer differently with no new event (role_ttl, dead_after, a
  // rest, settle, a switchover, an order), as of the last decide(); always later than that one.
  [[nodiscard]] std::optional<time_point> next_deadline() const;

  // What a restart needs to know; unset until the cluster is pinned and a primary of it was seen.
  [[nodiscard]] std::optional<fence_mark> mark() const;
  // The operator's word that the mark was wrong (after a point-in-time recovery to a lower timeline, or a new
  // cluster under the old addresses): the fence is this one, or learned anew, from every backend. Answers of
  // primaries are forgotten, so only a backend that still says so raises it again.
  void replace_mark(const std::optional<fence_mark>& mark);

 private:
  struct memory;
  std::unique_ptr<memory> memory_;
};

}  // namespace pgsteer::topology
