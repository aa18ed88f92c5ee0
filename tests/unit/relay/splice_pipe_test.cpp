// A pipe between two sockets, the pool of a worker, and when a pipe pays.
#include "relay/splice_pipe.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "support/another_user.hpp"
#include "unit/relay/harness.hpp"

namespace pgsteer::relay::testing {
namespace {

// No descriptor can be opened while it lives.
class no_descriptors {
 public:
  no_descriptors() {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    rlimit none = before_;
    none.rlim_cur = 0;
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  }
  ~no_descriptors() { EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before_), 0); }
  no_descriptors(const no_descriptors&) = delete;
  no_descriptors& operator=(const no_descriptors&) = delete;

 private:
  rlimit before_{};
};

class SplicePipe : public ::testing::TestWithParam<socket_kind> {
 protected:
  SplicePipe() { std::signal(SIGPIPE, SIG_IGN); }

  // TCP over loopback may take a moment.
  io_outcome fill(std::size_t n) {
    io_outcome filled;
    const time_point give_up = clock::now() + seconds{60};
    do {
      filled = pipe_->fill(from_.ours.value(), n);
    } while (filled.would_block() && clock::now() < give_up);
    return filled;
  }

  socket_pair from_ = make_pair_of(GetParam());
  socket_pair to_ = make_pair_of(GetParam());
  std::unique_ptr<splice_pipe> pipe_ = splice_pipe::make();
};

TEST_P(SplicePipe, CarriesEveryByte) {
  const std::string text = random_bytes(1, 100'000);
  ASSERT_EQ(send_some(from_.theirs, text), text.size());
  std::string received;
  while (received.size() < text.size()) {
    const io_outcome filled = fill(splice_pipe::bytes_max);
    ASSERT_GT(filled.n, 0U);
    EXPECT_EQ(pipe_->held(), filled.n);
    while (!pipe_->empty()) {
      const std::size_t held = pipe_->held();
      const io_outcome sent = pipe_->drain(to_.ours.value());
      ASSERT_FALSE(sent.has_failed());
      EXPECT_EQ(pipe_->held(), held - sent.n);
      received += read_available(to_.theirs);
    }
    received += read_available(to_.theirs);
  }
  EXPECT_TRUE(received == text);
}

TEST_P(SplicePipe, TakesNoMoreThanItIsAskedFor) {
  ASSERT_EQ(send_some(from_.theirs, "query and more"), 14U);
  EXPECT_EQ(fill(5).n, 5U);
  EXPECT_EQ(pipe_->held(), 5U);
  EXPECT_EQ(read_available(from_.ours), " and more");
}

TEST_P(SplicePipe, HoldsAtMostWhatItIsMadeFor) {
  const std::string block(64 * 1024, 'x');
  while (send_some(from_.theirs, block) != 0) continue;
  const io_outcome filled = fill(SIZE_MAX);
  EXPECT_GT(filled.n, 0U);
  EXPECT_LE(filled.n, splice_pipe::bytes_max);
}

TEST_P(SplicePipe, SaysWhetherThereIsNothingYetOrNothingMore) {
  const io_outcome nothing_yet = pipe_->fill(from_.ours.value(), 100);
  EXPECT_EQ(nothing_yet.n, 0U);
  EXPECT_TRUE(nothing_yet.would_block());
  from_.theirs.reset();
  const io_outcome nothing_more = fill(100);
  EXPECT_EQ(nothing_more.n, 0U);
  EXPECT_EQ(nothing_more.error, 0);
  EXPECT_TRUE(pipe_->empty());
}

TEST_P(SplicePipe, KeepsWhatTheDestinationDoesNotTake) {
  const std::string text = random_bytes(2, 50'000);
  ASSERT_EQ(send_some(from_.theirs, text), text.size());
  const std::size_t filled = fill(text.size()).n;
  ASSERT_GT(filled, 0U);
  const std::string filler(4'096, 'f');
  std::size_t filler_bytes = 0;
  while (const std::size_t n = send_some(to_.ours, filler)) filler_bytes += n;
  while (pipe_->drain(to_.ours.value()).n != 0) continue;
  ASSERT_FALSE(pipe_->empty());
  EXPECT_TRUE(pipe_->drain(to_.ours.value()).would_block());

  std::string received;
  const time_point give_up = clock::now() + seconds{60};
  while (received.size() < filler_bytes + filled && clock::now() < give_up) {
    received += read_available(to_.theirs);
    if (!pipe_->empty()) (void)pipe_->drain(to_.ours.value());
  }
  EXPECT_TRUE(received == std::string(filler_bytes, 'f') + text.substr(0, filled));
}

TEST_P(SplicePipe, SaysThatTheDestinationIsGone) {
  ASSERT_EQ(send_some(from_.theirs, "query"), 5U);
  ASSERT_EQ(fill(5).n, 5U);
  reset(to_.theirs);
  EXPECT_TRUE(pipe_->drain(to_.ours.value()).has_failed());
}

INSTANTIATE_TEST_SUITE_P(Sockets, SplicePipe, ::testing::Values(socket_kind::tcp, socket_kind::unix_stream),
                         [](const auto& now) { return now.param == socket_kind::tcp ? "Tcp" : "Unix"; });

TEST(PipePool, CopiesWhereTheProcessHasNoDescriptorsLeft) {
  pipe_pool pool(true);
  const std::size_t before = open_descriptors();
  {
    const no_descriptors none;
    EXPECT_EQ(splice_pipe::make(), nullptr);
    EXPECT_EQ(pool.take(), nullptr);
    EXPECT_EQ(errno, EMFILE);
  }
  EXPECT_EQ(open_descriptors(), before);
  EXPECT_EQ(pool.in_use(), 0U);
  EXPECT_TRUE(pool.is_enabled());
  for (int i = 0; i < pipe_pool::takes_skipped; ++i) EXPECT_EQ(pool.take(), nullptr) << "not even tried";
  auto later = pool.take();
  EXPECT_NE(later, nullptr);
  pool.give_back(std::move(later));
}

// Beyond pipe-user-pages-soft (pipe(7)) a pipe has two pages, with which splicing costs twice what copying
// does.
TEST(PipePool, CopiesWhereTheUserHasTooMuchInPipes) {
  std::size_t pages_max = 0;
  std::ifstream("/proc/sys/fs/pipe-user-pages-soft") >> pages_max;
  if (::geteuid() != 0 || pages_max == 0 || pages_max > 65'536)
    GTEST_SKIP() << "needs root, and a limit that pipes can reach: " << pages_max;
  pipe_pool pool(true);
  std::vector<std::unique_ptr<splice_pipe>> others;
  const test::another_user nobody;
  while (auto next = splice_pipe::make()) others.push_back(std::move(next));
  EXPECT_GE(others.size(), 2U);
  constexpr std::size_t pages_each = splice_pipe::bytes_max / 4096;
  EXPECT_LE(others.size(), pages_max / pages_each + 4) << "small ones as well";
  EXPECT_EQ(pool.take(), nullptr);
  EXPECT_TRUE(pool.is_enabled());
  others.clear();
  for (int i = 0; i < pipe_pool::takes_skipped; ++i) EXPECT_EQ(pool.take(), nullptr);
  auto later = pool.take();
  EXPECT_NE(later, nullptr) << "the shortage is over";
  pool.give_back(std::move(later));
}

TEST(PipePool, LendsSoManyAndKeepsAFew) {
  const std::size_t before = open_descriptors();
  pipe_pool pool(true);
  std::vector<std::unique_ptr<splice_pipe>> taken;
  for (std::size_t i = 0; i < pipe_pool::pipes_max; ++i) {
    taken.push_back(pool.take());
    ASSERT_NE(taken.back(), nullptr);
  }
  EXPECT_EQ(pool.in_use(), pipe_pool::pipes_max);
  EXPECT_EQ(pool.take(), nullptr);
  pool.give_back(std::move(taken.back()));
  taken.back() = pool.take();
  EXPECT_NE(taken.back(), nullptr);
  EXPECT_EQ(open_descriptors(), before + 2 * pipe_pool::pipes_max);

  for (auto& pipe : taken) pool.give_back(std::move(pipe));
  pool.give_back(nullptr);
  EXPECT_EQ(pool.in_use(), 0U);
  EXPECT_EQ(open_descriptors(), before + 2 * pipe_pool::kept_max);
  auto again = pool.take();
  EXPECT_EQ(open_descriptors(), before + 2 * pipe_pool::kept_max) << "a kept one";
  pool.give_back(std::move(again));
}

// The next flow must not get the bytes of another.
TEST(PipePool, ClosesOneThatIsGivenBackWithBytes) {
  pipe_pool pool(true);
  const socket_pair from = make_pair_of(socket_kind::unix_stream);
  const std::size_t before = open_descriptors();
  auto pipe = pool.take();
  send_some(from.theirs, "secret");
  ASSERT_EQ(pipe->fill(from.ours.value(), 6).n, 6U);
  pool.give_back(std::move(pipe));
  EXPECT_EQ(open_descriptors(), before);
  EXPECT_EQ(pool.in_use(), 0U);
  pipe = pool.take();
  EXPECT_TRUE(pipe->empty());
  pool.give_back(std::move(pipe));
  EXPECT_EQ(open_descriptors(), before + 2) << "an empty one is kept";
}

TEST(PipePool, LendsNoneOnceDisabled) {
  const std::size_t before = open_descriptors();
  pipe_pool off(false);
  EXPECT_EQ(off.take(), nullptr);
  pipe_pool pool(true);
  pool.give_back(pool.take());
  pool.disable(EPERM);
  EXPECT_EQ(open_descriptors(), before) << "nor keeps any";
  EXPECT_FALSE(pool.is_enabled());
  EXPECT_EQ(pool.take(), nullptr);
}

TEST(Splice, IsRefusedByASandboxOrAKernelAndNotByTheSocketsState) {
  for (const int refusal : {EPERM, ENOSYS, EINVAL, EOPNOTSUPP}) EXPECT_TRUE(is_refusal_to_splice(refusal));
  for (const int state : {ECONNRESET, EPIPE, ETIMEDOUT, EAGAIN}) EXPECT_FALSE(is_refusal_to_splice(state));
}

// ReadyForQuery, by which an idle session is known, is the last message of a burst.
TEST(Splice, PaysForMuchAndLeavesATail) {
  constexpr std::size_t buffer = 16 * 1024;
  constexpr std::size_t tail = 4 * 1024;
  struct {
    std::size_t waiting;
    std::size_t spliced;
  } const cases[] = {{0, 0},
                     {1, 0},
                     {buffer, 0},
                     {buffer + tail - 1, 0},
                     {buffer + tail, buffer},
                     {buffer + tail + 1, buffer + 1},
                     {6 * buffer, 6 * buffer - tail}};
  for (const auto& now : cases) {
    SCOPED_TRACE(now.waiting);
    const socket_pair from = make_pair_of(socket_kind::unix_stream);
    ASSERT_EQ(send_some(from.theirs, std::string(now.waiting, 'x')), now.waiting);
    EXPECT_EQ(worth_splicing(from.ours.value(), buffer), now.spliced);
  }
  EXPECT_EQ(worth_splicing(-1, buffer), 0U);
}

}  // namespace
}  // namespace pgsteer::relay::testing
