#pragma once
// From one request at the control socket to its answer.
//
// Control thread, since it calls the provider. Kept alive by whoever has it answer.
#include <boost/asio/io_context.hpp>
#include <optional>

#include "admin/http_session.hpp"
#include "admin/session_routes.hpp"
#include "pgsteer/admin/control_server.hpp"

namespace pgsteer::admin {

// What a request for a hand-over asks the connection to become, and the answer says that it is.
inline constexpr std::string_view hand_over_protocol = "pgsteer-hand-over";

class control_pages final : public responder {
 public:
  control_pages(boost::asio::io_context& context, control_provider provider)
      : context_(context), provider_(std::move(provider)) {}
  [[nodiscard]] boost::asio::awaitable<response> answer(request asked) override;
  void take(net::unique_fd connected) override { provider_.hand_over(std::move(connected)); }

 private:
  // Nothing: it can be answered at once. asked: lives until it is answered.
  [[nodiscard]] std::optional<boost::asio::awaitable<response>> answer_later(const request& asked);
  [[nodiscard]] response answer_at_once(const request& asked) const;
  [[nodiscard]] boost::asio::awaitable<response> reload(unsigned version);
  [[nodiscard]] boost::asio::awaitable<response> upgrade(std::string body, unsigned version);
  [[nodiscard]] response order_backend(const request& asked) const;
  [[nodiscard]] response drain(unsigned version) const;
  [[nodiscard]] response hand_over(const request& asked) const;

  boost::asio::io_context& context_;
  const control_provider provider_;
  session_pages sessions_{context_, provider_};
};

}  // namespace pgsteer::admin
