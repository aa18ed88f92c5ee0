#pragma once
// A control_server on a socket of its own folder and its own thread.
//
// Flow: serve(provider) -> commands and questions to path() ... -> destructor stops and joins. What the
// provider refers to outlives it.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>

#include "admin/admin_client.hpp"
#include "pgsteer/admin/control_server.hpp"
#include "support/eventually.hpp"
#include "support/io_thread.hpp"
#include "support/temporary_folder.hpp"

namespace pgsteer::admin {

class served_control {
 public:
  ~served_control() { close(); }

  void serve(control_provider provider) {
    thread_.call([&] {
      server_.emplace(thread_.context(), control_options{path()}, std::move(provider));
      EXPECT_EQ(server_->start(), "");
      server_->serve();
    });
  }
  // Nobody answers there any more.
  void close() {
    thread_.call([this] { server_.reset(); });
  }

  [[nodiscard]] const std::string& folder() const noexcept { return folder_.path(); }
  [[nodiscard]] std::string path() const { return folder() + "/control.sock"; }
  // Calls action with the server, on its thread; it may reset it.
  template <class Action>
  void on_thread(Action action) {
    thread_.call([&] { action(server_); });
  }
  // Has it called there later, as a provider that does not answer at once.
  template <class Action>
  void later(Action action) {
    boost::asio::post(thread_.context(), std::move(action));
  }
  [[nodiscard]] boost::beast::http::status status_of(question asked) const {
    const auto answers = ask(unix_path{path()}, {std::move(asked)}, test::patience);
    return answers ? answers->front().status : boost::beast::http::status{};
  }

 private:
  const test::temporary_folder folder_;
  test::io_thread thread_;
  std::optional<control_server> server_;
};

}  // namespace pgsteer::admin
