#include "httpd/http/accept_encoding.h"

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "httpd/http/head_of.h"

namespace pollux::http {
namespace {

// "identity gzip deflate br zstd" as weights.
std::string Weights(absl::string_view lines) {
  const AcceptedCodings accepted(*HeadOf("GET", lines));
  std::string text;
  for (size_t i = 0; i < kContentCodings; ++i) {
    absl::StrAppend(&text, i == 0 ? "" : " ",
                    accepted.WeightOf(static_cast<ContentCoding>(i)));
  }
  return text;
}

TEST(AcceptedCodingsTest, WithoutTheFieldOnlyIdentity) {
  EXPECT_EQ(Weights(""), "1 0 0 0 0");
  EXPECT_EQ(Weights("Accept-Encoding:\r\n"), "1 0 0 0 0");
}

TEST(AcceptedCodingsTest, Weights) {
  EXPECT_EQ(Weights("Accept-Encoding: gzip, deflate, br, zstd\r\n"),
            "1 1000 1000 1000 1000");
  EXPECT_EQ(Weights("Accept-Encoding: gzip;q=0.5, br ; q=1.000,zstd;Q=0.123,"
                    "identity;q=0.2, deflate;q=0\r\n"),
            "200 500 0 1000 123");
  EXPECT_EQ(Weights("Accept-Encoding: X-GZIP\r\n"), "1 1000 0 0 0");
  EXPECT_EQ(Weights("Accept-Encoding: gzip;q=0.\r\n"), "1 0 0 0 0");
  EXPECT_EQ(Weights("Accept-Encoding: compress, gzip\r\n"), "1 1000 0 0 0");
  EXPECT_EQ(Weights("Accept-Encoding: gzip\r\nAccept-Encoding: br;q=0.1\r\n"),
            "1 1000 0 100 0");
}

TEST(AcceptedCodingsTest, Asterisk) {
  EXPECT_EQ(Weights("Accept-Encoding: *\r\n"), "1 1000 1000 1000 1000");
  EXPECT_EQ(Weights("Accept-Encoding: *;q=0.5, gzip;q=0\r\n"),
            "1 0 500 500 500");
  EXPECT_EQ(Weights("Accept-Encoding: gzip, *;q=0\r\n"), "0 1000 0 0 0");
  EXPECT_EQ(Weights("Accept-Encoding: identity;q=1, *;q=0\r\n"),
            "1000 0 0 0 0");
}

TEST(AcceptedCodingsTest, MalformedIsIgnoredAsAWhole) {
  for (const absl::string_view value :
       {"gzip;q=2", "gzip;q=1.1", "gzip;q=0.1234", "gzip;q=", "gzip;q=a",
        "gzip;q=-1", "gzip;q=.5", "gzip;level=1", "gzip;", "gzip br",
        "gzip;q=0.5;q=1", ";q=1", "br, gzip;q=1.001", "gzip;q=1e0", "(gzip)"}) {
    EXPECT_EQ(Weights(absl::StrCat("Accept-Encoding: ", value, "\r\n")),
              "1 0 0 0 0")
        << value;
  }
}

TEST(AcceptedCodingsTest, Choose) {
  const auto choose = [](absl::string_view value) -> std::string {
    const HeadOf head("GET", absl::StrCat("Accept-Encoding: ", value, "\r\n"));
    const std::optional<ContentCoding> chosen = AcceptedCodings(*head).Choose(
        {ContentCoding::kBrotli, ContentCoding::kGzip,
         ContentCoding::kIdentity});
    return chosen.has_value() ? std::string(ContentCodingName(*chosen))
                              : "none";
  };
  EXPECT_EQ(choose("gzip, br"), "br");
  EXPECT_EQ(choose("gzip, br;q=0.9"), "gzip");
  EXPECT_EQ(choose("zstd"), "identity");
  EXPECT_EQ(choose("gzip;q=0.1"), "gzip");
  EXPECT_EQ(choose("gzip;q=0.1, identity"), "identity");
  EXPECT_EQ(choose("*"), "br");
  EXPECT_EQ(choose("*;q=0"), "none");
  EXPECT_EQ(choose("identity;q=0"), "none");
}

}  // namespace
}  // namespace pollux::http
