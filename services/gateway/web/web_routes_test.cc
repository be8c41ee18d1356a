#include "services/gateway/web/web_routes.h"

#include <gtest/gtest.h>

#include "common/testing/http_client.h"

namespace sluice::gateway {
namespace {

class WebRoutesTest : public testing::Test {
 protected:
  HttpReply Get(const std::string& path) {
    return *HttpClient::Connect(server_->port())->Call("GET", path);
  }

  const std::unique_ptr<HttpServer> server_ =
      *HttpServer::Start({}, WebRoutes());
};

TEST_F(WebRoutesTest, PageComesWithAPolicyThatForbidsInlineCode) {
  const HttpReply page = Get("/");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.header("content-type"), "text/html; charset=utf-8");
  const std::string policy = page.header("content-security-policy");
  EXPECT_NE(policy.find("default-src 'none'"), std::string::npos);
  EXPECT_EQ(policy.find("unsafe"), std::string::npos);
  EXPECT_EQ(page.body.find("<style"), std::string::npos);
  EXPECT_EQ(page.body.find(" style="), std::string::npos);
  EXPECT_EQ(page.body.find(" onclick"), std::string::npos);
}

TEST_F(WebRoutesTest, EverythingThatThePageLoadsIsServedHere) {
  const std::string page = Get("/").body;
  int loaded = 0;
  for (const std::string attribute : {"href=\"", "src=\""}) {
    for (size_t at = page.find(attribute); at != std::string::npos;
         at = page.find(attribute, at + 1)) {
      const size_t begin = at + attribute.size();
      const std::string path =
          page.substr(begin, page.find('"', begin) - begin);
      EXPECT_EQ(path[0], '/') << path;
      const HttpReply file = Get(path);
      EXPECT_EQ(file.status, 200) << path;
      EXPECT_FALSE(file.body.empty()) << path;
      EXPECT_EQ(file.header("x-content-type-options"), "nosniff");
      ++loaded;
    }
  }
  EXPECT_EQ(loaded, 2);
}

}  // namespace
}  // namespace sluice::gateway
