#include "httpd/handlers/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "httpd/handlers/prometheus_checker.h"
#include "httpd/handlers/request_of.h"
#include "httpd/server/recording_exchange.h"
#include "httpd/server/server_statistics.h"
#include "reactor/histogram.h"
#include "reactor/loop_statistics.h"

namespace pollux {
namespace {

class MetricsHandlerTest : public testing::Test {
 protected:
  // One thread that serves two routes.
  struct Served {
    ServerStatistics server{2};
    LoopStatistics loop;
  };

  MetricsHandlerTest() {
    for (int i = 0; i < 2; ++i) {
      workers_.push_back(
          {.server = &served_[i].server, .loop = &served_[i].loop});
    }
  }

  PrometheusSamples Scrape(std::vector<std::string> route_names) {
    MetricsHandler handler({.route_names = std::move(route_names),
                            .process_start = absl::FromUnixSeconds(1700000000),
                            .version = "1.2"},
                           [this] { return workers_; });
    RequestOf("GET /metrics").AskOf(handler, exchange_);
    EXPECT_EQ(exchange_.answer().status, 200);
    auto samples = ParsePrometheusText(exchange_.answer().body);
    EXPECT_TRUE(samples.ok()) << samples.status();
    return *std::move(samples);
  }
  PrometheusSamples Scrape() { return Scrape({"none", "/a", "/b"}); }

  Served served_[2];
  std::vector<MetricsHandler::Worker> workers_;
  RecordingExchange exchange_;
};

TEST_F(MetricsHandlerTest, SaysWhatItAnswersWith) {
  Scrape();
  EXPECT_EQ(exchange_.answer().Field("Content-Type"),
            "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(exchange_.answer().Field("Cache-Control"), "no-store");
}

TEST_F(MetricsHandlerTest, TellsOfTheProcess) {
  PrometheusSamples samples = Scrape();
  EXPECT_EQ(samples.at("pollux_build_info{version=\"1.2\"}"), 1);
  EXPECT_EQ(samples.at("process_start_time_seconds"), 1700000000);
}

TEST_F(MetricsHandlerTest, AddsUpWhatWorkersDidForARoute) {
  served_[0].server.routes[1].responses[1].Add(3);
  served_[1].server.routes[1].responses[1].Add(4);
  served_[0].server.routes[1].latency.Record(absl::Milliseconds(2));
  served_[1].server.routes[1].latency.Record(absl::Seconds(2));
  served_[1].server.routes[0].responses[3].Add();
  PrometheusSamples samples = Scrape();
  EXPECT_EQ(samples.at("pollux_http_requests_total{route=\"/a\",code=\"2xx\"}"),
            7);
  EXPECT_EQ(
      samples.at("pollux_http_requests_total{route=\"none\",code=\"4xx\"}"), 1);
  EXPECT_EQ(samples.at("pollux_http_requests_total{route=\"/b\",code=\"5xx\"}"),
            0);
  EXPECT_EQ(samples.at("pollux_http_request_duration_seconds_bucket{"
                       "route=\"/a\",le=\"0.001\"}"),
            0);
  EXPECT_EQ(samples.at("pollux_http_request_duration_seconds_bucket{"
                       "route=\"/a\",le=\"1\"}"),
            1);
  EXPECT_EQ(
      samples.at("pollux_http_request_duration_seconds_count{route=\"/a\"}"),
      2);
  EXPECT_NEAR(
      samples.at("pollux_http_request_duration_seconds_sum{route=\"/a\"}"),
      2.002, 1e-9);
}

TEST_F(MetricsHandlerTest, RoutesOfOneNameAreOneSeries) {
  served_[0].server.routes[1].responses[1].Add(3);
  served_[0].server.routes[2].responses[1].Add(4);
  PrometheusSamples samples = Scrape({"none", "/a", "/a"});
  EXPECT_EQ(samples.at("pollux_http_requests_total{route=\"/a\",code=\"2xx\"}"),
            7);
}

TEST_F(MetricsHandlerTest, NamesMayHoldAnything) {
  served_[0].server.routes[1].responses[1].Add(3);
  PrometheusSamples samples = Scrape({"none", "a\"b\\c\nd", "/b"});
  EXPECT_EQ(samples.at("pollux_http_requests_total{"
                       "route=\"a\\\"b\\\\c\\nd\",code=\"2xx\"}"),
            3);
}

TEST_F(MetricsHandlerTest, TellsOfConnections) {
  served_[1].server.of(ConnectionState::kReading).Add(5);
  served_[1].server.received_bytes.Add(100);
  served_[1].server.sent_bytes.Add(200);
  served_[0].server.of(TimeoutKind::kBody).Add(6);
  served_[1].server.of(TimeoutKind::kBody).Add(1);
  served_[0].server.of(http::ParseError::kBareLf).Add(2);
  served_[1].server.of(http::ParseError::kBareLf).Add(1);
  workers_[0].lost_log_bytes = 12;
  served_[0].server.of(ShedReason::kIdleForNew).Add(8);
  served_[0].server.cancelled_requests.Add(9);
  served_[0].server.invalid_responses.Add(10);
  workers_[1].buffered_bytes = 11;
  PrometheusSamples samples = Scrape();
  EXPECT_EQ(
      samples.at("pollux_http_connections{worker=\"1\",state=\"reading\"}"), 5);
  EXPECT_EQ(samples.at("pollux_http_connections{worker=\"0\",state=\"idle\"}"),
            0);
  EXPECT_EQ(samples.at("pollux_http_received_bytes_total{worker=\"1\"}"), 100);
  EXPECT_EQ(samples.at("pollux_http_sent_bytes_total{worker=\"1\"}"), 200);
  EXPECT_EQ(samples.at("pollux_http_timeouts_total{kind=\"body\"}"), 7);
  EXPECT_EQ(
      samples.at("pollux_http_refused_requests_total{reason=\"bare_lf\"}"), 3);
  EXPECT_EQ(samples.at("pollux_access_log_lost_bytes_total{worker=\"0\"}"), 12);
  EXPECT_EQ(
      samples.at("pollux_http_shed_connections_total{reason=\"idle_for_new\"}"),
      8);
  EXPECT_EQ(samples.at("pollux_http_cancelled_requests_total{worker=\"0\"}"),
            9);
  EXPECT_EQ(samples.at("pollux_http_invalid_responses_total{worker=\"0\"}"),
            10);
  EXPECT_EQ(samples.at("pollux_http_buffered_bytes{worker=\"1\"}"), 11);
}

// Each series has a number of its own, so that exchanged labels show.
TEST_F(MetricsHandlerTest, EachLabelHasItsOwnNumber) {
  constexpr std::pair<ConnectionState, absl::string_view> kStates[] = {
      {ConnectionState::kIdle, "idle"},
      {ConnectionState::kReading, "reading"},
      {ConnectionState::kAnswering, "answering"},
      {ConnectionState::kClosing, "closing"}};
  static_assert(std::size(kStates) == kConnectionStates);
  constexpr std::pair<TimeoutKind, absl::string_view> kTimeouts[] = {
      {TimeoutKind::kHead, "head"},   {TimeoutKind::kBody, "body"},
      {TimeoutKind::kIdle, "idle"},   {TimeoutKind::kWrite, "write"},
      {TimeoutKind::kDrain, "drain"}, {TimeoutKind::kHandler, "handler"}};
  static_assert(std::size(kTimeouts) == kTimeoutKinds);
  constexpr std::pair<ShedReason, absl::string_view> kSheds[] = {
      {ShedReason::kConnections, "connections"},
      {ShedReason::kConnectionsOfClient, "connections_of_client"},
      {ShedReason::kIdleForNew, "idle_for_new"},
      {ShedReason::kBufferedBytes, "buffered_bytes"}};
  static_assert(std::size(kSheds) == kShedReasons);
  constexpr absl::string_view kClasses[] = {"1xx", "2xx", "3xx", "4xx", "5xx"};

  ServerStatistics& server = served_[0].server;
  std::map<std::string, uint64_t> expected;
  uint64_t number = 0;
  const auto expect = [&](absl::string_view name, absl::string_view labels) {
    expected[absl::StrCat("pollux_http_", name, "{", labels, "}")] = ++number;
    return number;
  };
  for (const auto& [state, name] : kStates) {
    server.of(state).Add(static_cast<int64_t>(expect(
        "connections", absl::StrCat("worker=\"0\",state=\"", name, "\""))));
  }
  for (const auto& [kind, name] : kTimeouts) {
    server.of(kind).Add(
        expect("timeouts_total", absl::StrCat("kind=\"", name, "\"")));
  }
  for (const auto& [reason, name] : kSheds) {
    server.of(reason).Add(expect("shed_connections_total",
                                 absl::StrCat("reason=\"", name, "\"")));
  }
  for (size_t i = 0; i < std::size(kClasses); ++i) {
    server.routes[1].responses[i].Add(
        expect("requests_total",
               absl::StrCat("route=\"/a\",code=\"", kClasses[i], "\"")));
  }
  const PrometheusSamples samples = Scrape();
  for (const auto& [series, value] : expected) {
    EXPECT_EQ(samples.at(series), value) << series;
  }
}

// Likewise.
TEST_F(MetricsHandlerTest, EachCounterOfALoopIsItsOwn) {
  LoopStatistics& loop = served_[1].loop;
  const std::pair<Counter*, absl::string_view> counters[] = {
      {&loop.iterations, "iterations"},
      {&loop.events, "events"},
      {&loop.stale_events, "stale_events"},
      {&loop.timers, "timers"},
      {&loop.tasks, "tasks"},
      {&loop.event_bound_hits, "event_bound_hits"},
      {&loop.timer_bound_hits, "timer_bound_hits"},
      {&loop.task_bound_hits, "task_bound_hits"}};
  for (size_t i = 0; i < std::size(counters); ++i) counters[i].first->Add(i);
  const std::pair<Histogram*, absl::string_view> histograms[] = {
      {&loop.iteration_time, "iteration"},
      {&loop.poll_delay, "poll_delay"},
      {&loop.timer_lateness, "timer_lateness"},
      {&loop.task_wait, "task_wait"}};
  for (size_t i = 0; i < std::size(histograms); ++i) {
    for (size_t j = 0; j <= i; ++j) {
      histograms[i].first->Record(absl::Microseconds(20));
    }
  }
  const PrometheusSamples samples = Scrape();
  for (size_t i = 0; i < std::size(counters); ++i) {
    EXPECT_EQ(samples.at(absl::StrCat("pollux_loop_", counters[i].second,
                                      "_total{worker=\"1\"}")),
              i)
        << counters[i].second;
  }
  for (size_t i = 0; i < std::size(histograms); ++i) {
    EXPECT_EQ(samples.at(absl::StrCat("pollux_loop_", histograms[i].second,
                                      "_seconds_count{worker=\"1\"}")),
              i + 1)
        << histograms[i].second;
  }
}

TEST_F(MetricsHandlerTest, TellsOfListenersAndLoops) {
  workers_[0].listener = {
      .accepted = 1, .shed = 2, .backoffs = 3, .aborted = 4};
  served_[1].loop.iterations.Add(5);
  served_[1].loop.iteration_time.Record(absl::Microseconds(20));
  served_[1].loop.poll_delay.Record(absl::Milliseconds(3));
  PrometheusSamples samples = Scrape();
  EXPECT_EQ(samples.at("pollux_listener_accepted_total{worker=\"0\"}"), 1);
  EXPECT_EQ(samples.at("pollux_listener_shed_total{worker=\"0\"}"), 2);
  EXPECT_EQ(samples.at("pollux_listener_backoffs_total{worker=\"0\"}"), 3);
  EXPECT_EQ(samples.at("pollux_listener_aborted_total{worker=\"0\"}"), 4);
  EXPECT_EQ(samples.at("pollux_loop_iterations_total{worker=\"1\"}"), 5);
  EXPECT_EQ(samples.at("pollux_loop_iteration_seconds_bucket{worker=\"1\","
                       "le=\"2.5e-05\"}"),
            1);
  EXPECT_EQ(samples.at("pollux_loop_poll_delay_seconds_bucket{worker=\"1\","
                       "le=\"0.0025\"}"),
            0);
  EXPECT_EQ(samples.at("pollux_loop_poll_delay_seconds_count{worker=\"1\"}"),
            1);
}

// The series are the configuration's, whatever happens.
TEST_F(MetricsHandlerTest, TrafficMakesNoSeries) {
  const size_t before = Scrape().size();
  for (Served& served : served_) {
    for (RouteStatistics& route : served.server.routes) {
      for (Counter& count : route.responses) count.Add();
      route.latency.Record(absl::Hours(1));
    }
  }
  EXPECT_EQ(Scrape().size(), before);
}

TEST_F(MetricsHandlerTest, NobodyServesYet) {
  workers_.clear();
  MetricsHandler handler({}, [this] { return workers_; });
  RequestOf("GET /metrics").AskOf(handler, exchange_);
  EXPECT_EQ(exchange_.answer().status, 200);
  const auto samples = ParsePrometheusText(exchange_.answer().body);
  ASSERT_TRUE(samples.ok()) << samples.status();
  EXPECT_TRUE(samples->contains("process_start_time_seconds"));
}

}  // namespace
}  // namespace pollux
