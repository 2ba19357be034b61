#include "httpd/config/config_dump.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "httpd/config/config_loader.h"
#include "httpd/config/config_rows.h"

namespace pollux::httpd {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

TEST(ConfigDumpTest, ShowsEachValueAndItsOrigin) {
  const LoadedConfig loaded = LoadConfigText(
      "listener { address: '127.0.0.1:80' }\n"
      "route {\n"
      "  path: '/'\n"
      "  methods: 'GET'\n"
      "  redirect { location: '/a' }\n"
      "  rate_limit { requests: 5\n scope: PER_ROUTE } }\n"
      "timeouts { head: '1s' }",
      "www.textproto");
  ASSERT_THAT(Strings(loaded.errors), IsEmpty());
  EXPECT_EQ(loaded.effective_text,
            R"(# proto-file: httpd/config/config.proto
# proto-message: pollux.httpd.Config
listener {  # www.textproto:1
  address: "127.0.0.1:80"  # www.textproto:1
  backlog: 1024  # default
  defer_accept: false  # default
  # congestion_control: not set
}
workers: 1  # default
route {  # www.textproto:2
  path: "/"  # www.textproto:3
  # prefix: not set
  # host: not set
  methods: "GET"  # www.textproto:4
  name: "/"  # default
  redirect {  # www.textproto:5
    location: "/a"  # www.textproto:5
    status: 308  # default
  }
  # request_id: not set
  # cors: not set
  # basic_auth: not set
  rate_limit {  # www.textproto:6
    requests: 5  # www.textproto:6
    per: "1s"  # default
    burst: 5  # default
    scope: PER_ROUTE  # www.textproto:7
  }
}
# admin: not set
limits {  # default
  # max_connections: not set
  # max_connections_per_client: not set
  max_head: "32KiB"  # default
  max_target: "8KiB"  # default
  max_fields: 100  # default
  max_body: "1MiB"  # default
  max_buffered: "64MiB"  # default
  min_rate: "500B"  # default
  max_discarded_body: "256KiB"  # default
}
timeouts {  # www.textproto:8
  head: "1s"  # www.textproto:8
  body: "10s"  # default
  idle: "60s"  # default
  write: "30s"  # default
  drain: "30s"  # default
  linger: "2s"  # default
  # handler: not set
  half_close: "500ms"  # default
}
# access_log: not set
)");
}

TEST(ConfigDumpTest, NothingIfThereAreErrors) {
  EXPECT_EQ(LoadConfigText("workers: -1", "c").effective_text, "");
}

TEST(ConfigDumpTest, NamesOfFilesCannotForgeLines) {
  const LoadedConfig loaded = LoadConfigText(Complete(""), "a\nworkers: 5");
  EXPECT_FALSE(absl::StrContains(loaded.effective_text, "\nworkers: 5"));
  EXPECT_THAT(loaded.effective_text, HasSubstr("# a\\x0aworkers: 5:1\n"));
}

class ConfigDumpRoundTripTest : public testing::TestWithParam<const char*> {};

TEST_P(ConfigDumpRoundTripTest, LoadsToTheSameSettings) {
  const LoadedConfig loaded = LoadConfigText(GetParam(), "c");
  ASSERT_THAT(Strings(loaded.errors), IsEmpty());
  const LoadedConfig again = LoadConfigText(loaded.effective_text, "d");
  EXPECT_THAT(Strings(again.errors), IsEmpty()) << loaded.effective_text;
  EXPECT_EQ(again.warnings.size(), loaded.warnings.size());
  EXPECT_EQ(again.settings, loaded.settings);
}

INSTANTIATE_TEST_SUITE_P(
    Texts, ConfigDumpRoundTripTest,
    testing::Values(
        "listener { address: '[::1]:0' } route { path: '/' fixed {} }",
        "listener { address: '[::1]:80' defer_accept: true } "
        "listener: [{ address: 'unix:@a' }, { address: 'unix:/b' backlog: 9 }] "
        "admin { address: '127.0.0.1:81' } workers: 0 "
        "route { path: '/' fixed { body: '\\000\\377\\n\"\\'\\\\' } }",
        "listener { address: '[::1]:80' } "
        "route { path: '/a!$&()~;=%22/{b}' methods: ['PUT', 'GET', 'HEAD'] "
        "host: ['[::1]', '*.B.org'] echo {} request_id {} "
        "cors { origin: ['https://a.org', 'https://b.org'] } "
        "rate_limit { requests: 3 burst: 4 } "
        "basic_auth { user { name: 'a\"' secret_hash: "
        "'$2b$05$abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyza' } } } "
        "route { prefix: '/f/' name: 'files' files { root: 'www' index: '' "
        "listing: true precompressed: false } } "
        "route { path: '/h' health {} } "
        "route { path: '/r' redirect { location: '/' status: 301 } } "
        "limits { max_connections: 7 max_head: '16KiB' min_rate: '0' } "
        "timeouts { drain: '2h' linger: '1s' } "
        "access_log { format: JSON }"));

TEST(ConfigDumpTest, DefaultConfigurationMakesARoundTrip) {
  const LoadedConfig loaded = LoadConfigText(DefaultConfigText(), "c");
  EXPECT_EQ(LoadConfigText(loaded.effective_text, "d").settings,
            loaded.settings);
}

}  // namespace
}  // namespace pollux::httpd
