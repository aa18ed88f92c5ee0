#!/usr/bin/env python3
"""Proves that tidy can fail: every rule gets a bad sample it must report and a good one it must not."""
import sys
import tempfile
from pathlib import Path

import faults
import includes
import sizes
from source import Source
from tidy import problems_of

HEADER = "#pragma once\n// A sample.\n"
LONG_BODY = "  call();\n" * 71

# (rule, path, text): must give exactly this one kind of problem.
BAD = [
    ("include", "src/routing/a.cpp", '#include "pgsteer/session/worker_context.hpp"\n'),
    ("include", "src/base/a.cpp", '#include "pgsteer/net/options.hpp"\n'),
    ("include", "src/config/a.cpp", '#include "pgsteer/session/session.hpp"\n'),
    ("include", "src/session/a.cpp", '#include "probe/pg_connection.hpp"\n'),
    ("include", "src/net/a.cpp", "#include <spdlog/spdlog.h>\n"),
    ("include", "src/topology/a.cpp", "#include <boost/asio/ip/tcp.hpp>\n"),
    ("include", "src/session/a.cpp", "#include <boost/asio/ssl.hpp>\n"),
    ("include", "src/admin/a.cpp", "#include <prometheus/text_serializer.h>\n"),
    ("include", "src/session/a.cpp", "#include <openssl/ssl.h>\n"),
    ("include", "src/net/a.cpp", "#include <liburing.h>\n"),
    ("include", "src/topology/a.cpp", "#include <libpq-fe.h>\n"),
    ("include", "src/server/a.cpp", "#include <yaml-cpp/yaml.h>\n"),
    ("include", "src/probe/a.cpp", "#include <boost/beast/http.hpp>\n"),
    ("include", "src/config/a.cpp", "#include <boost/json.hpp>\n"),
    ("include", "src/server/a.cpp", "#include <CLI/CLI.hpp>\n"),
    ("include", "src/pgwire/a.cpp", "#include <mutex>\n"),
    ("include", "src/routing/a.cpp", '#include "pgsteer/base/log.hpp"\n'),
    ("include", "src/topology/a.cpp", "auto now = std::chrono::steady_clock::now();\n"),
    ("include", "src/drawer/a.cpp", "int a;\n"),
    ("file-size", "src/net/a.cpp", "int a;\n" * 451),
    ("function-size", "src/net/a.cpp", f"namespace n {{\nvoid f(int a) {{\n{LONG_BODY}}}\n}}\n"),
    ("function-size", "src/net/a.cpp", f"class c {{\n  c() : a_{{1}}, b_{{2}} {{\n{LONG_BODY}  }}\n}};\n"),
    ("function-size", "tests/unit/net/a_test.cpp", f"TEST(Suite, Case) {{\n{LONG_BODY}}}\n"),
    ("function-size", "tests/cluster/a.py", "def f():\n" + "    call()\n" * 71),
    ("word", "src/net/a.cpp", "int upstream_socket;\n"),
    ("word", "src/net/a.cpp", 'log("downstream closed");\n'),
    ("word", "src/net/a.cpp", "// The frontend waits.\n"),
    ("word", "src/net/a.cpp", "bool isMaster;\n"),
    ("word", "config/a.yaml", "slave: 1\n"),
    ("word", "src/net/a.cpp", "struct leader {};\n"),
    ("word", "src/net/a.cpp", "// A heartbeat every second.\n"),
    ("word", "src/net/a.cpp", "// The health check failed.\n"),
    ("word", "src/net/a.cpp", "void health_check();\n"),
    ("word", "src/net/a.cpp", "void send_ping();\n"),
    ("word", "src/net/a.cpp", "class reactor;\n"),
    ("word", "src/net/a.cpp", "int shard_count;\n"),
    ("word", "src/net/a.cpp", "int node_count;\n"),
    ("word", "src/net/a.cpp", "int replica_lag;\n"),
    ("word", "src/net/a.cpp", "namespace utils {}\n"),
    ("word", "src/net/a.cpp", "namespace common {}\n"),
    ("header", "include/pgsteer/net/a.hpp", "// No guard.\nint a;\n"),
    ("header", "include/pgsteer/net/a.hpp", "#pragma once\nint a;\n"),
    ("co_await", "src/net/a.cpp", "auto f() {\n  auto a = b ? co_await c() : 0;\n}\n"),
    ("co_await", "src/net/a.cpp", "auto f() {\n  call(co_await c());\n}\n"),
    ("co_await", "src/net/a.cpp", "auto f() {\n  if (co_await c()) return;\n}\n"),
    ("co_await", "src/net/a.cpp", "auto f() {\n  auto a = 1 + co_await c();\n}\n"),
    ("co_await", "src/net/a.cpp", "auto f() {\n  co_await c([this](int) { g(); });\n}\n"),
    ("detached", "src/net/a.cpp", "co_spawn(context, f(), boost::asio::detached);\n"),
    ("todo", "src/net/a.cpp", "// TODO: later.\n"),  # tidy: allow todo
    ("todo", "scripts/a.sh", "# FIXME\n"),
    ("path", "scripts/a.sh", "cd /home/somebody/pgsteer\n"),
]

GOOD = [
    ("src/routing/a.cpp", '#include "pgsteer/topology/snapshot.hpp"\n#include "routing/b.hpp"\n#include "b.hpp"\n'),
    ("src/config/a.cpp", '#include <yaml-cpp/yaml.h>\n#include "pgsteer/probe/options.hpp"\nYAML::Node node;\n'),
    ("src/main.cpp", '#include <CLI/CLI.hpp>\n#include "pgsteer/server/server.hpp"\n'),
    ("src/net/a.cpp", f"const std::array table = {{\n{LONG_BODY}}};\n"),
    ("src/net/a.cpp", f"namespace n {{\nclass c {{\n{LONG_BODY}}};\n}}\n"),
    ("src/net/a.cpp", '// A replica of pgsteer; the unsupported frontend protocol.\nauto s = "the read replica";\n'),
    ("src/net/a.cpp", "int master_key;  // tidy: allow master - TLS calls it so\n"),
    ("src/net/a.cpp", "int bytes = 10'000; char c = '{'; auto s = \"{ detached TEST\";\n"),
    ("src/net/a.cpp", "auto f() {\n  const auto [ec, n] = co_await c(a, b);\n  co_await d();\n  if (x) co_await d();\n}\n"),
    ("src/net/a.cpp", "// TODO(#12): later.\n"),
    ("include/pgsteer/net/a.hpp", HEADER + "std::common_type_t<int, long> a;\n"),
]


def failures() -> list:
    found = []
    for rule, path, text in BAD:
        text = HEADER + text if path.endswith(".hpp") and rule != "header" else text
        rules = {problem.rule for problem in problems_of(Source(path, text))}
        if rules != {rule}:
            found.append(f"{path}: wanted {rule}, got {sorted(rules) or 'nothing'} for:\n{text[:200]}")
    for path, text in GOOD:
        problems = problems_of(Source(path, text))
        if problems:
            found.append("wanted nothing, got:\n" + "\n".join(map(str, problems)))
    return found + link_table_failures() + median_failures() + fault_matrix_failures()


def link_table_failures() -> list:
    with tempfile.TemporaryDirectory() as folder:
        module = Path(folder) / "src" / "pgwire"
        module.mkdir(parents=True)
        (module / "CMakeLists.txt").write_text("pgsteer_module(pgwire MODULES base net)\n")
        if len(includes.check_link_table(Path(folder))) != 1:
            return ["the link line of pgwire to net was not reported"]
    return []


def median_failures() -> list:
    long_files = [Source(f"src/net/{name}.cpp", "int a;\n" * 200) for name in "abc"]
    problems, _ = sizes.check_median(long_files)
    return [] if problems else ["a median of 200 lines was not reported"]


def fault_matrix_failures() -> list:
    with tempfile.TemporaryDirectory() as folder:
        cluster = Path(folder) / "tests" / "cluster"
        cluster.mkdir(parents=True)
        (cluster / "test_a.py").write_text("def test_one():\n    pass\n")
        (cluster.parent / "a_test.cpp").write_text("TEST_F(Suite, One) {\n")
        good = "test_a.py::test_one, a_test.cpp::Suite.One"
        (cluster / "FAULTS.md").write_text(good + ", test_a.py::test_two, a_test.cpp::Suite.Two, test_b.py::test_one")
        problems = faults.check(Path(folder))
    return [] if len(problems) == 3 else [f"of the fault matrix 3 lines were to be reported, not {problems}"]


if __name__ == "__main__":
    all_failures = failures()
    print("\n".join(all_failures))
    print(f"tidy self-test: {len(BAD)} bad and {len(GOOD)} good samples, {len(all_failures)} failures")
    sys.exit(1 if all_failures else 0)
