// Sessions come out of a batch as they went in.
#include "pgsteer/succession/session_batch.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace pgsteer::succession {
namespace {

using session::carried_session;

constexpr time_point packed_at = time_point{} + seconds{1000};

net::unique_fd some_file() {
  return net::unique_fd(::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
}
ino_t inode_of(const net::unique_fd& fd) {
  struct stat seen {};
  EXPECT_EQ(::fstat(fd.value(), &seen), 0);
  return seen.st_ino;
}

carried_session sample(std::uint16_t port) {
  carried_session one;
  one.client = some_file();
  one.backend_socket = some_file();
  one.id = {0x3f2a'0000'0001};
  one.listener = "rw";
  one.client_address = net::to_client(endpoint{"2001:db8::1", port}).value();
  one.backend = {3};
  one.backend_address = {"10.0.0.1", 5432};
  one.accepted_at = packed_at - seconds{60};
  one.logged_in_at = packed_at - milliseconds{1};
  one.user = "andr\xe9";  // as the client wrote it
  one.database = std::string("a\0b", 3);
  one.application_name = "\xe9t\xe9";
  one.key = pgwire::cancel_key{.pid = 4711, .secret = std::string("\xff\0\x80\x01", 4)};
  one.flow.stuck = {std::vector<std::uint8_t>{1, 0, 255}, std::vector<std::uint8_t>(100'000, 7)};
  one.flow.past = {.bytes = {10, std::uint64_t{1} << 63U},
                   .is_done = {true, false},
                   .error = {0, 104},
                   .user_timeout_taken_ms = {60'000, 0},
                   .memory = {.is_readable = true,
                              .last_six = 0x5a0000000549,
                              .goodbye = 1,
                              .may_be_terminate = true,
                              .terminate_ciphers = 3,
                              .ended_first = 2,
                              .is_orderly = true,
                              .has_backend_spoken_last = true}};
  return one;
}

std::vector<carried_session> two() {
  std::vector<carried_session> sessions;
  sessions.push_back(sample(1));
  sessions.push_back(sample(2));
  sessions[1].key.reset();
  sessions[1].flow = {};
  return sessions;
}

// As the socket gives it; the descriptors are copies.
parcel sent(const packed_batch& packed) {
  parcel made{packed.text, packed.bytes, {}};
  for (const int fd : packed.descriptors) made.descriptors.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  return made;
}

TEST(SessionBatch, ComesOutAsItWentIn) {
  const std::vector<carried_session> before = two();
  const auto got = unpack(sent(pack(9, before, packed_at)), packed_at);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->number, 9U);
  ASSERT_EQ(got->sessions.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    const carried_session& one = got->sessions[i];
    EXPECT_EQ(inode_of(one.client), inode_of(before[i].client));
    EXPECT_EQ(inode_of(one.backend_socket), inode_of(before[i].backend_socket));
    EXPECT_EQ(one.id, before[i].id);
    EXPECT_EQ(one.listener, "rw");
    EXPECT_EQ(one.client_address, before[i].client_address);
    EXPECT_EQ(one.backend, before[i].backend);
    EXPECT_EQ(one.backend_address, before[i].backend_address);
    EXPECT_EQ(one.accepted_at, before[i].accepted_at);
    EXPECT_EQ(one.logged_in_at, before[i].logged_in_at);
    EXPECT_EQ(one.user, before[i].user);
    EXPECT_EQ(one.database, before[i].database);
    EXPECT_EQ(one.application_name, before[i].application_name);
    EXPECT_EQ(one.key, before[i].key);
    EXPECT_EQ(one.flow.stuck, before[i].flow.stuck);
  }
  const relay::flow_past& past = got->sessions[0].flow.past;
  const relay::flow_past& past_before = before[0].flow.past;
  EXPECT_EQ(past.bytes, past_before.bytes);
  EXPECT_EQ(past.is_done, past_before.is_done);
  EXPECT_EQ(past.error, past_before.error);
  EXPECT_EQ(past.user_timeout_taken_ms, past_before.user_timeout_taken_ms);
  EXPECT_EQ(past.memory.is_readable, past_before.memory.is_readable);
  EXPECT_EQ(past.memory.last_six, past_before.memory.last_six);
  EXPECT_EQ(past.memory.goodbye, past_before.memory.goodbye);
  EXPECT_EQ(past.memory.may_be_terminate, past_before.memory.may_be_terminate);
  EXPECT_EQ(past.memory.terminate_ciphers, past_before.memory.terminate_ciphers);
  EXPECT_EQ(past.memory.ended_first, past_before.memory.ended_first);
  EXPECT_EQ(past.memory.is_orderly, past_before.memory.is_orderly);
  EXPECT_EQ(past.memory.has_backend_spoken_last, past_before.memory.has_backend_spoken_last);
}

TEST(SessionBatch, TellsAges) {
  const std::vector<carried_session> before = two();
  const auto got = unpack(sent(pack(1, before, packed_at)), packed_at + seconds{500});
  ASSERT_TRUE(got);
  EXPECT_EQ(got->sessions[0].accepted_at, before[0].accepted_at + seconds{500});
}

// Of a version that gave them no ids and did not know of applications.
TEST(SessionBatch, ThatIsOlderIsRead) {
  std::vector<carried_session> before = two();
  for (carried_session& each : before) each.application_name = "";
  parcel old = sent(pack(1, before, packed_at));
  const std::string application = R"(,"application_name_bytes":0)";
  const std::string id = R"("session":69449621176321,)";
  for (const std::string& absent : {application, application, id, id}) {
    const auto at = old.text.find(absent);
    ASSERT_NE(at, std::string::npos) << absent << " in " << old.text;
    old.text.erase(at, absent.size());
  }
  const auto got = unpack(std::move(old), packed_at);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->sessions[0].id.value, 0U);
  EXPECT_EQ(got->sessions[1].database, before[1].database);
  EXPECT_EQ(got->sessions[0].key, before[0].key);
}

TEST(SessionBatch, KeepsSecretsAndBytesOutOfItsText) {
  const packed_batch packed = pack(1, two(), packed_at);
  EXPECT_EQ(packed.text.find('\xff'), std::string::npos);
  EXPECT_EQ(packed.text.find("andr"), std::string::npos);
}

TEST(SessionBatch, ThatIsNotWholeIsRefused) {
  const std::vector<carried_session> before = two();
  const packed_batch whole = pack(1, before, packed_at);
  const std::vector<std::function<void(parcel&)>> damages{
      [](parcel& of) { of.text.pop_back(); },
      [](parcel& of) { of.bytes.pop_back(); },
      [](parcel& of) { of.bytes.push_back(0); },
      [](parcel& of) { of.descriptors.pop_back(); },
      [](parcel& of) { of.descriptors.clear(); },
      [](parcel& of) { of.text = "{}"; },
      [](parcel& of) { of.text.replace(of.text.find("2001:db8::1"), 11, "no-address!"); },
      [](parcel& of) { of.text.replace(of.text.find("\"last_six\""), 10, "\"last_sax\""); },
      [](parcel& of) { of.text.replace(of.text.find("\"error\":["), 9, "\"error\":[1,"); },
  };
  for (std::size_t i = 0; i < damages.size(); ++i) {
    parcel damaged = sent(whole);
    damages[i](damaged);
    EXPECT_FALSE(unpack(std::move(damaged), packed_at)) << "damage " << i;
  }
  EXPECT_TRUE(unpack(sent(whole), packed_at));
}

}  // namespace
}  // namespace pgsteer::succession
