// Backends that cost next to nothing: failover_fakes COUNT, for what real PostgreSQL's forks would hide.
//
// Prints the port of each; the first is the primary. Commands on standard input, each answered with the time:
// "crash I", "promote I". Ends with its input.
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "clients/record.hpp"
#include "support/fake_postgres.hpp"

namespace {

using pgsteer::bench::json_line;
using pgsteer::bench::now_seconds;
using pgsteer::test::fake_postgres;

}  // namespace

int main(int argc, char** argv) {
  const std::size_t count = argc > 1 ? std::stoul(argv[1]) : 3;
  std::vector<std::unique_ptr<fake_postgres>> backends;
  for (std::size_t i = 0; i < count; ++i) {
    const auto role = i == 0 ? pgsteer::test::primary_role() : pgsteer::test::standby_role();
    backends.push_back(std::make_unique<fake_postgres>("fake" + std::to_string(i), role));
    json_line().add_count("port", backends.back()->address().port).print();
  }
  std::uint32_t timeline = 1;
  std::string command;
  std::size_t index = 0;
  while (std::cin >> command >> index && index < count) {
    const double now = now_seconds();
    if (command == "crash") backends[index]->crash();
    if (command == "promote") backends[index]->promote(++timeline);
    json_line().add(command, now).print();
  }
  return 0;
}
