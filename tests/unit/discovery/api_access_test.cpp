#include "discovery/api_access.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "discovery/resource_watch.hpp"

namespace pgsteer::discovery {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A service account's folder, and an environment like a pod's.
class ApiAccess : public ::testing::Test {
 protected:
  ApiAccess() {
    std::filesystem::create_directory(folder_);
    write("token", "secret.token\n");
    write("ca.crt", "-----BEGIN CERTIFICATE-----\n");
    write("namespace", "db\n");
    ::setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1", 1);
    ::setenv("KUBERNETES_SERVICE_PORT", "443", 1);
  }
  ~ApiAccess() override {
    std::filesystem::remove_all(folder_);
    ::unsetenv("KUBERNETES_SERVICE_HOST");
    ::unsetenv("KUBERNETES_SERVICE_PORT");
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ + "/" + name) << text;
  }
  [[nodiscard]] api_access in_folder() const { return {"", folder_ + "/token", folder_ + "/ca.crt", ""}; }

  const std::string folder_ =
      std::filesystem::temp_directory_path() / ("pgsteer-access-" + std::to_string(::getpid()));
};

TEST_F(ApiAccess, IsWhatAPodFinds) {
  const api_reading got = read_access(in_folder());
  EXPECT_THAT(got.problem, IsEmpty());
  EXPECT_EQ(got.identity.server, (endpoint{"10.96.0.1", 443}));
  EXPECT_EQ(got.identity.token, "secret.token");
  EXPECT_EQ(got.identity.pod_namespace, "db");
  EXPECT_THAT(got.identity.authorities, HasSubstr("BEGIN CERTIFICATE"));
}

TEST_F(ApiAccess, IsWhatTheConfigurationSaysInstead) {
  api_access access = in_folder();
  access.server = "https://[fd00::1]:6443";
  access.pod_namespace = "other";
  std::filesystem::remove(folder_ + "/namespace");
  const api_reading got = read_access(access);
  EXPECT_THAT(got.problem, IsEmpty());
  EXPECT_EQ(got.identity.server, (endpoint{"fd00::1", 6443}));
  EXPECT_EQ(got.identity.pod_namespace, "other");
}

TEST_F(ApiAccess, TakesAnIpv6ServiceHost) {
  ::setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
  EXPECT_EQ(read_access(in_folder()).identity.server, (endpoint{"fd00::1", 443}));
}

TEST_F(ApiAccess, SaysWhatIsMissing) {
  const auto problem = [&] { return read_access(in_folder()).problem; };
  std::filesystem::remove(folder_ + "/namespace");
  EXPECT_THAT(problem(), HasSubstr("the pod's namespace " + folder_ + "/namespace: No such file"));
  write("ca.crt", "");
  EXPECT_THAT(problem(), HasSubstr("certificate authority " + folder_ + "/ca.crt: empty"));
  std::filesystem::remove(folder_ + "/ca.crt");
  EXPECT_THAT(problem(), HasSubstr("ca.crt: No such file"));
  write("token", std::string(access_bytes_max + 1, 'x'));
  EXPECT_THAT(problem(), HasSubstr("token: longer than"));
  std::filesystem::remove(folder_ + "/token");
  std::filesystem::create_directory(folder_ + "/token");
  EXPECT_THAT(problem(), HasSubstr("the service account's token " + folder_ + "/token: "));
  std::filesystem::remove(folder_ + "/token");
  ASSERT_EQ(::mkfifo((folder_ + "/token").c_str(), 0600), 0);  // which nobody writes to
  EXPECT_THAT(problem(), HasSubstr("the service account's token " + folder_ + "/token: "));
  ::setenv("KUBERNETES_SERVICE_PORT", "https", 1);
  EXPECT_THAT(problem(), HasSubstr("found 10.96.0.1:https"));
  ::unsetenv("KUBERNETES_SERVICE_HOST");
  EXPECT_THAT(problem(), HasSubstr("KUBERNETES_SERVICE_HOST"));
}

TEST_F(ApiAccess, ATokenIsNeverMoreThanAHeaderValue) {
  for (const char* const token : {"a\r\nX-Injected: 1", "a b", "\xff\xfe", "a\x01"}) {
    write("token", token);
    const std::string problem = read_access(in_folder()).problem;
    EXPECT_THAT(problem, HasSubstr("expected one line of visible ASCII"));
    EXPECT_THAT(problem, ::testing::Not(HasSubstr(token))) << "it is a secret";
  }
}

TEST(ApiServer, IsAnHttpsAddress) {
  EXPECT_EQ(*parse_api_server("https://10.96.0.1"), (endpoint{"10.96.0.1", 443}));
  EXPECT_EQ(*parse_api_server("https://api.example:6443/"), (endpoint{"api.example", 6443}));
  for (const char* const bad :
       {"", "10.96.0.1:443", "http://10.96.0.1", "https://", "https://a:0", "https://a/b", "https://u@a",
        "https://a?b", "https://a b", "https://fd00::1"}) {
    SCOPED_TRACE(bad);
    EXPECT_FALSE(parse_api_server(bad).has_value());
  }
}

TEST(QueryText, EncodesWhatIsNoPlainLetter) {
  EXPECT_EQ(query_text("cnpg.io/cluster=pg,a in (b c)"), "cnpg.io%2Fcluster%3Dpg%2Ca%20in%20%28b%20c%29");
  EXPECT_EQ(query_text("a-b_c.d~\xc3"), "a-b_c.d~%C3");
}

}  // namespace
}  // namespace pgsteer::discovery
