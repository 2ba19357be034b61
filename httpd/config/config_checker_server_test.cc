#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "httpd/config/config_checker.h"
#include "httpd/config/config_rows.h"

namespace pollux::httpd {
namespace {

using testing::ElementsAreArray;

class ConfigCheckerTest : public testing::TestWithParam<Case> {};

TEST_P(ConfigCheckerTest, ReportsExactly) {
  EXPECT_THAT(WhatIsSaidOf(GetParam().text), ElementsAreArray(GetParam().said));
}

INSTANTIATE_TEST_SUITE_P(
    Server, ConfigCheckerTest,
    testing::Values(
        Case{"ListenerOptions",
             WithListener("listener { address: '127.0.0.1:80' defer_accept: "
                          "true congestion_control: 'cubic' }"),
             {}},
        Case{"DeferAcceptOnUnixSocket",
             WithListener("listener { address: 'unix:@a' defer_accept: true }"),
             {"c:2:31: defer_accept is for TCP, and this is a unix address: "
              "remove it"}},
        Case{
            "NoDeferAcceptOnUnixSocket",
            WithListener("listener { address: 'unix:@a' defer_accept: false }"),
            {}},
        Case{"CongestionControlOnUnixSocket",
             WithListener(
                 "listener { address: 'unix:/a' congestion_control: 'bbr' }"),
             {"c:2:31: congestion_control is for TCP, and this is a unix "
              "address: remove it"}},
        Case{"CongestionControlTooLong",
             WithListener("listener { address: '[::1]:0' congestion_control: "
                          "'abcdefghijklmnop' }"),
             {"c:2:31: congestion_control \"abcdefghijklmnop\" is not the name "
              "of an algorithm: write one of "
              "/proc/sys/net/ipv4/tcp_available_congestion_control, of at most "
              "15 bytes"}},
        Case{"CongestionControlWithBlank",
             WithListener("listener { address: '[::1]:0' congestion_control: "
                          "'new reno' }"),
             {"c:2:31: congestion_control \"new reno\" is not the name of an "
              "algorithm: write one of "
              "/proc/sys/net/ipv4/tcp_available_congestion_control, of at most "
              "15 bytes"}},
        Case{"Admin", Complete("admin { address: '127.0.0.1:81' }"), {}},
        Case{"AdminWithoutAddress",
             Complete("admin {}"),
             {"c:2:1: admin without an address: give it one, such as address: "
              "\"127.0.0.1:8081\""}},
        Case{"AdminAtAListener",
             WithListener("listener { address: '127.0.0.1:80' }\n"
                          "admin { address: '127.0.0.1:80' }"),
             {"c:3:9: address \"127.0.0.1:80\" stands twice: first on line 2"}},
        Case{"AdminWithPort0", Complete("admin { address: '[::1]:0' }"), {}},
        Case{"AdminForEverybody",
             Complete("admin { address: '0.0.0.0:81' }"),
             {"c:2:9: warning: admin at \"0.0.0.0:81\": whoever can reach this "
              "machine can read the metrics; write \"127.0.0.1:81\" to keep "
              "them to it"}},
        Case{"AdminForEverybodyByIPv6",
             Complete("admin { address: '[::]:81' }"),
             {"c:2:9: warning: admin at \"[::]:81\": whoever can reach this "
              "machine can read the metrics; write \"[::1]:81\" to keep them "
              "to it"}},
        Case{"AdminThatIsNoAddress",
             Complete("admin { address: 'here' }"),
             {"c:2:9: \"here\" is not an address: a port is missing, as in "
              "127.0.0.1:8080"}},
        Case{"LimitsLeast",
             Complete("limits { max_connections: 1 max_connections_per_client: "
                      "1 max_head: '256B' max_target: '64B' max_fields: 1 "
                      "max_body: '0' max_buffered: '256B' min_rate: '0' "
                      "max_discarded_body: '0' }"),
             {}},
        Case{
            "LimitsMost",
            Complete(
                "limits { max_connections: 1000000 max_connections_per_client: "
                "1000000 max_head: '1MiB' max_target: '1MiB' max_fields: 10000 "
                "max_body: '1TiB' max_buffered: '1TiB' min_rate: '1GiB' "
                "max_discarded_body: '1TiB' }"),
            {}},
        Case{"LimitsBelow",
             Complete("limits {\n"
                      "max_connections: 0\n"
                      "max_connections_per_client: 0\n"
                      "max_head: '255B'\n"
                      "max_target: '63'\n"
                      "max_fields: 0\n"
                      "max_buffered: '0'\n"
                      "}"),
             {"c:3:1: max_connections 0 is out of range: it goes from 1 to "
              "1000000",
              "c:4:1: max_connections_per_client 0 is out of range: it goes "
              "from 1 to 1000000",
              "c:5:1: max_head \"255B\" is out of range: it goes from \"256B\" "
              "to \"1MiB\"",
              "c:6:1: max_target \"63\" is out of range: it goes from \"64B\" "
              "to \"1MiB\"",
              "c:7:1: max_fields 0 is out of range: it goes from 1 to 10000"}},
        Case{
            "LimitsAbove",
            Complete("limits {\n"
                     "max_connections: 1000001\n"
                     "max_connections_per_client: 1000001\n"
                     "max_head: '2MiB'\n"
                     "max_target: '2MiB'\n"
                     "max_fields: 10001\n"
                     "max_body: '2TiB'\n"
                     "max_buffered: '2TiB'\n"
                     "min_rate: '2GiB'\n"
                     "}"),
            {"c:3:1: max_connections 1000001 is out of range: it goes from 1 "
             "to 1000000",
             "c:4:1: max_connections_per_client 1000001 is out of range: it "
             "goes from 1 to 1000000",
             "c:5:1: max_head \"2MiB\" is out of range: it goes from \"256B\" "
             "to \"1MiB\"",
             "c:6:1: max_target \"2MiB\" is out of range: it goes from \"64B\" "
             "to \"1MiB\"",
             "c:7:1: max_fields 10001 is out of range: it goes from 1 to 10000",
             "c:8:1: max_body \"2TiB\" is out of range: it goes from \"0\" to "
             "\"1TiB\"",
             "c:9:1: max_buffered \"2TiB\" is out of range: it goes from \"0\" "
             "to \"1TiB\"",
             "c:10:1: min_rate \"2GiB\" is out of range: it goes from \"0\" to "
             "\"1GiB\""}},
        Case{"SizeOfK",
             Complete("limits { max_head: '64K' }"),
             {"c:2:10: max_head \"64K\" is not a size: did you mean \"64KiB\" "
              "(powers of 1024) or \"64KB\" (powers of 1000)?"}},
        Case{"SizeWithoutQuotes",
             Complete("limits { max_head: 65536 }"),
             {"c:2:20: expected a string in quotes, found \"65536\": write it "
              "with its unit, as in \"32KiB\""}},
        Case{"SizeWithItsUnitWithoutQuotes",
             Complete("limits { max_body: 1MiB max_head: '9' }"),
             {"c:2:20: expected a string in quotes, found \"1MiB\": write "
              "\"1MiB\"",
              "c:2:25: max_head \"9\" is out of range: it goes from \"256B\" "
              "to \"1MiB\""}},
        Case{"NumberWithLetters",
             Complete("workers: 2x"),
             {"c:2:10: expected a number or a name, found \"2x\""}},
        Case{"TargetLargerThanHead",
             Complete("limits { max_target: '9KiB'\n"
                      "max_head: '8KiB' }"),
             {"c:2:10: max_target \"9KiB\" is more than max_head \"8KiB\": it "
              "must fit into it"}},
        Case{"TargetLargerThanDefaultHead",
             Complete("limits { max_target: '64KiB' }"),
             {"c:2:10: max_target \"64KiB\" is more than max_head \"32KiB\" "
              "(the default): it must fit into it"}},
        Case{"HeadSmallerThanDefaultTarget",
             Complete("limits { max_head: '4KiB' }"),
             {"c:2:10: max_target \"8KiB\" (the default) is more than max_head "
              "\"4KiB\": it must fit into it"}},
        Case{"HeadLargerThanAllMemory",
             Complete("limits { max_buffered: '16KiB' }"),
             {"c:2:10: max_head \"32KiB\" (the default) is more than "
              "max_buffered \"16KiB\": it must fit into it"}},
        Case{"MoreOfOneClientThanOfAll",
             Complete("limits { max_connections: 10\n"
                      "max_connections_per_client: 11 }"),
             {"c:3:1: warning: max_connections_per_client 11 has no effect: "
              "max_connections is 10"}},
        Case{"TimeoutsLeast",
             Complete("timeouts { head: '1ms' body: '1ms' idle: '1s' write: "
                      "'1ms' drain: '1ms' linger: '1ms' handler: '1ms' "
                      "half_close: '0s' }"),
             {}},
        Case{"TimeoutsMost",
             Complete("timeouts { head: '24h' body: '24h' idle: '24h' write: "
                      "'24h' drain: '90s' linger: '1m' handler: '24h' "
                      "half_close: '24h' }"),
             {}},
        Case{"TimeoutsOutOfRange",
             Complete("timeouts {\n"
                      "head: '0'\n"
                      "body: '999us'\n"
                      "idle: '25h'\n"
                      "write: '0s'\n"
                      "drain: '24h1s'\n"
                      "linger: '61s'\n"
                      "handler: '0'\n"
                      "half_close: '25h'\n"
                      "}"),
             {"c:3:1: head \"0\" is out of range: it goes from \"1ms\" to "
              "\"24h\"",
              "c:4:1: body \"999us\" is out of range: it goes from \"1ms\" to "
              "\"24h\"",
              "c:5:1: idle \"25h\" is out of range: it goes from \"1ms\" to "
              "\"24h\"",
              "c:6:1: write \"0s\" is out of range: it goes from \"1ms\" to "
              "\"24h\"",
              "c:7:1: drain \"24h1s\" is out of range: it goes from \"1ms\" to "
              "\"24h\"",
              "c:8:1: linger \"61s\" is out of range: it goes from \"1ms\" to "
              "\"1m\"",
              "c:9:1: handler \"0\" is out of range: it goes from \"1ms\" to "
              "\"24h\"",
              "c:10:1: half_close \"25h\" is out of range: it goes from \"0s\" "
              "to \"24h\""}},
        Case{
            "DurationWithBlank",
            Complete("timeouts { head: '10 s' }"),
            {"c:2:12: head \"10 s\" is not a duration: did you mean \"10s\"?"}},
        Case{"DurationWithoutUnit",
             Complete("timeouts { head: '10' }"),
             {"c:2:12: head \"10\" is not a duration: did you mean \"10s\"?"}},
        Case{
            "DurationThatIsANumber",
            Complete("timeouts { head: 10 }"),
            {"c:2:18: expected a string in quotes, found \"10\": write it with "
             "its unit, as in \"10s\""}},
        Case{"DurationsWithoutQuotes",
             Complete("timeouts { idle: 10s\nhead: 1h30m body: 1.5s }\n"
                      "workers: -1"),
             {"c:2:18: expected a string in quotes, found \"10s\": write "
              "\"10s\"",
              "c:3:7: expected a string in quotes, found \"1h30m\": write "
              "\"1h30m\"",
              "c:3:19: expected a string in quotes, found \"1.5s\": write "
              "\"1.5s\"",
              "c:4:1: workers -1 is out of range: it goes from 0 to 256"}},
        Case{"ErrorsAndWarningsInOrder",
             Complete("timeouts { drain: '2h' }\nworkers: -1\n"
                      "admin { address: '0.0.0.0:1' }"),
             {"c:2:12: warning: drain \"2h\" is long: systemd kills after "
              "90s, Kubernetes after 30s, unless told otherwise",
              "c:3:1: workers -1 is out of range: it goes from 0 to 256",
              "c:4:9: warning: admin at \"0.0.0.0:1\": whoever can reach this "
              "machine can read the metrics; write \"127.0.0.1:1\" to keep "
              "them to it"}},
        Case{"ShortIdle",
             Complete("timeouts { idle: '999ms' }"),
             {"c:2:12: warning: idle \"999ms\" is short: connections are "
              "closed before clients use them again"}},
        Case{"LongDrain",
             Complete("timeouts { drain: '2m' }"),
             {"c:2:12: warning: drain \"2m\" is long: systemd kills after 90s, "
              "Kubernetes after 30s, unless told otherwise"}},
        Case{"AccessLog", Complete("access_log {}"), {}},
        Case{"AccessLogFormats",
             Complete("access_log { path: '/var/log/a' format: JSON }"),
             {}},
        Case{"AccessLogUnknownFormat",
             Complete("access_log { format: json path: '-' }"),
             {"c:2:22: expected COMMON, COMBINED or JSON, found \"json\": did "
              "you "
              "mean JSON?"}},
        Case{"AccessLogFormatInQuotes",
             Complete("access_log { format: \"JSON\" }"),
             {"c:2:22: expected COMMON, COMBINED or JSON without quotes, found "
              "\"JSON\""}},
        Case{"AccessLogToNothing",
             Complete("access_log { path: '' }"),
             {"c:2:14: path \"\" is not a file: write \"-\" for the standard "
              "output"}},
        Case{"AccessLogToADirectory",
             Complete("access_log { path: '/var/log/' }"),
             {"c:2:14: path \"/var/log/\" is not a file: write \"-\" for the "
              "standard output"}}),
    CaseName);

}  // namespace
}  // namespace pollux::httpd
