// What an operator reads of an order, and the exit code; the answers are those of a control socket.
#include "pgsteer/admin/order_command.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <sstream>

#include "pgsteer/admin/control_server.hpp"
#include "unit/admin/served_control.hpp"

namespace pgsteer::admin {
namespace {

using order_kind = topology::operator_order::kind;
using order_outcome = backend_order_report::outcome;

class OrderCommand : public ::testing::Test {
 protected:
  OrderCommand() {
    control_provider provider;
    provider.order_backend = [this](const backend_order& order) {
      heard_ = order;
      return answer_;
    };
    provider.drain = [this] { return drained_; };
    control_.serve(std::move(provider));
  }

  std::string path() const { return control_.path(); }
  // What the command prints, and with which exit code.
  using printed = std::pair<int, std::string>;
  printed run(const backend_order& order, const std::string& time_in_words = "") {
    std::ostringstream out;
    std::ostringstream err;
    const int code = run_backend_order(path(), order, time_in_words, out, err);
    EXPECT_TRUE(out.str().empty() != err.str().empty());
    return {code, out.str() + err.str()};
  }
  printed drain() {
    std::ostringstream out;
    std::ostringstream err;
    const int code = run_drain(path(), out, err);
    EXPECT_TRUE(out.str().empty() != err.str().empty());
    return {code, out.str() + err.str()};
  }

  backend_order heard_;
  backend_order_report answer_{.what = order_outcome::done, .backend = "10.0.0.2:5432", .sessions = 12};
  drain_report drained_;
  served_control control_;
};

TEST_F(OrderCommand, SaysWhatIsInForceAndUntilWhen) {
  EXPECT_EQ(run({"10.0.0.2:5432", order_kind::disable, seconds{600}}, "10m"),
            printed(0, "10.0.0.2:5432 is disabled for 10m; 12 sessions stay\n"));
  EXPECT_EQ(heard_.backend, "10.0.0.2:5432");
  EXPECT_EQ(heard_.wanted, order_kind::disable);
  EXPECT_EQ(heard_.time, seconds{600});
  EXPECT_EQ(
      run({"10.0.0.2:5432", order_kind::drain, {}}),
      printed(0, "10.0.0.2:5432 is drained until it is resumed; 12 sessions leave as they become idle\n"));
  EXPECT_EQ(heard_.time, std::nullopt);
  answer_.sessions = 1;
  answer_.is_primary = true;
  answer_.backend = "pg-1.example:5432 (10.0.0.1:5432)";
  EXPECT_EQ(
      run({"pg-1.example:5432", order_kind::disable, {}}),
      printed(0,
              "pg-1.example:5432 (10.0.0.1:5432) is disabled until it is resumed; 1 session stays; it is "
              "the primary: new rw logins wait\n"));
  EXPECT_EQ(
      run({"pg-1.example:5432", order_kind::drain, seconds{1}}, "1s").second,
      "pg-1.example:5432 (10.0.0.1:5432) is drained for 1s; 1 session leaves once it is idle; it is the "
      "primary: new rw logins wait\n");
}

TEST_F(OrderCommand, SaysWhatWasTakenBack) {
  answer_.before = order_kind::drain;
  answer_.is_primary = true;
  EXPECT_EQ(run({"10.0.0.2:5432", {}, {}}), printed(0, "10.0.0.2:5432 is resumed, it was drained\n"));
  EXPECT_EQ(heard_.wanted, std::nullopt);
  answer_.before = {};
  EXPECT_EQ(run({"10.0.0.2:5432", {}, {}}), printed(0, "10.0.0.2:5432 was under no order\n"));
}

TEST_F(OrderCommand, SaysWhyNot) {
  for (const auto what : {order_outcome::unknown, order_outcome::ambiguous, order_outcome::impossible}) {
    answer_.what = what;
    answer_.problem = "because \x1b[2J of this";
    EXPECT_EQ(run({"b", order_kind::drain, {}}), printed(1, "pgsteer backend drain: because ?[2J of this\n"));
    EXPECT_EQ(run({"b", {}, {}}), printed(1, "pgsteer backend resume: because ?[2J of this\n"));
  }
}

TEST_F(OrderCommand, ToDrainAllOfIt) {
  drained_.sessions = 12;
  EXPECT_EQ(drain(), printed(0, "pgsteer drains; 12 sessions leave as they become idle\n"));
  drained_ = {.has_begun_before = true, .sessions = 1};
  EXPECT_EQ(drain(), printed(0, "pgsteer drains already; 1 session leaves once it is idle\n"));
  drained_.problem = "a hand-over is under way already";
  EXPECT_EQ(drain(), printed(1, "pgsteer drain: a hand-over is under way already\n"));
}

TEST_F(OrderCommand, SaysThatNobodyIsThere) {
  std::ostringstream out;
  std::ostringstream err;
  EXPECT_EQ(run_backend_order(control_.folder() + "/none", {"b", order_kind::drain, {}}, "", out, err), 3);
  EXPECT_EQ(run_drain(control_.folder() + "/none", out, err), 3);
  EXPECT_EQ(out.str(), "");
  EXPECT_TRUE(err.str().starts_with("pgsteer backend drain: " + control_.folder() + "/none: no such socket"));
}

}  // namespace
}  // namespace pgsteer::admin
