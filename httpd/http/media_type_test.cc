#include "httpd/http/media_type.h"

#include <string>

#include "gtest/gtest.h"

namespace pollux::http {
namespace {

TEST(MediaTypeTest, ByExtension) {
  EXPECT_EQ(MediaTypeOfFile("index.html"), "text/html");
  EXPECT_EQ(MediaTypeOfFile("a.b.css"), "text/css");
  EXPECT_EQ(MediaTypeOfFile("a.js"), "text/javascript");
  EXPECT_EQ(MediaTypeOfFile("a.mjs"), "text/javascript");
  EXPECT_EQ(MediaTypeOfFile("a.json"), "application/json");
  EXPECT_EQ(MediaTypeOfFile("a.svg"), "image/svg+xml");
  EXPECT_EQ(MediaTypeOfFile("a.png"), "image/png");
  EXPECT_EQ(MediaTypeOfFile("a.jpeg"), "image/jpeg");
  EXPECT_EQ(MediaTypeOfFile("a.webp"), "image/webp");
  EXPECT_EQ(MediaTypeOfFile("a.wasm"), "application/wasm");
  EXPECT_EQ(MediaTypeOfFile("a.woff2"), "font/woff2");
  EXPECT_EQ(MediaTypeOfFile("a.txt"), "text/plain");
  EXPECT_EQ(MediaTypeOfFile("a.pdf"), "application/pdf");
}

TEST(MediaTypeTest, InAnyCase) {
  EXPECT_EQ(MediaTypeOfFile("INDEX.HTML"), "text/html");
  EXPECT_EQ(MediaTypeOfFile("a.Png"), "image/png");
}

TEST(MediaTypeTest, Unknown) {
  for (const char* const name :
       {"", ".", "html", "a.", "a.html ", "a.htmlx", "a.html/b", "a.\xff",
        "a.an-extension-longer-than-any"}) {
    EXPECT_EQ(MediaTypeOfFile(name), kUnknownMediaType) << name;
  }
  EXPECT_EQ(MediaTypeOfFile(".html"), "text/html");
}

}  // namespace
}  // namespace pollux::http
