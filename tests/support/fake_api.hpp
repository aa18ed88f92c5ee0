#pragma once
// fake_api: a scriptable stand-in for the Kubernetes API server on 127.0.0.1, on a port of its own.
//
// HTTPS as the real one speaks it: keep-alive, bodies in chunks, watches that stay open. No storage: every
// answer is the test's. Runs on the io_context it is given, in that context's thread; every call comes from
// there.
//
// Flow: fake_api(context, certificate) listens at once -> respond is called with each request -> send() to
// open watches, end_watches(), cut() -> close().
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pgsteer/base/endpoint.hpp"
#include "support/throwaway_ca.hpp"

namespace pgsteer::test {

struct api_asked {
  std::string target;
  std::string token;           // of Authorization: Bearer
  std::size_t connection = 0;  // the first one accepted is 1

  [[nodiscard]] bool is_watch() const { return target.find("watch=1") != std::string::npos; }
  // A parameter of the query, as it stands there; empty if it is not there.
  [[nodiscard]] std::string parameter(const std::string& name) const;
};

struct api_answered {
  int status = 200;
  std::string body = {};
  std::string headers = {};  // more of them, each with its line's end
  enum class after {
    end,   // the body is whole
    open,  // a watch: more comes by send()
    cut,   // the connection ends amid the body
  };
  after then = after::end;
  bool is_silent = false;  // no header, nothing
};

class fake_api {
 public:
  fake_api(boost::asio::io_context& context, server_certificate certificate);
  ~fake_api();
  fake_api(const fake_api&) = delete;
  fake_api& operator=(const fake_api&) = delete;

  [[nodiscard]] endpoint address() const;
  // Called with each request. Set it before the first one.
  std::function<api_answered(const api_asked&)> respond;
  // While set, connections are accepted and nothing is said: a server that is frozen.
  void set_frozen(bool is_frozen);

  // To every open watch, in one chunk each; nothing is sent if there is none. It is open until the API ends
  // it: that its client has left is not noticed.
  void send(const std::string& bytes);
  void end_watches();  // as at timeoutSeconds
  void cut();          // every connection, without a word
  void stop_listening();
  void listen_again();  // on the same port
  void close();         // all of it, for good

  [[nodiscard]] const std::vector<api_asked>& asked() const;
  [[nodiscard]] std::size_t open_watches() const;
  [[nodiscard]] std::size_t connections() const;  // accepted, ever

 private:
  struct shared;
  std::shared_ptr<shared> shared_;
};

}  // namespace pgsteer::test
