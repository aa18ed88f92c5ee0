#include "server/take_over.hpp"

#include <unistd.h>

#include <utility>

#include "pgsteer/base/assert.hpp"
#include "pgsteer/base/log.hpp"
#include "pgsteer/succession/errc.hpp"
#include "server/errc.hpp"

namespace pgsteer::server {
namespace {

using succession::word;

constexpr auto predecessor_answer_time = seconds{5};
// From the start of the probes: a login at each backend, and another one for whoever was late.
constexpr auto proof_time = seconds{10};
constexpr auto proof_look_interval = milliseconds{2};
// How soon an abandoned wait ends.
constexpr auto wait_portion = milliseconds{100};

std::string not_understood() {
  return error_code(succession::errc::not_understood).message();
}

}  // namespace

take_over::take_over(boost::asio::io_context& control, net::unique_fd connected, surroundings around)
    : around_(std::move(around)), calls_(control), peer_(std::move(connected)) {}

take_over::~take_over() {
  abandon();
}

void take_over::abandon() {
  is_abandoned_ = true;
  calls_.abandon();
  if (thread_.joinable()) thread_.join();
}

result<void> take_over::receive_offer() {
  const auto fail = [this](const error_code& ec, std::string why) {
    failure_ = std::move(why);
    return ec;
  };
  const auto told = [&](const error_code& ec) { return fail(ec, ec.message()); };
  const succession::greeting hello{.version = PGSTEER_VERSION, .pid = ::getpid()};
  const auto sent = peer_.send(succession::to_json(hello), {}, {}, clock::now() + predecessor_answer_time);
  if (!sent) return told(sent.error());
  const auto said = peer_.receive(clock::now() + predecessor_answer_time);
  if (!said) return told(said.error());
  if (const auto refused = succession::read_word(said->text))
    return fail(pgsteer::server::errc::cannot_start, refused->why);
  auto offer = succession::read_offer(said->text, clock::now());
  if (!offer) return told(succession::errc::not_understood);
  offer_ = std::move(*offer);
  for (std::size_t i = 0; i < offer_.sockets; ++i) {
    auto given = peer_.receive(clock::now() + predecessor_answer_time);
    if (!given) return told(given.error());
    auto words = succession::read_socket_offer(given->text);
    if (!words || given->descriptors.size() != 1) return told(succession::errc::not_understood);
    sockets_.add({std::move(words->name), std::move(words->bind), std::move(given->descriptors.front()),
                  words->is_kept_open});
  }
  log(log_level::info, "taking over from another process",
      {{"pid", offer_.from.pid}, {"version", std::string_view(offer_.from.version)}});
  return {};
}

void take_over::refuse(const std::string& why) {
  (void)peer_.send(succession::to_json(word{.what = word::kind::refused, .why = why}), {}, {},
                   clock::now() + predecessor_answer_time);
}

void take_over::begin() {
  thread_ = std::thread([this] { run(); });
}

void take_over::run() {
  std::string why;
  if (agree(why) == standing::refused) {
    (void)calls_.call([&] { around_.on_refused(why); });
    return;
  }
  if (!calls_.call([this] { around_.start_accepting(newest_session_); })) return;
  why = take_sessions();
  (void)calls_.call([&] { why.empty() ? around_.on_over(sessions_) : around_.on_disowned(why); });
}

take_over::standing take_over::agree(std::string& why) {
  why = wait_until_ready();
  if (!why.empty()) {
    refuse(why);
    return has_predecessor_ended() ? standing::alone : standing::refused;
  }
  if (!peer_.send(succession::to_json(word{.what = word::kind::ready}), {}, {},
                  clock::now() + predecessor_answer_time)) {
    why = "the other process goes on without this one";
    return has_predecessor_ended() ? standing::alone : standing::refused;
  }
  const auto said = peer_.receive(clock::now() + predecessor_answer_time);
  if (!said) {
    why = said.error().message();
    return said.error() == succession::errc::peer_gone ? standing::alone : standing::refused;
  }
  const auto go = succession::read_word(said->text);
  if (go) newest_session_.value = go->newest_session;
  if (go && go->what == word::kind::go) return standing::heir;
  why = go ? go->why : not_understood();
  return standing::refused;
}

std::string take_over::wait_until_ready() {
  std::string missing;
  for (const time_point deadline = clock::now() + proof_time; clock::now() < deadline;) {
    if (!calls_.call([&] { missing = around_.what_is_missing(); })) return "it is told to stop";
    if (missing.empty()) return {};
    std::this_thread::sleep_for(proof_look_interval);
  }
  return missing;
}

std::string take_over::take_sessions() {
  while (!is_abandoned_) {
    if (!peer_.await(clock::now() + wait_portion)) continue;
    auto received = peer_.receive(clock::now() + predecessor_answer_time);
    if (!received)
      return received.error() == succession::errc::peer_gone ? std::string() : received.error().message();
    if (received->descriptors.empty()) {
      const auto said = succession::read_word(received->text);
      if (!said) return not_understood();
      if (said->what != word::kind::done) return said->why;
      (void)peer_.send(received->text, {}, {}, clock::now() + predecessor_answer_time);
      return {};
    }
    auto batch = succession::unpack(std::move(*received), clock::now());
    if (!batch) return not_understood();
    if (std::string why = take_batch(std::move(*batch)); !why.empty()) return why;
  }
  return {};
}

std::string take_over::take_batch(succession::session_batch batch) {
  std::vector<place> places;
  if (!calls_.call([&] { places = around_.find_places(batch.sessions); })) return {};
  PGSTEER_ASSERT(places.size() == batch.sessions.size());
  word owned{.what = word::kind::owned, .why = {}, .batch = batch.number, .left = {}, .later = {}};
  for (std::size_t i = 0; i < places.size(); ++i)
    if (places[i].on == nullptr) (places[i].is_to_come_later ? owned.later : owned.left).push_back(i);
  const auto told = peer_.send(succession::to_json(owned), {}, {}, clock::now() + predecessor_answer_time);
  if (!told && !has_predecessor_ended()) return "the other process goes on without this one";
  for (std::size_t i = 0; i < places.size(); ++i) {
    place& to = places[i];
    if (to.on == nullptr) continue;
    to.on->take(*to.listener, std::move(batch.sessions[i]), std::move(to.backend));
    ++sessions_;
  }
  return {};
}

bool take_over::has_predecessor_ended() {
  for (;;) {
    const auto said = peer_.receive(clock::now() + proof_look_interval);
    if (!said) return said.error() == succession::errc::peer_gone;
  }
}

}  // namespace pgsteer::server
