#pragma once
// From one request at the control socket to its answer.
//
// Control thread, since it calls the provider. Kept alive by whoever has it answer.
#include <boost/asio/io_context.hpp>

#include "admin/http_session.hpp"
#include "pgsteer/admin/control_server.hpp"

namespace pgsteer::admin {

class control_pages final : public responder {
 public:
  control_pages(boost::asio::io_context& context, control_provider provider)
      : context_(context), provider_(std::move(provider)) {}
  [[nodiscard]] boost::asio::awaitable<response> answer(request asked) override;

 private:
  [[nodiscard]] boost::asio::awaitable<response> reload(unsigned version);

  boost::asio::io_context& context_;
  const control_provider provider_;
};

// {"outcome": "applied", "problems": [], "changes": [{"key", "before", "after"}], "restart_keys": []}
[[nodiscard]] std::string to_json(const reload_report& report);
// Nothing if it is no report.
[[nodiscard]] std::optional<reload_report> read_reload_report(const std::string& json);

}  // namespace pgsteer::admin
