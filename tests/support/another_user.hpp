#pragma once
// another_user: this process as a user without privileges, for whom the kernel has counted nothing yet.
//
// Preconditions: root. Changes all threads, back when it is destroyed.
#include <gtest/gtest.h>
#include <unistd.h>

namespace pgsteer::test {

class another_user {
 public:
  another_user() { EXPECT_EQ(::setresuid(uid, uid, 0), 0); }
  ~another_user() { EXPECT_EQ(::setresuid(0, 0, 0), 0); }
  another_user(const another_user&) = delete;
  another_user& operator=(const another_user&) = delete;

 private:
  static constexpr uid_t uid = 61'234;
};

}  // namespace pgsteer::test
