#pragma once
// What the control socket answers about live sessions: the list of them, and the order to end one.
//
// Control thread, since it calls the provider; lives as long as whoever has it answer.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <string>
#include <string_view>

#include "admin/routes.hpp"
#include "pgsteer/admin/control_server.hpp"

namespace pgsteer::admin {

class session_pages {
 public:
  // provider outlives this.
  session_pages(boost::asio::io_context& context, const control_provider& provider)
      : context_(context), provider_(provider) {}
  // It is asked here, whatever becomes of it.
  [[nodiscard]] static bool is_for(std::string_view target) noexcept;
  [[nodiscard]] boost::asio::awaitable<response> answer(request asked);

 private:
  [[nodiscard]] boost::asio::awaitable<response> list(unsigned version);
  [[nodiscard]] boost::asio::awaitable<response> kill(std::string id, unsigned version);

  boost::asio::io_context& context_;
  const control_provider& provider_;
};

}  // namespace pgsteer::admin
