// What framing costs: bazel run -c opt //httpd/http:benchmarks
//
// Only ratios taken in one run travel from machine to machine, so the plainest
// thing that could be done with the same bytes stands beside each.

#include <string.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/strings/string_view.h"
#include "benchmark/benchmark.h"
#include "httpd/http/chunked_decoder.h"
#include "httpd/http/chunked_encoder.h"
#include "httpd/http/field.h"
#include "httpd/http/head_bitmaps.h"
#include "httpd/http/head_limits.h"
#include "httpd/http/http_date.h"
#include "httpd/http/prepared_response.h"
#include "httpd/http/request_head.h"
#include "httpd/http/request_parser.h"
#include "httpd/http/response_writer.h"

namespace pollux::http {
namespace {

// ---------------------------------------------------------------------------
// Heads of 18, 49, 170 and 703 bytes.

constexpr absl::string_view kShortest = "GET / HTTP/1.0\r\n\r\n";

constexpr absl::string_view kHostOnly =
    "GET /plaintext HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";

constexpr absl::string_view kClient =
    "GET /plaintext HTTP/1.1\r\n"
    "Host: bench.example.org:8080\r\n"
    "Accept: text/plain,text/html;q=0.9,application/json;q=0.8,*/*;q=0.7\r\n"
    "User-Agent: load/4\r\n"
    "Connection: keep-alive\r\n\r\n";

constexpr absl::string_view kBrowser =
    "GET /articles/2024/11/how-a-river-finds-its-way?utm_source=feed&page=2 "
    "HTTP/1.1\r\n"
    "Host: www.example.org\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 "
    "Firefox/128.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,"
    "image/avif,image/webp,*/*;q=0.8\r\n"
    "Accept-Language: en-GB,en;q=0.8,de-DE;q=0.5,de;q=0.3\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Referer: http://www.example.org/articles/2024/11/\r\n"
    "Connection: keep-alive\r\n"
    "Cookie: session=7d1f2b0c9a8e4f63; theme=dark; consent=necessary; "
    "visits=14; recent=8f14e45fceea167a5a36dedd4b\r\n"
    "Upgrade-Insecure-Requests: 1\r\n"
    "If-Modified-Since: Sun, 03 Nov 2024 08:49:37 GMT\r\n"
    "If-None-Match: \"5f3a-626a1c\"\r\n"
    "Cache-Control: max-age=0\r\n\r\n";

static_assert(kShortest.size() == 18);
static_assert(kHostOnly.size() == 49);
static_assert(kClient.size() == 170);
static_assert(kBrowser.size() == 703);

void CountBytes(benchmark::State& state, size_t bytes) {
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes));
}

// Merely looking for the blank line: what a parser that costs nothing costs.
void BM_Memmem(benchmark::State& state, absl::string_view message) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(message);
    benchmark::DoNotOptimize(
        memmem(message.data(), message.size(), "\r\n\r\n", 4));
  }
  CountBytes(state, message.size());
}

void BM_ParseHead(benchmark::State& state, absl::string_view message,
                  ScanKernel kernel) {
  if (!IsSupported(kernel)) return state.SkipWithError("not supported here");
  RequestParser parser(kernel);
  RequestHead head;
  for (auto _ : state) {
    benchmark::DoNotOptimize(message);
    const ParseOutcome outcome = parser.Parse(message, HeadLimits{}, head);
    if (outcome.kind != ParseOutcome::Kind::kComplete) abort();
    benchmark::DoNotOptimize(head);
  }
  CountBytes(state, message.size());
}

// As it comes in two packets, so that it is read byte by byte.
void BM_ParseCutHead(benchmark::State& state, absl::string_view message) {
  RequestParser parser;
  RequestHead head;
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        parser.Parse(message.substr(0, message.size() / 2), {}, head));
    benchmark::DoNotOptimize(parser.Parse(message, {}, head));
    benchmark::DoNotOptimize(head);
  }
  CountBytes(state, message.size());
}

#define POLLUX_HEAD_BENCHMARKS(bytes, message)                     \
  BENCHMARK_CAPTURE(BM_Memmem, bytes##_bytes, message);            \
  BENCHMARK_CAPTURE(BM_ParseHead, bytes##_bytes_avx2, message,     \
                    ScanKernel::kAvx2);                            \
  BENCHMARK_CAPTURE(BM_ParseHead, bytes##_bytes_sse42, message,    \
                    ScanKernel::kSse42);                           \
  BENCHMARK_CAPTURE(BM_ParseHead, bytes##_bytes_portable, message, \
                    ScanKernel::kPortable);                        \
  BENCHMARK_CAPTURE(BM_ParseCutHead, bytes##_bytes, message)

POLLUX_HEAD_BENCHMARKS(18, kShortest);
POLLUX_HEAD_BENCHMARKS(49, kHostOnly);
POLLUX_HEAD_BENCHMARKS(170, kClient);
POLLUX_HEAD_BENCHMARKS(703, kBrowser);

// ---------------------------------------------------------------------------
// Bodies, responses, dates.

// A body of 64 KiB in chunks of `chunk_bytes`.
void BM_DecodeChunks(benchmark::State& state) {
  constexpr size_t kContentBytes = 64 * 1024;
  const std::string chunk(static_cast<size_t>(state.range(0)), 'a');
  std::string body;
  for (size_t i = 0; i < kContentBytes; i += chunk.size()) {
    AppendChunk(body, chunk);
  }
  if (!AppendLastChunk(body, {}).ok()) abort();
  for (auto _ : state) {
    ChunkedDecoder decoder(kContentBytes);
    absl::string_view rest = body;
    BodyOutcome outcome = decoder.Decode(rest);
    while (outcome.kind == BodyOutcome::Kind::kData) {
      rest.remove_prefix(outcome.bytes);
      outcome = decoder.Decode(rest);
    }
    if (outcome.kind != BodyOutcome::Kind::kComplete) abort();
  }
  CountBytes(state, body.size());
}
BENCHMARK(BM_DecodeChunks)
    ->ArgName("chunk_bytes")
    ->Arg(16)
    ->Arg(1024)
    ->Arg(16 * 1024);

constexpr absl::string_view kHello = "Hello, World!";

void BM_WriteResponse(benchmark::State& state) {
  const HttpDate date = FormatHttpDate(784'111'777);
  const Field fields[] = {{"Content-Type", "text/plain"}, {"Server", "pollux"}};
  std::string out;
  for (auto _ : state) {
    out.clear();
    ResponseWriter writer(out, {});
    if (!writer.WriteHead(200, date, fields, kHello.size()).ok()) abort();
    if (!writer.WriteBody(kHello).ok()) abort();
    if (!writer.Finish().ok()) abort();
    benchmark::DoNotOptimize(out.data());
  }
  CountBytes(state, out.size());
}
BENCHMARK(BM_WriteResponse);

void BM_PreparedResponse(benchmark::State& state) {
  const HttpDate date = FormatHttpDate(784'111'777);
  const auto response =
      PreparedResponse::Create(200, {{"Content-Type", "text/plain"}}, kHello);
  std::string out;
  for (auto _ : state) {
    out.clear();
    response->AppendTo(out, date, ConnectionOption::kNone,
                       BodyPresence::kHeadAndBody);
    benchmark::DoNotOptimize(out.data());
  }
  CountBytes(state, out.size());
}
BENCHMARK(BM_PreparedResponse);

void BM_FormatDate(benchmark::State& state) {
  int64_t seconds = 784'111'777;
  for (auto _ : state) benchmark::DoNotOptimize(FormatHttpDate(++seconds));
}
BENCHMARK(BM_FormatDate);

void BM_ParseDate(benchmark::State& state, absl::string_view text) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(text);
    benchmark::DoNotOptimize(ParseHttpDate(text, /*now_unix_seconds=*/0));
  }
  CountBytes(state, text.size());
}
BENCHMARK_CAPTURE(BM_ParseDate, imf, "Sun, 06 Nov 1994 08:49:37 GMT");
BENCHMARK_CAPTURE(BM_ParseDate, rfc850, "Sunday, 06-Nov-94 08:49:37 GMT");
BENCHMARK_CAPTURE(BM_ParseDate, asctime, "Sun Nov  6 08:49:37 1994");

}  // namespace
}  // namespace pollux::http
