#include "httpd/handlers/prometheus_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "httpd/handlers/prometheus_checker.h"
#include "reactor/histogram.h"

namespace pollux {
namespace {

using ::testing::HasSubstr;

using Type = PrometheusText::Type;

class PrometheusTextTest : public testing::Test {
 protected:
  void TearDown() override {
    const auto samples = ParsePrometheusText(text_);
    EXPECT_TRUE(samples.ok()) << samples.status();
  }

  std::string text_;
  PrometheusText metrics_{text_};
};

TEST_F(PrometheusTextTest, WritesFamilies) {
  metrics_.Begin("a_total", Type::kCounter, "All of a.");
  metrics_.Add({}, uint64_t{18446744073709551615u});
  metrics_.Begin("b", Type::kGauge, "Now.");
  metrics_.Add({{"x", "1"}, {"y", ""}}, int64_t{-5});
  metrics_.Add({{"x", "2"}}, 1700000000.25);
  EXPECT_EQ(text_,
            "# HELP a_total All of a.\n"
            "# TYPE a_total counter\n"
            "a_total 18446744073709551615\n"
            "# HELP b Now.\n"
            "# TYPE b gauge\n"
            "b{x=\"1\",y=\"\"} -5\n"
            "b{x=\"2\"} 1700000000.25\n");
}

TEST_F(PrometheusTextTest, EscapesValuesOfLabels) {
  metrics_.Begin("a", Type::kGauge, "A.");
  metrics_.Add({{"x", "\\ \" \n }"}}, uint64_t{1});
  EXPECT_THAT(text_, testing::EndsWith("a{x=\"\\\\ \\\" \\n }\"} 1\n"));
}

TEST_F(PrometheusTextTest, AddsHistogramsUp) {
  Histogram one;
  one.Record(absl::Milliseconds(1));
  one.Record(absl::Seconds(3));
  Histogram other;
  other.Record(absl::Milliseconds(500));
  metrics_.Begin("a_seconds", Type::kHistogram, "A.");
  metrics_.Add(
      {{"x", "1"}}, {one.Read(), other.Read()},
      {absl::Microseconds(10), absl::Milliseconds(2), absl::Seconds(1)});
  EXPECT_EQ(text_,
            "# HELP a_seconds A.\n"
            "# TYPE a_seconds histogram\n"
            "a_seconds_bucket{x=\"1\",le=\"1e-05\"} 0\n"
            "a_seconds_bucket{x=\"1\",le=\"0.002\"} 1\n"
            "a_seconds_bucket{x=\"1\",le=\"1\"} 2\n"
            "a_seconds_bucket{x=\"1\",le=\"+Inf\"} 3\n"
            "a_seconds_sum{x=\"1\"} 3.501\n"
            "a_seconds_count{x=\"1\"} 3\n");
}

// Rates are made of differences between sums: small ones of large ones.
TEST_F(PrometheusTextTest, Regression_SumsKeepTheirMicroseconds) {
  Histogram histogram;
  histogram.Record(absl::Seconds(1234567));
  histogram.Record(absl::Microseconds(89));
  metrics_.Begin("a_seconds", Type::kHistogram, "A.");
  metrics_.Add({}, {histogram.Read()}, {});
  EXPECT_THAT(text_, HasSubstr("\na_seconds_sum 1234567.000089\n"));
}

TEST(PrometheusCheckerTest, RefusesWhatPrometheusWould) {
  constexpr absl::string_view kHead = "# HELP a A.\n# TYPE a gauge\n";
  const auto is_good = [&](absl::string_view samples) {
    return ParsePrometheusText(std::string(kHead) + std::string(samples)).ok();
  };
  EXPECT_TRUE(is_good("a 1\n"));
  EXPECT_TRUE(is_good("a{x=\"1\"} 1\na{x=\"2\"} 1e-9\n"));
  for (const absl::string_view bad :
       {"",
        "a 1",
        "a\n",
        "a \n",
        "a x\n",
        "a  1\n",
        "b 1\n",
        "a{} 1\n",
        "a{x=1} 1\n",
        "a{x=\"\\x\"} 1\n",
        "a{x=\"1} 1\n",
        "a{1=\"1\"} 1\n",
        "a{x=\"1\",x=\"2\"} 1\n",
        "a 1\na 1\n",
        "a 1\n\na 2\n",
        "a 1\n# b\n",
        "a 1\n# HELP a A.\n# TYPE a gauge\n",
        "a 1\n# HELP b B.\nb 1\n",
        "a 1\n# HELP b B.\n# TYPE b gauge\n",
        "a 1\n# HELP b B.\n# TYPE b counter\nb 1\n",
        "a 1\n# HELP b_total B.\n# TYPE b_total counter\nb_total -1\n"}) {
    EXPECT_FALSE(is_good(bad)) << bad;
  }
}

TEST(PrometheusCheckerTest, RefusesHistogramsThatAreNone) {
  const auto is_good = [&](absl::string_view samples) {
    return ParsePrometheusText("# HELP a A.\n# TYPE a histogram\n" +
                               std::string(samples))
        .ok();
  };
  EXPECT_TRUE(
      is_good("a_bucket{le=\"1\"} 0\na_bucket{le=\"+Inf\"} 1\n"
              "a_sum 3\na_count 1\n"));
  for (const absl::string_view bad :
       {"a 1\n", "a_count 1\n", "a_bucket{le=\"+Inf\"} 1\n",
        "a_bucket{le=\"1\"} 1\na_sum 3\na_count 1\n",
        "a_bucket{le=\"+Inf\"} 1\na_sum 3\na_count 2\n",
        "a_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\na_sum 3\na_count 1\n",
        "a_bucket{le=\"1\"} 0\na_bucket{le=\"1\"} 0\n"}) {
    EXPECT_FALSE(is_good(bad)) << bad;
  }
}

}  // namespace
}  // namespace pollux
