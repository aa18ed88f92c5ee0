#!/usr/bin/env python3
"""Proves that the tests of what decides can fail: breaks one rule at a time and looks who notices.

Of the decision core the simulation should; for what only a precise row of a table can see, the unit tests of that file
may. Of a login the unit tests do.

Usage: mutants.py [--only NAME] [--histories N] [--events N] [--jobs N]
  Works on a copy of src; the tree is not touched. Exit code 0: the sound core passes and every
  mutant is caught, mostly by the rule that it breaks; 1: otherwise, also if a mutant no longer fits the source.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CORE = ["topology", "routing"]
# What a login needs besides.
LOGIN = ["pgwire", "runtime", "login"]
# Of one file, or of a login and what it goes by.
UNIT_TESTS = {"topology/attention.cpp": [ROOT / "tests/unit/topology/attention_test.cpp"],
              "login": [*sorted((ROOT / "tests/unit/login").glob("*.cpp")), ROOT / "tests/unit/runtime/publication_test.cpp",
                        ROOT / "tests/unit/base/permit_queue_test.cpp", ROOT / "tests/unit/base/room_estimate_test.cpp"]}


@dataclass(frozen=True)
class Mutant:
    name: str
    # How the report of a broken rule begins; "assert": the core's own check ends the program; "unit": a unit test fails.
    caught_by: str
    file: str
    edits: tuple  # (text, what stands there instead) ...


def mutant(name: str, caught_by: str, file: str, *edits: tuple) -> Mutant:
    return Mutant(name, caught_by, file, edits)


MUTANTS = [
    mutant("a standby's answer does not end the primary's role", "I1", "topology/knowledge.cpp",
           ("  backend.answer = result.answer;",
            "  if (backend.answer && !backend.answer->is_in_recovery && result.answer->is_in_recovery) return;\n"
            "  backend.answer = result.answer;")),
    mutant("a stale answer overwrites a newer one", "I1", "topology/knowledge.cpp",
           ("  if (backend.answer && result.sent_at < backend.answered_at) return;\n", "")),
    mutant("a stale outcome overwrites a newer one", "rw to a backend that does not let in", "topology/knowledge.cpp",
           ("  if (backend.outcome && result.sent_at < backend.heard_at) {", "  if (false) {")),
    mutant("a shutdown is forgotten while it goes on", "a shutdown waits for sessions that stay", "topology/knowledge.cpp",
           (" ||\n                             (backend.is_shutting_down && outcome == probe_outcome::not_accepting);", ";")),
    mutant("nobody settles", "rw to a primary whose promotion has not settled", "topology/handover.cpp",
           ("  return *risen_at_ + longest;", "  return std::nullopt;")),
    mutant("an end of the connection before the rise is enough", "rw to a primary whose promotion has not settled",
           "topology/handover.cpp", ("primary.terminated_at >= *risen_at_", "primary.terminated_at > time_point::min()")),
    mutant("an order is not heeded", "the operator's order is not in force", "topology/verdict.cpp",
           ("  if (backend.order) heed_order(status, *backend.order);\n", "")),
    mutant("an order leaves rw open", "assert", "topology/verdict.cpp",
           ("  status.is_rw_eligible = status.is_ro_eligible = false;\n}", "}")),
    mutant("an order never ends", "the operator's order is not in force", "topology/topology.cpp",
           ("    orders.lapse(now);\n", "")),
    mutant("the end of an order is no deadline", "I5", "topology/topology.cpp",
           ("  consider_later(memory_->orders.next_end());\n", "")),
    mutant("settling takes for ever", "I3", "topology/handover.cpp",
           ("return *risen_at_ + longest;", "return *risen_at_ + longest * 1000;")),
    mutant("the first primary settles too", "I3", "topology/topology.cpp",
           (" && (was_standby || memory_->incumbent);", ";")),
    mutant("settling ends without a deadline", "I5", "topology/topology.cpp",
           ("  consider_later(memory_->primary_settles_until(memory_->incumbent));\n", "")),
    mutant("an announced switchover is not heard of", "rw to a primary that is about to be replaced", "topology/topology.cpp",
           ("  return memory_->handover.announce(from, sign, now, memory_->options.switchover_hold);", "  return from.value == 0;")),
    mutant("an announcement is prolonged by itself", "I3", "topology/handover.cpp",
           ("now < last->until + doubted_for", "now < last->until - doubted_for")),
    mutant("an announcement that has come true counts on", "a switchover waits for sessions that stay",
           "topology/handover.cpp", ("*primary != last->from) last.reset();", "false) last.reset();")),
    mutant("an announcement is believed for ever", "I3", "topology/handover.cpp",
           ("now + believed_for}", "now + 1000 * believed_for}")),
    mutant("an announcement ends without a deadline", "I5", "topology/topology.cpp",
           ("  if (memory_->incumbent)\n    consider_later(memory_->handover.announced_until(*memory_->incumbent, "
            "memory_->decided_at));\n", "")),
    mutant("a word about another backend makes the one about the primary new", "rw to a primary that is about to be replaced", "topology/topology.cpp",
           ("  if (memory_->incumbent && memory_->incumbent != from) return false;\n", "")),
    mutant("a deletion is withdrawn with the status", "sessions end, though nobody waits for that", "topology/handover.cpp",
           ("announced_.at(static_cast<std::size_t>(replacement_sign::status));\n  if (last)", "announced_.at(1);\n  if (last)")),
    mutant("an announced switchover leaves idle sessions", "a switchover waits for sessions that stay",
           "topology/verdict.cpp",
           ("    status.close_when_idle = found.ends_idle_sessions;\n    status.ends", "    status.ends")),
    mutant("a pod that is deleted is taken for one that waits for nobody", "who waits for transactions",
           "topology/handover.cpp",
           (" && !is_deleted;", ";")),
    mutant("a shutdown never ends", "sessions end, though nobody waits for that", "topology/knowledge.cpp",
           ("(backend.is_shutting_down && outcome == probe_outcome::not_accepting);", "backend.is_shutting_down;")),
    mutant("the fence is not raised", "I2", "topology/fence.cpp",
           ("  if (primary.timeline <= timeline && !is_position_due) return;", "  if (timeline.value != 0) return;")),
    mutant("the fence is not raised by late answers", "I2", "topology/topology.cpp",
           ("  memory_->learn(proof_in(result));",
            "  if (found->second.answered_at == result.sent_at) memory_->learn(proof_in(result));")),
    mutant("the remembered fence is ignored", "I2", "topology/topology.cpp",
           ("  if (is_of_this_cluster) known.cluster = {mark->system, true};\n  known.current_fence = is_of_this_cluster ?",
            "  known.current_fence = false ?")),
    mutant("the mark is kept only from the second timeline on", "I2", "topology/topology.cpp",
           ("memory_->current_fence.timeline.value == 0) return", "memory_->current_fence.timeline.value <= 1) return")),
    mutant("sessions stay on a fenced primary", "I2", "topology/verdict.cpp",
           ("  status.sessions = session_verdict::close_all;\n  status.reason = {\n      .what = primary_fenced",
            "  status.reason = {\n      .what = primary_fenced")),
    mutant("a late notice never ends", "I3", "topology/knowledge.cpp",
           ("  if (backend.late_at && result.sent_at >= *backend.late_at) backend.late_at.reset();\n", "")),
    mutant("who was dead is never believed again", "I3", "topology/knowledge.cpp",
           ("if (proves) backend.has_lapsed = backend.may_be_another = false;", "if (proves) backend.may_be_another = false;")),
    mutant("the pause never ends", "I3", "topology/topology.cpp",
           ("  memory_->fresh_from = now;", "  memory_->fresh_from = now + seconds{60};")),
    mutant("an incumbent that is silent loses the role", "I4", "topology/election.cpp",
           ("  return backend.is_leaving && backend.is(standing::silent);", "  return backend.is(standing::silent);")),
    mutant("who was primary is not remembered", "I4", "topology/topology.cpp",
           ("  known.incumbent = elected.primary;\n", "")),
    mutant("of several that claim the last one is elected", "rule 4", "topology/election.cpp",
           ("  const bool is_sole = rivals == 1 && is_electable;", "  const bool is_sole = rivals >= 1 && is_electable;")),
    mutant("the first to answer is elected", "elected before", "topology/election.cpp",
           ("  if (is_sole && was_everybody_probed(backends))", "  if (is_sole)")),
    mutant("knowledge does not age", "rw on an answer older", "topology/verdict.cpp",
           ("  return found.now - backend.answered_at <= found.role_ttl;",
            "  return found.now >= backend.answered_at;")),
    mutant("no deadline is announced", "I5", "topology/topology.cpp",
           ("  std::optional<time_point> first;\n", "  return std::nullopt;\n  std::optional<time_point> first;\n")),
    mutant("the deadline comes a tick early", "I5", "topology/topology.cpp",
           ("memory_->options.role_ttl + duration{1};", "memory_->options.role_ttl;")),
    mutant("death comes without a deadline", "I5", "topology/topology.cpp",
           ("      consider(*backend.silent_since + memory_->options.dead_after);\n", "")),
    mutant("another cluster's backend is accepted", "I6", "topology/identity.cpp",
           ("backend.answer->system != cluster.system", "backend.answer->system.value == 0"),
           ("backend.answer->system == cluster.system", "backend.answer->system.value != 0")),
    mutant("sessions stay on another cluster's backend", "I6", "topology/verdict.cpp",
           ("  status.sessions = session_verdict::close_all;\n  status.reason = {.what = foreign",
            "  status.reason = {.what = foreign")),
    mutant("a standby's rest depends on the time of day", "I7", "topology/knowledge.cpp",
           ("    duration rest = rest_min;",
            "    duration rest = rest_min + duration{sent_at.time_since_epoch().count() % 100'000'007};")),
    mutant("a pause is ignored", "rule 6", "topology/topology.cpp", ("  memory_->fresh_from = now;\n", "")),
    mutant("a pause counts as silence", "all sessions are closed on mere misses", "topology/topology.cpp",
           ("  for (auto& [id, backend] : memory_->backends) restart_silence(backend, now);\n", "")),
    mutant("one miss is death", "all sessions are closed on mere misses", "topology/topology.cpp",
           ("now - *backend.silent_since < options.dead_after", "now - *backend.silent_since < duration::zero()")),
    mutant("nobody ever dies", "sessions stay on a backend that was silent", "topology/topology.cpp",
           ("      backend.is_dead = true;\n", "")),
    mutant("late notices are ignored", "new sessions are let in while a probe is late", "topology/knowledge.cpp",
           ("sent_at > backend.probed_at) backend.late_at = ", "sent_at > backend.probed_at) [[maybe_unused]] auto x = ")),
    mutant("a standby of a discarded timeline is read from", "ro on a discarded timeline", "topology/fence.cpp",
           ("return following::below;", "return following::proven;")),
    mutant("a crash-looping standby is banned even if it is the last", "every standby is banned",
           "topology/topology.cpp", ("  found.may_rest = false;\n", "")),
    mutant("a standby that was just lost does not rest", "ro to a standby that was just lost", "topology/verdict.cpp",
           ("  return backend.rests_until > now && backend.is(standing::open);", "  return now < backend.rests_until && false;")),
    mutant("changes make no generation", "a verdict changed under the same generation", "topology/topology.cpp",
           ("left.sessions == right.sessions && left.close_when_idle == right.close_when_idle &&\n"
            "         left.ends_them_soon == right.ends_them_soon && left.reason == right.reason",
            "left.reason == left.reason")),
    mutant("who left discovery is still used", "rw to a backend that discovery no longer names", "topology/verdict.cpp",
           ("  if (backend.is_leaving && !backend.left_as_primary) {\n    status.reason = {primary_leaving}", "  if (false) {\n    status.reason = {primary_leaving}")),
    mutant("a known rival is elected by silence", "rule 4", "topology/election.cpp",
           ("  if (backend.rival_on != current_fence.timeline) return false;", "  return false;")),
    mutant("a lowered fence keeps no position", "the mark's position", "topology/fence.cpp",
           ("primary.timeline == timeline && raised_at.value == 0", "false")),
    mutant("the first answer after a pause is enough", "rule 6", "topology/knowledge.cpp",
           ("|| backend.probed_at >= then;", "|| then == then;")),
    mutant("who was gone is taken at its last word", "I6", "topology/knowledge.cpp",
           ("backend.may_be_another = true;", "backend.may_be_another = false;")),
    mutant("WAL of its own proves a standby's timeline", "ro on a discarded timeline", "topology/fence.cpp",
           ("  if (standby.replay_lsn > standby.receive_lsn) return following::beyond_receipt;\n", "")),
    mutant("a live stale primary is nobody's source", "ro on a discarded timeline", "topology/fence.cpp",
           ("  if (has_stale_primary) return following::perhaps_stale;\n", "")),
    mutant("a standby's proof outlives its restart", "ro on a discarded timeline", "topology/verdict.cpp",
           (" &&\n                          backend.followed_in_run == backend.answer->start_time_us;", ";")),
    mutant("a standby's proof ends with its receiver", "ro is withheld from a sound standby", "topology/topology.cpp",
           ("    backend.followed = current_fence.timeline;\n", "")),
    mutant("a standby above the timeline in use is read from", "ro above the timeline in use", "topology/verdict.cpp",
           ("status.timeline > found.current_fence.timeline && found.is_primary_answering", "false")),
    mutant("what is forgotten leaves its traces", "I6", "topology/topology.cpp",
           ("    if (!known.cluster.is_pinned) forget_all(backend);\n", "")),
    mutant("routing does not ask how old the snapshot is", "rw on an answer older", "routing/eligible.cpp",
           ("&& input.snapshot.is_rw_open(input.now)", "")),
    mutant("routing ignores max_replay_lag", "ro beyond max_replay_lag", "routing/eligible.cpp",
           ("return backend.is_ro_eligible && is_within_lag(backend, input.policy);", "return backend.is_ro_eligible;")),
    mutant("prefer-standby prefers the primary", "prefer-standby", "routing/choose.cpp",
           ("  if (standby.backend != nullptr) return standby;\n", "")),
    mutant("a pause is not noticed", "rule 6: a pause was not", "topology/attention.cpp",
           ("  if (passed >= pause_min) {", "  if (passed >= 3600 * pause_min) {")),
    mutant("a busy host is taken for a pause", "rule 6: a pause was noticed that", "topology/attention.cpp",
           ("constexpr duration pause_min = 10 *", "constexpr duration pause_min = 3 *")),
    mutant("time is measured from the first tick", "rule 6: a pause was noticed that", "topology/attention.cpp",
           ("  ticked_at_ = now;\n", "  if (!ticked_at_) ticked_at_ = now;\n")),
    mutant("a loss makes no burst", "watch", "topology/attention.cpp", ("  if (is_lost_now || (known_before", "  if ((known_before")),
    mutant("the watch is not prolonged", "watch", "topology/attention.cpp",
           ("now - burst_at_ >= hint_interval", "now - burst_at_ >= 100 * hint_interval")),
    mutant("a loss makes no burst soon after the last", "watch", "topology/attention.cpp",
           ("  if (is_lost_now ||", "  if ((is_lost_now && now - burst_at_ >= hint_interval) ||")),
    mutant("a lost primary is watched for a second", "watch", "topology/attention.cpp",
           ("close_watch_max = seconds{120}", "close_watch_max = seconds{3}")),
    mutant("a lost primary is watched for ever", "unit", "topology/attention.cpp",
           ("  return lost_at_ && now - *lost_at_ <= close_watch_max;", "  return lost_at_ && now >= *lost_at_;")),
    mutant("a pause uses up the watch", "unit", "topology/attention.cpp",
           ("    if (lost_at_) lost_at_ = std::min(*lost_at_ + passed, now);\n", "")),
    mutant("the pause is added to a loss that came after it", "unit", "topology/attention.cpp",
           ("std::min(*lost_at_ + passed, now)", "*lost_at_ + passed")),
    mutant("bursts outlast a proof", "watch: bursts", "topology/attention.cpp", ("    wanted.push_back({end_bursts});\n", "")),
    mutant("a primary that was lost stays lost", "rule 8", "topology/attention.cpp", ("    lost_at_.reset();\n", "")),
    mutant("a start without a primary is a loss", "unit", "topology/attention.cpp",
           ("  has_had_primary_ = has_had_primary_ || primary_.has_value();", "  has_had_primary_ = true;")),
    mutant("the primary's failure concerns nobody else", "rule 8: the primary", "topology/attention.cpp",
           ("  if (primary_ == id) return {{burst_all}};\n", "")),
    mutant("the primary is remembered from the first decision", "rule 8: the primary", "topology/attention.cpp",
           ("  primary_ = snapshot.primary;", "  if (!primary_) primary_ = snapshot.primary;")),
    mutant("a lost session makes a burst", "rule 8", "topology/attention.cpp",
           ("{{refresh_discovery}, {ask_once, id}}", "{{refresh_discovery}, {burst, id}}")),
    mutant("a lost session is ignored", "rule 8: a backend is not asked", "topology/attention.cpp",
           ("{{refresh_discovery}, {ask_once, id}}", "{{refresh_discovery}}")),
    mutant("a slow login is ignored", "rule 8: a backend is not asked", "topology/attention.cpp",
           ("    case hint::login_slow:\n      return {{ask_once, id}};", "    case hint::login_slow:\n      return {};")),
    mutant("a failed login does not ask discovery", "unit", "topology/attention.cpp", ("      wanted.push_back({refresh_discovery});\n", "")),
    mutant("a late probe is ignored", "unit", "topology/attention.cpp",
           ("note_late(backend_id id) const {\n  return watch(id);", "note_late(backend_id) const {\n  return {};")),
    mutant("a replaced mark is no reason to ask", "unit", "topology/attention.cpp",
           ("note_mark_replaced() const {\n  return {{burst_all}};", "note_mark_replaced() const {\n  return {};")),
    mutant("a change of discovery is no hint", "rule 8: discovery changed", "topology/attention.cpp",
           ("  if (named == named_) return std::nullopt;", "  return std::nullopt;")),
    mutant("a backend that is forgotten is a hint", "unit", "topology/attention.cpp",
           ("  if (named == named_) return std::nullopt;", "  if (known == known_) return std::nullopt;")),
    mutant("only new names are acted on", "rule 8: discovery changed", "topology/attention.cpp",
           ("  if (named == named_) return", "  if (named.size() >= named_.size()) return")),
    mutant("who is discovered while a primary is lost is not watched", "watch", "topology/attention.cpp",
           ("(known_before && is_watching(now))", "false")),
    mutant("a dial that failed may be tried again at once", "unit", "login/retry_rules.cpp",
           ("    case attempt_end::failed:\n    case attempt_end::refused:\n      tried_.push_back(backend);\n",
            "    case attempt_end::failed:\n    case attempt_end::refused:\n")),
    mutant("a full backend is doubted", "unit", "login/retry_rules.cpp",
           ("      tried_.push_back(backend);\n      return std::nullopt;", "      tried_.push_back(backend);\n      return topology::hint::login_failed;")),
    mutant("a backend that refused is hammered", "unit", "login/retry_rules.cpp",
           ("  pause_ = std::min<duration>(pause_ * 2, pause_max);\n", "")),
    mutant("each reason has a hold of its own", "unit", "login/retry_rules.cpp",
           ("  const time_point until_last = deadline(now);\n", "  deadline_.reset();\n  const time_point until_last = deadline(now);\n")),
    mutant("a login goes on at a demoted primary", "unit", "login/stay_rules.cpp",
           ("  if (needs_primary && status->role != topology::role::primary) return false;\n", "")),
    mutant("a missed probe cuts prompt logins", "unit", "login/stay_rules.cpp", ("is_eligible || !is_slow", "is_eligible")),
    mutant("ro sessions leave a standby", "unit", "login/stay_rules.cpp",
           ("session_verdict::close_read_write && routing::needs_primary(route)", "session_verdict::close_read_write")),
    mutant("a shutdown cuts whoever is not idle", "unit", "login/stay_rules.cpp",
           ("status->ends_them_soon ? std::min(quiet_before_a_stop, idle_time) : idle_time};", "std::nullopt};")),
    mutant("knowledge that is too old sends a packet", "unit", "login/stay_rules.cpp",
           ("present.is_rw_open(now)", "!present.is_rw_closed")),
    mutant("more than one byte is a reply to encryption", "unit", "login/reach_machine.cpp",
           ("  return d.answer.size() == 1 && (", "  return (")),
    mutant("57P03 is passed on", "unit", "login/reach_machine.cpp",
           ("  if (!pgwire::is_retryable_elsewhere(answer.fields.sqlstate)) return answered(d, now);", "  if (answer.fields.sqlstate != \"53300\") return answered(d, now);")),
    mutant("a place among the dials is kept while an answer is late", "unit", "login/reach_machine.cpp",
           ("  here.dial.leave();  // others need not wait for this one\n", "")),
    mutant("trouble of this host is a backend's failure", "unit", "login/reach_machine.cpp",
           ("  if (!why.is_local_trouble) return attempt_end::failed;\n", "  if (d.around.arrived <= time_point::max()) return attempt_end::failed;\n")),
    mutant("a client that has gone is held on", "unit", "login/reach_machine.cpp",
           ("  if (it.presence != client_presence::present) return gone();\n  if (!here.is_woken", "  if (!here.is_woken")),
    mutant("a client that has ended waits although it is held", "unit", "login/reach_machine.cpp",
           ("      !std::holds_alternative<reach_machine::held>(s) && ", "      ")),
    mutant("a backend that was kept is not looked at again", "unit", "login/reach_machine.cpp",
           ("  if (may_go_on(data_, now)) return finish(ask(data_, state_, {}, now));", "  if (now < time_point::max()) return finish(ask(data_, state_, {}, now));")),
    mutant("bytes ahead of encryption are taken for encrypted ones", "unit", "login/login_machine.cpp",
           ("if (it.has_input)", "if (it.has_input && it.presence == client_presence::gone)")),
    mutant("a refused client is told before it can read", "unit", "login/login_machine.cpp",
           ("    here.why.is_untold |= here.is_reply_due;\n", "")),
    mutant("a kept backend that lost its role stays", "unit", "login/login_machine.cpp",
           ("            if (!here.kept) return next;\n", "            return next;\n")),
    mutant("a login that is over is a pending one still", "unit", "login/login_machine.cpp", ("      data_.login.release();\n", "")),
    mutant("who was held first does not go first", "unit", "login/hold_line.cpp",
           ("place_by_arrival(waiting_, arrived)", "waiting_.end()")),
    mutant("who came first does not dial first", "unit", "base/permit_queue.cpp",
           ("place_by_arrival(queue->waiting_, who.arrived)", "queue->waiting_.end()")),
    mutant("a place among the dials goes to nobody", "unit", "base/permit_queue.cpp",
           ("    woken = queue_->grant_free();  // also if it only stood in the way of others\n", "")),
    mutant("who has a place among the dials now is not told", "unit", "base/permit_queue.cpp",
           ("    woken.push_back(std::move(next->wake));\n", "")),
    mutant("who comes late takes the place of who waits", "unit", "base/permit_queue.cpp",
           ("    woken = queue->grant_free();  // the limit may have grown\n", "")),
    mutant("who was held needs no room", "unit", "login/reach_machine.cpp", ("    d.needs_room = true;", "    d.needs_room = false;")),
    mutant("who was refused because a backend is full waits for room", "unit", "login/reach_machine.cpp",
           ("  if (here.why != routing::no_backend::all_tried) {", "  if (here.why != routing::no_backend::no_primary || true) {")),
    mutant("who has waited for room in vain is refused", "unit", "login/reach_machine.cpp",
           ("  if (here.dial.insist()) return choose(d, s, std::move(here.dial));\n", "")),
    mutant("a session's place is not counted", "unit", "base/room_estimate.cpp", ("  ++ours_;\n", "")),
    mutant("a session that is over is counted for good", "unit", "base/permit_queue.cpp", ("    queue_->room_.end();\n", "")),
    mutant("room that was not used is lost", "unit", "base/permit_queue.cpp",
           ("    if (entry_->has_seat) queue_->room_.put_back();\n", "")),
    mutant("a login that is slow is forgotten", "unit", "base/room_estimate.cpp", ("uncounted_for + more * uncounted_longer_by", "uncounted_for")),
    mutant("a session that has just ended is another's", "unit", "base/room_estimate.cpp",
           (" latest.at_most = std::max(latest.at_most, each.left_by_others);\n", " continue;\n")),
    mutant("what others leave is not believed while nobody of ours comes", "unit", "base/room_estimate.cpp", ("sent_ - each.sent)", "sent_)")),
    mutant("all that is free is used", "unit", "base/room_estimate.cpp", ("(left + 1) / 2", "left")),
    mutant("who needs no room overtakes who waits for it", "unit", "base/permit_queue.cpp", ("if (is_next && queue->may_go(*entry))", "if (queue->may_go(*entry))")),
    mutant("another snapshot ends the time of who waits for a dial at last", "unit", "login/reach_machine.cpp",
           ("d.rules.dial_later(now, longest)", "now + longest")),
    mutant("a refusal leaves room", "unit", "login/reach_machine.cpp", ("  d.backend.place.note_full();\n", "")),
    mutant("a login waits to dial where it may not go", "unit", "login/reach_machine.cpp",
           ("              time_point) {\n  return choose(d, s, std::move(here.dial));\n}", "              time_point) {\n  if (here.dial.is_granted()) return choose(d, s);\n  return wait(d);\n}")),
    mutant("each queue for a dial has a hold of its own", "unit", "login/retry_rules.cpp",
           ("  if (!dial_by_) dial_by_ =", "  dial_by_ =")),
    mutant("a place among one backend's dials is one at another's", "unit", "login/reach_machine.cpp",
           ("if (!place.is_in(dials)) {", "if (!place.is_granted()) {")),
    mutant("a new primary is open before all have let go of the old one", "unit", "runtime/publication.cpp",
           ("  if (--workers_to_close_ > 0) return;\n", "  workers_to_close_ = 0;\n")),
    mutant("workers do not let go of the old primary", "unit", "runtime/publication.cpp",
           ("  of.is_rw_closed = true;\n", "")),
    mutant("a login goes on where rw is closed", "unit", "login/stay_rules.cpp", ("present.is_rw_open(now)", "snapshot.is_rw_open(now)")),
]


def build_flags(tree: Path) -> list:
    return ["-std=c++20", "-O1", "-w", "-DPGSTEER_VERSION=\"0\"", f"-I{tree}", f"-I{ROOT / 'include'}", f"-I{ROOT / 'src'}",
            f"-I{ROOT / 'tests'}"]


def compile_one(tree: Path, source: Path, target: Path) -> None:
    compiler = os.environ.get("CXX", "g++")
    subprocess.run([compiler, *build_flags(tree), "-c", source, "-o", target], check=True)


class Workshop:
    """The sound core, the simulation, the unit tests and their objects; each mutant replaces one object."""

    def __init__(self, folder: Path, pool: ThreadPoolExecutor):
        self.folder = folder
        self.tree = folder / "src"
        for module in ["base", *CORE, *LOGIN]:
            shutil.copytree(ROOT / "src" / module, self.tree / module)
        core = self.sources_of(CORE)
        core += [self.tree / "base" / name for name in ("assert.cpp", "endpoint.cpp", "errc.cpp")]
        self.simulation = [ROOT / "src/probe/probe_schedule.cpp", *sorted((ROOT / "tests/simulation").glob("*.cpp"))]
        login = [*self.sources_of(LOGIN), self.tree / "base/permit_queue.cpp", self.tree / "base/room_estimate.cpp",
                 *(ROOT / "src" / name for name in ("net/options.cpp", "metrics/counters.cpp"))]
        sources = [*core, *login, *self.simulation, *(test for tests in UNIT_TESTS.values() for test in tests)]
        self.objects = {source: folder / f"{source.parent.name}_{source.stem}.o" for source in sources}
        self.core = {source: self.objects[source] for source in core}
        self.login = {source: self.objects[source] for source in login}
        list(pool.map(lambda source: compile_one(self.tree, source, self.objects[source]), sources))

    def sources_of(self, modules: list) -> list:
        return [path for module in modules for path in sorted((self.tree / module).glob("*.cpp"))]

    def link(self, name: str, core: dict, sources: list, *libraries: str) -> Path:
        program = self.folder / name
        compiler = os.environ.get("CXX", "g++")
        objects = [*core.values(), *(self.objects[source] for source in sources)]
        subprocess.run([compiler, "-o", program, *objects, *libraries], check=True)
        return program

    def link_simulation(self, name: str, core: dict) -> Path:
        return self.link(name, core, self.simulation)

    def link_unit_tests(self, name: str, core: dict, file: str) -> Path:
        is_of_login = file == "login" or file not in UNIT_TESTS
        tests = UNIT_TESTS["login" if is_of_login else file]
        return self.link(name, {**self.login, **core} if is_of_login else core, tests, "-lgtest_main", "-lgtest", "-pthread")

    def compile_mutant(self, number: int, one: Mutant) -> dict:
        """The core's objects, one of them broken."""
        source = self.tree / one.file
        if source not in {**self.core, **self.login}:
            raise ValueError(f"{one.file} is no source of the core or the login, so that nothing would be compiled anew")
        text = source.read_text(encoding="utf-8")
        for old, new in one.edits:
            if text.count(old) != 1:
                raise ValueError(f"does not fit {one.file} any more: {old.strip()}")
            text = text.replace(old, new)
        changed = self.folder / f"mutant_{number}.cpp"
        changed.write_text(text, encoding="utf-8")
        target = changed.with_suffix(".o")
        compile_one(self.tree, changed, target)
        return {**self.core, source: target}


def simulation_verdict(program: Path, options) -> str:
    """The broken rule in words, "assert: ..." or "" if all held."""
    command = [program, "--histories", str(options.histories), "--events", str(options.events)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode < 0:
        return "assert: " + (done.stderr.strip().splitlines() or ["?"])[-1]
    for line in done.stdout.splitlines():
        if line.startswith("seed "):
            return line.split(": ", 1)[1]
        if line.startswith("too tame"):
            return line
    return ""


def unit_verdict(program: Path) -> str:
    """The first test that fails, or ""."""
    done = subprocess.run([program, "--gtest_brief=1", "--gtest_fail_fast"], capture_output=True, text=True, check=False)
    if done.returncode < 0:
        return "assert: " + (done.stderr.strip().splitlines() or ["?"])[-1]
    failed = [line for line in done.stdout.splitlines() if line.startswith("[  FAILED  ]")]
    return "unit: " + failed[0].split()[3] if failed else ""


def verdict_of(workshop: Workshop, number: int, one: Mutant, options) -> str:
    core = workshop.compile_mutant(number, one)
    if one.caught_by == "unit":
        return unit_verdict(workshop.link_unit_tests(f"mutant_{number}", core, one.file))
    return simulation_verdict(workshop.link_simulation(f"mutant_{number}", core), options)


def judge(workshop: Workshop, number: int, one: Mutant, options) -> bool:
    try:
        verdict = verdict_of(workshop, number, one, options)
    except ValueError as error:
        print(f"STALE   {one.name}: {error}", flush=True)
        return False
    is_caught = bool(verdict) and not verdict.startswith("too tame")
    wanted = "" if verdict.startswith(one.caught_by) else f" (expected {one.caught_by})"
    print(f"{'caught' if is_caught else 'MISSED'}  {one.name}: {verdict or 'nothing was noticed'}{wanted}", flush=True)
    return is_caught


def find_fault_of_sound(workshop: Workshop, options) -> str:
    if verdict := simulation_verdict(workshop.link_simulation("sound", workshop.core), options):
        return verdict
    programs = [workshop.link_unit_tests(f"sound_{Path(name).stem}", workshop.core, name) for name in UNIT_TESTS]
    return next(filter(None, map(unit_verdict, programs)), "")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="")
    parser.add_argument("--histories", type=int, default=40)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    chosen = [one for one in MUTANTS if options.only in one.name]
    with tempfile.TemporaryDirectory(prefix="pgsteer-mutants-") as folder, ThreadPoolExecutor(options.jobs) as pool:
        workshop = Workshop(Path(folder), pool)
        if verdict := find_fault_of_sound(workshop, options):
            print(f"the sound core fails: {verdict}")
            return 1
        caught = list(pool.map(lambda pair: judge(workshop, *pair, options), enumerate(chosen)))
    print(f"{sum(caught)} of {len(caught)} mutants caught")
    return 0 if all(caught) else 1


if __name__ == "__main__":
    sys.exit(main())
