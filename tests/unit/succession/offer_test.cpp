// What one process tells the next is read as it was said, and nothing else is.
#include "pgsteer/succession/offer.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <functional>
#include <string>
#include <vector>

namespace pgsteer::succession {
namespace {

namespace json = boost::json;
using topology::probe_outcome;

constexpr time_point now = time_point{} + seconds{1000};

offer sample() {
  topology::recollection::backend primary;
  primary.id = {3};
  primary.spec = {.name = "pg-1.example:5432",
                  .address = {"10.0.0.1", 5432},
                  .identity = "uid-1",
                  .is_withheld = true,
                  .zone = "west",
                  .is_in_own_zone = true};
  topology::role_answer row;
  row.system = {7711374223114453103U};
  row.timeline = {4};
  row.write_lsn = {0xffff'ffff'0000'0001U};
  row.start_time_us = 1'700'000'000'000'000;
  row.server_version = 150018;
  row.max_connections = 100;
  row.connections_free = 12;
  row.is_cnpg_managed = true;
  primary.results.push_back({probe_outcome::answered, row, {}, now - seconds{1}, now - seconds{1}, false});
  primary.results.push_back({probe_outcome::refused, {}, {}, now, now, false});
  primary.rival_on = {4};
  primary.rival_of = {5};
  topology::recollection::backend standby;
  standby.id = {5};
  standby.spec = {.name = "b", .address = {"::1", 5433}};
  standby.is_leaving = true;
  row.is_in_recovery = true;
  row.is_timeline_lower_bound = row.has_wal_receiver = row.is_replay_paused = true;
  row.receive_lsn = {2};
  row.replay_lsn = {1};
  row.replay_delay = milliseconds{250};
  row.connections_used = 3;
  row.own_sessions = 2;
  row.backend_pid = 4711;
  standby.results.push_back({probe_outcome::answered, row, {}, now, now, false});
  standby.followed = {4};
  standby.followed_in_run = row.start_time_us;
  offer made;
  made.from = {.version = "0.1.0", .pid = 12};
  made.topology = {.backends = {primary, standby},
                   .orders = {{.address = {"10.0.0.1", 5432},
                               .identity = "uid-1",
                               .what = {topology::operator_order::kind::drain, now + seconds{600}}},
                              {.address = {"::1", 5433}, .identity = {}, .what = {}}},
                   .incumbent = topology::backend_id{3},
                   .mark = topology::fence_mark{{7711374223114453103U}, {4}, {99}}};
  made.has_primary = true;
  made.sockets = 4;
  return made;
}

// Each object in it once without each of its keys.
void without_each_key(json::value& at, const std::function<void(std::string_view)>& look) {
  if (auto* const fields = at.if_object()) {
    const std::vector<std::string> keys = [&] {
      std::vector<std::string> all;
      for (const auto& [key, value] : *fields) all.emplace_back(key);
      return all;
    }();
    for (const std::string& key : keys) {
      const json::value kept = fields->at(key);
      fields->erase(key);
      look(key);
      (*fields)[key] = kept;
      without_each_key(fields->at(key), look);
    }
  } else if (auto* const list = at.if_array()) {
    for (json::value& each : *list) without_each_key(each, look);
  }
}

TEST(Offer, IsReadAsItWasSaid) {
  const offer said = sample();
  const auto heard = read_offer(to_json(said, now), now);
  ASSERT_TRUE(heard);
  EXPECT_EQ(to_json(*heard, now), to_json(said, now));
  const auto& standby = heard->topology.backends.at(1);
  EXPECT_EQ(standby.id, topology::backend_id{5});
  EXPECT_EQ(standby.spec, said.topology.backends[1].spec);
  EXPECT_TRUE(standby.is_leaving);
  EXPECT_EQ(standby.results.at(0).answer->replay_delay, milliseconds{250});
  EXPECT_EQ(standby.results.at(0).answer->connections_free, 12);
  EXPECT_EQ(heard->topology.backends.at(0).results.at(1).outcome, probe_outcome::refused);
  EXPECT_EQ(heard->topology.incumbent, topology::backend_id{3});
  EXPECT_EQ(heard->topology.mark, said.topology.mark);
  for (std::size_t i = 0; i < said.topology.orders.size(); ++i) {
    EXPECT_EQ(heard->topology.orders.at(i).address, said.topology.orders[i].address);
    EXPECT_EQ(heard->topology.orders.at(i).identity, said.topology.orders[i].identity);
    EXPECT_EQ(heard->topology.orders.at(i).what, said.topology.orders[i].what);
  }
}

// The clocks of two processes need not begin at one time.
TEST(Offer, TellsAges) {
  const auto heard = read_offer(to_json(sample(), now), now + seconds{5000});
  ASSERT_TRUE(heard);
  EXPECT_EQ(heard->topology.backends.at(0).results.at(0).sent_at, now + seconds{4999});
  EXPECT_EQ(heard->topology.orders.at(0).what.until, now + seconds{5600}) << "what is left of its time";
}

TEST(Offer, OfANewClusterHasNoMarkAndNoIncumbent) {
  offer said = sample();
  said.topology.incumbent.reset();
  said.topology.mark.reset();
  const auto heard = read_offer(to_json(said, now), now);
  ASSERT_TRUE(heard);
  EXPECT_FALSE(heard->topology.incumbent || heard->topology.mark);
}

TEST(Offer, IsRefusedWithoutAnyOfItsFields) {
  json::value root = json::parse(to_json(sample(), now));
  without_each_key(root, [&](std::string_view key) {
    const bool may_be_missing = key == "incumbent" || key == "fence" || key == "row" || key == "orders";
    EXPECT_EQ(read_offer(json::serialize(root), now).has_value(), may_be_missing) << key;
  });
}

TEST(Offer, OfAnotherFormatIsRefused) {
  offer said = sample();
  said.from.format = format + 1;
  EXPECT_FALSE(read_offer(to_json(said, now), now));
  EXPECT_FALSE(read_greeting(to_json(said.from)));
  for (const std::string wrong : {"", "{", "[]", "null", "{\"from\": 1}", "{\"outcome\": \"done\"}"}) {
    EXPECT_FALSE(read_offer(wrong, now)) << wrong;
    EXPECT_FALSE(read_greeting(wrong)) << wrong;
    EXPECT_FALSE(read_socket_offer(wrong)) << wrong;
    EXPECT_FALSE(read_word(wrong)) << wrong;
  }
}

TEST(Offer, WordsAreReadAsTheyWereSaid) {
  const word said{.what = word::kind::owned, .why = "", .batch = 7, .left = {0, 31}, .later = {3}};
  const auto heard = read_word(to_json(said));
  ASSERT_TRUE(heard);
  EXPECT_EQ(heard->what, said.what);
  EXPECT_EQ(heard->batch, said.batch);
  EXPECT_EQ(heard->left, said.left);
  EXPECT_EQ(heard->later, said.later);
  const auto refusal = read_word(to_json(word{.what = word::kind::refused, .why = "the \"reason\""}));
  EXPECT_EQ(refusal.value().why, "the \"reason\"");
  const auto go = read_word(to_json(word{.what = word::kind::go, .newest_session = 0xffff'ffff'ffff'ffff}));
  EXPECT_EQ(go.value().newest_session, 0xffff'ffff'ffff'ffff);
  const auto old = read_word(R"({"word": "go", "why": "", "batch": 0, "left": [], "later": []})");
  EXPECT_EQ(old.value().newest_session, 0U) << "an older process says nothing of sessions";
  EXPECT_FALSE(read_word(R"({"word": "perhaps", "why": "", "batch": 0, "left": []})"));
  EXPECT_FALSE(read_word(R"({"word": "owned", "why": "", "batch": -1, "left": []})"));
  EXPECT_FALSE(read_word(R"({"word": "owned", "why": "", "batch": 0, "left": ["a"]})"));
}

TEST(Offer, SocketsAreReadAsTheyWereOffered) {
  const auto heard = read_socket_offer(to_json(socket_offer{"rw", "[::]:5432", true}));
  ASSERT_TRUE(heard);
  EXPECT_EQ(heard->name, "rw");
  EXPECT_EQ(heard->bind, "[::]:5432");
  EXPECT_TRUE(heard->is_kept_open);
}

}  // namespace
}  // namespace pgsteer::succession
