// Bulk that goes through a pipe: not a byte may change, be lost, or escape the watcher, however a flow stalls
// and ends. That a pipe was used is seen by the process's descriptors.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <random>

#include "unit/relay/harness.hpp"

namespace pgsteer::relay::testing {
namespace {

using namespace std::string_literals;

constexpr std::size_t mebibyte = 1U << 20U;

// A long stream without the memory for it: one random block again and again. Its length is prime, so that a
// piece that is lost or comes twice shows.
class endless_bytes {
 public:
  explicit endless_bytes(std::uint64_t seed) : block_(random_bytes(seed, 1'048'573)) {}
  // At most n bytes from the offset on.
  [[nodiscard]] std::string_view at(std::size_t offset, std::size_t n) const {
    return std::string_view(block_).substr(offset % block_.size(), n);
  }
  [[nodiscard]] bool has(std::size_t offset, std::string_view bytes) const {
    while (!bytes.empty()) {
      const std::string_view expected = at(offset, bytes.size());
      if (!bytes.starts_with(expected)) return false;
      offset += expected.size();
      bytes.remove_prefix(expected.size());
    }
    return true;
  }

 private:
  std::string block_;
};

// One direction as the test plays it.
struct bulk_stream {
  const net::unique_fd& from;
  const net::unique_fd& to;
  endless_bytes bytes;
  std::size_t length;
  std::size_t sent = 0;
  std::size_t received = 0;
  bool is_exact = true;

  void send(std::size_t most = 1U << 19U) {
    if (sent < length) sent += send_some(from, bytes.at(sent, std::min(most, length - sent)));
  }
  void receive(std::size_t most = SIZE_MAX) {
    const std::string got = read_available(to, most);
    is_exact = is_exact && bytes.has(received, got);
    received += got.size();
  }
  [[nodiscard]] bool is_complete() const { return received == length; }
};

// Its sockets hold as much from the start as the kernel else gives to a flow that has been fast for a while,
// so that bulk is worth a pipe on a busy machine too.
test_flow make_bulk_flow() {
  test_flow made(socket_kind::tcp);
  for (const net::unique_fd* fd : {&made.client.ours, &made.backend.ours}) {
    const int bytes = 512 * 1'024;
    EXPECT_EQ(::setsockopt(fd->value(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes), 0);
  }
  return made;
}

class SplicedFlow : public on_each_engine {
 protected:
  [[nodiscard]] bulk_stream to_client(std::size_t length) {
    return {flow_.backend.theirs, flow_.client.theirs, endless_bytes(1), length};
  }
  [[nodiscard]] bulk_stream to_backend(std::size_t length) {
    return {flow_.client.theirs, flow_.backend.theirs, endless_bytes(2), length};
  }
  [[nodiscard]] std::size_t pipes() const { return open_pipes() - pipes_before_; }
  void expect_pipes(std::size_t least) { EXPECT_GE(pipes(), least) << "this was to be about splice"; }
  [[nodiscard]] bool ends() {
    return engine_.run_until([&] { return flow_.has_ended(); });
  }
  // Until bytes have gone this way through a pipe, and all of them have arrived.
  void carry(bulk_stream& bulk) {
    ASSERT_TRUE(engine_.run_until([&] {
      bulk.send();
      bulk.receive();
      return bulk.is_complete();
    }));
    EXPECT_TRUE(bulk.is_exact);
    expect_pipes(1);
  }
  // The client reads nothing any more, until the backend can send nothing more either.
  void stall(bulk_stream& bulk) {
    for (std::size_t quiet = 0; quiet < 50;) {
      const std::size_t before = bulk.sent;
      bulk.send();
      quiet = bulk.sent == before ? quiet + 1 : 0;
      engine_.run_ready();
      EXPECT_LE(engine_.engine().stuck_bytes_held(), engine_.engine().stuck_bytes_max());
    }
    ASSERT_LT(bulk.sent, bulk.length) << "the backend was never held back";
    ASSERT_GT(engine_.counters.stalls.value(), 0U);
  }
  // Nothing can move, so nothing may be done: that the engine waits is seen by its turns.
  void expect_quiet() {
    constexpr std::uint64_t turns_max = 5;  // one for each event that has just been caused
    const std::uint64_t before = engine_.counters.turns.value();
    for (int steps = 0; steps < 500; ++steps) engine_.engine().step();
    EXPECT_LE(engine_.counters.turns.value() - before, turns_max);
    EXPECT_FALSE(flow_.has_ended());
  }

  harness engine_{GetParam()};
  test_flow flow_ = make_bulk_flow();
  const std::size_t pipes_before_ = open_pipes();
};

TEST_P(SplicedFlow, IsByteExactBothWaysWithSlowReaders) {
  constexpr std::uint64_t seed = 20'241'103;
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  engine_.start(flow_);
  bulk_stream out = to_backend(64 * mebibyte);
  bulk_stream in = to_client(64 * mebibyte);
  std::size_t pipes_max = 0;
  ASSERT_TRUE(engine_.run_until([&] {
    for (bulk_stream* way : {&out, &in}) {
      way->send(random() % (random() % 4 == 0 ? mebibyte : 20'000));
      if (random() % 3 == 0) way->receive(random() % (random() % 8 == 0 ? mebibyte : 300'000));
    }
    EXPECT_LE(engine_.engine().stuck_bytes_held(), 2 * engine_.engine().stuck_bytes_max());
    if (random() % 64 == 0) pipes_max = std::max(pipes_max, pipes());
    return out.is_complete() && in.is_complete();
  }));
  EXPECT_TRUE(out.is_exact);
  EXPECT_TRUE(in.is_exact);
  EXPECT_EQ(pipes_max, 2U);
  flow_.client.theirs.reset();
  flow_.backend.theirs.reset();
  ASSERT_TRUE(ends());
  EXPECT_EQ(flow_.owner.summary->bytes, (std::array<std::uint64_t, 2>{out.length, in.length}));
  for (const std::size_t way : {0, 1}) EXPECT_EQ(engine_.counters.bytes[way].value(), 64 * mebibyte);
}

// The last message of a bulk answer decides whether a FATAL may follow it, so its bytes are always looked at.
TEST_P(SplicedFlow, KnowsAnIdleSessionBehindABulkAnswer) {
  for (const std::size_t length :
       {mebibyte, mebibyte + 1, 2 * mebibyte - 3, 3 * mebibyte + 4'096, 4 * mebibyte + 64 * 1'024 - 6}) {
    for (const char status : {'I', 'T'}) {
      SCOPED_TRACE(::testing::Message() << length << " bytes, then " << status);
      harness engine(GetParam());
      test_flow flow = make_bulk_flow();
      const std::size_t before = open_pipes();
      flow_start start = flow.start();
      start.is_watched = true;
      flow.owner.on_verdict = [](std::string_view) { return watch_verdict::done; };
      flow.handle = engine.engine().start(start);
      const std::string answer = random_bytes(length, length) + "Z\0\0\0\5"s + status;
      std::size_t sent = 0;
      std::string received;
      ASSERT_TRUE(engine.run_until([&] {
        sent += send_some(flow.backend.theirs, std::string_view(answer).substr(sent));
        received += read_available(flow.client.theirs);
        return received.size() == answer.size();
      }));
      EXPECT_TRUE(received == answer);
      EXPECT_GT(open_pipes(), before) << "nothing was spliced";
      engine.engine().stop(*flow.handle);
      ASSERT_TRUE(engine.run_until([&] { return flow.has_ended(); }));
      EXPECT_EQ(flow.owner.summary->is_idle_outside_transaction, status == 'I');
    }
  }
}

TEST_P(SplicedFlow, IsNotSplicedWhileItIsWatched) {
  constexpr std::size_t watched = 2 * mebibyte;
  flow_start start = flow_.start();
  start.is_watched = true;
  flow_.owner.on_verdict = [&](std::string_view) {
    if (flow_.owner.shown.size() < watched) return watch_verdict::watching;
    EXPECT_EQ(pipes(), 0U) << "the pool keeps what was ever used";
    return watch_verdict::done;
  };
  flow_.handle = engine_.engine().start(start);
  bulk_stream in = to_client(8 * mebibyte);
  carry(in);
  EXPECT_GE(flow_.owner.shown.size(), watched);
  EXPECT_LT(flow_.owner.shown.size(), in.length) << "done means done";
  EXPECT_TRUE(in.bytes.has(0, flow_.owner.shown));
}

// What the client sends is nobody's to watch.
TEST_P(SplicedFlow, IsSplicedTheOtherWayWhileItIsWatched) {
  flow_start start = flow_.start();
  start.is_watched = true;
  flow_.handle = engine_.engine().start(start);
  bulk_stream out = to_backend(8 * mebibyte);
  carry(out);
  EXPECT_EQ(flow_.owner.views, 0U);
}

TEST_P(SplicedFlow, IsCopiedWhereTheConfigurationSaysSo) {
  relay_options options;
  options.splice = toggle::off;
  harness engine(GetParam(), options);
  const std::size_t before = open_pipes();
  engine.start(flow_);
  bulk_stream in = to_client(8 * mebibyte);
  ASSERT_TRUE(engine.run_until([&] {
    in.send();
    in.receive();
    EXPECT_EQ(open_pipes(), before);
    return in.is_complete();
  }));
  EXPECT_TRUE(in.is_exact);
  engine.destroy_engine();
}

// The backend has said its last; the client reads it later, and still has something to say.
TEST_P(SplicedFlow, PassesAHalfCloseBehindBulkOn) {
  engine_.start(flow_);
  bulk_stream in = to_client(4 * mebibyte);
  carry(in);
  in.length = 64 * mebibyte;
  stall(in);
  in.length = in.sent;
  shut_down_writing(flow_.backend.theirs);
  engine_.run_ready();
  ASSERT_TRUE(engine_.run_until([&] {
    in.receive(100'000);
    return in.is_complete() && is_at_end(flow_.client.theirs);
  }));
  EXPECT_TRUE(in.is_exact);
  EXPECT_FALSE(flow_.has_ended());
  bulk_stream out = to_backend(2 * mebibyte);
  carry(out);
  flow_.client.theirs.reset();
  ASSERT_TRUE(ends());
  EXPECT_EQ(flow_.end(), flow_end::backend_closed);
  EXPECT_EQ(flow_.owner.summary->bytes, (std::array<std::uint64_t, 2>{out.length, in.length}));
}

TEST_P(SplicedFlow, EndsWhenItsSourceIsReset) {
  engine_.start(flow_);
  bulk_stream in = to_client(4 * mebibyte);
  carry(in);
  in.length = 64 * mebibyte;
  stall(in);
  reset(flow_.backend.theirs);
  ASSERT_TRUE(engine_.run_until([&] {
    in.receive();
    return flow_.has_ended();
  }));
  EXPECT_EQ(flow_.end(), flow_end::backend_failed);
  in.receive();
  EXPECT_TRUE(in.is_exact) << "what did arrive is what was sent";
  EXPECT_LE(pipes(), 1U);
  engine_.destroy_engine();
}

TEST_P(SplicedFlow, EndsWhenItsDestinationIsReset) {
  engine_.start(flow_);
  bulk_stream in = to_client(4 * mebibyte);
  carry(in);
  in.length = 64 * mebibyte;
  stall(in);
  reset(flow_.client.theirs);
  ASSERT_TRUE(ends());
  EXPECT_EQ(flow_.end(), flow_end::client_failed);
  EXPECT_LE(pipes(), 1U);
}

TEST_P(SplicedFlow, GivesItsPipeBackHoweverItEnds) {
  const auto reset_client = [](harness&, test_flow& flow) { reset(flow.client.theirs); };
  const auto reset_backend = [](harness&, test_flow& flow) { reset(flow.backend.theirs); };
  const auto stop = [](harness& engine, test_flow& flow) { engine.engine().stop(*flow.handle); };
  const std::function<void(harness&, test_flow&)> ends[] = {reset_client, reset_backend, stop};
  for (std::size_t round = 0; round < 3 * std::size(ends); ++round) {
    SCOPED_TRACE(round);
    test_flow flow = make_bulk_flow();
    engine_.start(flow);
    const std::string block(512 * 1'024, 'x');
    for (std::size_t quiet = 0; quiet < 20;) {
      quiet = send_some(flow.backend.theirs, block) == 0 ? quiet + 1 : 0;
      engine_.run_ready();
    }
    ends[round % std::size(ends)](engine_, flow);
    ASSERT_TRUE(engine_.run_until([&] {
      (void)(flow.client.theirs.is_open() && !read_available(flow.client.theirs).empty());
      return flow.has_ended();
    }));
    EXPECT_EQ(engine_.engine().stuck_bytes_held(), 0U);
  }
  EXPECT_LE(pipes(), 2U) << "one flow at a time needs one, and one for the other way";
}

TEST_P(SplicedFlow, AStalledReaderOfBulkBoundsMemoryAndResumes) {
  engine_.start(flow_);
  bulk_stream in = to_client(4 * mebibyte);
  carry(in);
  in.length = 64 * mebibyte;
  stall(in);
  expect_pipes(1);
  expect_quiet();
  // The other direction is not held up, neither a word nor bulk.
  bulk_stream out = to_backend(4 * mebibyte);
  carry(out);
  carry(in);
  EXPECT_EQ(engine_.engine().stuck_bytes_held(), 0U);
}

// io_uring's own polls and sends also wait for the peer's FIN, which is there for good.
TEST_P(SplicedFlow, DoesNotSpinOnAPeerThatHasClosedItsHalfAndDoesNotRead) {
  for (const bool is_bulk : {true, false}) {
    for (const bool is_closed_first : {true, false}) {
      SCOPED_TRACE(::testing::Message() << "bulk " << is_bulk << ", closed first " << is_closed_first);
      flow_ = make_bulk_flow();
      engine_.start(flow_);
      if (is_closed_first) shut_down_writing(flow_.client.theirs);
      bulk_stream in = to_client(64 * mebibyte);
      for (std::size_t quiet = 0; quiet < 50;) {
        const std::size_t before = in.sent;
        in.send(is_bulk ? mebibyte : 1'000);
        quiet = in.sent == before ? quiet + 1 : 0;
        for (int steps = 0; steps < 50 && engine_.engine().step(); ++steps) continue;
      }
      if (!is_closed_first) shut_down_writing(flow_.client.theirs);
      expect_quiet();
      shut_down_writing(flow_.backend.theirs);  // and now there is nothing more to come either
      expect_quiet();
      in.length = in.sent;
      ASSERT_TRUE(engine_.run_until([&] {
        in.receive();
        return in.is_complete() && flow_.has_ended();
      }));
      EXPECT_TRUE(in.is_exact);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Engines, SplicedFlow, each_engine(), engine_name);

}  // namespace
}  // namespace pgsteer::relay::testing
