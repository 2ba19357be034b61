// What framing costs: bazel run -c opt //httpd/http:benchmarks
//
// Only ratios taken in one run travel from machine to machine, so the plainest
// thing that could be done with the same bytes stands beside each.

#include <string.h>

#include "absl/strings/string_view.h"
#include "benchmark/benchmark.h"
#include "httpd/http/request_head.h"
#include "httpd/http/request_parser.h"

namespace pollux::http {
namespace {

constexpr absl::string_view kHead =
    "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n";

void BM_ParseHead(benchmark::State& state) {
  RequestParser parser;
  RequestHead head;
  for (auto _ : state) {
    benchmark::DoNotOptimize(parser.Parse(kHead, HeadLimits{}, head));
  }
  state.SetBytesProcessed(state.iterations() * kHead.size());
}
BENCHMARK(BM_ParseHead);

// Merely looking for the blank line.
void BM_MemmemOfHead(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(memmem(kHead.data(), kHead.size(), "\r\n\r\n", 4));
  }
  state.SetBytesProcessed(state.iterations() * kHead.size());
}
BENCHMARK(BM_MemmemOfHead);

}  // namespace
}  // namespace pollux::http
